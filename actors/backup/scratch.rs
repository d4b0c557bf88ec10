//! Copies of the cluster that are made to look at a backup, and what an interrupted run has left.
//!
//! One backup or restore at a time per state directory, by a lock that the kernel frees with the
//! process: whoever holds it knows that what lies around is nobody's, and removes it.

use super::check::{Verdict, check_keys, check_tables, check_trail};
use super::error::BackupError;
use super::header::{Manifest, Opened};
use super::key::BackupKey;
use super::merge::{self, Keys, Merged};
use super::pump::Pump;
use super::restore::Further;
use super::{Witness, shelf, wal};
use crate::database::postgres::{ClusterCopy, Layout, PostgresError, Serving};
use crate::database::{DatabaseConfig, DatabaseError, EmbeddedConfig, PoolError, Session, migrate};
use crate::vault::Holder;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A copy that is looked at and thrown away.
pub(super) const SCRATCH: &str = "scratch";

/// A copy that becomes the cluster.
pub(super) const RESTORING: &str = "restoring";

/// How long recovery of a copy may take: gigabytes of WAL on a slow disk.
const RECOVERY: Duration = Duration::from_hours(2);

/// How much of a large trail is checked in that time: 50 million entries on one slow core.
const CHECK: Duration = Duration::from_hours(12);

const LOOK: Duration = Duration::from_millis(50);

/// The server of a copy works for one reader and for an hour: it needs little, and nothing that
/// only pays off later.
const SETTINGS: &[(&str, &str)] = &[("autovacuum", "off"), ("archive_mode", "off")];

/// Held while a backup or a restore is at work.
pub(super) struct Turn {
    _file: File,
}

impl Turn {
    pub(super) fn take(config: &EmbeddedConfig) -> Result<Self, BackupError> {
        let state_dir = Layout::of(config)?.state_dir;
        let path = state_dir.join("backup.lock");
        let mut options = File::options();
        let opened = options.create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(BackupError::file("open", &path))?;
        Self::lock(file, state_dir)
    }

    /// That of a folder of backups, where there is no cluster of our own.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, BackupError> {
        let file = File::open(folder).map_err(BackupError::file("open", folder))?;
        Self::lock(file, folder.to_owned())
    }

    fn lock(file: File, place: PathBuf) -> Result<Self, BackupError> {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(_) => Err(BackupError::Busy { state_dir: place }),
        }
    }
}

/// What an interrupted backup or restore left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// A decrypted copy of the cluster, or a part of a backup.
    pub path: PathBuf,
}

/// What is left of an interrupted run, while none is at work: the next one removes it.
///
/// # Errors
/// [`BackupError`] when the state directory cannot be read.
pub fn leftovers(config: &EmbeddedConfig) -> Result<Vec<Left>, BackupError> {
    let Ok(_turn) = Turn::take(config) else {
        return Ok(Vec::new());
    };
    let mut left = Vec::new();
    for name in [SCRATCH, RESTORING] {
        left.extend(ClusterCopy::left(config, name)?);
    }
    let folder = shelf::folder(&config.state_dir);
    left.extend(shelf::parts(&folder));
    left.extend(shelf::parts(&shelf::keys_folder(&folder)));
    Ok(left.into_iter().map(|path| Left { path }).collect())
}

/// A backup, and how it is read.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) path: &'a Path,
    pub(super) key: &'a BackupKey,
    pub(super) config: &'a DatabaseConfig,
    pub(super) further: Option<&'a Further>,
    /// The key backup that is put in.
    pub(super) keys: Option<&'a Keys>,
    /// What opens records.
    pub(super) holder: Option<&'a Holder>,
}

/// A copy that holds.
pub(super) struct Proved {
    pub(super) manifest: Manifest,
    pub(super) verdict: Verdict,
    pub(super) merged: Option<Merged>,
}

/// A decrypted copy of the cluster in a backup.
pub(super) struct Copy {
    places: ClusterCopy,
    server: Option<Serving>,
    is_kept: bool,
}

impl Copy {
    /// An empty one.
    pub(super) async fn make(
        config: &EmbeddedConfig,
        name: &str,
        version: u32,
    ) -> Result<Self, BackupError> {
        let places = ClusterCopy::beside(config, name, version)?;
        places.make().await?;
        Ok(Self {
            places,
            server: None,
            is_kept: false,
        })
    }

    /// Decrypts and unpacks a backup, starts a server on it and checks what it serves.
    pub(super) async fn prove(
        &mut self,
        subject: &Subject<'_>,
        witness: &mut dyn Witness,
    ) -> Result<Proved, BackupError> {
        let Subject { path, key, .. } = *subject;
        witness.phase("decrypting");
        let (mut manifest, mut stream) = Opened::read(path)?.open(path, key)?;
        let (pump, command, file) = (Pump::default(), self.places.unpack(), path.to_owned());
        let worker = pump.clone();
        let task = tokio::task::spawn_blocking(move || {
            let failed = BackupError::reading(&file);
            worker.feed(command, "tar", &mut stream, failed)
        });
        pump.watch(task, witness).await?;
        let own = SETTINGS
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let cluster = subject.config.embedded.iter();
        let settings = cluster.flat_map(|cluster| cluster.settings.iter().cloned());
        let mut settings: Vec<_> = settings.chain(own).collect();
        if let Some(further) = subject.further {
            witness.phase("decrypting archived WAL");
            self.go_further(further, key, &mut manifest).await?;
            settings.extend(further.settings());
        }
        witness.phase("starting a server on the copy");
        let served = self.places.serve(&settings).await;
        self.server = Some(served.map_err(|error| match error {
            PostgresError::Exited { how } => unrecovered(&how),
            PostgresError::Silent { .. } => unrecovered("it does not listen"),
            other => other.into(),
        })?);
        let session = self.session(&subject.config.database).await?;
        witness.phase("walking the audit trail");
        let checked = tokio::time::timeout(CHECK, async {
            let rows = check_tables(&session.client, &manifest).await?;
            // As a start would: what an older program wrote is read with this one's statements.
            // In a session of its own, which ends as the owner of the schema.
            let mut owner = self.session(&subject.config.database).await?;
            let migrated = migrate(&mut owner.client).await;
            migrated.map_err(|error| BackupError::Pool(error.into()))?;
            let merged = match subject.keys {
                Some(keys) => {
                    Some(merge::put(&session.client, keys, key, &(&manifest).into()).await?)
                }
                None => None,
            };
            let mut verdict = check_trail(&session.client, &manifest, &rows).await?;
            let holder = subject.holder.cloned().map(|holder| match &merged {
                Some(merged) => holder.in_period(&merged.period),
                None => holder,
            });
            verdict.sampled = check_keys(&session.client, holder.as_ref()).await?;
            Ok((verdict, merged))
        });
        let (verdict, merged) = checked.await.unwrap_or_else(|_| {
            let after = CHECK;
            Err(BackupError::from(DatabaseError::Timeout { after }))
        })?;
        Ok(Proved {
            manifest,
            verdict,
            merged,
        })
    }

    /// Adds what was archived after the backup, as far as it follows without a gap.
    async fn go_further(
        &self,
        further: &Further,
        key: &BackupKey,
        manifest: &mut Manifest,
    ) -> Result<(), BackupError> {
        let last = self.places.last_segment().unwrap_or_default();
        let found = wal::found(&further.folder, &manifest.system, &last, key)?;
        for one in &found {
            let bytes = wal::read(one, key)?;
            self.places.add_segment(&one.manifest.segment, &bytes)?;
            // Between two segments somebody may ask for an end.
            tokio::task::yield_now().await;
        }
        match further.to_time {
            Some(_) => Ok(self.places.recover_to_target()?),
            // All of it is replayed: the trail has to reach what it was when the last was closed.
            None => {
                for (chain, head) in found.into_iter().flat_map(|one| one.manifest.heads) {
                    let known = manifest.heads.entry(chain).or_insert(head);
                    if known.seq < head.seq {
                        *known = head;
                    }
                }
                Ok(())
            }
        }
    }

    /// Stops the server and makes the copy the cluster.
    pub(super) async fn keep(mut self) -> Result<PathBuf, BackupError> {
        self.stop().await;
        self.places.put_in_place()?;
        self.is_kept = true;
        Ok(self.places.place().to_owned())
    }

    /// Stops the server and removes the copy.
    pub(super) async fn remove(mut self) -> Result<(), BackupError> {
        self.stop().await;
        let deadline = Instant::now() + Duration::from_secs(10);
        // A program that was ended a moment ago may still be writing its last file.
        while self.places.remove().is_err() && Instant::now() < deadline {
            sleep(LOOK).await;
        }
        self.is_kept = true;
        Ok(self.places.remove()?)
    }

    async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    async fn session(&self, database: &str) -> Result<Session, BackupError> {
        let connection = self.places.connection(database);
        let deadline = Instant::now() + RECOVERY;
        loop {
            match Session::open(&connection).await {
                Ok(session) => return Ok(session),
                Err(PoolError::Refused { reason, .. })
                    if reason.is_unavailable() && Instant::now() < deadline => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(how) = self.server.as_ref().and_then(Serving::ended) {
                return Err(unrecovered(&how));
            }
            sleep(LOOK).await;
        }
    }
}

fn unrecovered(how: &str) -> BackupError {
    let reason = format!("its server does not recover ({how})");
    BackupError::Unproved { reason }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody had the time to stop it: ended at once, and what cannot be removed now is
            // removed by the next run.
            self.server = None;
            let _next_time = self.places.remove();
        }
    }
}
