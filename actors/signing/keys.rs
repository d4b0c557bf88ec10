//! Private keys of one owner: made, written down, read again.
//!
//! Nothing prints them, and their bytes are wiped when the last clone is gone.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Pair};

/// Room for one key of each kind, so that a text of them is never moved while it grows: what was
/// moved is not wiped.
const TEXT_ROOM_BYTES: usize = 16 * 1024;

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The system or a library made none.
    #[error("no key could be made")]
    NotMade,
    /// The text holds something else.
    #[error("line {line} is not a key: expected `ALGORITHM SECRET PUBLIC`")]
    Line {
        /// Which line, from 1.
        line: usize,
    },
}

/// Private keys. Clones share them; nothing prints them.
#[derive(Clone)]
pub struct SigningKeys(Arc<Vec<(Algorithm, Pair)>>);

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(algorithm, _)| algorithm.name());
        f.debug_list().entries(names).finish()
    }
}

impl SigningKeys {
    /// New ones, of these kinds.
    ///
    /// # Errors
    /// [`SigningError::NotMade`].
    pub fn made(algorithms: &[Algorithm]) -> Result<Self, SigningError> {
        let made = algorithms.iter().map(|one| Ok((*one, one.generate()?)));
        let keys: Result<Vec<_>, SigningError> = made.collect();
        Ok(Self(Arc::new(keys?)))
    }

    /// Reads what [`SigningKeys::to_text`] wrote.
    ///
    /// # Errors
    /// [`SigningError::Line`].
    pub fn parse(text: &str) -> Result<Self, SigningError> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let key = private(line).ok_or(SigningError::Line { line: number + 1 })?;
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(SigningError::Line { line: 1 });
        }
        Ok(Self(Arc::new(keys)))
    }

    /// One key on a line: its kind, the secret half, the public half.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_ROOM_BYTES));
        for (algorithm, (secret, public)) in self.0.iter() {
            let secret = Zeroizing::new(STANDARD.encode(secret.as_slice()));
            let public = STANDARD.encode(public);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {} {public}", algorithm.name(), secret.as_str());
        }
        text
    }

    /// The public halves.
    pub(crate) fn public(&self) -> impl Iterator<Item = (Algorithm, &[u8])> {
        let keys = self.0.iter();
        keys.map(|(algorithm, (_, public))| (*algorithm, public.as_slice()))
    }

    /// Both halves.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (Algorithm, &Pair)> {
        self.0.iter().map(|(algorithm, pair)| (*algorithm, pair))
    }
}

fn private(line: &str) -> Option<(Algorithm, Pair)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let algorithm = Algorithm::named(name)?;
    let secret = Zeroizing::new(STANDARD.decode(words.next()?).ok()?);
    let public = STANDARD.decode(words.next()?).ok()?;
    let is_whole = words.next().is_none() && public.len() == algorithm.public_bytes();
    is_whole.then_some((algorithm, (secret, public)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written_and_no_half_is_printed() {
        let keys = SigningKeys::made(&[Algorithm::Ed25519, Algorithm::MlDsa65]).unwrap();
        let text = keys.to_text();
        let again = SigningKeys::parse(&text).unwrap();
        assert_eq!(*again.to_text(), *text);
        assert_eq!(format!("{keys:?}"), "[\"ed25519\", \"ml-dsa-65\"]");
    }

    #[test]
    fn a_line_that_is_no_key_is_named_by_its_number() {
        let keys = SigningKeys::made(&[Algorithm::Ed25519]).unwrap();
        let good = keys.to_text().trim_end().to_owned();
        let cases = [
            (String::new(), 1),
            (format!("{good}\nrsa AA== AA=="), 2),
            (format!("{good} more"), 1),
            (format!("{good}\n\n"), 2),
            ("ed25519 AA== AA==".to_owned(), 1),
        ];
        for (text, line) in cases {
            let refused = SigningKeys::parse(&text).err();
            assert_eq!(refused, Some(SigningError::Line { line }), "line {line}");
        }
    }
}
