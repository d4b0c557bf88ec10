//! The cluster on disk: its directories, its first initialisation, its version, its lock.
//!
//! Refuses to share: one process per state directory, by a lock that the kernel frees with the
//! process. An interrupted initialisation leaves nothing behind that could be taken for a cluster,
//! because it works beside the final place and is renamed into it.

use super::PostgresError;
use super::binaries::Binaries;
use super::layout::{Layout, ServerUser};
use crate::database::EmbeddedConfig;
use rustix::fs::FlockOperation;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Holds the cluster for this process; freed when dropped, or by the kernel.
pub(super) struct ClusterLock {
    _file: File,
}

/// Everything a start needs once the disk is in order.
pub(super) struct Cluster {
    pub(super) layout: Layout,
    pub(super) binaries: Binaries,
    pub(super) lock: ClusterLock,
}

impl Cluster {
    /// Brings the disk in order; blocks, for seconds on the first start.
    pub(super) fn prepare(config: &EmbeddedConfig) -> Result<Self, PostgresError> {
        let layout = Layout::of(config)?;
        let lock = ClusterLock::take(&layout)?;
        if layout.is_displaced() {
            tracing::warn!(
                state_dir = %layout.state_dir.display(),
                data_dir = %layout.data_dir.display(),
                "the server's user cannot enter the state directory: its data lives elsewhere"
            );
        }
        own_socket_dir(&layout)?;
        let version = cluster_version(&layout.data_dir)?;
        if layout.is_recorded() && version.is_none() {
            return Err(PostgresError::Gone {
                data_dir: layout.data_dir,
            });
        }
        if layout.is_displaced() && !layout.is_recorded() && version.is_some() {
            return Err(PostgresError::Unclaimed {
                data_dir: layout.data_dir,
            });
        }
        let binaries = Binaries::find(config.bin_dir.as_deref(), version, &layout.data_dir)?;
        if version.is_none() {
            initialise(config, &layout, &binaries)?;
        }
        if !layout.is_recorded() {
            let path = layout.state_dir.clone();
            layout.record().map_err(|source| directory(&path, source))?;
        }
        Ok(Self {
            layout,
            binaries,
            lock,
        })
    }
}

impl ClusterLock {
    fn take(layout: &Layout) -> Result<Self, PostgresError> {
        let path = layout.state_dir.join("postgres.lock");
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(|source| directory(&path, source))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(_) => Err(PostgresError::InUse {
                state_dir: layout.state_dir.clone(),
            }),
        }
    }
}

/// The command that runs one of PostgreSQL's programs as the user it must run as.
///
/// The kernel sends it SIGINT, the fast shutdown, when the thread that spawned it dies.
pub(super) fn server_command(layout: &Layout, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(ServerUser { uid, gid }) = layout.server {
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={gid}"));
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program);
    // Nothing of this process's environment is the server's business, secrets least of all.
    command
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", "UTC");
    command.current_dir("/");
    command
}

/// The major version of the cluster in a directory; none where there is no cluster yet.
pub(super) fn cluster_version(data_dir: &Path) -> Result<Option<u32>, PostgresError> {
    let path = data_dir.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => Err(PostgresError::NotACluster {
                data_dir: data_dir.to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if data_dir.exists() {
                return Err(PostgresError::NotACluster {
                    data_dir: data_dir.to_owned(),
                });
            }
            Ok(None)
        }
        Err(source) => Err(directory(&path, source)),
    }
}

fn initialise(
    config: &EmbeddedConfig,
    layout: &Layout,
    binaries: &Binaries,
) -> Result<(), PostgresError> {
    let parent = layout.data_dir.parent().unwrap_or(&layout.state_dir);
    let made = DirBuilder::new().recursive(true).mode(0o711).create(parent);
    made.map_err(|source| directory(parent, source))?;
    let fresh = layout.data_dir.with_extension("new");
    if fresh.exists() {
        // Left by an initialisation that was interrupted; the lock says that none is running.
        fs::remove_dir_all(&fresh).map_err(|source| directory(&fresh, source))?;
    }
    own_dir(&fresh, layout.server)?;
    let mut initdb = server_command(layout, &binaries.program("initdb"));
    initdb.arg("--pgdata").arg(&fresh);
    initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
    // The socket's directory is open to its owner alone, who owns the data files as well: a
    // password would protect nothing more.
    initdb.args(["--auth-local=trust", "--auth-host=reject"]);
    initdb.args(["--data-checksums", "--no-instructions"]);
    let hasty = config
        .settings
        .iter()
        .any(|(name, value)| name == "fsync" && value == "off");
    if cfg!(any(test, feature = "testing")) && hasty {
        initdb.arg("--no-sync");
    }
    let ran = initdb
        .output()
        .map_err(|source| PostgresError::spawn("initdb", source))?;
    if !ran.status.success() {
        let told = String::from_utf8_lossy(&ran.stderr);
        return Err(PostgresError::Initialise {
            told: told.trim().to_owned(),
        });
    }
    fs::rename(&fresh, &layout.data_dir).map_err(|source| directory(&layout.data_dir, source))?;
    tracing::info!(data_dir = %layout.data_dir.display(), version = binaries.version,
        "database cluster initialised");
    Ok(())
}

pub(super) fn own_socket_dir(layout: &Layout) -> Result<(), PostgresError> {
    let dir = &layout.socket_dir;
    if let Some(parent) = dir.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o711).create(parent);
        made.map_err(|source| directory(parent, source))?;
        if layout.server.is_some() {
            let_pass(parent)?;
        }
    }
    own_dir(dir, layout.server)
}

/// Lets others pass through a directory of ours, without letting them list it: a strict umask, or
/// another part of the system, may have closed it to the server's user.
fn let_pass(dir: &Path) -> Result<(), PostgresError> {
    let found = fs::metadata(dir).map_err(|source| directory(dir, source))?;
    if found.mode() & 0o001 == 0 {
        let open = Permissions::from_mode(found.mode() & 0o777 | 0o011);
        fs::set_permissions(dir, open).map_err(|source| directory(dir, source))?;
    }
    Ok(())
}

/// Makes a directory that only the server's user enters, or checks that it is one: another user of
/// the machine may have put a directory of that name under /tmp first.
pub(super) fn own_dir(dir: &Path, server: Option<ServerUser>) -> Result<(), PostgresError> {
    let owner = server.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            if let Some(ServerUser { uid, gid }) = server {
                let given = chown(dir, Some(uid), Some(gid));
                given.map_err(|source| directory(dir, source))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(directory(dir, source)),
    }
    let found = fs::symlink_metadata(dir).map_err(|source| directory(dir, source))?;
    if !found.is_dir() || found.uid() != owner || found.mode() & 0o077 != 0 {
        return Err(PostgresError::Exposed {
            path: dir.to_owned(),
        });
    }
    Ok(())
}

pub(super) fn directory(path: &Path, source: io::Error) -> PostgresError {
    PostgresError::Directory {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            own_dir(&open, None),
            Err(PostgresError::Exposed { .. })
        ));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(matches!(
            own_dir(&link, None),
            Err(PostgresError::Exposed { .. })
        ));
    }

    #[test]
    fn a_directory_that_is_no_cluster_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let error = cluster_version(dir.path()).unwrap_err();
        assert!(matches!(error, PostgresError::NotACluster { .. }));
        assert_eq!(cluster_version(&dir.path().join("absent")).unwrap(), None);
        fs::write(dir.path().join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(cluster_version(dir.path()).unwrap(), Some(15));
    }

    #[test]
    fn a_second_owner_of_the_same_state_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = dir.path().to_owned();
        let data_dir = state_dir.join("postgres");
        let layout = Layout {
            socket_dir: state_dir.clone(),
            state_dir,
            data_dir,
            server: None,
        };
        let first = ClusterLock::take(&layout).unwrap();
        let second = ClusterLock::take(&layout).err().unwrap().to_string();
        assert!(second.contains("another plantao"), "{second}");
        drop(first);
        assert!(ClusterLock::take(&layout).is_ok());
    }
}
