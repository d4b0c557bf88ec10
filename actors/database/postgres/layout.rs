//! Where a private cluster lives and as whom it runs.
//!
//! PostgreSQL refuses to run as root, and the user that it runs as under root cannot enter root's
//! home: then the data goes to the machine's own place for it, and that is said aloud. A socket's
//! path is limited to 107 bytes, so sockets live in a short directory named by a digest of the
//! state directory. Both are functions of the state directory, so that every part of the system
//! finds the server without asking; where the data is, is written down there once and for all.

use super::PostgresError;
use crate::database::EmbeddedConfig;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The user that Debian's packages create, and its group.
pub(super) const SERVER_USER: &str = "postgres";

/// What a socket's path may measure: `sun_path` is 108 bytes, one of them the terminator.
const SOCKET_PATH_MAX: usize = 107;
const SOCKET_NAME: &str = "/.s.PGSQL.5432.lock";

/// The data directory in a state directory that the server's user can enter.
const INSIDE: &str = "postgres";

/// The file of the state directory that says where its data is.
const RECORD: &str = "postgres.path";

/// Clusters that cannot live in their state directory.
const CLUSTERS: &str = "/var/lib/plantao/clusters";

/// The places of one private cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The state directory, absolute.
    pub state_dir: PathBuf,
    /// PostgreSQL's data directory.
    pub data_dir: PathBuf,
    /// The directory of its Unix socket.
    pub socket_dir: PathBuf,
    /// The user to run as, when this process is root.
    pub(super) server: Option<ServerUser>,
}

/// A user and group by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Layout {
    /// The places for a configuration.
    ///
    /// # Errors
    /// [`PostgresError::NoUser`] when this process is root and the server's user does not exist;
    /// [`PostgresError::Directory`] when the state directory cannot be named.
    pub fn of(config: &EmbeddedConfig) -> Result<Self, PostgresError> {
        let state_dir = absolute(&config.state_dir)?;
        let digest = digest(&state_dir);
        let me = rustix::process::geteuid();
        if !me.is_root() {
            let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
            let socket_dir = user_socket_dir(runtime.as_deref(), me.as_raw(), &digest);
            let data_dir = recorded(&state_dir).unwrap_or_else(|| state_dir.join(INSIDE));
            return Ok(Self {
                state_dir,
                data_dir,
                socket_dir,
                server: None,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let server = user_of(&passwd, SERVER_USER).ok_or(PostgresError::NoUser)?;
        let data_dir = recorded(&state_dir).unwrap_or_else(|| {
            if enterable(&state_dir, server) {
                state_dir.join(INSIDE)
            } else {
                Path::new(CLUSTERS).join(&digest)
            }
        });
        let socket_dir = Path::new("/run/plantao").join(&digest);
        Ok(Self {
            state_dir,
            data_dir,
            socket_dir,
            server: Some(server),
        })
    }

    /// The places of a copy of the cluster that lies beside it: its data in `NAME.copy`, its socket
    /// in a directory as short as the cluster's own.
    pub(super) fn beside(&self, copy: &str) -> Self {
        let data_dir = self.data_dir.with_extension(copy);
        let (own, other) = (digest(&self.state_dir), digest(&data_dir));
        let name = self.socket_dir.file_name().unwrap_or_default();
        let name = name.to_string_lossy().replace(&own, &other);
        Self {
            state_dir: self.state_dir.clone(),
            data_dir,
            socket_dir: self.socket_dir.with_file_name(name),
            server: self.server,
        }
    }

    /// Whether the state directory has said where its data is: only then is a cluster found
    /// elsewhere its own, and not that of a state directory of the same name that is gone.
    #[must_use]
    pub(super) fn is_recorded(&self) -> bool {
        recorded(&self.state_dir).is_some()
    }

    /// Writes down where the data is, so that a change of the directories' modes never makes a
    /// start look elsewhere and find an empty hospital.
    pub(super) fn record(&self) -> std::io::Result<()> {
        let place = match self.data_dir.strip_prefix(&self.state_dir) {
            Ok(inside) => inside,
            Err(_) => &self.data_dir,
        };
        let mut line = place.as_os_str().as_encoded_bytes().to_vec();
        line.push(b'\n');
        fs::write(self.state_dir.join(RECORD), line)
    }

    /// Whether the data had to leave the state directory.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        !self.data_dir.starts_with(&self.state_dir)
    }
}

/// Where an earlier start put the data: relative to the state directory when it is inside, so that
/// the two may move together.
fn recorded(state_dir: &Path) -> Option<PathBuf> {
    let line = fs::read_to_string(state_dir.join(RECORD)).ok()?;
    let place = line.trim_end_matches('\n');
    (!place.is_empty()).then(|| state_dir.join(place))
}

fn absolute(path: &Path) -> Result<PathBuf, PostgresError> {
    let made = fs::create_dir_all(path).and_then(|()| fs::canonicalize(path));
    made.map_err(|source| PostgresError::Directory {
        path: path.to_owned(),
        source,
    })
}

/// Twelve hexadecimal digits of SHA-256: short, and no two state directories share them.
fn digest(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn user_socket_dir(runtime: Option<&Path>, uid: u32, digest: &str) -> PathBuf {
    let own = runtime.filter(|dir| dir.is_absolute() && dir.is_dir());
    let fitting = own
        .map(|dir| dir.join("plantao").join(digest))
        .filter(|dir| dir.as_os_str().len().saturating_add(SOCKET_NAME.len()) <= SOCKET_PATH_MAX);
    fitting.unwrap_or_else(|| PathBuf::from(format!("/tmp/plantao-{uid}-{digest}")))
}

/// A user's numbers from the text of `/etc/passwd`.
fn user_of(passwd: &str, name: &str) -> Option<ServerUser> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(ServerUser { uid, gid })
    })
}

/// Whether `user` may pass through every directory down to and including `path`.
fn enterable(path: &Path, user: ServerUser) -> bool {
    path.ancestors().all(|dir| {
        fs::metadata(dir).is_ok_and(|found| {
            let (uid, gid, mode) = (found.uid(), found.gid(), found.mode());
            let bit = match () {
                () if uid == user.uid => 0o100,
                () if gid == user.gid => 0o010,
                () => 0o001,
            };
            mode & bit != 0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_users_numbers_come_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:PG:/var:/bin/sh\n";
        assert_eq!(
            user_of(passwd, "postgres"),
            Some(ServerUser { uid: 101, gid: 104 })
        );
        assert_eq!(user_of(passwd, "post"), None);
    }

    #[test]
    fn a_long_runtime_directory_gives_way_to_a_short_one() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        let chosen = user_socket_dir(Some(&long), 1000, "abcdef");
        assert_eq!(chosen, Path::new("/tmp/plantao-1000-abcdef"));
        let short = user_socket_dir(Some(dir.path()), 1000, "abcdef");
        assert!(short.starts_with(dir.path()));
    }

    #[test]
    fn a_copy_shares_no_directory_with_its_cluster_and_its_socket_is_as_short() {
        let own = digest(Path::new("/srv/plantao"));
        for socket_dir in [
            format!("/run/plantao/{own}"),
            format!("/tmp/plantao-7-{own}"),
        ] {
            let layout = Layout {
                state_dir: "/srv/plantao".into(),
                data_dir: "/srv/plantao/postgres".into(),
                socket_dir: socket_dir.clone().into(),
                server: None,
            };
            let copy = layout.beside("scratch");
            assert_eq!(copy.data_dir, Path::new("/srv/plantao/postgres.scratch"));
            assert_ne!(copy.socket_dir, layout.socket_dir);
            assert_ne!(copy.socket_dir, layout.beside("restoring").socket_dir);
            assert_eq!(copy.socket_dir.as_os_str().len(), socket_dir.len());
        }
    }

    #[test]
    fn a_closed_directory_on_the_way_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("state");
        fs::create_dir(&inner).unwrap();
        let stranger = ServerUser {
            uid: 64_999,
            gid: 64_999,
        };
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(enterable(&inner, stranger));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!enterable(&inner, stranger));
    }
}
