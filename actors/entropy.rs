//! Randomness, handed down: the one seam through which the system draws what nobody may guess.
//!
//! Keys, nonces and identifiers come from here. Refuses to make do with anything weaker: where a
//! draw fails, whatever needed it is refused, and there is no second source.

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use plantao_schema::time::Timestamp;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use uuid::{Builder, Uuid};

/// No random value could be drawn. Trying again later is right; making do without never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct EntropyError;

/// A source of random values. Clones share it.
#[derive(Clone, Debug)]
pub struct Entropy(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<Seeded>),
}

#[derive(Debug)]
struct Seeded {
    seed: u64,
    blocks: AtomicU64,
    failing: AtomicU32,
}

impl Entropy {
    /// The operating system's, through the generator of the cryptographic library.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// Values that follow from `seed` and can all be guessed. Serves the simulator and tests alone;
    /// no configuration leads here.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Seeded {
            seed,
            blocks: AtomicU64::new(0),
            failing: AtomicU32::new(0),
        })))
    }

    /// So many more of the next draws fail. Does nothing to the system's source.
    pub fn fail_next(&self, draws: u32) {
        if let Source::Seeded(seeded) = &self.0 {
            let more = |left: u32| Some(left.saturating_add(draws));
            let _before = seeded
                .failing
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        }
    }

    /// Draws fail no longer.
    pub fn heal(&self) {
        if let Source::Seeded(seeded) = &self.0 {
            seeded.failing.store(0, Ordering::SeqCst);
        }
    }

    /// Fills `bytes`, all of them or none that may be used.
    ///
    /// # Errors
    /// [`EntropyError`]; then whatever the bytes were for is refused.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let drawn = match &self.0 {
            Source::System => SystemRandom::new().fill(bytes).map_err(|_| EntropyError),
            Source::Seeded(seeded) => seeded.fill(bytes),
        };
        // Said here, once: callers map it to the failure that it is for them.
        drawn.inspect_err(|error| tracing::error!(%error, "a random value was not drawn"))
    }

    /// A time-ordered identifier of something that happens at `at`.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn uuid_v7(&self, at: Timestamp) -> Result<Uuid, EntropyError> {
        let mut bytes = [0; 10];
        self.fill(&mut bytes)?;
        let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
        Ok(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// An identifier that says nothing.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn uuid_v4(&self) -> Result<Uuid, EntropyError> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let one_less = |left: u32| left.checked_sub(1);
        let failing = &self.failing;
        if failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
        {
            return Err(EntropyError);
        }
        for part in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let block = self.blocks.fetch_add(1, Ordering::SeqCst);
            let mut text = digest::Context::new(&digest::SHA256);
            text.update(&self.seed.to_be_bytes());
            text.update(&block.to_be_bytes());
            for (to, from) in part.iter_mut().zip(text.finish().as_ref()) {
                *to = *from;
            }
        }
        Ok(())
    }
}

/// Makes names that mean nothing outside this process. Drawn when the first name is asked for.
pub(crate) struct Salt {
    entropy: Entropy,
    drawn: OnceLock<Uuid>,
}

impl Salt {
    pub(crate) const fn new(entropy: Entropy) -> Self {
        Self {
            entropy,
            drawn: OnceLock::new(),
        }
    }

    /// Sixteen hexadecimal digits, the same for the same text.
    ///
    /// # Errors
    /// As [`Entropy::fill`], until the salt is drawn.
    pub(crate) fn name(&self, of: &str) -> Result<String, EntropyError> {
        let salt = match self.drawn.get() {
            Some(salt) => *salt,
            None => {
                let drawn = self.entropy.uuid_v4()?;
                *self.drawn.get_or_init(|| drawn)
            }
        };
        let digest = digest::digest(&digest::SHA256, format!("{salt}|{of}").as_bytes());
        let mut name = String::new();
        for byte in digest.as_ref().iter().take(8) {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(entropy: &Entropy, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        entropy.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn one_seed_gives_the_same_values_and_no_value_twice() {
        let (one, same, other) = (Entropy::seeded(1), Entropy::seeded(1), Entropy::seeded(2));
        let first = drawn(&one, 100);
        assert_eq!(first, drawn(&same, 100));
        assert_ne!(first, drawn(&one, 100));
        assert_ne!(first, drawn(&other, 100));
        assert_ne!(first[..32], first[32..64]);
    }

    #[test]
    fn clones_share_what_is_drawn_and_what_fails() {
        let entropy = Entropy::seeded(1);
        let clone = entropy.clone();
        assert_ne!(drawn(&entropy, 16), drawn(&clone, 16));
        clone.fail_next(1);
        assert_eq!(entropy.uuid_v4(), Err(EntropyError));
        entropy.uuid_v4().unwrap();
    }

    #[test]
    fn as_many_draws_fail_as_were_asked_for_and_none_once_it_is_healed() {
        let (entropy, at) = (Entropy::seeded(1), Timestamp::from_micros(0));
        entropy.fail_next(1);
        entropy.fail_next(1);
        let mut bytes = [7; 4];
        assert_eq!(entropy.fill(&mut bytes), Err(EntropyError));
        assert_eq!(bytes, [7; 4], "nothing that looks drawn");
        assert_eq!(entropy.uuid_v7(at), Err(EntropyError));
        entropy.uuid_v7(at).unwrap();
        entropy.fail_next(u32::MAX);
        assert_eq!(entropy.uuid_v7(at), Err(EntropyError));
        entropy.heal();
        entropy.uuid_v7(at).unwrap();
    }

    #[test]
    fn the_system_s_source_cannot_be_made_to_fail_and_repeats_nothing() {
        let entropy = Entropy::system();
        entropy.fail_next(u32::MAX);
        assert_ne!(drawn(&entropy, 16), drawn(&entropy, 16));
        assert_ne!(entropy.uuid_v4(), entropy.uuid_v4());
    }

    #[test]
    fn identifiers_say_their_kind_and_the_ordered_ones_their_time() {
        let entropy = Entropy::seeded(1);
        assert_eq!(entropy.uuid_v4().unwrap().get_version_num(), 4);
        let at = |micros| entropy.uuid_v7(Timestamp::from_micros(micros)).unwrap();
        let early = at(1_772_452_800_000_999);
        assert_eq!(early.get_version_num(), 7);
        let (seconds, nanos) = early.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_772_452_800, 0));
        assert!(early < at(1_772_452_800_001_000));
        // Before 1970 there is no such identifier: it is dated as if it were then.
        let (seconds, nanos) = at(-5_000_000).get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (0, 0));
    }

    #[test]
    fn a_name_is_refused_until_the_salt_is_drawn_and_the_same_from_then_on() {
        let entropy = Entropy::seeded(1);
        let salt = Salt::new(entropy.clone());
        entropy.fail_next(1);
        assert_eq!(salt.name("maria"), Err(EntropyError));
        let name = salt.name("maria").unwrap();
        assert_eq!(name.len(), 16);
        assert_ne!(salt.name("joao").unwrap(), name);
        entropy.fail_next(1);
        assert_eq!(salt.name("maria").unwrap(), name);
        entropy.heal();
        assert_ne!(Salt::new(entropy).name("maria").unwrap(), name);
    }
}
