//! One-time codes: offered, kept as hashes, taken once.

use super::{Identity, LogInError};
use crate::entropy::Entropy;
use aws_lc_rs::digest;
use plantao_schema::id::{SessionId, Tenant};
use std::collections::HashMap;
use tokio::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a code may wait for its use.
pub const CODE_LIFETIME: Duration = Duration::from_secs(300);

/// Codes that wait at a time. Each is a person about to log in.
const CODES_MAX: usize = 1_000;

/// Codes of one principal that wait at a time; one more pushes out the oldest.
const CODES_OF_PRINCIPAL_MAX: usize = 4;

/// 256 bits: not to be guessed, so that nothing counts failures.
const CODE_BYTES: usize = 32;

/// Characters of base64url that hold them, without padding.
const CODE_CHARS: usize = 43;

/// What is kept of a code.
pub(super) type CodeHash = [u8; 32];

/// A code on its way to its owner. Zeroized when dropped; not to be printed or logged.
pub struct OneTimeCode(Zeroizing<String>);

impl OneTimeCode {
    /// A new one.
    pub(super) fn draw(entropy: &Entropy) -> Result<Self, LogInError> {
        let mut bytes = Zeroizing::new([0; CODE_BYTES]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(base64url(bytes.as_slice())))
    }

    /// The text that goes into the link.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The hash of what somebody says is a code; nothing when it cannot be one.
pub(super) fn hash(code: &str) -> Option<CodeHash> {
    if code.len() != CODE_CHARS {
        return None;
    }
    let hashed = digest::digest(&digest::SHA256, code.as_bytes());
    hashed.as_ref().try_into().ok()
}

fn base64url(bytes: &[u8]) -> Zeroizing<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // As long as it will get: a growing text would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 4 / 3 + 2));
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 4];
        for (to, from) in group.iter_mut().skip(1).zip(chunk) {
            *to = *from;
        }
        let word = u32::from_be_bytes(group);
        for place in 0..=chunk.len() {
            let sextet = (word >> (18 - 6 * place)) & 0x3f;
            let letter = usize::try_from(sextet).ok().and_then(|at| ALPHABET.get(at));
            text.extend(letter.map(|letter| char::from(*letter)));
        }
    }
    text
}

/// The codes that wait.
#[derive(Default)]
pub(super) struct Codes(HashMap<CodeHash, Offer>);

struct Offer {
    identity: Identity,
    /// The session that offered it: ended, it offers no more.
    session: Option<SessionId>,
    ends: Instant,
}

impl Codes {
    /// Keeps a code for an identity.
    pub(super) fn offer(
        &mut self,
        hash: CodeHash,
        identity: Identity,
        session: Option<SessionId>,
        now: Instant,
    ) -> Result<(), LogInError> {
        self.0.retain(|_, offer| now < offer.ends);
        self.make_room_beside(&identity);
        if self.0.len() >= CODES_MAX {
            return Err(LogInError::Overloaded);
        }
        let ends = now + CODE_LIFETIME;
        let offer = Offer {
            identity,
            session,
            ends,
        };
        self.0.insert(hash, offer);
        Ok(())
    }

    fn make_room_beside(&mut self, identity: &Identity) {
        let of_same = |offer: &Offer| {
            offer.identity.tenant == identity.tenant && offer.identity.subject == identity.subject
        };
        let theirs = self.0.iter().filter(|(_, offer)| of_same(offer));
        if theirs.clone().count() < CODES_OF_PRINCIPAL_MAX {
            return;
        }
        let oldest = theirs.min_by_key(|(hash, offer)| (offer.ends, **hash));
        if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
            self.0.remove(&oldest);
        }
    }

    /// Takes a code: whoever comes second finds nothing.
    pub(super) fn redeem(&mut self, hash: &CodeHash, now: Instant) -> Result<Identity, LogInError> {
        let offer = self.0.remove(hash).filter(|offer| now < offer.ends);
        offer.map(|offer| offer.identity).ok_or(LogInError::Refused)
    }

    /// Takes back what an ended session offered.
    pub(super) fn forget(&mut self, tenant: &Tenant, session: &SessionId) {
        self.0.retain(|_, offer| {
            offer.identity.tenant != *tenant || offer.session.as_ref() != Some(session)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::access::{DevicePosture, Role};
    use plantao_schema::id::PrincipalId;
    use plantao_schema::time::Timestamp;
    use proptest::prelude::*;

    fn identity(name: &str) -> Identity {
        Identity {
            subject: PrincipalId::parse(name).unwrap(),
            tenant: Tenant::parse("demo").unwrap(),
            role: Role::parse("physician").unwrap(),
            device: DevicePosture::Unknown,
            multi_factor: true,
            name: None,
            authenticated_at: Timestamp::from_micros(0),
            expires_by: None,
        }
    }

    fn number(number: usize) -> CodeHash {
        hash(&format!("{number:043}")).unwrap()
    }

    #[test]
    fn a_code_is_forty_three_characters_for_an_address_and_no_two_are_equal() {
        let entropy = Entropy::seeded(1);
        entropy.fail_next(1);
        let refused = OneTimeCode::draw(&entropy).err();
        assert_eq!(refused, Some(LogInError::Unavailable));
        let draw = || OneTimeCode::draw(&entropy).unwrap();
        let (one, other) = (draw(), draw());
        assert_eq!(one.as_str().len(), CODE_CHARS);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(one.as_str().chars().all(plain));
        assert_ne!(one.as_str(), other.as_str());
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]).as_str(), "-__-");
        assert_eq!(base64url(b"fo").as_str(), "Zm8");
        assert_eq!(base64url(b"foobar").as_str(), "Zm9vYmFy");
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_is_taken_once_and_not_after_five_minutes() {
        let mut codes = Codes::default();
        let now = Instant::now();
        codes.offer(number(1), identity("ana"), None, now).unwrap();
        codes.offer(number(2), identity("ana"), None, now).unwrap();
        assert_eq!(codes.redeem(&number(3), now), Err(LogInError::Refused));
        let last = now + CODE_LIFETIME - Duration::from_nanos(1);
        assert_eq!(codes.redeem(&number(1), last), Ok(identity("ana")));
        assert_eq!(codes.redeem(&number(1), last), Err(LogInError::Refused));
        let late = now + CODE_LIFETIME;
        assert_eq!(codes.redeem(&number(2), late), Err(LogInError::Refused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_principals_oldest_code_makes_room_and_a_full_desk_refuses() {
        let mut codes = Codes::default();
        let start = Instant::now();
        for second in 0..=CODES_OF_PRINCIPAL_MAX {
            let at = start + Duration::from_secs(second as u64);
            codes
                .offer(number(second), identity("ana"), None, at)
                .unwrap();
        }
        assert_eq!(codes.redeem(&number(0), start), Err(LogInError::Refused));
        for more in CODES_OF_PRINCIPAL_MAX..CODES_MAX {
            let who = identity(&format!("p{more}"));
            codes.offer(number(more + 1), who, None, start).unwrap();
        }
        let full = codes.offer(number(9_999), identity("last"), None, start);
        assert_eq!(full, Err(LogInError::Overloaded));
        let later = start + CODE_LIFETIME * 2;
        codes
            .offer(number(9_999), identity("last"), None, later)
            .unwrap();
        assert_eq!(codes.0.len(), 1, "what had expired made room");
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_ended_session_offered_is_taken_back() {
        let mut codes = Codes::default();
        let now = Instant::now();
        let session = |text| Some(SessionId::parse(text).unwrap());
        codes
            .offer(number(1), identity("ana"), session("a"), now)
            .unwrap();
        codes
            .offer(number(2), identity("ana"), session("b"), now)
            .unwrap();
        codes.forget(&Tenant::parse("demo").unwrap(), &session("a").unwrap());
        assert_eq!(codes.redeem(&number(1), now), Err(LogInError::Refused));
        assert!(codes.redeem(&number(2), now).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_no_code_has_no_hash(text in ".{0,60}") {
            prop_assert_eq!(hash(&text).is_some(), text.len() == CODE_CHARS);
        }
    }
}
