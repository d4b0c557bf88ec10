//! `plantao backup put-keys` and `period-key`: what a key backup holds, put back where it is
//! missing.

use super::super::arguments::KeyFile;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::server::Server;
use crate::state_dir::StatePaths;
use plantao_actors::backup::{self, BackupError, BackupKey, Keys};
use plantao_actors::clock::WallClock;
use plantao_actors::entropy::Entropy;
use std::io::Write;

pub(super) async fn put_keys(
    context: &Context,
    of: &KeyFile,
    older_tombstones: bool,
    other_cluster: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    if context.config.database.url.is_none() {
        return Err(BackupError::Private.into());
    }
    let state = context.state()?;
    let (key, mut keys) = opened(&state, of)?;
    keys.older_tombstones = older_tombstones;
    let server = Server::reach(context).await?;
    let place = state.period_key();
    let put = backup::put_keys(&server.config, &keys, &key, &place, other_cluster).await?;
    server.leave().await;
    let (at, held) = (put.manifest.created_at, put.manifest.keys);
    writeln!(out, "keys of {at} are in their place: {held} data keys")?;
    let (erased, destroyed) = (put.erased, put.destroyed);
    writeln!(
        out,
        "{erased} patients are erased, {destroyed} keys of theirs were destroyed again"
    )?;
    let place = place.display();
    writeln!(out, "other nodes on this database need a copy of `{place}`")?;
    Ok(())
}

pub(super) async fn period_key(
    context: &Context,
    of: &KeyFile,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let state = context.state()?;
    let (key, keys) = opened(&state, of)?;
    let server = Server::reach(context).await?;
    let place = state.period_key();
    let put = backup::put_period_key(&server.config, &keys, &key, &place).await;
    server.leave().await;
    put?;
    writeln!(
        out,
        "`{}` is that of `{}`",
        place.display(),
        of.file.display()
    )?;
    Ok(())
}

fn opened(state: &StatePaths, of: &KeyFile) -> Result<(BackupKey, Keys), CliError> {
    let path = of.key.clone().unwrap_or_else(|| state.backup_key());
    let key = BackupKey::open(&path, &Entropy::system()).map_err(BackupError::from)?;
    let keys = Keys {
        path: of.file.clone(),
        tombstones: Some(state.tombstones()).filter(|path| path.exists()),
        expired_too: of.expired_keys,
        older_tombstones: false,
        now: WallClock::system().now(),
    };
    Ok((key, keys))
}
