//! Signatures: the kinds there are, and private keys as they are kept.
//!
//! Owns the one place where Ed25519, ML-DSA-65 and SLH-DSA are called to sign and to check. Refuses
//! to know what is signed: who signs checkpoints or packages says so in the message, and has a key
//! of its own for it. Exists so that both sign and check by the same code.

mod algorithm;
mod keys;

pub use algorithm::Algorithm;
pub(crate) use algorithm::Pair;
pub use keys::{SigningError, SigningKeys};
