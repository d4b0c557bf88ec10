//! The private cluster: a PostgreSQL server that this process initialises, starts, watches, stops.
//!
//! Owns the cluster's directories, its lock and its process. Refuses to run another major version's
//! data, to share a state directory with a second process, to listen on a network, and to write
//! statements or rows to a log.

mod ballast;
mod binaries;
mod cluster;
mod copy;
mod disk;
mod errand;
mod layout;
mod orphan;
mod process;
mod server;
mod settings;
mod stall;
#[cfg(any(test, feature = "testing"))]
pub(super) mod testing;

pub use binaries::{OLDEST_VERSION, programs};
pub(crate) use copy::{ClusterCopy, Serving, base_backup};
pub use disk::disk_child;
pub use errand::Errand;
pub use layout::Layout;
pub use server::{QUIT_DEADLINE, STOP_DEADLINE, server_child};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the private cluster does not run. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No installation was found.
    #[error(
        "no PostgreSQL {version} was found in `{looked}`: install Debian's `postgresql-{version}` \
         (`make deps` does), or set `database.url`"
    )]
    Missing {
        /// Where it was looked for.
        looked: PathBuf,
        /// The major version that would do.
        version: u32,
    },
    /// The cluster belongs to another major version than any installed.
    #[error(
        "the cluster is of PostgreSQL {cluster} and the programs are {binaries}: install \
         `postgresql-{cluster}`, or upgrade it with `{upgrade}`"
    )]
    Version {
        /// The cluster's version.
        cluster: u32,
        /// The newest installed.
        binaries: u32,
        /// The command that upgrades.
        upgrade: String,
    },
    /// The state directory says where its cluster is, and there is none.
    #[error(
        "the data directory `{data_dir}` that this state directory names is gone or empty: \
         bring it back, or start with another state directory"
    )]
    Gone {
        /// Where it was.
        data_dir: PathBuf,
    },
    /// A cluster lies where a new one would go, and this state directory did not make it.
    #[error(
        "`{data_dir}` holds the data of a state directory that is gone, and with it the keys that \
         open its records: move it away to start anew"
    )]
    Unclaimed {
        /// Where it lies.
        data_dir: PathBuf,
    },
    /// Running as root without the user that PostgreSQL needs instead.
    #[error("PostgreSQL refuses to run as root and there is no user `postgres`: run `make deps`")]
    NoUser,
    /// A program could not be started at all.
    #[error("`{program}` could not be started ({kind}): it comes with util-linux or PostgreSQL")]
    Spawn {
        /// Which.
        program: &'static str,
        /// Why.
        kind: io::ErrorKind,
    },
    /// `initdb` failed.
    #[error("the cluster could not be initialised: {told}")]
    Initialise {
        /// What it said.
        told: String,
    },
    /// A directory that should be the cluster is something else.
    #[error("`{data_dir}` holds something that is not a PostgreSQL cluster: move it away")]
    NotACluster {
        /// Where.
        data_dir: PathBuf,
    },
    /// A directory of the cluster can be entered by others, or belongs to another user.
    #[error("`{path}` must be a directory of the server's user with mode 0700")]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// A directory could not be made or read.
    #[error("`{path}` cannot be used: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process holds the state directory.
    #[error("another plantao is running on `{state_dir}`: stop it, or choose another state_dir")]
    InUse {
        /// The state directory.
        state_dir: PathBuf,
    },
    /// The server did not listen in time.
    #[error("the database server did not listen within {waited:?}: see its messages in the log")]
    Silent {
        /// How long it was given.
        waited: Duration,
    },
    /// The server ended by itself.
    #[error("the database server exited: {how}")]
    Exited {
        /// Its exit status or signal.
        how: String,
    },
}

impl PostgresError {
    fn spawn(program: &'static str, source: io::Error) -> Self {
        Self::Spawn {
            program,
            kind: source.kind(),
        }
    }
}

#[cfg(test)]
mod tests;
