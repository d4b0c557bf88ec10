//! Machine code kept on disk, so that a restart compiles nothing.
//!
//! Owns a folder of artefacts and the key they are sealed under. An artefact is code that runs with
//! all of the host's rights, so that a file of this folder is believed only when its MAC holds: an
//! HMAC-SHA-256 over the very bytes that are then loaded, together with the hash of the module they
//! were made of and of the settings they were made with. A file that was edited, cut, swapped for
//! another or written under another key is never loaded. Refuses to grow past its size: the files
//! longest unused go first. Holds no data of anybody.

mod key;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, FileTimes};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use rustix::fs::OFlags;

use crate::entropy::Entropy;

pub use key::AotKeyError;

/// What a file begins with, after its MAC; another version's files are none of ours.
const MAGIC: &[u8; 8] = b"PLTAOT01";
const MAC_BYTES: usize = 32;
const HASH_BYTES: usize = 32;
/// Before the code: the magic and the two hashes that are the artefact's name.
const HEADER_BYTES: usize = MAGIC.len() + 2 * HASH_BYTES;
/// No artefact is longer: the compiler's own limit is below.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;
const EXTENSION: &str = "aot";
const UNFINISHED: &str = "unfinished";

/// What an artefact was made of: the module, and the settings of its engine and this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArtefactName {
    header: [u8; HEADER_BYTES],
    file: String,
}

impl ArtefactName {
    pub(super) fn of(module: &[u8; HASH_BYTES], compatibility: &[u8; HASH_BYTES]) -> Self {
        let mut header = [0; HEADER_BYTES];
        let parts = MAGIC.iter().chain(module).chain(compatibility);
        for (to, from) in header.iter_mut().zip(parts) {
            *to = *from;
        }
        let name = digest::digest(&digest::SHA256, &header);
        let hex: String = name.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        Self {
            header,
            file: format!("{hex}.{EXTENSION}"),
        }
    }
}

/// What there is under a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No file.
    Nothing,
    /// Code that this host had put there.
    Code(Vec<u8>),
    /// Something else.
    Refused(RefusedFile),
}

/// Why a file is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RefusedFile {
    #[error("its seal does not hold")]
    Seal,
    #[error("it was made of another module or with other settings")]
    OtherName,
    #[error("it is no plain file of this user alone, or is longer than any artefact")]
    Unfit,
    #[error("it cannot be read")]
    Unreadable,
}

/// The folder. Clones are the same one.
#[derive(Clone)]
pub struct AotCache {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    key: hmac::Key,
    most_bytes: u64,
    written: AtomicU64,
}

impl AotCache {
    /// A folder of at most `most_bytes`, made if there is none, sealed under the key of a file that
    /// is made at the first start. Blocks.
    ///
    /// # Errors
    /// [`AotKeyError`] when folder or key are not this user's alone.
    pub fn open(
        folder: &Path,
        key: &Path,
        most_bytes: u64,
        entropy: &Entropy,
    ) -> Result<Self, AotKeyError> {
        let refused = |source: io::Error| AotKeyError::File {
            path: folder.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(refused)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(refused)?;
        let key = key::open_or_make(key, entropy)?;
        let inner = Inner {
            folder: folder.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
            most_bytes,
            written: AtomicU64::new(0),
        };
        inner.sweep(None);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The code under this name. Blocks.
    pub(super) fn find(&self, name: &ArtefactName) -> Found {
        let bytes = match read(&self.inner.folder.join(&name.file)) {
            Ok(bytes) => bytes,
            Err(found) => return found,
        };
        let Some((mac, body)) = bytes.split_at_checked(MAC_BYTES) else {
            return Found::Refused(RefusedFile::Seal);
        };
        // In constant time, and over the bytes that are handed out below: nobody reads them again.
        if hmac::verify(&self.inner.key, body, mac).is_err() {
            return Found::Refused(RefusedFile::Seal);
        }
        match body.strip_prefix(&name.header) {
            Some(code) => Found::Code(code.to_vec()),
            None => Found::Refused(RefusedFile::OtherName),
        }
    }

    /// Keeps code under this name: whole or not at all. Blocks.
    pub(super) fn keep(&self, name: &ArtefactName, code: &[u8]) -> io::Result<()> {
        let inner = &self.inner;
        let number = inner.written.fetch_add(1, Ordering::Relaxed);
        let unfinished = format!("{}-{number}.{UNFINISHED}", std::process::id());
        let fresh = inner.folder.join(unfinished);
        let path = inner.folder.join(&name.file);
        let written = inner.write(&fresh, name, code);
        let kept = written.and_then(|()| fs::rename(&fresh, &path));
        if kept.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        inner.sweep(Some(OsStr::new(&name.file)));
        kept
    }
}

impl Inner {
    fn write(&self, path: &Path, name: &ArtefactName, code: &[u8]) -> io::Result<()> {
        let mut seal = hmac::Context::with_key(&self.key);
        seal.update(&name.header);
        seal.update(code);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(seal.sign().as_ref())?;
        file.write_all(&name.header)?;
        file.write_all(code)?;
        file.sync_all()
    }

    /// Removes what was never finished, then what was longest unused, but not `fresh`, until the
    /// rest is within its size. What cannot be removed is looked at again next time.
    fn sweep(&self, fresh: Option<&OsStr>) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let own = format!("{}-", std::process::id());
        let mut kept = Vec::new();
        let mut bytes = 0_u64;
        for entry in entries.flatten() {
            let path = entry.path();
            let extension = path.extension().and_then(OsStr::to_str);
            let Ok(found) = entry.metadata() else {
                continue;
            };
            match extension {
                Some(UNFINISHED) if !entry.file_name().to_string_lossy().starts_with(&own) => {
                    let _ = fs::remove_file(&path);
                }
                Some(EXTENSION) => {
                    bytes = bytes.saturating_add(found.len());
                    let at = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    kept.push((at, found.len(), path));
                }
                _ => {}
            }
        }
        kept.sort();
        for (_, length, path) in kept {
            if bytes <= self.most_bytes {
                return;
            }
            if path.file_name() != fresh && fs::remove_file(&path).is_ok() {
                bytes = bytes.saturating_sub(length);
            }
        }
    }
}

/// The whole file; marks it as used.
fn read(path: &Path) -> Result<Vec<u8>, Found> {
    let unreadable = |_: io::Error| Found::Refused(RefusedFile::Unreadable);
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).unwrap_or(0);
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Found::Nothing),
        Err(_) => return Err(Found::Refused(RefusedFile::Unreadable)),
    };
    let found = file.metadata().map_err(unreadable)?;
    let ours = found.is_file()
        && found.uid() == rustix::process::geteuid().as_raw()
        && found.mode() & 0o022 == 0
        && found.len() <= FILE_MAX_BYTES;
    if !ours {
        return Err(Found::Refused(RefusedFile::Unfit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
    let mut reader = (&file).take(FILE_MAX_BYTES);
    reader.read_to_end(&mut bytes).map_err(unreadable)?;
    // So that the order of age is that of use. A folder that cannot be written to keeps its order.
    let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
    Ok(bytes)
}
