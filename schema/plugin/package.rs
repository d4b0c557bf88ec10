//! A package: a module that carries its manifest and, as its very last section, who signed it.
//!
//! Owns where the signed part ends, the form of the signature block and the words that are signed.
//! Refuses every second way to write one package: a section after the signature, a second
//! signature, spare bytes in a length or a block. So a package that verifies has one form, and
//! what is not signed in it is nothing but the block itself. Knows no key: whoever has one checks
//! the signatures over [`Statement::message`].
//!
//! The form follows the custom sections of the WebAssembly tool conventions (as `wasmsign2` does):
//! a package is a module that every tool reads, and a tool that changes it breaks the signature.

use std::fmt;

use sha2::{Digest, Sha256};

use super::MANIFEST_SECTION;
use super::sections::{FrameError, custom, sections};

/// Where a package carries its signature: at its end, once.
pub const SIGNATURE_SECTION: &str = "plantao.signature";

/// What is signed is no other text of ours.
const CONTEXT: &[u8] = b"plantao plugin package, version 1\0";
/// The block's form.
const VERSION: u8 = 1;
/// RFC 8032.
const ED25519_BYTES: usize = 64;
/// FIPS 204.
const ML_DSA_65_BYTES: usize = 3_309;

/// Why bytes are no package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// It is no module.
    #[error("it is no WebAssembly module, or its sections do not fit into it")]
    Frame,
    /// Something comes after the signature.
    #[error("a section comes after its `plantao.signature`, which has to be the last")]
    Trailing,
    /// It is signed twice.
    #[error("it has more than one `plantao.signature`: expected one")]
    TwoSignatures,
    /// The signature block is none.
    #[error("its `plantao.signature` is malformed: expected {expected}")]
    Block {
        /// What was expected.
        expected: &'static str,
    },
    /// It does not say what it is.
    #[error("it carries no `plantao.manifest`: expected one")]
    NoManifest,
    /// It says it twice.
    #[error("it has more than one `plantao.manifest`: expected one")]
    TwoManifests,
    /// What it says is no text.
    #[error("its `plantao.manifest` is not text")]
    ManifestNotText,
}

impl From<FrameError> for PackageError {
    fn from(_: FrameError) -> Self {
        Self::Frame
    }
}

/// A module taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package<'a> {
    /// The module without its signature: what runs, and what is hashed.
    pub signed: &'a [u8],
    /// Who signed it; nothing when nobody did.
    pub block: Option<SignatureBlock>,
}

impl<'a> Package<'a> {
    /// Takes a module apart.
    ///
    /// # Errors
    /// [`PackageError`].
    pub fn split(module: &'a [u8]) -> Result<Self, PackageError> {
        let mut found = None;
        for section in sections(module)? {
            let section = section?;
            let named = section.named()?;
            let content = named.filter(|(name, _)| *name == SIGNATURE_SECTION.as_bytes());
            found = match (found, content) {
                (None, None) => None,
                (None, Some((_, content))) => Some((section.begin, content)),
                (Some(_), Some(_)) => return Err(PackageError::TwoSignatures),
                (Some(_), None) => return Err(PackageError::Trailing),
            };
        }
        let Some((begin, content)) = found else {
            let (signed, block) = (module, None);
            return Ok(Self { signed, block });
        };
        let block = SignatureBlock::parse(content)?;
        let (signed, tail) = module.split_at_checked(begin).ok_or(PackageError::Frame)?;
        if tail != block.section() {
            return Err(PackageError::Block {
                expected: "lengths without spare bytes",
            });
        }
        let block = Some(block);
        Ok(Self { signed, block })
    }

    /// The hash of what is signed.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash(Sha256::digest(self.signed).into())
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// [`PackageError`] when it does not, or does so twice.
    pub fn manifest(&self) -> Result<&'a str, PackageError> {
        let mut found = None;
        for section in sections(self.signed)? {
            if let Some((name, content)) = section?.named()?
                && name == MANIFEST_SECTION.as_bytes()
                && found.replace(content).is_some()
            {
                return Err(PackageError::TwoManifests);
            }
        }
        let content = found.ok_or(PackageError::NoManifest)?;
        str::from_utf8(content).map_err(|_| PackageError::ManifestNotText)
    }
}

/// SHA-256 of a module without its signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContentHash(pub [u8; 32]);

/// SHA-256 of a publisher's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(pub [u8; 32]);

/// Who signed a package, and the signatures: at least one of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureBlock {
    /// Whose key.
    pub key: KeyId,
    /// By Ed25519.
    pub ed25519: Option<Vec<u8>>,
    /// By ML-DSA-65.
    pub ml_dsa_65: Option<Vec<u8>>,
}

impl SignatureBlock {
    /// Reads one: version, key, and each signature after its length, which is 0 for none.
    ///
    /// # Errors
    /// [`PackageError::Block`] with what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackageError> {
        let (version, rest) = bytes.split_first().ok_or(block("a version"))?;
        if *version != VERSION {
            return Err(block("version 1"));
        }
        let (key, rest) = rest.split_first_chunk().ok_or(block("a key of 32 bytes"))?;
        let ed25519 = "an Ed25519 signature of 64 bytes, or none";
        let (ed25519, rest) = signature(rest, ED25519_BYTES).ok_or(block(ed25519))?;
        let ml_dsa_65 = "an ML-DSA-65 signature of 3309 bytes, or none";
        let (ml_dsa_65, rest) = signature(rest, ML_DSA_65_BYTES).ok_or(block(ml_dsa_65))?;
        if !rest.is_empty() {
            return Err(block("nothing after the signatures"));
        }
        if ed25519.is_none() && ml_dsa_65.is_none() {
            return Err(block("at least one signature"));
        }
        Ok(Self {
            key: KeyId(*key),
            ed25519,
            ml_dsa_65,
        })
    }

    /// What [`Self::parse`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.key.0);
        for signature in [&self.ed25519, &self.ml_dsa_65] {
            let signature = signature.as_deref().unwrap_or_default();
            // No signature is longer than the two kinds there are.
            let length = u16::try_from(signature.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(signature);
        }
        bytes
    }

    /// The section that makes a package of a module when it is put at its end.
    #[must_use]
    pub fn section(&self) -> Vec<u8> {
        custom(SIGNATURE_SECTION, &self.to_bytes())
    }
}

fn block(expected: &'static str) -> PackageError {
    PackageError::Block { expected }
}

type Signature = Option<Vec<u8>>;

fn signature(bytes: &[u8], whole: usize) -> Option<(Signature, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    match usize::from(u16::from_be_bytes(*length)) {
        0 => Some((None, rest)),
        length if length == whole => {
            let (signature, rest) = rest.split_at_checked(length)?;
            Some((Some(signature.to_vec()), rest))
        }
        _ => None,
    }
}

/// What a publisher says by a signature: this content is this version of this plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Who says it: a signature of one key is none of another.
    pub key: KeyId,
    /// Which content.
    pub hash: ContentHash,
    /// The plugin's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

impl Statement<'_> {
    /// The bytes that are signed. Each text stands after its length, so that no two statements have
    /// the same bytes.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = CONTEXT.to_vec();
        message.extend_from_slice(&self.key.0);
        message.extend_from_slice(&self.hash.0);
        for text in [self.name, self.version] {
            message.extend_from_slice(&(text.len() as u64).to_be_bytes());
            message.extend_from_slice(text.as_bytes());
        }
        message
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
