//! `plantao kill`: ends one actor of the running tree, over the private socket.

use std::io::Write;

use serde_json::json;

use super::arguments::Kill;
use super::client::Ask;
use super::context::Context;
use super::error::CliError;

pub(super) async fn kill(
    context: &Context,
    kill: &Kill,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let body = json!({ "path": kill.path }).to_string();
    context
        .socket()?
        .ask(Ask::post("/v1/kill", "application/json", body))
        .await?;
    writeln!(
        out,
        "killed {}; `plantao tree` shows what its supervisor made of it",
        kill.path
    )?;
    Ok(())
}
