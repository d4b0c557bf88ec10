//! `plantao vault`: the state of the keys, rotations and erasures, over the private socket.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::{Vault, VaultCommand};
use super::client::{Ask, Client};
use super::context::Context;
use super::error::CliError;
use super::outcome::at;

/// Between two looks at a rotation.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn vault(
    context: &Context,
    vault: &Vault,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let socket = context.socket()?;
    match &vault.command {
        VaultCommand::Status { tenant, json } => {
            let status = status(&socket, tenant.as_deref()).await?;
            if *json {
                writeln!(out, "{status:#}")?;
                return Ok(());
            }
            shown(&status, out)
        }
        VaultCommand::Rotate {
            level,
            tenant,
            patient,
            wait,
        } => {
            let body = json!({ "level": level.name(), "tenant": tenant, "patient": patient });
            let begun = ask(&socket, "/v1/vault/rotate", &body).await?;
            writeln!(out, "{}", progress(&begun))?;
            if !wait {
                writeln!(out, "next: plantao vault status")?;
                return Ok(());
            }
            follow(&socket, tenant.as_deref(), &begun, out).await
        }
        VaultCommand::Erase {
            patient,
            tenant,
            reason,
        } => {
            let body = json!({ "patient": patient, "tenant": tenant, "reason": reason });
            let erased = ask(&socket, "/v1/vault/erase", &body).await?;
            let (keys, identifiers) = (number(&erased, "keys"), number(&erased, "identifiers"));
            writeln!(
                out,
                "erased {patient}: {keys} key versions destroyed, {identifiers} identifiers \
                 forgotten; nothing of it opens again"
            )?;
            Ok(())
        }
    }
}

async fn ask(socket: &Client, address: &str, body: &Value) -> Result<Value, CliError> {
    let ask = Ask::post(address, "application/json", body.to_string());
    socket.ask_json(ask).await
}

async fn status(socket: &Client, tenant: Option<&str>) -> Result<Value, CliError> {
    ask(socket, "/v1/vault/status", &json!({ "tenant": tenant })).await
}

/// Prints how far a rotation is, until its end.
async fn follow(
    socket: &Client,
    tenant: Option<&str>,
    begun: &Value,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut said = progress(begun);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let status = status(socket, tenant).await?;
        let rotation = status.get("rotation").cloned().unwrap_or_default();
        // A later one means that this one is done.
        let over = rotation.get("id") != begun.get("id") || is(&rotation, "finished");
        let now = progress(&rotation);
        if now != said {
            writeln!(out, "{now}")?;
            out.flush()?;
            said = now;
        }
        if over {
            return Ok(());
        }
    }
}

fn shown(status: &Value, out: &mut impl Write) -> Result<(), CliError> {
    let version = |key: &str| match number(status, key) {
        0 => "none yet".to_owned(),
        version => format!("version {version}"),
    };
    writeln!(
        out,
        "master key     {}",
        at(status, "/master_key").unwrap_or("none yet")
    )?;
    match number(status, "master_keys_retiring") {
        0 => {}
        count => writeln!(out, "               {count} older still needed")?,
    }
    if let (Some(begun), Some(period)) = (at(status, "/period/begun_at"), status.get("period")) {
        let number = number(period, "number");
        writeln!(out, "period         {number}, since {begun}")?;
    }
    let tenant = at(status, "/tenant").unwrap_or_default();
    writeln!(
        out,
        "key of {tenant}: {}, {} kept",
        version("tenant_key_version"),
        number(status, "tenant_key_versions")
    )?;
    writeln!(
        out,
        "data keys      {} ({} wrapped by the master key itself, {} retired)",
        number(status, "data_keys"),
        number(status, "data_keys_under_the_master_key"),
        number(status, "data_keys_retired")
    )?;
    writeln!(out, "erased         {}", number(status, "erased"))?;
    match status.get("rotation").filter(|one| one.is_object()) {
        Some(rotation) => writeln!(out, "{}", progress(rotation))?,
        None => writeln!(out, "no rotation so far")?,
    }
    Ok(())
}

/// One line: how far, and how fast.
fn progress(rotation: &Value) -> String {
    let (done, total) = (number(rotation, "done"), number(rotation, "total"));
    let elapsed_ms = number(rotation, "elapsed_ms");
    let of = match total {
        0 => String::new(),
        total => format!(" of {total}"),
    };
    let rate = match (done.saturating_mul(1_000)).checked_div(elapsed_ms) {
        Some(rate) if rate > 0 => format!(", {rate}/s"),
        _ => String::new(),
    };
    let state = if is(rotation, "finished") {
        "finished"
    } else {
        "under way"
    };
    let (id, level) = (number(rotation, "id"), at(rotation, "/level"));
    let level = level.unwrap_or_default();
    format!("rotation {id} of {level} keys: {done}{of} done{rate}; {state}")
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn is(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_far_how_fast_and_whether_it_is_over() {
        let rotation = json!({ "id": 3, "level": "data", "done": 500, "total": 1000,
            "elapsed_ms": 250, "finished": false });
        assert_eq!(
            progress(&rotation),
            "rotation 3 of data keys: 500 of 1000 done, 2000/s; under way"
        );
        let rotation = json!({ "id": 4, "level": "master", "done": 1, "total": 0,
            "elapsed_ms": 0, "finished": true });
        assert_eq!(
            progress(&rotation),
            "rotation 4 of master keys: 1 done; finished"
        );
    }
}
