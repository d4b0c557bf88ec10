//! The state directory: what outlives the process, and who may touch it.
//!
//! ```text
//! STATE/VERSION         layout of this directory, "1"
//! STATE/lock            held by the one runtime that runs here; holds its process id
//! STATE/node-id         this node's name, made once
//! STATE/plantao.toml    configuration, if the operator puts one here
//! STATE/keys/           issuer key, master key           0700
//! STATE/plugins/aot/    the plugins' machine code, sealed   0700
//! STATE/tls/            development CA and certificate   0700
//! STATE/demo/           tokens of demonstration principals, only under --demo   0700
//! STATE/spool/          emergency reads that wait for the trail   0700
//! STATE/postgres/       the private cluster, owned by whoever runs it
//! STATE/backups/        backups, where no other folder was named   0700
//! RUN/admin.sock        mutations of the live tree       0600, see `admin_socket`
//! ```
//!
//! Refused: a directory of another version (nothing is converted silently), one that holds
//! somebody else's files, and one that another runtime is using.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

mod paths;
#[cfg(test)]
mod tests;

pub use self::paths::StatePaths;

/// The layout this runtime reads and writes.
pub const VERSION: &str = "1";

/// What may lie in a directory that no runtime has used yet.
const WELCOME: [&str; 6] = [
    "keys",
    "lock",
    "lost+found",
    "plantao.toml",
    "plugins",
    "tls",
];

const PRIVATE_DIR: u32 = 0o700;
/// As root the cluster runs as another user, who must be able to pass through, not to look.
const PASSABLE_DIR: u32 = 0o711;
const PRIVATE_FILE: u32 = 0o600;

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// There is nothing here: the runtime has never run with this directory.
    #[error("no state directory at `{}`; `make run` or `plantao run` makes it", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// The layout is of another version.
    #[error(
        "the state directory `{}` has layout version `{found}`, this runtime reads `{VERSION}`; \
         run the runtime that wrote it, or name another with --state-dir",
        path.display()
    )]
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// What its VERSION file says.
        found: String,
    },
    /// The directory holds files that are not ours.
    #[error(
        "`{}` is not a state directory: it has `{entry}` but no VERSION file; \
         name an empty directory with --state-dir",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// The first entry that no runtime writes.
        entry: String,
    },
    /// Another runtime runs here.
    #[error(
        "the state directory `{}` is in use by process {pid}; \
         stop it, or name another with --state-dir",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, as it wrote it down.
        pid: String,
    },
    /// The folder for the admin socket belongs to somebody else.
    #[error("`{}` belongs to another user: remove it or set XDG_RUNTIME_DIR", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`: {reason}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

/// The state directory in use: one process holds it, until this value is dropped.
#[derive(Debug)]
pub struct StateDir {
    paths: StatePaths,
    node_id: String,
    _lock: File,
}

impl StateDir {
    /// Makes what is missing, checks the version, takes the lock.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let mode = if rustix::process::geteuid().is_root() {
            PASSABLE_DIR
        } else {
            PRIVATE_DIR
        };
        make_dir(path, mode)?;
        let root = path
            .canonicalize()
            .map_err(|error| io("find", path, &error))?;
        match version(&root)? {
            Some(found) if found == VERSION => {}
            Some(found) => {
                return Err(StateDirError::OtherVersion {
                    path: path.into(),
                    found,
                });
            }
            None => refuse_foreign_files(&root)?,
        }
        let lock = lock(&root)?;
        set_mode(&root, mode)?;
        let paths = StatePaths::at(root);
        for dir in [paths.keys(), paths.tls(), paths.demo()] {
            make_dir(&dir, PRIVATE_DIR)?;
            set_mode(&dir, PRIVATE_DIR)?;
        }
        make_runtime_dir(&paths.runtime_dir())?;
        let node_id = node_id(paths.root())?;
        // Last: a directory with a version is whole.
        write_once(
            &paths.root().join("VERSION"),
            format!("{VERSION}\n").as_bytes(),
        )?;
        let socket = paths.runtime_dir().join(paths::SOCKET);
        let mut line = socket.as_os_str().as_bytes().to_vec();
        line.push(b'\n');
        write_private(&paths.socket_record(), &line)?;
        Ok(Self {
            paths,
            node_id,
            _lock: lock,
        })
    }

    /// Looks at a directory that a hospital is to be restored into: keys and a configuration may
    /// lie there, a hospital may not. It becomes the node that the backup is of, unless it has a
    /// name already; says whether it is that node.
    pub fn prepare_restore(path: &Path, node: &str) -> Result<bool, StateDirError> {
        let mode = if rustix::process::geteuid().is_root() {
            PASSABLE_DIR
        } else {
            PRIVATE_DIR
        };
        make_dir(path, mode)?;
        if version(path)?.is_none() {
            refuse_foreign_files(path)?;
        }
        let name = path.join("node-id");
        write_once(&name, format!("{node}\n").as_bytes())?;
        Ok(node_id(path)? == node)
    }

    /// Where things are.
    pub fn paths(&self) -> &StatePaths {
        &self.paths
    }

    /// This node's name, the same for the life of the directory.
    pub fn node_id(&self) -> &str {
        &self.node_id
    }

    /// The Unix socket that takes mutations of the live tree.
    pub fn admin_socket(&self) -> PathBuf {
        self.paths.admin_socket()
    }
}

impl Drop for StateDir {
    /// The socket folder is this process's: it goes with it, unless something still lives there.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(self.paths.runtime_dir());
    }
}

/// Writes a file that only its owner reads, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), StateDirError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_FILE)
        .open(&draft)
        .and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(PRIVATE_FILE))?;
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| io("write", path, &error))
}

fn write_once(path: &Path, content: &[u8]) -> Result<(), StateDirError> {
    if path.exists() {
        Ok(())
    } else {
        write_private(path, content)
    }
}

fn version(root: &Path) -> Result<Option<String>, StateDirError> {
    let path = root.join("VERSION");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", &path, &error)),
    }
}

fn refuse_foreign_files(root: &Path) -> Result<(), StateDirError> {
    let entries = std::fs::read_dir(root).map_err(|error| io("list", root, &error))?;
    for entry in entries {
        let name = entry.map_err(|error| io("list", root, &error))?.file_name();
        let name = name.to_string_lossy();
        // A first start that was cut short leaves its own files behind.
        if !WELCOME.contains(&name.as_ref()) && !["demo", "node-id"].contains(&name.as_ref()) {
            let entry = name.into_owned();
            return Err(StateDirError::NotOurs {
                path: root.into(),
                entry,
            });
        }
    }
    Ok(())
}

fn lock(root: &Path) -> Result<File, StateDirError> {
    let path = root.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(&path)
        .map_err(|error| io("open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let read = file.read_to_string(&mut pid);
            let pid = if read.is_ok() {
                pid.trim().to_owned()
            } else {
                "unknown".into()
            };
            return Err(StateDirError::InUse {
                path: root.into(),
                pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(io("lock", &path, &error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|error| io("write", &path, &error))?;
    Ok(file)
}

fn node_id(root: &Path) -> Result<String, StateDirError> {
    let path = root.join("node-id");
    write_once(&path, format!("{}\n", uuid::Uuid::new_v4()).as_bytes())?;
    let text = std::fs::read_to_string(&path).map_err(|error| io("read", &path, &error))?;
    Ok(text.trim().to_owned())
}

/// `/tmp` is everybody's: the folder must be ours, a folder, and closed.
fn make_runtime_dir(path: &Path) -> Result<(), StateDirError> {
    if rustix::process::geteuid().is_root()
        && let Some(shared) = path.parent()
    {
        // PostgreSQL's user passes through it to the folder of its own socket beside ours.
        make_dir(shared, PASSABLE_DIR)?;
        set_mode(shared, PASSABLE_DIR)?;
    }
    make_dir(path, PRIVATE_DIR)?;
    let found = std::fs::symlink_metadata(path).map_err(|error| io("read", path, &error))?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(StateDirError::Foreign { path: path.into() });
    }
    set_mode(path, PRIVATE_DIR)
}

fn make_dir(path: &Path, mode: u32) -> Result<(), StateDirError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|error| io("make", path, &error))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), StateDirError> {
    let set = std::fs::set_permissions(path, Permissions::from_mode(mode));
    set.map_err(|error| io("set the mode of", path, &error))
}

fn io(action: &'static str, path: &Path, error: &std::io::Error) -> StateDirError {
    StateDirError::Io {
        action,
        path: path.into(),
        reason: error.to_string(),
    }
}
