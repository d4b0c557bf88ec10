//! `plantao reload`: reads the policy or a plugin again, over the private socket.

use std::io::Write;

use serde_json::json;

use super::arguments::{Reload, ReloadTarget};
use super::client::Ask;
use super::context::Context;
use super::error::CliError;

pub(super) async fn reload(
    context: &Context,
    reload: &Reload,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (body, what) = match &reload.target {
        ReloadTarget::Policy => (json!({ "target": "policy" }), "the policy".to_owned()),
        ReloadTarget::Plugin { name } => (
            json!({ "target": "plugin", "name": name }),
            format!("the plugin {name}"),
        ),
    };
    let ask = Ask::post("/v1/reload", "application/json", body.to_string());
    context.socket()?.ask(ask).await?;
    writeln!(out, "reloaded {what}")?;
    Ok(())
}
