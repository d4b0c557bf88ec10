//! Where things are in a state directory, and where its sockets are.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{StateDirError, VERSION, version};

/// The socket's name in its folder.
pub(super) const SOCKET: &str = "admin.sock";

/// Where things are. Knowing is not owning: the CLI reads through this without the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePaths {
    root: PathBuf,
}

impl StatePaths {
    /// The paths under a root that is known to be absolute and ours.
    pub(super) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The paths of a directory that a runtime has used before.
    pub fn find(path: &Path) -> Result<Self, StateDirError> {
        let root = match path.canonicalize() {
            Ok(root) => root,
            Err(_) => return Err(StateDirError::Absent { path: path.into() }),
        };
        match version(&root)? {
            Some(found) if found == VERSION => Ok(Self { root }),
            Some(found) => Err(StateDirError::OtherVersion {
                path: path.into(),
                found,
            }),
            None => Err(StateDirError::Absent { path: path.into() }),
        }
    }

    /// The directory itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keys; nothing here is readable by anybody else.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key that signs bearer tokens.
    pub fn issuer_key(&self) -> PathBuf {
        self.keys().join("issuer.pem")
    }

    /// The keys that sign checkpoints of the audit trail.
    pub fn log_keys(&self) -> PathBuf {
        self.keys().join("log.keys")
    }

    /// The master key, where it is a file of this host.
    pub fn master_key(&self) -> PathBuf {
        self.keys().join("master.key")
    }

    /// The key of the present period: no copy of it may outlive the key backups.
    pub fn period_key(&self) -> PathBuf {
        self.keys().join("period.key")
    }

    /// Whose keys were destroyed: what no restored database brings back.
    pub fn tombstones(&self) -> PathBuf {
        self.keys().join("tombstones.log")
    }

    /// The key that the plugins' machine code is sealed under. Losing it costs one compilation.
    pub fn aot_key(&self) -> PathBuf {
        self.keys().join("aot.key")
    }

    /// The plugins' machine code.
    pub fn aot(&self) -> PathBuf {
        self.root.join("plugins").join("aot")
    }

    /// The key that opens backups. In none of them.
    pub fn backup_key(&self) -> PathBuf {
        self.keys().join("backup.key")
    }

    /// This node's name, once a runtime has run here.
    pub fn node_id(&self) -> Result<String, StateDirError> {
        let path = self.root.join("node-id");
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| super::io("read", &path, &error))?;
        Ok(text.trim().to_owned())
    }

    /// The development certificate and its CA.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// The CA that the CLI trusts.
    pub fn ca_certificate(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// Tokens of the demonstration principals.
    pub fn demo(&self) -> PathBuf {
        self.root.join("demo")
    }

    /// One demonstration principal's token.
    pub fn demo_token(&self, name: &str) -> PathBuf {
        self.demo().join(format!("{name}.jwt"))
    }

    /// Emergency reads that wait for the trail. Made by whoever keeps them.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// The private PostgreSQL cluster. Made by whoever runs it, because of its owner.
    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// The file that says where the cluster is, once there is one.
    pub fn postgres_record(&self) -> PathBuf {
        self.root.join("postgres.path")
    }

    /// A short folder for sockets (their paths end at 107 bytes), one for each state directory:
    /// `/run/plantao/HASH-admin` as root, else under `XDG_RUNTIME_DIR`, else under `/tmp`.
    pub fn runtime_dir(&self) -> PathBuf {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.root.as_os_str().as_bytes());
        let hash: String = digest
            .as_ref()
            .iter()
            .take(6)
            .map(|b| format!("{b:02x}"))
            .collect();
        let uid = rustix::process::geteuid();
        if uid.is_root() {
            return Path::new("/run/plantao").join(format!("{hash}-admin"));
        }
        match std::env::var_os("XDG_RUNTIME_DIR") {
            Some(dir) if !dir.is_empty() => Path::new(&dir).join(format!("plantao-{hash}-admin")),
            _ => PathBuf::from(format!("/tmp/plantao-{}-{hash}-admin", uid.as_raw())),
        }
    }

    /// The Unix socket that takes mutations of the live tree.
    pub fn admin_socket(&self) -> PathBuf {
        // Where it lies depends on who runs: whoever asks reads what the runtime wrote down.
        let told = std::fs::read_to_string(self.socket_record()).ok();
        let told = told.map(|line| PathBuf::from(line.trim_end_matches('\n')));
        told.unwrap_or_else(|| self.runtime_dir().join(SOCKET))
    }

    /// The file that says where the socket is.
    pub(super) fn socket_record(&self) -> PathBuf {
        self.root.join("admin.path")
    }
}
