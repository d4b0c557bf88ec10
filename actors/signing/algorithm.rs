//! The kinds of signatures, each a signature type of C2SP signed-note.
//!
//! Two families beside each other, so that the fall of one leaves the other: Ed25519 (RFC 8032) and
//! ML-DSA-65 (FIPS 204) are quick; SLH-DSA-SHA2-128s (FIPS 205) rests on a hash alone and takes a
//! quarter of a second.

use super::SigningError;
use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{self as ed25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use fips205::slh_dsa_sha2_128s as slh_dsa;
use fips205::traits::{SerDes, Signer, Verifier};
use oqs::sig::{Algorithm as Lattice, Sig};
use zeroize::Zeroizing;

/// A kind of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RFC 8032.
    Ed25519,
    /// FIPS 204, without a context.
    MlDsa65,
    /// FIPS 205, SHA-2, 128 bits, small; without a context.
    SlhDsa128s,
}

/// A key pair as bytes: the secret half, the public half.
pub(crate) type Pair = (Zeroizing<Vec<u8>>, Vec<u8>);

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::MlDsa65, Self::SlhDsa128s];

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Its name in key files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::MlDsa65 => "ml-dsa-65",
            Self::SlhDsa128s => "slh-dsa-sha2-128s",
        }
    }

    /// What stands before a public key of it: the assigned byte, or 0xff and a name of our own.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"\x01",
            Self::MlDsa65 => b"\xffplantao/ml-dsa-65/",
            Self::SlhDsa128s => b"\xffplantao/slh-dsa-sha2-128s/",
        }
    }

    pub(crate) const fn public_bytes(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::MlDsa65 => 1_952,
            Self::SlhDsa128s => slh_dsa::PK_LEN,
        }
    }

    /// A new pair. Blocks: for SLH-DSA some tens of milliseconds.
    pub(crate) fn generate(self) -> Result<Pair, SigningError> {
        let pair = match self {
            Self::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(|_| SigningError::NotMade)?;
                let public = pair.public_key().as_ref().to_vec();
                let seed = pair.seed().map_err(|_| SigningError::NotMade)?;
                let seed = seed.as_be_bytes().map_err(|_| SigningError::NotMade)?;
                (Zeroizing::new(seed.as_ref().to_vec()), public)
            }
            Self::MlDsa65 => {
                let made = lattice().and_then(|scheme| scheme.keypair().ok());
                let (public, secret) = made.ok_or(SigningError::NotMade)?;
                (Zeroizing::new(secret.into_vec()), public.into_vec())
            }
            Self::SlhDsa128s => {
                let made = slh_dsa::try_keygen();
                let (public, secret) = made.map_err(|_| SigningError::NotMade)?;
                let secret = Zeroizing::new(secret.into_bytes().to_vec());
                (secret, public.into_bytes().to_vec())
            }
        };
        Ok(pair)
    }

    /// Signs. Blocks: for SLH-DSA a quarter of a second.
    pub(crate) fn sign(self, (secret, public): &Pair, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(secret, public).ok()?;
                Some(pair.sign(message).as_ref().to_vec())
            }
            Self::MlDsa65 => {
                let scheme = lattice()?;
                let key = scheme.secret_key_from_bytes(secret)?;
                Some(scheme.sign(message, key).ok()?.into_vec())
            }
            Self::SlhDsa128s => {
                let key = slh_dsa::PrivateKey::try_from_bytes(secret.as_slice().try_into().ok()?);
                Some(key.ok()?.try_sign(message, &[], true).ok()?.to_vec())
            }
        }
    }

    /// Whether `signature` is one of `message` by that key.
    pub(crate) fn verify(self, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Ed25519 => UnparsedPublicKey::new(&ed25519::ED25519, public)
                .verify(message, signature)
                .ok(),
            Self::MlDsa65 => lattice().and_then(|scheme| {
                let key = scheme.public_key_from_bytes(public)?;
                let signature = scheme.signature_from_bytes(signature)?;
                scheme.verify(message, signature, key).ok()
            }),
            Self::SlhDsa128s => {
                let key = public.try_into().ok();
                let key = key.and_then(|bytes| slh_dsa::PublicKey::try_from_bytes(bytes).ok());
                let signature = signature.try_into().ok();
                let both = key.zip(signature);
                both.and_then(|(key, signature)| key.verify(message, &signature, &[]).then_some(()))
            }
        };
        verified.is_some()
    }
}

/// None where the library was built without it, which it is not.
fn lattice() -> Option<Sig> {
    oqs::init();
    Sig::new(Lattice::MlDsa65).ok()
}
