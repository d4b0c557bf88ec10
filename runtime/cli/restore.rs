//! `plantao restore`: a backup into an empty state directory, or into a copy that only proves it.
//!
//! What is restored is proved before it is put in its place. Refuses a directory that has a
//! hospital; brings no key and changes none: those are the operator's own copies.

use std::io::Write;
use std::path::{Path, PathBuf};

use plantao_actors::backup::{self, BackupKey, Further};
use plantao_actors::database::DatabaseConfig;
use plantao_actors::entropy::Entropy;

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
        let proved = backup::verify(&order.file, &key, &config, &mut progress, interrupted()).await;
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
    let (file, further) = (&order.file, further.as_ref());
    let restored = backup::restore(file, &key, &config, further, &mut progress, interrupted());
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
    match &restored.erasures {
        Some(path) => writeln!(
            out,
            "`{}` was left as it is: what it says was erased is erased again at the next start",
            path.display()
        )?,
        None => writeln!(
            out,
            "no record of erasures lies in `keys/`: if data was erased after this backup was \
             taken, bring `keys/tombstones.log` before a start"
        )?,
    }
    tell_missing_keys(state.paths(), out)
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
