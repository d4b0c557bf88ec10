//! The master key and the file that it lives in.
//!
//! Refuses a file that is not a plain file of its owner with mode 0600 and exactly 32 bytes. Made
//! on the first start, synced to disk before it is used: a key that is lost with the power would
//! take with it whatever it had wrapped.

use super::VaultError;
use super::data_key::{Cipher, KEY_BYTES, KeyBytes, lengths_and_bytes};
use crate::entropy::Entropy;
use aws_lc_rs::hmac;
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How many bytes of a wrapped key name the master key that wrapped it.
pub const NAME_BYTES: usize = 8;

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterKeySource {
    /// A file, read at each start of the keeper and made at the first.
    File(PathBuf),
    /// A key in hand. Serves the simulator alone, whose runs touch no file and wait for no thread.
    Held(Box<Zeroizing<[u8; KEY_BYTES]>>),
}

impl MasterKeySource {
    /// A key in hand.
    #[must_use]
    pub fn held(bytes: [u8; KEY_BYTES]) -> Self {
        Self::Held(Box::new(Zeroizing::new(bytes)))
    }
}

impl<P: Into<PathBuf>> From<P> for MasterKeySource {
    fn from(path: P) -> Self {
        Self::File(path.into())
    }
}

/// Why the master key cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Others can read or change the file.
    #[error(
        "the key file `{path}` has mode {mode:o}: run `chmod 600 {path}`",
        path = .path.display()
    )]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to another user, or is no plain file.
    #[error("the key file `{path}` must be a plain file of the user that runs plantao",
        path = .path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// The file has another length.
    #[error("the key file `{path}` does not hold 32 bytes: restore it from its copy",
        path = .path.display())]
    Length {
        /// Which.
        path: PathBuf,
    },
    /// The file could not be made, opened or read.
    #[error("the key file `{path}` cannot be used: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No randomness, or no cipher.
    #[error(transparent)]
    Cipher(#[from] VaultError),
}

/// The key that wraps keys.
pub(super) struct MasterKey {
    cipher: Cipher,
    name: [u8; NAME_BYTES],
    entropy: Entropy,
}

impl MasterKey {
    /// Reads the key, or makes it on the first start. Blocks.
    pub(super) fn load(path: &Path, entropy: &Entropy) -> Result<Self, MasterKeyError> {
        let file_error = |source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        };
        let follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut options = File::options();
        let bytes = match options.read(true).custom_flags(follow).open(path) {
            Ok(file) => read(path, &file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = random(entropy)?;
                create(path, &bytes).map_err(file_error)?;
                tracing::warn!(path = %path.display(),
                    "master key made: keep a copy elsewhere, without it no record opens");
                bytes
            }
            Err(error) => return Err(file_error(error)),
        };
        Ok(Self::new(&bytes, entropy)?)
    }

    pub(super) fn new(bytes: &KeyBytes, entropy: &Entropy) -> Result<Self, VaultError> {
        let signer = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        let mut name = [0; NAME_BYTES];
        let digest = hmac::sign(&signer, b"plantao master key name v1");
        for (to, from) in name.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Ok(Self {
            cipher: Cipher::new(bytes, entropy)?,
            name,
            entropy: entropy.clone(),
        })
    }

    /// What tells it from other master keys, and nothing else about it.
    pub(super) const fn name(&self) -> [u8; NAME_BYTES] {
        self.name
    }

    /// Draws a new key and wraps it for its place.
    pub(super) fn make(&self, place: &Place) -> Result<(Vec<u8>, KeyBytes), VaultError> {
        let bytes = random(&self.entropy)?;
        let mut wrapped = self.name.to_vec();
        wrapped.extend(self.cipher.seal(&place.bytes(), bytes.as_slice())?);
        Ok((wrapped, bytes))
    }

    /// Unwraps a key that was wrapped for that place.
    pub(super) fn unwrap(&self, place: &Place, wrapped: &[u8]) -> Result<KeyBytes, VaultError> {
        let (name, sealed) = wrapped
            .split_at_checked(NAME_BYTES)
            .ok_or(VaultError::Sealed)?;
        if name != self.name {
            return Err(VaultError::OtherMasterKey);
        }
        let opened = self.cipher.open(&place.bytes(), sealed)?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(VaultError::Sealed);
        }
        bytes.copy_from_slice(&opened);
        Ok(bytes)
    }
}

/// The row that a wrapped key belongs to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The institution.
    pub tenant: String,
    /// Whose data it seals.
    pub subject: String,
    /// Its version, from 1.
    pub version: i32,
}

impl Place {
    fn bytes(&self) -> Vec<u8> {
        let version = self.version.to_be_bytes();
        let table = b"vault_data_key".as_slice();
        lengths_and_bytes(&[
            table,
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            &version,
        ])
    }
}

fn random(entropy: &Entropy) -> Result<KeyBytes, VaultError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    entropy
        .fill(bytes.as_mut_slice())
        .map_err(|_| VaultError::Random)?;
    Ok(bytes)
}

fn read(path: &Path, file: &File) -> Result<KeyBytes, MasterKeyError> {
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
    if found.len() != KEY_BYTES as u64 {
        return Err(MasterKeyError::Length { path });
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
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
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn place() -> Place {
        Place {
            tenant: "demo".into(),
            subject: "patient:maria".into(),
            version: 1,
        }
    }

    fn load(path: &Path) -> Result<MasterKey, MasterKeyError> {
        MasterKey::load(path, &Entropy::system())
    }

    fn of(entropy: &Entropy) -> MasterKey {
        MasterKey::new(&random(entropy).unwrap(), entropy).unwrap()
    }

    #[test]
    fn no_key_is_made_while_nothing_can_be_drawn() {
        let entropy = Entropy::seeded(1);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        entropy.fail_next(1);
        let refused = MasterKey::load(&path, &entropy).err().unwrap();
        assert!(matches!(
            refused,
            MasterKeyError::Cipher(VaultError::Random)
        ));
        assert!(!path.exists() && !path.with_extension("new").exists());

        let master = of(&entropy);
        entropy.fail_next(1);
        assert_eq!(master.make(&place()).err(), Some(VaultError::Random));
        master.make(&place()).unwrap();
    }

    #[test]
    fn the_first_start_makes_a_key_that_the_second_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let (wrapped, bytes) = load(&path).unwrap().make(&place()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = load(&path).unwrap().unwrap(&place(), &wrapped).unwrap();
        assert_eq!(*again, *bytes);
        assert!(!path.with_extension("new").exists());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        load(&path).unwrap();
        for mode in [0o640, 0o604, 0o644, 0o660, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load(&path).err().unwrap().to_string();
            assert!(error.contains("chmod 600"), "{mode:o}: {error}");
        }
    }

    #[test]
    fn a_short_file_and_a_link_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        fs::write(&path, [0; 31]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(load(&path), Err(MasterKeyError::Length { .. })));
        let link = dir.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(load(&link), Err(MasterKeyError::File { .. })));
    }

    #[test]
    fn a_wrapped_key_opens_in_its_own_row_and_under_its_own_master_only() {
        let master = of(&Entropy::system());
        let (wrapped, _) = master.make(&place()).unwrap();
        let moved = Place {
            subject: "patient:joao".into(),
            ..place()
        };
        assert_eq!(master.unwrap(&moved, &wrapped), Err(VaultError::Sealed));
        let older = Place {
            version: 2,
            ..place()
        };
        assert_eq!(master.unwrap(&older, &wrapped), Err(VaultError::Sealed));
        let other = of(&Entropy::system());
        assert_eq!(
            other.unwrap(&place(), &wrapped),
            Err(VaultError::OtherMasterKey)
        );
        assert_eq!(master.unwrap(&place(), &[]), Err(VaultError::Sealed));
    }
}
