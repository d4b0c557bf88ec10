//! `plantao witness`: cosigns the checkpoints of other nodes, on a machine of somebody else's.

use std::io::Write;

use plantao_actors::audit::transparency::VerifierKey;
use plantao_actors::clock::WallClock;
use plantao_schema::audit::merkle::origin;

use super::arguments::Witness;
use super::checking_keys::log_keys;
use super::context::Context;
use super::error::{CliError, chain};
use crate::telemetry;
use crate::witness::{Serving, serve};

pub(super) async fn witness(
    context: &Context,
    witness: &Witness,
    out: &mut impl Write,
) -> Result<(), CliError> {
    telemetry::init(&context.config.log).map_err(|error| CliError::Usage {
        text: chain(&error),
    })?;
    let mut logs: Vec<VerifierKey> = Vec::new();
    for path in &witness.keys {
        logs.extend(log_keys(path)?);
    }
    let serving = Serving::start(witness.listen, &witness.folder, &witness.name, logs.clone());
    let serving = serving.await.map_err(|error| CliError::Service {
        text: chain(&error),
        code: super::error::USAGE,
    })?;
    writeln!(out, "witness {}", witness.name)?;
    let mut names: Vec<&str> = logs.iter().map(VerifierKey::origin).collect();
    names.dedup();
    for name in names {
        writeln!(out, "  cosigns {}", name.trim_start_matches(&origin("")))?;
    }
    let address = serving.address().unwrap_or(witness.listen);
    writeln!(
        out,
        "for the configuration of the node, and beside its `log.keys`:\n"
    )?;
    writeln!(out, "[[audit.witnesses]]\nurl = \"http://{address}\"")?;
    writeln!(out, "key = \"{}\"", serving.key())?;
    out.flush()?;
    tokio::select! {
        () = serve(serving, WallClock::system()) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}
