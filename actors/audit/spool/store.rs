//! The seam between the spool's keeper and the bytes that it keeps.
//!
//! Bytes and no entries, so that the simulator's twin goes through the same format. One file at a
//! time, one caller at a time; whatever is not answered in time is refused, and nothing else is
//! begun until the disk has come back from it.

use crate::aside::aside;
use futures_util::future::BoxFuture;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// The longest that the disk may take over one of them: an fsync takes a few milliseconds.
pub const SPOOL_DEADLINE: Duration = Duration::from_secs(2);

/// The spool's name in its folder.
const NAME: &str = "emergency.spool";
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIR: u32 = 0o700;

/// Why the disk did not keep something. What was written may be there all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The operating system refused.
    #[error("cannot {action} the emergency spool: {kind}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// What it said.
        kind: ErrorKind,
    },
    /// Something before it has not come to its end yet.
    #[error("the disk is still busy with the emergency spool")]
    Busy,
    /// The deadline passed.
    #[error("the disk did not answer within {after:?}")]
    Timeout {
        /// The deadline.
        after: Duration,
    },
}

/// The answer of a store.
pub type Spooling<'a, T> = BoxFuture<'a, Result<T, SpoolError>>;

/// What keeps the spool's bytes.
pub trait SpoolStore: Send + Sync + 'static {
    /// All of them; none where there is nothing yet.
    fn read(&self) -> Spooling<'_, Vec<u8>>;

    /// Writes `bytes` from `at` on, in place of whatever is there. Durable once this returns.
    fn append(&self, at: usize, bytes: Vec<u8>) -> Spooling<'_, ()>;

    /// Puts these in place of all, whole or not at all. Durable once this returns.
    fn replace(&self, bytes: Vec<u8>) -> Spooling<'_, ()>;

    /// Keeps a copy of damaged bytes beside the spool, for whoever looks into it.
    fn set_aside(&self, bytes: Vec<u8>) -> Spooling<'_, ()>;
}

/// A spool in a folder of its own, which only its owner may enter.
#[derive(Clone, Debug)]
pub struct FileSpool {
    folder: PathBuf,
    busy: Arc<AtomicBool>,
}

impl FileSpool {
    /// In that folder, which is made when it is needed. Its parent must exist.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            busy: Arc::default(),
        }
    }

    /// Off the reactor, alone, and within the deadline.
    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SpoolError> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(SpoolError::Busy);
        }
        let (folder, busy) = (self.folder.clone(), Free(Arc::clone(&self.busy)));
        let done = aside(move || {
            let _busy = busy;
            work(&folder)
        });
        let refused = |kind| SpoolError::Refused { action, kind };
        match timeout(SPOOL_DEADLINE, done).await {
            Ok(Some(done)) => done.map_err(|error| refused(error.kind())),
            Ok(None) => Err(refused(ErrorKind::Other)),
            Err(_) => Err(SpoolError::Timeout {
                after: SPOOL_DEADLINE,
            }),
        }
    }
}

/// Lets the next one in, once the disk has come back from the last.
struct Free(Arc<AtomicBool>);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl SpoolStore for FileSpool {
    fn read(&self) -> Spooling<'_, Vec<u8>> {
        let read = |folder: &Path| match fs::read(folder.join(NAME)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        Box::pin(self.run("read", read))
    }

    fn append(&self, at: usize, bytes: Vec<u8>) -> Spooling<'_, ()> {
        let append = move |folder: &Path| {
            let file = OpenOptions::new().write(true).open(folder.join(NAME))?;
            let at = u64::try_from(at).unwrap_or(u64::MAX);
            let length = file.metadata()?.len();
            match length {
                // What was acknowledged is gone: this is another file.
                shorter if shorter < at => return Err(ErrorKind::UnexpectedEof.into()),
                // What a failure left behind.
                longer if longer > at => file.set_len(at)?,
                _ => {}
            }
            file.write_all_at(&bytes, at)?;
            file.sync_data()
        };
        Box::pin(self.run("append to", append))
    }

    fn replace(&self, bytes: Vec<u8>) -> Spooling<'_, ()> {
        let replace = move |folder: &Path| put(folder, NAME, &bytes);
        Box::pin(self.run("write", replace))
    }

    fn set_aside(&self, bytes: Vec<u8>) -> Spooling<'_, ()> {
        let set_aside = move |folder: &Path| {
            let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
            let sum: String = sum.as_ref().iter().take(8).fold(String::new(), hex);
            put(folder, &format!("damaged-{sum}.spool"), &bytes)
        };
        Box::pin(self.run("set aside", set_aside))
    }
}

fn hex(mut text: String, byte: &u8) -> String {
    text.push_str(&format!("{byte:02x}"));
    text
}

/// Whole or not at all, private, and on disk once this returns.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    match DirBuilder::new().mode(PRIVATE_DIR).create(folder) {
        Ok(()) => sync_dir(folder.parent().unwrap_or(folder))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::set_permissions(folder, PermissionsExt::from_mode(PRIVATE_DIR))?;
        }
        Err(error) => return Err(error),
    }
    let fresh = folder.join(format!(".{name}.new"));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(name))?;
    sync_dir(folder)
}

fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn what_is_kept_is_private_and_read_back() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("spool");
        let spool = FileSpool::new(&folder);
        assert_eq!(spool.read().await.unwrap(), b"");
        let missing = spool.append(0, b"x".to_vec()).await.unwrap_err();
        assert!(matches!(missing, SpoolError::Refused { .. }), "{missing}");
        spool.replace(b"head".to_vec()).await.unwrap();
        spool.append(4, b"one".to_vec()).await.unwrap();
        // In place of what was there.
        spool.append(4, b"2".to_vec()).await.unwrap();
        assert_eq!(spool.read().await.unwrap(), b"head2");
        assert_eq!(
            (mode(&folder), mode(&folder.join(NAME))),
            (PRIVATE_DIR, PRIVATE_FILE)
        );
        // Somebody cut it: nothing is written beyond its end.
        assert!(spool.append(9, b"x".to_vec()).await.is_err());
        spool.set_aside(b"bad".to_vec()).await.unwrap();
        let names = fs::read_dir(&folder).unwrap().flatten();
        let aside = names.filter(|one| one.file_name().to_string_lossy().starts_with("damaged-"));
        assert_eq!(aside.count(), 1);
    }

    #[tokio::test]
    async fn a_disk_that_does_not_come_back_holds_nobody_up() {
        let spool = FileSpool::new("nowhere");
        spool.busy.store(true, Ordering::Release);
        assert_eq!(spool.read().await.unwrap_err(), SpoolError::Busy);
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_said_to() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("spool");
        fs::write(&file, b"in the way").unwrap();
        let spool = FileSpool::new(&file);
        assert!(matches!(
            spool.replace(b"x".to_vec()).await,
            Err(SpoolError::Refused {
                action: "write",
                ..
            })
        ));
    }
}
