//! Commitments: what an entry holds in place of the content that it is about.
//!
//! An entry that named the content's plain hash would tell whoever can guess the content that the
//! guess is right, for as long as the trail is kept. So the hash is salted: nothing can be told
//! from a commitment without its salt, the salt is sealed under the patient's own key, and erasing
//! that key leaves a number that says nothing. With the salt the content can be proven to the byte.
//!
//! Refuses no content: any bytes can be committed to.

use super::Hash;
use sha2::{Digest, Sha256};

/// Length of a salt, in bytes: as much as the hash has.
pub const SALT_BYTES: usize = 32;

/// A commitment in the making: SHA-256 over a tag, the salt and every record, each part with its
/// length, so that no bytes can move from one part to the next.
#[derive(Clone)]
pub struct Commitment(Sha256);

impl Commitment {
    /// To nothing yet.
    #[must_use]
    pub fn new(salt: &[u8; SALT_BYTES]) -> Self {
        let mut commitment = Self(Sha256::new());
        commitment.part(b"plantao-commitment-v1");
        commitment.part(salt);
        commitment
    }

    /// Adds one record: where it is kept, as `Type/id`, and its bytes. Order matters.
    pub fn add(&mut self, place: &str, body: &[u8]) {
        self.part(place.as_bytes());
        self.part(body);
    }

    /// The commitment as an entry holds it: 64 hexadecimal digits.
    #[must_use]
    pub fn finish(&self) -> String {
        let hash: Hash = self.0.clone().finalize().into();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn part(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{Commitment, SALT_BYTES};
    use proptest::prelude::*;

    fn to(salt: u8, records: &[(&str, &[u8])]) -> String {
        let mut commitment = Commitment::new(&[salt; SALT_BYTES]);
        for (place, body) in records {
            commitment.add(place, body);
        }
        commitment.finish()
    }

    #[test]
    fn the_same_content_under_another_salt_is_another_commitment() {
        let records: [(&str, &[u8]); 1] = [("Patient/p", b"{}")];
        assert_eq!(to(1, &records), to(1, &records));
        assert_ne!(to(1, &records), to(2, &records));
        assert_eq!(to(1, &records).len(), 64);
    }

    #[test]
    fn bytes_cannot_move_between_place_and_body_nor_between_records() {
        assert_ne!(to(0, &[("a", b"bc")]), to(0, &[("ab", b"c")]));
        assert_ne!(to(0, &[("a", b"b"), ("c", b"d")]), to(0, &[("a", b"bcd")]));
        assert_ne!(
            to(0, &[("a", b"b"), ("c", b"d")]),
            to(0, &[("c", b"d"), ("a", b"b")])
        );
    }

    proptest! {
        #[test]
        fn any_other_byte_is_another_commitment(
            body in prop::collection::vec(any::<u8>(), 1..200),
            at in any::<prop::sample::Index>(),
            with in 1u8..,
        ) {
            let mut other = body.clone();
            other[at.index(body.len())] ^= with;
            prop_assert_ne!(to(0, &[("a", &body)]), to(0, &[("a", &other)]));
        }
    }
}
