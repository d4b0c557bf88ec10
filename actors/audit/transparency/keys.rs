//! The keys that sign checkpoints, and those that check them.
//!
//! A private key signs for every log of its node; what checks it is named by the log (C2SP
//! signed-note asks that a log's key is called by its origin). Whoever reads the private keys can
//! sign another history: what they cannot do is take back a checkpoint that has left the host.

use crate::signing::{Algorithm, Pair, SigningError, SigningKeys};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_schema::audit::merkle::{Checkpoint, MerkleError, origin};
use signed_note::{Note, Signer, Verifier, VerifierList, key_id};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why there are no keys, or none that help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogKeyError {
    /// The system or a library made none.
    #[error("the keys of the transparency log could not be made")]
    NotMade,
    /// The text holds something else.
    #[error("line {line} is not a key of the transparency log: expected `ALGORITHM SECRET PUBLIC`")]
    Private {
        /// Which line, from 1.
        line: usize,
    },
    /// A public key that is none.
    #[error("`{key}` is not a verifier key: expected `ORIGIN+ID+BASE64` (C2SP signed-note)")]
    Public {
        /// Its beginning.
        key: String,
    },
    /// No signature could be made.
    #[error("the checkpoint could not be signed with {algorithm}")]
    NotSigned {
        /// With what.
        algorithm: &'static str,
    },
    /// What is to be signed is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] MerkleError),
}

impl From<SigningError> for LogKeyError {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::NotMade => Self::NotMade,
            SigningError::Line { line } => Self::Private { line },
        }
    }
}

/// How often a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Whenever there is something new, each second at most.
    Tick,
    /// Once a day: with every key there is.
    Day,
}

/// The private keys of a node. Clones share them; nothing prints them.
#[derive(Clone)]
pub struct LogKeys(SigningKeys);

impl fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl LogKeys {
    /// New ones, of these kinds.
    ///
    /// # Errors
    /// [`LogKeyError::NotMade`].
    pub fn made(algorithms: &[Algorithm]) -> Result<Self, LogKeyError> {
        Ok(Self(SigningKeys::made(algorithms)?))
    }

    /// Reads what [`LogKeys::to_text`] wrote.
    ///
    /// # Errors
    /// [`LogKeyError::Private`] naming the line.
    pub fn parse(text: &str) -> Result<Self, LogKeyError> {
        Ok(Self(SigningKeys::parse(text)?))
    }

    /// One key on a line: its kind, the secret half, the public half.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// Signs a checkpoint: the note, as it is kept and sent. Blocks for a quarter of a second on
    /// [`Occasion::Day`].
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn sign(&self, checkpoint: &Checkpoint, on: Occasion) -> Result<String, LogKeyError> {
        let text = checkpoint.to_text()?;
        let mut note = Note::new(&text, &[]).map_err(|_| MerkleError::Checkpoint)?;
        for (algorithm, pair) in self.0.pairs() {
            if algorithm == Algorithm::SlhDsa128s && on == Occasion::Tick {
                continue;
            }
            let key = PrivateKey {
                name: &checkpoint.origin,
                algorithm,
                pair,
            };
            let failed = LogKeyError::NotSigned {
                algorithm: algorithm.name(),
            };
            note.add_sigs(&[&key]).map_err(|_| failed)?;
        }
        String::from_utf8(note.to_bytes()).map_err(|_| MerkleError::Checkpoint.into())
    }

    /// Their public halves.
    #[must_use]
    pub fn public(&self) -> PublicLogKeys {
        let keys = self.0.public();
        let keys = keys.map(|(algorithm, public)| (algorithm, public.to_vec()));
        PublicLogKeys(Arc::new(keys.collect()))
    }

    /// What checks the log of a chain: a key for each private one.
    #[must_use]
    pub fn verifiers(&self, chain: &str) -> Vec<VerifierKey> {
        self.public().verifiers(chain)
    }
}

/// The public halves of a node's keys. Clones share them.
#[derive(Clone, Debug)]
pub struct PublicLogKeys(Arc<Vec<(Algorithm, Vec<u8>)>>);

impl PublicLogKeys {
    /// What checks the log of a chain.
    #[must_use]
    pub fn verifiers(&self, chain: &str) -> Vec<VerifierKey> {
        let of = |(algorithm, public): &(Algorithm, Vec<u8>)| VerifierKey {
            origin: origin(chain),
            algorithm: *algorithm,
            public: public.clone(),
        };
        self.0.iter().map(of).collect()
    }
}

struct PrivateKey<'a> {
    name: &'a str,
    algorithm: Algorithm,
    pair: &'a Pair,
}

impl Signer for PrivateKey<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn key_id(&self) -> u32 {
        let (_, public) = self.pair;
        key_id(self.name, &encoded(self.algorithm, public))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let signed = self.algorithm.sign(self.pair, message);
        signed.ok_or_else(signature::Error::new)
    }
}

fn encoded(algorithm: Algorithm, public: &[u8]) -> Vec<u8> {
    [algorithm.prefix(), public].concat()
}

/// A key that checks the checkpoints of one log: `ORIGIN+ID+BASE64`, as C2SP signed-note writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    origin: String,
    algorithm: Algorithm,
    public: Vec<u8>,
}

impl VerifierKey {
    /// Which kind it is.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The log that it is for.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`LogKeyError::Public`].
    pub fn parse(text: &str) -> Result<Self, LogKeyError> {
        let read = || {
            let mut parts = text.splitn(3, '+');
            let (origin, id, key) = (parts.next()?, parts.next()?, parts.next()?);
            let key = STANDARD.decode(key).ok()?;
            let mut kinds = Algorithm::ALL.into_iter();
            let kind = kinds.find(|one| {
                let public = key.strip_prefix(one.prefix());
                public.is_some_and(|public| public.len() == one.public_bytes())
            })?;
            let is_it = id == format!("{:08x}", key_id(origin, &key));
            let public = key.strip_prefix(kind.prefix())?.to_vec();
            is_it.then(|| Self {
                origin: origin.to_owned(),
                algorithm: kind,
                public,
            })
        };
        read().ok_or_else(|| LogKeyError::Public {
            key: text.chars().take(40).collect(),
        })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = encoded(self.algorithm, &self.public);
        let (origin, id) = (&self.origin, key_id(&self.origin, &key));
        write!(f, "{origin}+{id:08x}+{}", STANDARD.encode(key))
    }
}

impl Verifier for VerifierKey {
    fn name(&self) -> &str {
        &self.origin
    }

    fn key_id(&self) -> u32 {
        key_id(&self.origin, &encoded(self.algorithm, &self.public))
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.algorithm.verify(&self.public, message, signature)
    }
}

/// Why a note is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no signed checkpoint.
    #[error("malformed: expected a checkpoint and signatures (C2SP signed-note)")]
    Malformed,
    /// No key of that log was given.
    #[error("no key was given for `{origin}`")]
    NoKey {
        /// The log.
        origin: String,
    },
    /// A key that was given did not sign it, or its signature does not hold.
    #[error("no {algorithm} signature of `{origin}` by the key that was given")]
    Unsigned {
        /// The log.
        origin: String,
        /// Which kind is missing.
        algorithm: &'static str,
    },
    /// A witness did not cosign it.
    #[error("no cosignature of the witness `{witness}`")]
    NotWitnessed {
        /// Who.
        witness: String,
    },
}

/// Reads a note and checks it: each of `keys` that is for its log has to have signed it.
///
/// # Errors
/// [`NoteError`].
pub fn check_note(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, NoteError> {
    let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| NoteError::Malformed)?;
    let checkpoint = Checkpoint::from_text(parsed.text()).map_err(|_| NoteError::Malformed)?;
    let of_log = |key: &&VerifierKey| key.origin == checkpoint.origin;
    let keys: Vec<&VerifierKey> = keys.iter().filter(of_log).collect();
    if keys.is_empty() {
        let origin = checkpoint.origin;
        return Err(NoteError::NoKey { origin });
    }
    for key in keys {
        // One by one: a note with one good signature is not enough.
        let known = VerifierList::new(vec![Box::new(key.clone())]);
        if parsed.verify(&known).is_err() {
            return Err(NoteError::Unsigned {
                origin: checkpoint.origin,
                algorithm: key.algorithm.name(),
            });
        }
    }
    Ok(checkpoint)
}
