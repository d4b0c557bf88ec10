//! Master keys: where they come from, and what they wrap.
//!
//! Three sources behind one type: a file of this host (the default), a credential that systemd
//! hands to the service, and a key in a PKCS#11 token, which never leaves it. A master key wraps
//! the tenants' keys and nothing else; before there were tenants' keys it wrapped data keys itself,
//! and those still open. Refuses to make a key where the source is not a file: there it is brought.
//!
//! A source may name the one that it replaces ([`MasterKeySource::replacing`]): both are held, and
//! a rotation moves everything from the old one to the new.

mod credential;
pub(super) mod file;
mod token;

pub use token::TokenConfig;
use token::TokenKey;

use super::VaultError;
use super::data_key::{Cipher, KEY_BYTES, KeyBytes};
use super::wrapped::{MasterName, NAME_BYTES, Place, WrappedTenantKey, tenant_place};
use crate::entropy::Entropy;
use aws_lc_rs::hmac;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest that a token may take over one key: hardware takes milliseconds.
const TOKEN_DEADLINE: Duration = Duration::from_millis(1_500);

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterKeySource {
    /// A file, read at each start of the keeper and made at the first.
    File(PathBuf),
    /// A file that somebody else brings and nobody here writes: a credential of systemd.
    Credential(PathBuf),
    /// A key in a PKCS#11 token.
    Token(TokenConfig),
    /// A key in hand. Serves the simulator alone, whose runs touch no file and wait for no thread.
    Held(Box<Zeroizing<[u8; KEY_BYTES]>>),
    /// A new source, and the one that it replaces.
    Replacing {
        /// The new one.
        new: Box<MasterKeySource>,
        /// The one in use so far.
        old: Box<MasterKeySource>,
    },
}

impl MasterKeySource {
    /// A key in hand.
    #[must_use]
    pub fn held(bytes: [u8; KEY_BYTES]) -> Self {
        Self::Held(Box::new(Zeroizing::new(bytes)))
    }

    /// This source in the place of another, which is held until nothing needs it any more.
    #[must_use]
    pub fn replacing(self, old: Self) -> Self {
        Self::Replacing {
            new: Box::new(self),
            old: Box::new(old),
        }
    }

    /// Whether the key can be had, before anything is started. Makes none. Blocks.
    ///
    /// # Errors
    /// [`MasterKeyError`], which says what to do.
    pub fn check(&self, entropy: &Entropy) -> Result<(), MasterKeyError> {
        match self {
            Self::File(path) if !path.exists() => Ok(()),
            Self::Replacing { new, old } => new.check(entropy).and_then(|()| old.check(entropy)),
            one => one.load(entropy).map(drop),
        }
    }

    /// Every key of the source, that to be used first. Blocks.
    pub(super) fn load(&self, entropy: &Entropy) -> Result<Vec<Master>, MasterKeyError> {
        Ok(match self {
            Self::File(path) => {
                let mut all = vec![Master::of(&file::load(path, entropy)?, entropy)?];
                let next = file::next_of(path);
                if next.exists() {
                    all.push(Master::of(&file::load(&next, entropy)?, entropy)?);
                }
                all
            }
            Self::Credential(path) => vec![Master::of(&credential::load(path)?, entropy)?],
            Self::Token(config) => vec![Master::Token(Arc::new(TokenKey::open(config, entropy)?))],
            Self::Held(bytes) => vec![Master::of(bytes, entropy)?],
            Self::Replacing { new, old } => {
                let mut all = new.load(entropy)?;
                all.extend(old.load(entropy)?);
                all
            }
        })
    }

    /// The file whose key this host may replace by itself.
    fn own_file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    /// A new key beside the one in use: made where the source is a file, once. Blocks.
    pub(super) fn next(&self, entropy: &Entropy) -> Result<Option<Master>, MasterKeyError> {
        let Some(path) = self.own_file() else {
            return Ok(None);
        };
        Ok(Some(Master::of(
            &file::load(&file::next_of(path), entropy)?,
            entropy,
        )?))
    }

    /// Puts the new key into the place of the one in use, which is kept aside under its name: a
    /// backup of before may need it. Does nothing the second time. Blocks.
    pub(super) fn settle(&self, current: MasterName, entropy: &Entropy) -> io::Result<()> {
        let Some(path) = self.own_file() else {
            return Ok(());
        };
        let unusable = |error: MasterKeyError| io::Error::other(error.to_string());
        let next = file::next_of(path);
        if !next.exists() {
            return Ok(());
        }
        let bytes = file::load(&next, entropy).map_err(unusable)?;
        if Software::new(&bytes, entropy)
            .map_err(io::Error::other)?
            .name
            != current
        {
            return Ok(());
        }
        let old = file::load(path, entropy).map_err(unusable)?;
        let old = Software::new(&old, entropy).map_err(io::Error::other)?;
        file::replace(path, &old.name)
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
    #[error("the key file `{path}` does not hold {expected} bytes: restore it from its copy",
        path = .path.display())]
    Length {
        /// Which.
        path: PathBuf,
        /// How many it has to hold.
        expected: usize,
    },
    /// The file could not be made, opened or read.
    #[error("the key file `{path}` cannot be used: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No credential of that name was handed to the service, or none that is a key.
    #[error(
        "the credential `{path}` {reason}: set `LoadCredentialEncrypted=` (or `LoadCredential=`) \
         of the unit to a file of exactly 32 random bytes",
        path = .path.display()
    )]
    Credential {
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The token, or the key in it, is not as it has to be.
    #[error("{what}: {remedy}")]
    Token {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No randomness, or no cipher.
    #[error(transparent)]
    Cipher(#[from] VaultError),
}

/// A key that wraps keys. Clones share it.
#[derive(Clone)]
pub(super) enum Master {
    /// Its bytes are here.
    Software(Arc<Software>),
    /// Its bytes are in a token.
    Token(Arc<TokenKey>),
}

impl Master {
    pub(super) fn of(bytes: &KeyBytes, entropy: &Entropy) -> Result<Self, VaultError> {
        Ok(Self::Software(Arc::new(Software::new(bytes, entropy)?)))
    }

    /// What tells it from other master keys, and nothing else about it.
    pub(super) fn name(&self) -> MasterName {
        match self {
            Self::Software(key) => key.name,
            Self::Token(key) => key.name(),
        }
    }

    /// Wraps a tenant's key.
    pub(super) async fn wrap(
        &self,
        tenant: &str,
        version: i32,
        bytes: &KeyBytes,
    ) -> Result<WrappedTenantKey, VaultError> {
        let master = self.name().to_vec();
        let place = tenant_place(tenant, version, &master);
        let wrapped = match self {
            Self::Software(key) => key.cipher.seal(&place, bytes.as_slice())?,
            Self::Token(key) => {
                let (key, bytes) = (Arc::clone(key), bytes.clone());
                in_token(move || key.seal(&place, bytes.as_slice())).await?
            }
        };
        Ok(WrappedTenantKey {
            version,
            master,
            wrapped,
        })
    }

    /// Unwraps a tenant's key.
    pub(super) async fn unwrap(
        &self,
        tenant: &str,
        key: &WrappedTenantKey,
    ) -> Result<KeyBytes, VaultError> {
        let place = tenant_place(tenant, key.version, &key.master);
        let opened = match self {
            Self::Software(master) => master.cipher.open(&place, &key.wrapped)?,
            Self::Token(master) => {
                let (master, wrapped) = (Arc::clone(master), key.wrapped.clone());
                in_token(move || master.open_sealed(&place, &wrapped)).await?
            }
        };
        key_of(&opened)
    }

    /// Unwraps a data key that the master key itself wrapped.
    pub(super) fn unwrap_direct(
        &self,
        place: &Place,
        wrapped: &[u8],
    ) -> Result<KeyBytes, VaultError> {
        match (self, wrapped.get(NAME_BYTES..)) {
            (Self::Software(key), Some(sealed)) => {
                key_of(&key.cipher.open(&place.bytes_direct(), sealed)?)
            }
            // No token ever did.
            _ => Err(VaultError::Sealed),
        }
    }
}

/// Blocking calls leave the reactor, and who waits for them waits for so long.
async fn in_token<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let work = tokio::task::spawn_blocking(work);
    match tokio::time::timeout(TOKEN_DEADLINE, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(VaultError::Token),
    }
}

pub(super) fn key_of(opened: &[u8]) -> Result<KeyBytes, VaultError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if opened.len() != KEY_BYTES {
        return Err(VaultError::Sealed);
    }
    bytes.copy_from_slice(opened);
    Ok(bytes)
}

/// A new key.
pub(super) fn random(entropy: &Entropy) -> Result<KeyBytes, VaultError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    entropy
        .fill(bytes.as_mut_slice())
        .map_err(|_| VaultError::Random)?;
    Ok(bytes)
}

/// A master key in this process's memory.
pub(in crate::vault) struct Software {
    cipher: Cipher,
    name: MasterName,
}

impl Software {
    pub(in crate::vault) fn new(bytes: &KeyBytes, entropy: &Entropy) -> Result<Self, VaultError> {
        let signer = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        let mut name = [0; NAME_BYTES];
        let digest = hmac::sign(&signer, b"plantao master key name v1");
        for (to, from) in name.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Ok(Self {
            cipher: Cipher::new(bytes, entropy)?,
            name,
        })
    }

    /// Wraps as it was done before there were tenants' keys: for tests of what is still to open.
    #[cfg(test)]
    pub(in crate::vault) fn wrap_direct(&self, place: &Place, bytes: &KeyBytes) -> Vec<u8> {
        let sealed = self.cipher.seal(&place.bytes_direct(), bytes.as_slice());
        [self.name.as_slice(), &sealed.unwrap()].concat()
    }
}

#[cfg(test)]
mod tests;
