//! The development certificate: what the front door shows when no certificate is configured.
//!
//! A CA is made with each certificate and its private key is dropped once it has signed, so that
//! trusting `ca.pem` never means trusting a key that lies on a disk; and it is constrained to this
//! machine's own names. ECDSA P-256, because browsers take no Ed25519 certificate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plantao_actors::clock::WallClock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::tls::{provider, roots};
use crate::state_dir::{StateDirError, StatePaths, write_private};

/// What browsers accept at most is 398 days.
const LIFE_DAYS: i64 = 397;
/// A start within this time of the end makes a new one.
const RENEW_WITHIN: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Clocks of clients may be behind.
const BACKDATED: time::Duration = time::Duration::hours(1);
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why there is no development certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("cannot make a development certificate: {reason}")]
    NotMade {
        /// What the library said.
        reason: String,
    },
    /// It could not be written down.
    #[error("cannot keep the development certificate")]
    NotKept(#[from] StateDirError),
}

/// The chain and the key under `STATE/tls`: the ones there while they hold, new ones otherwise.
pub fn development_certificate(
    paths: &StatePaths,
    clock: &WallClock,
) -> Result<(PathBuf, PathBuf), CertificateError> {
    let chain = paths.tls().join("server.pem");
    let key = paths.tls().join("server-key.pem");
    let ca = paths.ca_certificate();
    if !holds(&ca, &chain, &key, clock) {
        make(&ca, &chain, &key, clock)?;
    }
    Ok((chain, key))
}

/// Whether a client that trusts `ca` would still accept the chain at the end of the renewal time.
fn holds(ca: &Path, chain: &Path, key: &Path, clock: &WallClock) -> bool {
    let Ok(certificate) = CertificateDer::from_pem_file(chain) else {
        return false;
    };
    let Ok(roots) = roots(ca) else { return false };
    let Ok(name) = ServerName::try_from("localhost") else {
        return false;
    };
    let now_s = u64::try_from(clock.now().seconds()).unwrap_or_default();
    let later = Duration::from_secs(now_s).saturating_add(RENEW_WITHIN);
    WebPkiServerVerifier::builder_with_provider(roots.into(), provider())
        .build()
        .ok()
        .and_then(|verifier| {
            let later = UnixTime::since_unix_epoch(later);
            verifier
                .verify_server_cert(&certificate, &[], &name, &[], later)
                .ok()
        })
        .is_some_and(|_| key_fits(certificate, key))
}

fn key_fits(certificate: CertificateDer<'static>, key: &Path) -> bool {
    let Ok(key) = PrivateKeyDer::from_pem_file(key) else {
        return false;
    };
    rustls::sign::CertifiedKey::from_der(vec![certificate], key, &provider()).is_ok()
}

fn make(ca: &Path, chain: &Path, key: &Path, clock: &WallClock) -> Result<(), CertificateError> {
    let not_made = |error: rcgen::Error| CertificateError::NotMade {
        reason: error.to_string(),
    };
    let now = OffsetDateTime::from_unix_timestamp(clock.now().seconds()).map_err(|error| {
        CertificateError::NotMade {
            reason: error.to_string(),
        }
    })?;
    let issuer_key = KeyPair::generate().map_err(not_made)?;
    let issuer = CertifiedIssuer::self_signed(ca_params(now), issuer_key).map_err(not_made)?;
    let server_key = KeyPair::generate().map_err(not_made)?;
    let server = server_params(now)
        .and_then(|params| params.signed_by(&server_key, &issuer))
        .map_err(not_made)?;
    // The key first: a start cut short here leaves a chain that no longer fits, and so a new one.
    write_private(key, Zeroizing::new(server_key.serialize_pem()).as_bytes())?;
    write_private(chain, server.pem().as_bytes())?;
    write_private(ca, issuer.pem().as_bytes())?;
    Ok(())
}

fn ca_params(now: OffsetDateTime) -> CertificateParams {
    let mut params = dated(CertificateParams::default(), now);
    params
        .distinguished_name
        .push(DnType::CommonName, "Plantao development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".into()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
                std::net::Ipv6Addr::LOCALHOST.octets(),
                128,
            )),
        ],
        excluded_subtrees: Vec::new(),
    });
    params
}

fn server_params(now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut params = dated(CertificateParams::new(names)?, now);
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn dated(mut params: CertificateParams, now: OffsetDateTime) -> CertificateParams {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = now.saturating_sub(BACKDATED);
    params.not_after = now.saturating_add(time::Duration::days(LIFE_DAYS));
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::StateDir;
    use plantao_schema::time::Timestamp;

    fn days_later(clock: &WallClock, days: i64) {
        clock.set(clock.now().plus_seconds(days * 24 * 3_600));
    }

    fn clock() -> WallClock {
        WallClock::manual(Timestamp::from_micros(1_769_860_800_000_000))
    }

    #[test]
    fn a_certificate_is_kept_until_its_end_is_near() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open(temp.path()).unwrap();
        let clock = clock();
        let (chain, _) = development_certificate(state.paths(), &clock).unwrap();
        let first = std::fs::read(&chain).unwrap();
        days_later(&clock, LIFE_DAYS - 31);
        development_certificate(state.paths(), &clock).unwrap();
        assert_eq!(std::fs::read(&chain).unwrap(), first);
        days_later(&clock, 2);
        development_certificate(state.paths(), &clock).unwrap();
        assert_ne!(std::fs::read(&chain).unwrap(), first);
    }

    #[test]
    fn a_broken_certificate_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open(temp.path()).unwrap();
        let (chain, key) = development_certificate(state.paths(), &clock()).unwrap();
        for file in [chain.clone(), key.clone(), state.paths().ca_certificate()] {
            std::fs::write(&file, "torn").unwrap();
            development_certificate(state.paths(), &clock()).unwrap();
            assert!(holds(
                &state.paths().ca_certificate(),
                &chain,
                &key,
                &clock()
            ));
        }
    }

    #[test]
    fn the_authority_is_constrained_to_this_machine() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open(temp.path()).unwrap();
        development_certificate(state.paths(), &clock()).unwrap();
        let pem = std::fs::read_to_string(state.paths().ca_certificate()).unwrap();
        assert!(!pem.contains("PRIVATE KEY"));
        let names: Vec<_> = std::fs::read_dir(state.paths().tls())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            !names.iter().any(|name| name.starts_with("ca-key")),
            "{names:?}"
        );
    }
}
