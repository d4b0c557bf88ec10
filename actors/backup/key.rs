//! The backup key: what opens every backup of a node. Without it a backup is noise.
//!
//! A file of 32 bytes that its owner alone reads, made at the first backup, whole and synced before
//! anything is sealed under it. It is no part of any backup. Refuses a file that others can read
//! and one of another length: a key that is cut opens nothing, and is better found today.

use crate::entropy::{Entropy, EntropyError};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Length of the backup key and of each file's key, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// A wrapped file key: nonce, key, tag.
pub(super) const WRAPPED_BYTES: usize = NONCE_LEN + KEY_BYTES + 16;

/// Bytes of a key on their way into a cipher.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// How many bytes of the name tell keys apart.
const NAME_BYTES: usize = 8;

/// Why the backup key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupKeyError {
    /// There is none, and this is no place to make one.
    #[error(
        "there is no backup key at `{path}`: bring the file back from your copy, or name it with \
         `--key`",
        path = .path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others can read it, or it is not this user's plain file of 32 bytes.
    #[error(
        "the backup key `{path}` must be a plain file of 32 bytes, of the user that runs plantao, \
         with mode 0600",
        path = .path.display()
    )]
    Unfit {
        /// Which.
        path: PathBuf,
    },
    /// The system refused.
    #[error("the backup key `{path}` cannot be used: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No randomness for a new key.
    #[error(transparent)]
    Random(#[from] EntropyError),
    /// The library took no key.
    #[error("the cipher of the backup key could not be set up")]
    Cipher,
}

/// The key that wraps the key of each backup.
pub struct BackupKey {
    key: LessSafeKey,
    name: String,
    entropy: Entropy,
}

impl BackupKey {
    /// Reads the key. Blocks.
    ///
    /// # Errors
    /// [`BackupKeyError`].
    pub fn open(path: &Path, entropy: &Entropy) -> Result<Self, BackupKeyError> {
        match read(path)? {
            Some(bytes) => Self::new(&bytes, entropy),
            None => Err(BackupKeyError::Missing {
                path: path.to_owned(),
            }),
        }
    }

    /// Reads the key, or makes it; says whether it was made. Blocks.
    ///
    /// # Errors
    /// [`BackupKeyError`].
    pub fn open_or_make(path: &Path, entropy: &Entropy) -> Result<(Self, bool), BackupKeyError> {
        if let Some(bytes) = read(path)? {
            return Ok((Self::new(&bytes, entropy)?, false));
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(bytes.as_mut_slice())?;
        create(path, &bytes).map_err(|source| BackupKeyError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok((Self::new(&bytes, entropy)?, true))
    }

    fn new(bytes: &KeyBytes, entropy: &Entropy) -> Result<Self, BackupKeyError> {
        let signer = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        let digest = hmac::sign(&signer, b"plantao backup key name v1");
        let digits = digest.as_ref().iter().take(NAME_BYTES);
        Ok(Self {
            key: cipher(bytes)?,
            name: digits.map(|byte| format!("{byte:02x}")).collect(),
            entropy: entropy.clone(),
        })
    }

    /// What tells it from other backup keys, and nothing else about it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Draws the key of a file and wraps it, bound to what the file says of itself.
    pub(super) fn make(&self, bound: &[u8]) -> Result<(LessSafeKey, Vec<u8>), BackupKeyError> {
        let (mut bytes, mut nonce) = (Zeroizing::new([0; KEY_BYTES]), [0; NONCE_LEN]);
        self.entropy.fill(bytes.as_mut_slice())?;
        self.entropy.fill(&mut nonce)?;
        let mut sealed = Zeroizing::new(bytes.to_vec());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce_used, Aad::from(bound), &mut *sealed)
            .map_err(|_| BackupKeyError::Cipher)?;
        let mut wrapped = nonce.to_vec();
        wrapped.extend_from_slice(&sealed);
        Ok((cipher(&bytes)?, wrapped))
    }

    /// The key of a file; none when it was wrapped under another key or for another file.
    pub(super) fn unwrap(&self, bound: &[u8], wrapped: &[u8]) -> Option<LessSafeKey> {
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = self.key.open_in_place(nonce, Aad::from(bound), &mut sealed);
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let opened = opened.ok().filter(|opened| opened.len() == KEY_BYTES)?;
        bytes.copy_from_slice(opened);
        cipher(&bytes).ok()
    }
}

fn cipher(bytes: &KeyBytes) -> Result<LessSafeKey, BackupKeyError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice());
    Ok(LessSafeKey::new(key.map_err(|_| BackupKeyError::Cipher)?))
}

fn read(path: &Path) -> Result<Option<KeyBytes>, BackupKeyError> {
    let file_error = |source| BackupKeyError::File {
        path: path.to_owned(),
        source,
    };
    let follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut file = match File::options().read(true).custom_flags(follow).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(error)),
    };
    let found = file.metadata().map_err(file_error)?;
    let ours = found.is_file() && found.uid() == rustix::process::geteuid().as_raw();
    if !ours || found.mode() & 0o077 != 0 || found.len() != KEY_BYTES as u64 {
        let path = path.to_owned();
        return Err(BackupKeyError::Unfit { path });
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    file.read_exact(bytes.as_mut_slice()).map_err(file_error)?;
    Ok(Some(bytes))
}

/// Written beside its place, synced and linked into it: there is never half a key, and two first
/// backups at once cannot replace each other's.
fn create(path: &Path, bytes: &KeyBytes) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes.as_slice())?;
    file.sync_all()?;
    fs::hard_link(&fresh, path)?;
    fs::remove_file(&fresh)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_backup_makes_a_key_that_the_second_reads_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup.key");
        let entropy = Entropy::system();
        let missing = BackupKey::open(&path, &entropy).err().unwrap();
        assert!(matches!(missing, BackupKeyError::Missing { .. }));
        let (first, made) = BackupKey::open_or_make(&path, &entropy).unwrap();
        let (again, made_again) = BackupKey::open_or_make(&path, &entropy).unwrap();
        assert!(made && !made_again);
        assert_eq!(first.name(), again.name());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(!path.with_extension("new").exists());
        let (_, wrapped) = first.make(b"of this file").unwrap();
        assert_eq!(wrapped.len(), WRAPPED_BYTES);
        assert!(again.unwrap(b"of this file", &wrapped).is_some());
        assert!(again.unwrap(b"of that file", &wrapped).is_none());
    }

    #[test]
    fn a_key_that_others_read_or_that_is_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup.key");
        let entropy = Entropy::system();
        BackupKey::open_or_make(&path, &entropy).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = BackupKey::open(&path, &entropy).err().unwrap();
        assert!(matches!(error, BackupKeyError::Unfit { .. }), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [7; 31]).unwrap();
        let error = BackupKey::open_or_make(&path, &entropy).err().unwrap();
        assert!(matches!(error, BackupKeyError::Unfit { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap().len(), 31, "it was not replaced");
    }

    #[test]
    fn no_key_is_made_while_nothing_can_be_drawn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup.key");
        let entropy = Entropy::seeded(1);
        entropy.fail_next(1);
        let error = BackupKey::open_or_make(&path, &entropy).err().unwrap();
        assert!(matches!(error, BackupKeyError::Random(_)), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
