//! Reading a backup: into a copy that is thrown away, or into an empty state directory.
//!
//! A restore decrypts, unpacks, starts a server on the copy and checks it, and only then gives it
//! its place: a backup that does not hold never becomes a hospital. Refuses a place that is taken.
//!
//! `keys/` of the target is the operator's own copy; of it a restore writes the period's key alone,
//! which belongs to the key backup. Erasures are replayed from the key backup, from the record
//! beside the keys and from the copy itself before the copy becomes the cluster, and
//! [`Restored::erasures`] says whether such a record was there.

use super::Witness;
use super::check::Verdict;
use super::error::BackupError;
use super::header::{Manifest, Opened};
use super::key::BackupKey;
use super::merge::{Keys, Merged, fits};
use super::scratch::{Copy, RESTORING, SCRATCH, Subject, Turn};
use crate::database::postgres::Layout;
use crate::database::{DatabaseConfig, EmbeddedConfig};
use crate::vault::{Holder, period};
use plantao_schema::time::Timestamp;
use std::path::{Path, PathBuf};

/// What names the keys that were erased, beside the keys; no restore writes it.
const ERASURES: &str = "keys/tombstones.log";

/// The key of the period, which a restore takes from the key backup.
const PERIOD: &str = "keys/period.key";

/// How far to go on from a backup with WAL that was archived after it.
#[derive(Clone, Debug)]
pub struct Further {
    /// The folder of segments.
    pub folder: PathBuf,
    /// The moment to stop at; the last segment without one.
    pub to_time: Option<Timestamp>,
}

impl Further {
    /// What the server is told, so that it stops there.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let Some(to) = self.to_time else {
            return Vec::new();
        };
        // The server reads its settings before it knows any zone by name, `Z` included.
        let moment = to.to_string().replace('Z', "+00");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            pair("recovery_target_time", &moment),
            pair("recovery_target_action", "promote"),
            // Every segment is in its place already: there is nowhere to fetch one from.
            pair("restore_command", "/bin/false"),
            pair("hot_standby", "off"),
        ]
    }
}

/// A hospital that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What was found in it.
    pub verdict: Verdict,
    /// Where the cluster is now.
    pub data_dir: PathBuf,
    /// What the key backup put in.
    pub merged: Option<Merged>,
    /// The record of erasures that was found beside the keys and left as it is.
    pub erasures: Option<PathBuf>,
}

/// What a backup says of itself, authenticated.
///
/// # Errors
/// [`BackupError`] when the file is none, or was sealed under another key.
pub fn manifest(path: &Path, key: &BackupKey) -> Result<Manifest, BackupError> {
    Ok(Opened::read(path)?.open(path, key)?.0)
}

/// How a backup is read.
#[derive(Clone, Default)]
pub struct Reading {
    /// How far to go on from it.
    pub further: Option<Further>,
    /// The key backup.
    pub keys: Option<Keys>,
    /// What opens records, so that some can be tried.
    pub holder: Option<Holder>,
}

impl Reading {
    const fn subject<'a>(
        &'a self,
        path: &'a Path,
        key: &'a BackupKey,
        config: &'a DatabaseConfig,
    ) -> Subject<'a> {
        Subject {
            path,
            key,
            config,
            further: self.further.as_ref(),
            keys: self.keys.as_ref(),
            holder: self.holder.as_ref(),
        }
    }
}

/// Restores a backup into a copy beside the cluster, checks it and removes it. Without a key backup
/// its records are not tried: nothing in it opens them.
///
/// # Errors
/// [`BackupError`] naming what does not hold.
pub async fn verify(
    path: &Path,
    key: &BackupKey,
    config: &DatabaseConfig,
    reading: &Reading,
    witness: &mut dyn Witness,
    stop: impl Future<Output = ()>,
) -> Result<(Manifest, Verdict), BackupError> {
    let embedded = config.embedded.as_ref().ok_or(BackupError::External)?;
    let manifest = manifest(path, key)?;
    let mut reading = reading.clone();
    match &reading.keys {
        Some(keys) => drop(fits(keys, key, &(&manifest).into())?),
        None if manifest.erased.is_some() => reading.holder = None,
        None => {}
    }
    let _turn = Turn::take(embedded)?;
    let mut copy = Copy::make(embedded, SCRATCH, manifest.postgres).await?;
    let subject = reading.subject(path, key, config);
    let proved = tokio::select! {
        biased;
        () = stop => Err(BackupError::Interrupted),
        proved = copy.prove(&subject, witness) => proved,
    };
    copy.remove().await?;
    proved.map(|proved| (proved.manifest, proved.verdict))
}

/// Restores a backup into a state directory that has no cluster.
///
/// # Errors
/// [`BackupError`]; then the directory has no cluster still.
pub async fn restore(
    path: &Path,
    key: &BackupKey,
    config: &DatabaseConfig,
    reading: &Reading,
    witness: &mut dyn Witness,
    stop: impl Future<Output = ()>,
) -> Result<Restored, BackupError> {
    let embedded = config.embedded.as_ref().ok_or(BackupError::External)?;
    let manifest = manifest(path, key)?;
    match &reading.keys {
        Some(keys) => drop(fits(keys, key, &(&manifest).into())?),
        // One of before there were key backups opens by itself.
        None if manifest.erased.is_some() => return Err(BackupError::NoKeys),
        None => {}
    }
    let _turn = Turn::take(embedded)?;
    refuse_taken(embedded)?;
    let mut copy = Copy::make(embedded, RESTORING, manifest.postgres).await?;
    let subject = reading.subject(path, key, config);
    let proved = tokio::select! {
        biased;
        () = stop => Err(BackupError::Interrupted),
        proved = copy.prove(&subject, witness) => proved,
    };
    let proved = match proved {
        Ok(proved) => proved,
        Err(error) => {
            copy.remove().await?;
            return Err(error);
        }
    };
    if let Some(merged) = proved.merged.as_ref().filter(|one| !one.period.is_empty()) {
        let place = embedded.state_dir.join(PERIOD);
        let written = period::write(&place, &merged.period);
        written.map_err(BackupError::file("write", &place))?;
    }
    let data_dir = copy.keep().await?;
    Ok(Restored {
        manifest: proved.manifest,
        verdict: proved.verdict,
        data_dir,
        merged: proved.merged,
        erasures: after_restore(&embedded.state_dir),
    })
}

/// What is left to do about a restored hospital before anybody is let in. Called once, after its
/// cluster is in place and before any runtime has started on it.
fn after_restore(state_dir: &Path) -> Option<PathBuf> {
    let erasures = state_dir.join(ERASURES);
    erasures.exists().then_some(erasures)
}

fn refuse_taken(config: &EmbeddedConfig) -> Result<(), BackupError> {
    let layout = Layout::of(config)?;
    let record = layout.state_dir.join("postgres.path");
    for path in [layout.data_dir, record] {
        if path.exists() {
            return Err(BackupError::Occupied { path });
        }
    }
    Ok(())
}
