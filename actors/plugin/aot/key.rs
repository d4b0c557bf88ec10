//! The key that kept machine code is sealed under, in a file of its own.
//!
//! Made at the first start from the system's entropy, whole and synced before anything is sealed
//! under it, and put in its place by a link: of two first starts at once one makes it and the other
//! reads that one. Refuses a file that anybody else can read, and one of another length. Losing it
//! costs one compilation of each plugin.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::entropy::Entropy;

const KEY_BYTES: usize = 32;

/// Why the cache of machine code cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AotKeyError {
    /// The key could be anybody's.
    #[error(
        "the key of the plugins' machine code `{}` must be a plain file of 32 bytes, of the user \
         that runs plantao, with mode 0600; removing it costs one compilation of each plugin",
        path.display()
    )]
    Unfit {
        /// Which.
        path: PathBuf,
    },
    /// The system refused.
    #[error("`{}`, for the plugins' machine code, cannot be used", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No randomness for a new key.
    #[error("the system gave no randomness for the key of the plugins' machine code")]
    Entropy,
}

type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Reads the key, or makes it. Blocks.
pub(super) fn open_or_make(path: &Path, entropy: &Entropy) -> Result<Key, AotKeyError> {
    let failed = |source| AotKeyError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let mut own = [0; 8];
    let drawn = entropy.fill(key.as_mut_slice());
    drawn
        .and_then(|()| entropy.fill(&mut own))
        .map_err(|_| AotKeyError::Entropy)?;
    // Under a name of its own first; the link fails where another start was quicker.
    let fresh = path.with_extension(format!("{:016x}.new", u64::from_le_bytes(own)));
    match make(path, &fresh, &key) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let made = read(path)?;
            made.ok_or_else(|| failed(ErrorKind::NotFound.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

fn read(path: &Path) -> Result<Option<Key>, AotKeyError> {
    let failed = |source| AotKeyError::File {
        path: path.to_owned(),
        source,
    };
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).unwrap_or(0);
    let mut file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let found = file.metadata().map_err(failed)?;
    let private = found.is_file()
        && found.uid() == rustix::process::geteuid().as_raw()
        && found.mode() & 0o077 == 0;
    if !private || found.len() != KEY_BYTES as u64 {
        let path = path.to_owned();
        return Err(AotKeyError::Unfit { path });
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    file.read_exact(key.as_mut_slice()).map_err(failed)?;
    Ok(Some(key))
}

fn make(path: &Path, fresh: &Path, key: &Key) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(fresh)?;
    let linked = file
        .write_all(key.as_slice())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(fresh, path));
    fs::remove_file(fresh)?;
    linked?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
