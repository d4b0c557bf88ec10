//! What can go wrong with a backup, each naming what to do or where to look.

use super::key::BackupKeyError;
use super::seal::SealError;
use crate::database::postgres::PostgresError;
use crate::database::{DatabaseConfigError, DatabaseError, PoolError};
use plantao_schema::time::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no backup, or why one proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is somebody else's.
    #[error(
        "the database at `database.url` is not run by plantao: back it up with its own tools, such \
         as pg_basebackup or pgBackRest, and its keys with `plantao backup keys`"
    )]
    External,
    /// Another backup or restore is at work.
    #[error("another backup or restore is at work on `{state_dir}`: wait for it, or stop it",
        state_dir = .state_dir.display())]
    Busy {
        /// Whose.
        state_dir: PathBuf,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} `{path}`: {source}", path = .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no backup of a format that is known here.
    #[error("`{path}` is not a backup: {reason}", path = .path.display())]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What is wrong with its beginning.
        reason: &'static str,
    },
    /// The file was sealed under another key.
    #[error(
        "`{path}` was sealed under the backup key `{sealed}` and this one is `{held}`: give the \
         right file with `--key`",
        path = .path.display()
    )]
    WrongKey {
        /// Which.
        path: PathBuf,
        /// The name of the key that opens it.
        sealed: String,
        /// The name of the key at hand.
        held: String,
    },
    /// The beginning of the file, which says what is in it, was changed.
    #[error("`{path}`: its manifest does not open under its key: the file was changed",
        path = .path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
    },
    /// What is in the file was changed, cut or exchanged.
    #[error("`{path}`: {fault}", path = .path.display())]
    Sealed {
        /// Which.
        path: PathBuf,
        /// What is wrong, and at which byte.
        fault: SealError,
    },
    /// One of the programs failed.
    #[error("`{program}` failed: {told}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said.
        told: String,
    },
    /// Nothing moved for too long.
    #[error("nothing moved for {after:?}: the server or the disk hangs")]
    Stalled {
        /// How long.
        after: Duration,
    },
    /// Somebody asked to stop.
    #[error("interrupted: nothing was kept")]
    Interrupted,
    /// What was restored is not what the backup says it is.
    #[error("the backup does not hold: {reason}")]
    Unproved {
        /// What differs.
        reason: String,
    },
    /// A data backup alone opens nothing.
    #[error(
        "a data backup holds no key that opens: name the newest key backup with `--keys` (`plantao \
         backup keys` makes them, `plantao backup list` shows them)"
    )]
    NoKeys,
    /// The key backup is over.
    #[error(
        "the key backup `{path}` was over at {expired_at}: whoever was erased since comes back \
         with it; bring a newer one, or take it with `--expired-keys`",
        path = .path.display()
    )]
    KeysExpired {
        /// Which.
        path: PathBuf,
        /// When it was over.
        expired_at: Timestamp,
    },
    /// The key backup belongs to other data.
    #[error("the key backup `{path}` is of another cluster than the data backup",
        path = .path.display())]
    OtherKeys {
        /// Which.
        path: PathBuf,
    },
    /// The key backup is of other keys than the database has.
    #[error(
        "the key backup `{path}` is of another cluster than the database: bring one of this one",
        path = .path.display()
    )]
    OtherCluster {
        /// Which.
        path: PathBuf,
    },
    /// The keys are to be put into a database that somebody works with.
    #[error(
        "{sessions} sessions of a running plantao are open: stop every node before keys are put in"
    )]
    Serving {
        /// How many.
        sessions: i64,
    },
    /// The private cluster is restored otherwise.
    #[error(
        "the database is run by plantao: `plantao restore` brings it back together with its keys"
    )]
    Private,
    /// What is known of erasures is older than the data backup.
    #[error(
        "what is known of erasures is older than the data backup, which knew of {missing} more: \
         bring a newer key backup or `keys/tombstones.log`, or go on with `--older-tombstones`"
    )]
    OlderTombstones {
        /// How many are missing.
        missing: i64,
    },
    /// The files of the keys cannot be read.
    #[error("the files of the keys cannot be used: {reason}")]
    Keys {
        /// What is wrong.
        reason: String,
    },
    /// Something is where the restored hospital would go.
    #[error("`{path}` is in the way: restore into an empty directory", path = .path.display())]
    Occupied {
        /// What.
        path: PathBuf,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] BackupKeyError),
    /// The cluster cannot be used.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The server refuses.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The configuration names no server.
    #[error(transparent)]
    Config(#[from] DatabaseConfigError),
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl BackupError {
    /// A file or folder that the system refused.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// What was read, sorted into a fault of the file's content and one of the disk.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(fault) => Self::Sealed {
                fault: SealError::clone(fault),
                path,
            },
            None => Self::File {
                action: "read",
                path,
                source,
            },
        }
    }
}
