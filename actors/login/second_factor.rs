//! The second factor: time-based codes (RFC 6238), SHA-1, six digits, 30 seconds, a step of slack.
//!
//! SHA-1 because authenticator apps take nothing else for granted; as an HMAC it is not weakened.
//! The secret is sealed for the row of its account and opens in no other.

use super::LogInError;
use crate::entropy::Entropy;
use crate::vault::{DataKey, Sealed, SecondFactor};
use plantao_schema::id::{PrincipalId, Tenant};
use plantao_schema::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

/// The length that RFC 4226 recommends: as long as the hash.
const SECRET_BYTES: usize = 20;

/// What an authenticator app shows beside the account.
const ISSUER: &str = "Plantao";

/// Steps before and after the present in which a code is taken: clocks differ.
const SLACK_STEPS: u16 = 1;

/// What a new account's owner needs once, for an authenticator app. Zeroized when dropped; not to
/// be printed but to its owner.
pub struct Provisioning {
    uri: SecretString,
    secret: SecretString,
}

impl Provisioning {
    /// `otpauth://totp/…`, to be shown as a QR code.
    #[must_use]
    pub fn otpauth_uri(&self) -> &str {
        self.uri.expose_secret()
    }

    /// The same secret for typing, in base32.
    #[must_use]
    pub fn secret_base32(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// The secret that codes are made of. Zeroized when dropped.
pub(super) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A new one.
    pub(super) fn draw(entropy: &Entropy) -> Result<Self, LogInError> {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Seals it for its account.
    pub(super) fn seal(
        &self,
        key: &DataKey,
        tenant: &Tenant,
        principal: &PrincipalId,
    ) -> Result<Sealed<SecondFactor>, LogInError> {
        Ok(key.seal(tenant, principal.as_str(), &self.0)?)
    }

    /// Opens the one of an account.
    pub(super) fn open(
        key: &DataKey,
        tenant: &Tenant,
        principal: &PrincipalId,
        sealed: &[u8],
    ) -> Result<Self, LogInError> {
        let row = principal.as_str();
        Ok(Self(key.open::<SecondFactor>(tenant, row, sealed)?))
    }

    /// The step of time that a code is of, if it is of one near `at`.
    pub(super) fn step_of(&self, code: &SecretString, at: Timestamp) -> Option<i64> {
        let totp = self.totp().build().ok()?;
        let seconds = u64::try_from(at.seconds()).ok()?;
        let step = totp.check(code.expose_secret(), seconds)?;
        i64::try_from(step).ok()
    }

    /// What its owner is given.
    pub(super) fn provisioning(
        &self,
        tenant: &Tenant,
        principal: &PrincipalId,
    ) -> Result<Provisioning, LogInError> {
        let named = self.totp().with_issuer(Some(ISSUER));
        let named = named.with_account_name(format!("{principal}@{tenant}"));
        let totp: Totp = named.build().map_err(|_| LogInError::Internal)?;
        let uri = totp.to_url().map_err(|_| LogInError::Internal)?;
        Ok(Provisioning {
            uri: uri.into(),
            secret: totp.secret().to_base32().into(),
        })
    }

    fn totp(&self) -> Builder {
        let secret: &[u8] = &self.0;
        Builder::new().with_skew(SLACK_STEPS).with_secret(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix B of RFC 6238, SHA-1: seconds, and the last six of the eight digits.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn secret() -> Secret {
        Secret(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (seconds, code) in VECTORS {
            let step = secret().step_of(&code.into(), at(seconds));
            assert_eq!(step, Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_no_further() {
        let of = |seconds| secret().step_of(&"050471".into(), at(seconds));
        let step = 1_111_111_111 / 30;
        let (first, last) = (step * 30, step * 30 + 29);
        assert_eq!(of(first - 30), Some(step));
        assert_eq!(of(last + 30), Some(step));
        assert_eq!(of(first - 31), None);
        assert_eq!(of(last + 31), None);
    }

    #[test]
    fn whatever_is_no_code_is_of_no_step() {
        for text in [
            "",
            "5924",
            "0059241",
            "+05924",
            "005 924",
            "٠٠٥٩٢٤",
            "14050471",
        ] {
            assert_eq!(
                secret().step_of(&text.into(), at(1_234_567_890)),
                None,
                "{text}"
            );
        }
        let early = secret().step_of(&"287082".into(), Timestamp::from_micros(-1));
        assert_eq!(early, None);
    }

    #[test]
    fn an_app_is_given_the_same_secret_to_scan_and_to_type() {
        let (tenant, ana) = (
            Tenant::parse("demo").unwrap(),
            PrincipalId::parse("ana").unwrap(),
        );
        let given = secret().provisioning(&tenant, &ana).unwrap();
        assert_eq!(given.secret_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = given.otpauth_uri();
        assert!(uri.starts_with("otpauth://totp/Plantao:ana"), "{uri}");
        assert!(uri.contains(given.secret_base32()), "{uri}");
        let draw = || Secret::draw(&Entropy::system()).unwrap();
        let (one, other) = (draw(), draw());
        assert_eq!(one.0.len(), SECRET_BYTES);
        assert_ne!(*one.0, *other.0);
    }
}
