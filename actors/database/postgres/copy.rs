//! A copy of the cluster in a directory of its own: taken, unpacked, served, put in place, removed.
//!
//! A copy lies beside its cluster, in a directory that the server's user alone enters, and is
//! served on a socket of its own. Refuses to put a copy where a cluster is, and to serve one with
//! the programs of another major version.

use super::PostgresError;
use super::binaries::Binaries;
use super::cluster::{cluster_version, directory, own_dir, own_socket_dir, server_command};
use super::layout::Layout;
use super::process::Process;
use super::server::{start_at, stop};
use crate::database::config::SUPERUSER;
use crate::database::{CONNECT_DEADLINE, Connection, EmbeddedConfig};
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio_postgres::Config;

/// What unpacks a tar stream: part of every Debian.
const TAR: &str = "tar";

/// The folder of WAL in a cluster's directory.
const WAL: &str = "pg_wal";

/// A segment's name is so many hexadecimal digits.
const SEGMENT_NAME: usize = 24;

/// The command that streams a base backup of the running cluster, as one compressed tar with the
/// WAL that makes it consistent, to its standard output.
pub(crate) fn base_backup(config: &EmbeddedConfig) -> Result<Command, PostgresError> {
    let layout = Layout::of(config)?;
    let version = cluster_version(&layout.data_dir)?;
    let binaries = Binaries::find(config.bin_dir.as_deref(), version, &layout.data_dir)?;
    let mut command = server_command(&layout, &binaries.program("pg_basebackup"));
    command.arg("--host").arg(&layout.socket_dir);
    command.args(["--username", SUPERUSER, "--no-password", "--label=plantao"]);
    command.args(["--pgdata=-", "--format=tar", "--wal-method=fetch"]);
    // What is copied is read once by nobody but us: its own checksums would be a second opinion
    // about bytes that are authenticated anyway. Those of the data pages are still checked.
    command.args([
        "--checkpoint=fast",
        "--compress=client-gzip:1",
        "--no-manifest",
    ]);
    Ok(command)
}

/// A copy's places and programs.
#[derive(Clone)]
pub(crate) struct ClusterCopy {
    own: Layout,
    layout: Layout,
    binaries: Binaries,
}

impl ClusterCopy {
    /// The places of a copy called `name` of a cluster of this major version.
    pub(crate) fn beside(
        config: &EmbeddedConfig,
        name: &str,
        version: u32,
    ) -> Result<Self, PostgresError> {
        let own = Layout::of(config)?;
        let layout = own.beside(name);
        let bin_dir = config.bin_dir.as_deref();
        let binaries = Binaries::find(bin_dir, Some(version), &layout.data_dir)?;
        Ok(Self {
            own,
            layout,
            binaries,
        })
    }

    /// Where the copy called `name` is, if something is left there.
    pub(crate) fn left(
        config: &EmbeddedConfig,
        name: &str,
    ) -> Result<Option<PathBuf>, PostgresError> {
        let data_dir = Layout::of(config)?.beside(name).data_dir;
        Ok(data_dir.exists().then_some(data_dir))
    }

    /// The newest segment of WAL that the copy has.
    pub(crate) fn last_segment(&self) -> Option<String> {
        let listing = fs::read_dir(self.layout.data_dir.join(WAL)).ok()?;
        let names = listing.flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let is_segment = |name: &String| {
            name.len() == SEGMENT_NAME && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        names.filter(is_segment).max()
    }

    /// Adds a segment of WAL, which the server replays when it starts.
    pub(crate) fn add_segment(&self, name: &str, bytes: &[u8]) -> Result<(), PostgresError> {
        self.add(&format!("{WAL}/{name}"), bytes)
    }

    /// Has the server end its recovery where its settings say, on a timeline of its own.
    pub(crate) fn recover_to_target(&self) -> Result<(), PostgresError> {
        self.add("recovery.signal", &[])
    }

    fn add(&self, name: &str, bytes: &[u8]) -> Result<(), PostgresError> {
        let path = self.layout.data_dir.join(name);
        let mut options = File::options();
        let made = options.write(true).create_new(true).mode(0o600).open(&path);
        let written = made.and_then(|mut file| {
            file.write_all(bytes)?;
            if let Some(user) = self.layout.server {
                chown(&path, Some(user.uid), Some(user.gid))?;
            }
            file.sync_all()
        });
        written.map_err(|source| directory(&path, source))
    }

    /// Where the cluster itself is, or would be.
    pub(crate) fn place(&self) -> &Path {
        &self.own.data_dir
    }

    /// Makes its directory, empty, after removing what an interrupted one has left.
    pub(crate) async fn make(&self) -> Result<(), PostgresError> {
        let dir = &self.layout.data_dir;
        super::orphan::stop_orphan(dir).await;
        self.remove()?;
        let parent = dir.parent().unwrap_or(&self.layout.state_dir);
        let made = DirBuilder::new().recursive(true).mode(0o711).create(parent);
        made.map_err(|source| directory(parent, source))?;
        own_dir(dir, self.layout.server)
    }

    /// The command that unpacks a compressed tar from its standard input into the copy.
    pub(crate) fn unpack(&self) -> Command {
        let mut command = server_command(&self.layout, Path::new(TAR));
        command.args(["--extract", "--gzip", "--preserve-permissions", "--file=-"]);
        command.arg("--directory").arg(&self.layout.data_dir);
        command
    }

    /// Starts a server on the copy.
    pub(crate) async fn serve(
        &self,
        settings: &[(String, String)],
    ) -> Result<Serving, PostgresError> {
        own_socket_dir(&self.layout)?;
        let process = start_at(&self.layout, &self.binaries, settings).await?;
        let socket_dir = self.layout.socket_dir.clone();
        Ok(Serving {
            process,
            socket_dir,
        })
    }

    /// How the copy's server is reached.
    pub(crate) fn connection(&self, database: &str) -> Connection {
        let mut config = Config::new();
        config
            .host_path(&self.layout.socket_dir)
            .user(SUPERUSER)
            .dbname(database)
            .options("-c search_path=plantao")
            .application_name("plantao-backup")
            .connect_timeout(CONNECT_DEADLINE);
        config.into()
    }

    /// Makes the copy the cluster of its state directory. Nothing may serve it.
    pub(crate) fn put_in_place(&self) -> Result<(), PostgresError> {
        let (from, to) = (&self.layout.data_dir, &self.own.data_dir);
        if to.exists() {
            let data_dir = to.clone();
            return Err(PostgresError::Unclaimed { data_dir });
        }
        let parent = to.parent().unwrap_or(&self.own.state_dir);
        let placed = fs::rename(from, to).and_then(|()| File::open(parent)?.sync_all());
        placed.map_err(|source| directory(to, source))?;
        self.own.record().map_err(|source| directory(to, source))
    }

    /// Removes the copy's directory and its socket's.
    pub(crate) fn remove(&self) -> Result<(), PostgresError> {
        for dir in [&self.layout.data_dir, &self.layout.socket_dir] {
            match fs::remove_dir_all(dir) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(directory(dir, source));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The server on a copy. Dropped, it is stopped at once.
pub(crate) struct Serving {
    process: Process,
    socket_dir: PathBuf,
}

impl Serving {
    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<String> {
        self.process.ended()
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) {
        stop(&self.process).await;
        let _in_use = fs::remove_dir(&self.socket_dir);
    }
}
