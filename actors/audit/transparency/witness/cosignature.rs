//! A witness's signature over a checkpoint and the time of signing (C2SP tlog-cosignature v1).
//!
//! Ed25519, the kind that every witness there is can make and check.

use super::super::keys::{LogKeyError, NoteError};
use crate::signing::{Algorithm, Pair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_schema::audit::merkle::Checkpoint;
use signed_note::{Note, Signature, Verifier, VerifierList, is_key_name_valid, key_id};
use std::fmt;
use zeroize::Zeroizing;

/// What stands before the public key of a cosigner.
const PREFIX: u8 = 0x04;
/// Bytes of the time before the signature.
const TIME_BYTES: usize = 8;

/// The private key of a witness. Nothing prints it.
pub struct WitnessKey {
    name: String,
    pair: Pair,
}

impl WitnessKey {
    /// A new one of that name.
    ///
    /// # Errors
    /// [`LogKeyError`] for a name that no key can have: it is not empty and holds neither spaces
    /// nor `+`.
    pub fn made(name: &str) -> Result<Self, LogKeyError> {
        if !is_key_name_valid(name) {
            return Err(LogKeyError::Public { key: name.into() });
        }
        Ok(Self {
            name: name.to_owned(),
            pair: Algorithm::Ed25519.generate()?,
        })
    }

    /// Reads what [`WitnessKey::to_text`] wrote.
    ///
    /// # Errors
    /// [`LogKeyError::Private`].
    pub fn parse(text: &str) -> Result<Self, LogKeyError> {
        let read = || {
            let mut words = text.trim_end().split(' ');
            let name = words.next().filter(|name| is_key_name_valid(name))?;
            let secret = Zeroizing::new(STANDARD.decode(words.next()?).ok()?);
            let public = STANDARD.decode(words.next()?).ok()?;
            let is_whole = words.next().is_none() && secret.len() == 32 && public.len() == 32;
            is_whole.then(|| Self {
                name: name.to_owned(),
                pair: (secret, public),
            })
        };
        read().ok_or(LogKeyError::Private { line: 1 })
    }

    /// Its name, the secret half, the public half.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let (secret, public) = &self.pair;
        let secret = Zeroizing::new(STANDARD.encode(secret.as_slice()));
        let (name, public) = (&self.name, STANDARD.encode(public));
        Zeroizing::new(format!("{name} {} {public}\n", secret.as_str()))
    }

    /// What checks its signatures.
    #[must_use]
    pub fn public(&self) -> CosignerKey {
        CosignerKey {
            name: self.name.clone(),
            public: self.pair.1.clone(),
        }
    }

    /// The signature line over a checkpoint, signed at that second since 1970.
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn cosign(&self, checkpoint: &Checkpoint, at_s: u64) -> Result<String, LogKeyError> {
        let failed = || LogKeyError::NotSigned {
            algorithm: Algorithm::Ed25519.name(),
        };
        let text = checkpoint.to_text()?;
        let signed = Algorithm::Ed25519.sign(&self.pair, &message(at_s, &text));
        let signature = [&at_s.to_be_bytes()[..], &signed.ok_or_else(failed)?].concat();
        let line = Signature::new(self.name.clone(), self.public().key_id(), signature);
        let line = line.map_err(|_| failed())?.to_bytes();
        String::from_utf8(line).map_err(|_| failed())
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({})", self.name)
    }
}

/// What is signed.
fn message(at_s: u64, text: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {at_s}\n").as_bytes(), text].concat()
}

/// What checks a witness's signatures: `NAME+ID+BASE64`, as C2SP signed-note writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerKey {
    name: String,
    public: Vec<u8>,
}

impl CosignerKey {
    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a text is meant to be such a key, whatever else is wrong with it.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let key = text.splitn(3, '+').nth(2);
        let key = key.and_then(|key| STANDARD.decode(key).ok());
        key.is_some_and(|key| key.first() == Some(&PREFIX))
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`LogKeyError::Public`].
    pub fn parse(text: &str) -> Result<Self, LogKeyError> {
        let read = || {
            let mut parts = text.splitn(3, '+');
            let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
            let key = STANDARD.decode(key).ok()?;
            let public = key.strip_prefix(&[PREFIX])?.to_vec();
            let is_it = is_key_name_valid(name)
                && public.len() == 32
                && id == format!("{:08x}", key_id(name, &key));
            is_it.then(|| Self {
                name: name.to_owned(),
                public,
            })
        };
        read().ok_or_else(|| LogKeyError::Public {
            key: text.chars().take(40).collect(),
        })
    }

    fn encoded(&self) -> Vec<u8> {
        [&[PREFIX], self.public.as_slice()].concat()
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, id) = (&self.name, self.key_id());
        write!(f, "{name}+{id:08x}+{}", STANDARD.encode(self.encoded()))
    }
}

impl Verifier for CosignerKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        key_id(&self.name, &self.encoded())
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk::<TIME_BYTES>() else {
            return false;
        };
        let message = message(u64::from_be_bytes(*time), text);
        Algorithm::Ed25519.verify(&self.public, &message, signature)
    }
}

/// Reads a note and checks that this witness cosigned it.
///
/// # Errors
/// [`NoteError`].
pub fn check_cosigned(note: &str, by: &CosignerKey) -> Result<Checkpoint, NoteError> {
    let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| NoteError::Malformed)?;
    let checkpoint = Checkpoint::from_text(parsed.text()).map_err(|_| NoteError::Malformed)?;
    let known = VerifierList::new(vec![Box::new(by.clone())]);
    match parsed.verify(&known) {
        Ok(_) => Ok(checkpoint),
        Err(_) => Err(NoteError::NotWitnessed {
            witness: by.name.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::audit::merkle::Edge;

    #[test]
    fn a_cosignature_is_of_one_witness_one_time_and_one_checkpoint() {
        let key = WitnessKey::made("witness.example/one").unwrap();
        let again = WitnessKey::parse(&key.to_text()).unwrap();
        let mut edge = Edge::new();
        edge.push(&[1; 32]);
        let first = Checkpoint::of("n/demo", &edge);
        edge.push(&[2; 32]);
        let second = Checkpoint::of("n/demo", &edge);
        let note = |of: &Checkpoint, line: &str| {
            String::from_utf8(of.to_text().unwrap()).unwrap() + "\n" + line
        };
        let line = again.cosign(&first, 1_700_000_000).unwrap();
        let public = CosignerKey::parse(&key.public().to_string()).unwrap();
        assert!(CosignerKey::is_meant(&public.to_string()));
        assert_eq!(
            check_cosigned(&note(&first, &line), &public),
            Ok(first.clone())
        );
        let moved = check_cosigned(&note(&second, &line), &public);
        assert!(matches!(moved, Err(NoteError::NotWitnessed { .. })));
        let other = WitnessKey::made("witness.example/one").unwrap().public();
        assert!(check_cosigned(&note(&first, &line), &other).is_err());
        assert_eq!(format!("{key:?}"), "WitnessKey(witness.example/one)");
        WitnessKey::made("no spaces").unwrap_err();
    }

    /// The example of C2SP tlog-cosignature has a key of its own that is not published; what can be
    /// checked is that its line has the form that ours have.
    #[test]
    fn a_line_is_name_and_base64_of_id_time_and_signature() {
        let key = WitnessKey::made("w").unwrap();
        let line = key
            .cosign(&Checkpoint::of("n/demo", &Edge::new()), 7)
            .unwrap();
        let encoded = line.strip_prefix("— w ").unwrap().trim_end();
        let bytes = STANDARD.decode(encoded).unwrap();
        assert_eq!(bytes.len(), 4 + 8 + 64);
        assert_eq!(&bytes[..4], key.public().key_id().to_be_bytes());
        assert_eq!(&bytes[4..12], 7_u64.to_be_bytes());
    }
}
