//! The Ed25519 key that signs bearer tokens: `STATE/keys/issuer.pem`, PKCS#8, read by its owner.
//!
//! It is made once, by the runtime that owns the state directory. Whoever reads it can be anybody,
//! so nothing but the issuer opens it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonwebtoken::{DecodingKey, EncodingKey};
use rcgen::{KeyPair, PKCS_ED25519};
use zeroize::Zeroizing;

use crate::state_dir::{StateDir, StateDirError, StatePaths, write_private};

/// Hexadecimal digits of the public key's digest that name it in a token's header.
const KEY_ID_BYTES: usize = 8;

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The runtime has never run with this state directory.
    #[error("there is no issuer key at `{}`; `plantao run` makes it", path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("`{}` is not an Ed25519 private key (PKCS#8 PEM)", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused to open it.
    #[error("cannot read `{}`: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// The key could not be made.
    #[error("cannot make an Ed25519 key")]
    NotMade,
    /// The key could not be written down.
    #[error("cannot keep the issuer key")]
    NotKept(#[from] StateDirError),
}

/// The issuer's key pair. Debug shows its name alone; clones share it.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<KeyPair>,
    id: String,
}

impl SigningKey {
    /// The key of a state directory in use; made at the first start.
    pub fn open(state: &StateDir) -> Result<Self, KeyError> {
        match Self::load(state.paths()) {
            Err(KeyError::Absent { path }) => {
                let made = Self::made()?;
                write_private(&path, Zeroizing::new(made.pair.serialize_pem()).as_bytes())?;
                Ok(made)
            }
            other => other,
        }
    }

    /// A new key, kept nowhere.
    pub fn made() -> Result<Self, KeyError> {
        let pair = KeyPair::generate_for(&PKCS_ED25519).map_err(|_| KeyError::NotMade)?;
        Ok(Self::new(pair))
    }

    /// The key of a state directory that a runtime has used.
    pub fn load(paths: &StatePaths) -> Result<Self, KeyError> {
        let path = paths.issuer_key();
        let pem = Zeroizing::new(read(&path)?);
        let pair = KeyPair::from_pem_and_sign_algo(&pem, &PKCS_ED25519);
        pair.map(Self::new)
            .map_err(|_| KeyError::Unreadable { path })
    }

    fn new(pair: KeyPair) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key_raw());
        let id = digest
            .as_ref()
            .iter()
            .take(KEY_ID_BYTES)
            .map(|b| format!("{b:02x}"))
            .collect();
        let pair = Arc::new(pair);
        Self { pair, id }
    }

    /// Its name, from the public half: `kid` in a token's header.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn encoding(&self) -> EncodingKey {
        EncodingKey::from_ed_der(self.pair.serialized_der())
    }

    pub(super) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_ed_der(self.pair.public_key_raw())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyError::Absent { path: path.into() },
        ErrorKind::InvalidData => KeyError::Unreadable { path: path.into() },
        _ => KeyError::Refused {
            path: path.into(),
            reason: error.to_string(),
        },
    })
}
