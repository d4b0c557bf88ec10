//! A master key in a file of this host.
//!
//! Refuses a file that is not a plain file of its owner with mode 0600 and exactly 32 bytes. Made
//! on the first start, synced to disk before it is used: a key that is lost with the power would
//! take with it whatever it had wrapped. A rotation makes the next one beside it, and puts it in
//! its place when nothing is wrapped under the old one any more.

use super::{MasterKeyError, key_of, random};
use crate::entropy::Entropy;
use crate::vault::data_key::{KEY_BYTES, KeyBytes};
use crate::vault::wrapped::MasterName;
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Reads the key, or makes it on the first start. Blocks.
pub(super) fn load(path: &Path, entropy: &Entropy) -> Result<KeyBytes, MasterKeyError> {
    if let Some(bytes) = read_sized(path, KEY_BYTES)? {
        return Ok(key_of(&bytes)?);
    }
    let bytes = random(entropy)?;
    create(path, &bytes).map_err(|source| MasterKeyError::File {
        path: path.to_owned(),
        source,
    })?;
    tracing::warn!(path = %path.display(),
        "master key made: keep a copy elsewhere, without it no record opens");
    Ok(bytes)
}

/// The bytes of a key's file, so many of them; none where there is no file. Blocks.
pub(in crate::vault) fn read_sized(
    path: &Path,
    bytes: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, MasterKeyError> {
    let follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut options = File::options();
    match options.read(true).custom_flags(follow).open(path) {
        Ok(file) => read(path, &file, bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MasterKeyError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Where a rotation puts the next key.
pub(super) fn next_of(path: &Path) -> PathBuf {
    path.with_extension("next")
}

/// Puts the next key into the place of the present one, which stays beside it under its name. Can
/// be done again after a crash in the middle.
pub(super) fn replace(path: &Path, old: &MasterName) -> io::Result<()> {
    let hex: String = old.iter().map(|byte| format!("{byte:02x}")).collect();
    let aside = path.with_extension(format!("retired-{hex}"));
    match fs::hard_link(path, &aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::rename(next_of(path), path)?;
    sync_folder(path)?;
    tracing::warn!(path = %path.display(), retired = %aside.display(),
        "master key replaced: keep a copy of the new one elsewhere, and destroy the retired one \
         when no backup needs it");
    Ok(())
}

fn read(path: &Path, file: &File, expected: usize) -> Result<Zeroizing<Vec<u8>>, MasterKeyError> {
    let path = path.to_owned();
    let found = match file.metadata() {
        Ok(found) => found,
        Err(source) => return Err(MasterKeyError::File { path, source }),
    };
    if !found.is_file() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(MasterKeyError::Foreign { path });
    }
    if found.mode() & 0o077 != 0 {
        return Err(MasterKeyError::Exposed {
            path,
            mode: found.mode() & 0o777,
        });
    }
    if found.len() != expected as u64 {
        return Err(MasterKeyError::Length { path, expected });
    }
    let mut bytes = Zeroizing::new(vec![0; expected]);
    let mut file = file;
    match file.read_exact(bytes.as_mut_slice()) {
        Ok(()) => Ok(bytes),
        Err(source) => Err(MasterKeyError::File { path, source }),
    }
}

/// Written beside its place, synced and linked into it: there is never half a key, and two first
/// starts at once cannot replace each other's.
fn create(path: &Path, bytes: &KeyBytes) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes.as_slice())?;
    file.sync_all()?;
    fs::hard_link(&fresh, path)?;
    fs::remove_file(&fresh)?;
    sync_folder(path)
}

pub(in crate::vault) fn sync_folder(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
