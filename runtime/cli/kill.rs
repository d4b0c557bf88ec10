//! `plantao kill`: ends one actor of the running tree, over the private socket.

use std::io::Write;

use serde_json::json;

use super::arguments::Kill;
use super::client::Ask;
use super::context::Context;
use super::error::CliError;

/// What carries the answer to a kill: whoever kills one of these hears nothing.
const WAY_OF_THE_ANSWER: [&str; 3] = ["plantao", "plantao/doors", "plantao/doors/admin_socket"];

pub(super) async fn kill(
    context: &Context,
    kill: &Kill,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let body = json!({ "path": kill.path }).to_string();
    let ask = Ask::post("/v1/kill", "application/json", body);
    match context.socket()?.ask(ask).await {
        Ok(_) => {}
        Err(CliError::HungUp { .. }) if WAY_OF_THE_ANSWER.contains(&kill.path.as_str()) => {
            writeln!(
                out,
                "killed {}, and with it the socket that would have said so",
                kill.path
            )?;
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    writeln!(
        out,
        "killed {}; `plantao tree` shows what its supervisor made of it",
        kill.path
    )?;
    Ok(())
}
