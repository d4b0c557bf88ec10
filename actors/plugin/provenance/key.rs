//! A publisher's key: the public half as an operator writes it down, the secret one as it signs.
//!
//! A key is Ed25519 and ML-DSA-65 beside each other, or one of them; every half that it has has to
//! verify, so that the fall of one family leaves the other. Refuses a text with spare parts, and a
//! signature by a half that the key does not have: nobody could check it.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_schema::plugin::package::{KeyId, Package, PackageError, SignatureBlock, Statement};
use plantao_schema::plugin::{Manifest, ManifestError};
use zeroize::Zeroizing;

use crate::plugin::manifest::read_manifest;
use crate::signing::{Algorithm, SigningError, SigningKeys};

/// What a key id is the hash of begins with this, so that it is the hash of nothing else.
const CONTEXT: &[u8] = b"plantao plugin publisher key\0";
/// The halves, in the order in which they are written.
const HALVES: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::MlDsa65];

/// A text that is no publisher's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no publisher's key: expected `ed25519:BASE64,ml-dsa-65:BASE64` or one half of it, as \
     `plantao plugin keygen` prints it"
)]
pub struct PublisherKeyError;

/// A publisher's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherKey {
    halves: Vec<(Algorithm, Vec<u8>)>,
    id: KeyId,
}

impl PublisherKey {
    /// Reads what its `Display` wrote.
    ///
    /// # Errors
    /// [`PublisherKeyError`].
    pub fn parse(text: &str) -> Result<Self, PublisherKeyError> {
        let read = |half: &str| {
            let (name, public) = half.split_once(':')?;
            let algorithm = HALVES.into_iter().find(|one| one.name() == name)?;
            let public = STANDARD.decode(public).ok()?;
            (public.len() == algorithm.public_bytes()).then_some((algorithm, public))
        };
        let halves: Option<Vec<_>> = text.split(',').map(read).collect();
        let halves = halves.ok_or(PublisherKeyError)?;
        // In one order and each once.
        if !halves.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(PublisherKeyError);
        }
        Ok(Self::of(halves))
    }

    fn of(halves: Vec<(Algorithm, Vec<u8>)>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(CONTEXT);
        hash.update(written(&halves).as_bytes());
        let mut id = [0; 32];
        for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        let id = KeyId(id);
        Self { halves, id }
    }

    /// What a package calls it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The first half whose signature does not hold, is missing, or is there without a key.
    pub(super) fn wrong(&self, block: &SignatureBlock, message: &[u8]) -> Option<Algorithm> {
        let of = |algorithm| match algorithm {
            Algorithm::Ed25519 => block.ed25519.as_ref(),
            Algorithm::MlDsa65 => block.ml_dsa_65.as_ref(),
            Algorithm::SlhDsa128s => None,
        };
        HALVES.into_iter().find(|algorithm| {
            let mut halves = self.halves.iter();
            let public = halves.find(|(one, _)| one == algorithm);
            match (public, of(*algorithm)) {
                (Some((_, public)), Some(signature)) => {
                    !algorithm.verify(public, message, signature)
                }
                (None, None) => false,
                _ => true,
            }
        })
    }
}

impl fmt::Display for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.halves))
    }
}

fn written(halves: &[(Algorithm, Vec<u8>)]) -> String {
    let half = |(algorithm, public): &(Algorithm, Vec<u8>)| {
        format!("{}:{}", algorithm.name(), STANDARD.encode(public))
    };
    halves.iter().map(half).collect::<Vec<_>>().join(",")
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The keys are none, or none that sign packages.
    #[error("{0}")]
    Key(#[from] SigningError),
    /// A kind of key that signs no package, or one kind twice.
    #[error("it is no publisher's key: expected one of each of ed25519 and ml-dsa-65, or one")]
    Kinds,
    /// There is nothing that could be signed.
    #[error("{0}")]
    Package(#[from] PackageError),
    /// The module does not say what it is.
    #[error("its manifest {0}")]
    Manifest(#[from] ManifestError),
    /// The library made none.
    #[error("no {0} signature could be made")]
    NotSigned(&'static str),
}

/// A publisher's secret key. Nothing prints it.
#[derive(Clone, Debug)]
pub struct PublisherSecret(SigningKeys);

/// A package, and what it says.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The module with its signature.
    pub bytes: Vec<u8>,
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The hash of what was signed.
    pub sha256: String,
}

impl PublisherSecret {
    /// A new one, of both halves.
    ///
    /// # Errors
    /// [`SignError::Key`].
    pub fn made() -> Result<Self, SignError> {
        Ok(Self(SigningKeys::made(&HALVES)?))
    }

    /// Reads what [`PublisherSecret::to_text`] wrote.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn parse(text: &str) -> Result<Self, SignError> {
        let keys = SigningKeys::parse(text)?;
        let kinds: Vec<Algorithm> = keys.public().map(|(algorithm, _)| algorithm).collect();
        let is_publisher = kinds.iter().all(|kind| HALVES.contains(kind));
        if !is_publisher || !kinds.is_sorted_by(|one, next| one < next) {
            return Err(SignError::Kinds);
        }
        Ok(Self(keys))
    }

    /// A half on a line: its kind, the secret, the public part.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// What operators write down.
    #[must_use]
    pub fn public(&self) -> PublisherKey {
        let halves = self.0.public();
        let halves = halves.map(|(algorithm, public)| (algorithm, public.to_vec()));
        PublisherKey::of(halves.collect())
    }

    /// Makes a package of a module; a signature that it has already gives way.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, module: &[u8]) -> Result<Signed, SignError> {
        let package = Package::split(module)?;
        let Manifest { name, version, .. } = read_manifest(package.manifest()?)?;
        let hash = package.hash();
        let mut block = SignatureBlock {
            key: self.public().id(),
            ed25519: None,
            ml_dsa_65: None,
        };
        let statement = Statement {
            key: block.key,
            hash,
            name: &name,
            version: &version,
        };
        let message = statement.message();
        for (algorithm, pair) in self.0.pairs() {
            let signature = algorithm.sign(pair, &message);
            let signature = signature.ok_or(SignError::NotSigned(algorithm.name()))?;
            match algorithm {
                Algorithm::Ed25519 => block.ed25519 = Some(signature),
                Algorithm::MlDsa65 => block.ml_dsa_65 = Some(signature),
                Algorithm::SlhDsa128s => return Err(SignError::Kinds),
            }
        }
        Ok(Signed {
            bytes: [package.signed, &block.section()].concat(),
            name,
            version,
            sha256: hash.to_string(),
        })
    }
}
