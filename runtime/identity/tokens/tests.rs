//! A token holds, or it is refused for its own reason.

use jsonwebtoken::EncodingKey;
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::{PrincipalId, Tenant};
use plantao_schema::time::Timestamp;
use serde_json::json;

use super::*;
use crate::state_dir::StateDir;

/// 2026-01-31T12:00:00Z.
const NOW_S: i64 = 1_769_860_800;

struct Desk {
    issuer: TokenIssuer,
    verifier: TokenVerifier,
    clock: WallClock,
    _temp: tempfile::TempDir,
}

fn identity() -> config::Identity {
    config::Identity {
        issuer: "plantao".into(),
        audience: "plantao".into(),
        leeway_s: 5,
        session_s: 3_600,
        tenant: Tenant::parse("demo").unwrap(),
    }
}

fn desk_of(identity: &config::Identity, demo: bool) -> Desk {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let clock = WallClock::manual(Timestamp::from_micros(NOW_S * 1_000_000));
    let key = SigningKey::open(&state).unwrap();
    let verifier = TokenVerifier::new(&key, identity, demo, clock.clone());
    Desk {
        issuer: TokenIssuer::new(key, identity),
        verifier,
        clock,
        _temp: temp,
    }
}

fn desk() -> Desk {
    desk_of(&identity(), false)
}

fn medica() -> Claims {
    let mut claims = Claims::new(
        PrincipalId::parse("medica").unwrap(),
        Tenant::parse("demo").unwrap(),
        Role::parse("physician").unwrap(),
        Timestamp::from_micros(NOW_S * 1_000_000),
        3_600,
    )
    .with_multi_factor();
    claims.device = DevicePosture::Managed;
    claims
}

fn signed(desk: &Desk, payload: &serde_json::Value) -> String {
    let key = desk.issuer.key.encoding();
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), payload, &key).unwrap()
}

fn payload() -> serde_json::Value {
    json!({
        "iss": "plantao", "aud": "plantao", "sub": "medica", "tenant": "demo",
        "role": "physician", "device": "managed", "amr": ["pwd", "mfa"],
        "iat": NOW_S, "exp": NOW_S + 60, "jti": "t",
    })
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, b| (bits << 8) | u32::from(*b))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char);
        }
    }
    text
}

#[test]
fn what_is_issued_is_believed_and_names_the_principal() {
    let desk = desk();
    let claims = medica();
    let token = desk.issuer.issue(&claims).unwrap();
    let read = desk.verifier.verify(&token).unwrap();
    assert_eq!(read, claims);
    let principal = read.principal();
    assert!(principal.multi_factor);
    assert_eq!(principal.role.as_str(), "physician");
    assert_eq!(principal.authenticated_at, claims.issued_at);
    let session = principal.session.unwrap();
    assert_eq!(
        session.as_str(),
        claims.token_id,
        "one token is one session"
    );
}

#[test]
fn the_key_outlives_the_process_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path()).unwrap();
    let made = SigningKey::open(&state).unwrap();
    assert_eq!(SigningKey::load(state.paths()).unwrap().id(), made.id());
    let mode = std::fs::metadata(state.paths().issuer_key())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{made:?}").contains("PRIVATE"));
}

#[test]
fn an_expired_token_is_refused_after_the_leeway() {
    let desk = desk();
    let token = desk.issuer.issue(&medica()).unwrap();
    desk.clock
        .set(Timestamp::from_micros((NOW_S + 3_600 + 4) * 1_000_000));
    desk.verifier.verify(&token).unwrap();
    desk.clock
        .set(Timestamp::from_micros((NOW_S + 3_600 + 5) * 1_000_000));
    assert_eq!(desk.verifier.verify(&token), Err(TokenError::Expired));
}

#[test]
fn a_token_from_the_future_is_refused() {
    let desk = desk();
    let token = desk.issuer.issue(&medica()).unwrap();
    desk.clock
        .set(Timestamp::from_micros((NOW_S - 60) * 1_000_000));
    assert_eq!(desk.verifier.verify(&token), Err(TokenError::NotYetValid));
}

#[test]
fn another_key_does_not_make_our_tokens() {
    let (ours, theirs) = (desk(), desk());
    let token = theirs.issuer.issue(&medica()).unwrap();
    assert_eq!(ours.verifier.verify(&token), Err(TokenError::BadSignature));
}

#[test]
fn a_payload_swapped_under_a_signature_is_refused() {
    let desk = desk();
    let token = desk.issuer.issue(&medica()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut raised = payload();
    raised["role"] = json!("administrator");
    let body = base64url(raised.to_string().as_bytes());
    let forged = format!("{}.{body}.{}", parts[0], parts[2]);
    assert_eq!(desk.verifier.verify(&forged), Err(TokenError::BadSignature));
}

#[test]
fn an_unsigned_token_is_refused() {
    let desk = desk();
    for header in [r#"{"alg":"none"}"#, r#"{"typ":"JWT","alg":"none"}"#] {
        let body = base64url(payload().to_string().as_bytes());
        let token = format!("{}.{body}.", base64url(header.as_bytes()));
        assert_eq!(
            desk.verifier.verify(&token),
            Err(TokenError::WrongAlgorithm),
            "{header}"
        );
    }
}

#[test]
fn the_public_key_as_a_shared_secret_does_not_sign() {
    let desk = desk();
    let secret = EncodingKey::from_secret(b"public key bytes");
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &payload(), &secret).unwrap();
    assert_eq!(
        desk.verifier.verify(&token),
        Err(TokenError::WrongAlgorithm)
    );
}

#[test]
fn a_token_of_another_issuer_or_for_another_audience_is_refused() {
    let desk = desk();
    let mut other = payload();
    other["iss"] = json!("elsewhere");
    assert_eq!(
        desk.verifier.verify(&signed(&desk, &other)),
        Err(TokenError::WrongIssuer)
    );
    let mut other = payload();
    other["aud"] = json!("elsewhere");
    assert_eq!(
        desk.verifier.verify(&signed(&desk, &other)),
        Err(TokenError::WrongAudience)
    );
}

#[test]
fn a_missing_claim_is_named() {
    let desk = desk();
    for claim in ["iss", "aud", "sub", "tenant", "role", "iat", "exp", "jti"] {
        let mut without = payload();
        without.as_object_mut().unwrap().remove(claim);
        let refused = desk.verifier.verify(&signed(&desk, &without));
        assert_eq!(refused, Err(TokenError::MissingClaim { claim }), "{claim}");
    }
}

#[test]
fn a_claim_of_another_form_is_named_and_not_repeated() {
    let desk = desk();
    for (claim, value) in [
        ("sub", "../etc"),
        ("role", "Physician!"),
        ("device", "stolen"),
        ("jti", "no_session"),
    ] {
        let mut other = payload();
        other[claim] = json!(value);
        let refused = desk.verifier.verify(&signed(&desk, &other)).unwrap_err();
        assert!(
            refused.to_string().contains(&format!("`{claim}`")),
            "{refused}"
        );
        assert!(!refused.to_string().contains(value), "{refused}");
    }
}

#[test]
fn no_device_claim_means_an_unknown_device() {
    let desk = desk();
    let mut without = payload();
    without.as_object_mut().unwrap().remove("device");
    let claims = desk.verifier.verify(&signed(&desk, &without)).unwrap();
    assert_eq!(claims.device, DevicePosture::Unknown);
}

#[test]
fn noise_is_malformed() {
    let desk = desk();
    let long = "a".repeat(TOKEN_MAX_BYTES + 1);
    for noise in ["", "x", "a.b", "a.b.c", "....", "eyJ.eyJ.x", &long] {
        assert_eq!(
            desk.verifier.verify(noise),
            Err(TokenError::Malformed),
            "{noise:.20}"
        );
    }
}

#[test]
fn a_demonstration_token_is_believed_only_in_a_demonstration() {
    let mut claims = medica();
    claims.demo = true;
    let hospital = desk();
    let token = hospital.issuer.issue(&claims).unwrap();
    assert_eq!(
        hospital.verifier.verify(&token),
        Err(TokenError::Demonstration)
    );
    let show = desk_of(&identity(), true);
    let token = show.issuer.issue(&claims).unwrap();
    assert!(show.verifier.verify(&token).unwrap().demo);
}
