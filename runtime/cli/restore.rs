//! `plantao restore`: a backup into an empty state directory, or into a copy that only proves it.
//!
//! What is restored is proved before it is put in its place. Refuses a directory that has a
//! hospital, and a data backup without its key backup; of the keys it writes that of the period
//! alone: the others are the operator's own copies.

use std::io::Write;
use std::path::{Path, PathBuf};

use plantao_actors::backup::{self, BackupKey, Further, Keys, Reading};
use plantao_actors::clock::WallClock;
use plantao_actors::database::DatabaseConfig;
use plantao_actors::entropy::Entropy;
use plantao_actors::vault::Holder;

use super::arguments::Restore;
use super::backup::{Progress, interrupted, tell_manifest, tell_verdict};
use super::context::Context;
use super::error::CliError;
use crate::service;
use crate::state_dir::{StateDir, StatePaths};

pub(super) async fn restore(
    context: &Context,
    order: &Restore,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut progress = Progress::new();
    let further = order.wal.clone().map(|folder| Further {
        folder,
        to_time: order.to_time,
    });
    let Some(into) = &order.into else {
        let state = context.state()?;
        let key = open_key(order, &[state.backup_key()])?;
        let config = private(context, state.root());
        let reading = reading(context, order, &state, further)?;
        let (file, stop) = (&order.file, interrupted());
        let proved = backup::verify(file, &key, &config, &reading, &mut progress, stop).await;
        let (manifest, verdict) = proved?;
        tell_manifest(&manifest, out)?;
        return tell_verdict(&verdict, out);
    };
    let mut keys = vec![into.join("keys/backup.key")];
    keys.extend(context.state().ok().map(|state| state.backup_key()));
    let key = open_key(order, &keys)?;
    let node = backup::manifest(&order.file, &key)?.node;
    let is_same_node = StateDir::prepare_restore(into, &node)?;
    let state = StateDir::open(into)?;
    let config = private(context, state.paths().root());
    let reading = reading(context, order, state.paths(), further)?;
    let (file, stop) = (&order.file, interrupted());
    let restored = backup::restore(file, &key, &config, &reading, &mut progress, stop);
    let restored = restored.await?;
    tell_manifest(&restored.manifest, out)?;
    tell_verdict(&restored.verdict, out)?;
    writeln!(out, "restored into `{}`", state.paths().root().display())?;
    if !is_same_node {
        let (own, node) = (state.node_id(), &restored.manifest.node);
        writeln!(
            out,
            "this directory is node `{own}`: it goes on with chains of its own beside those of \
             `{node}`"
        )?;
    }
    if let Some(merged) = &restored.merged {
        let (erased, destroyed) = (merged.erased, merged.destroyed);
        let at = merged.manifest.created_at;
        writeln!(
            out,
            "keys of {at}: {erased} patients are erased, {destroyed} keys of theirs were destroyed \
             again"
        )?;
    }
    match &restored.erasures {
        Some(path) => writeln!(out, "erasures in `{}` hold as well", path.display())?,
        None => writeln!(
            out,
            "no record of erasures lies in `keys/`: if somebody was erased after the key backup \
             was taken, bring `keys/tombstones.log` before a start"
        )?,
    }
    tell_missing_keys(state.paths(), out)
}

/// What belongs to the backup beside its file.
fn reading(
    context: &Context,
    order: &Restore,
    state: &StatePaths,
    further: Option<Further>,
) -> Result<Reading, CliError> {
    let tombstones = Some(state.tombstones()).filter(|path| path.exists());
    let keys = order.keys.clone().map(|path| Keys {
        path,
        tombstones,
        expired_too: order.expired_keys,
        older_tombstones: order.older_tombstones,
        now: WallClock::system().now(),
    });
    let source = service::master_key(&context.config, state).ok();
    Ok(Reading {
        further,
        keys,
        holder: source.and_then(Holder::of),
    })
}

fn tell_missing_keys(state: &StatePaths, out: &mut impl Write) -> Result<(), CliError> {
    if !state.keys().join("master.key").exists() {
        writeln!(
            out,
            "bring `keys/master.key` from your copy: no record opens without it"
        )?;
    }
    if !state.log_keys().exists() {
        writeln!(
            out,
            "bring `keys/log.keys` from your copy, or the trail is signed anew by others"
        )?;
    }
    Ok(())
}

fn open_key(order: &Restore, usual: &[PathBuf]) -> Result<BackupKey, CliError> {
    let found = usual.iter().find(|path| path.exists()).or(usual.first());
    let path = order.key.as_ref().or(found);
    let path = path.ok_or_else(|| CliError::Usage {
        text: "name the backup key with `--key`".to_owned(),
    })?;
    let key = BackupKey::open(path, &Entropy::system()).map_err(backup::BackupError::from)?;
    Ok(key)
}

/// The private cluster of a state directory, whatever database the configuration names.
fn private(context: &Context, state_dir: &Path) -> DatabaseConfig {
    let mut config = context.config.clone();
    (config.database.url, config.database.owner_url) = (None, None);
    service::database_config(&config, state_dir)
}
