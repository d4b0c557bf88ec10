//! A PostgreSQL of the operator's own over TLS: believed when its certificate was verified, and not
//! spoken to otherwise.

use crate::hospital::{Hospital, text};
use crate::server::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::Path;

/// An authority, written where a hospital finds it.
fn authority(at: &Path) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(params, key).unwrap();
    std::fs::write(at, authority.pem()).unwrap();
    authority
}

fn settings(server: &Server, tls: &str) -> [String; 2] {
    let url = format!("{}?{tls}", Server::url(&[server]));
    ["url", "owner_url"].map(|key| format!("database.{key}={url}"))
}

/// What a hospital says that does not start.
async fn refused(server: &Server, tls: &str) -> String {
    let [app, owner] = settings(server, tls);
    let hospital = Hospital::prepared(&[&app, &owner]);
    let output = hospital.run(&["run"]).await;
    assert_ne!(output.status.code(), Some(0));
    text(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_when_its_certificate_is_and_every_connection_is_encrypted() {
    let dir = tempfile::tempdir().unwrap();
    let (root, other) = (dir.path().join("root.pem"), dir.path().join("other.pem"));
    let authority = authority(&root);
    self::authority(&other);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let server = Server::start();

    // Plain where TLS is asked for; and TLS from whomever.
    let tls = format!("sslmode=verify-full&sslrootcert={}", root.display());
    let said = refused(&server, &tls).await;
    assert!(said.contains("does not support TLS"), "{said}");
    let said = refused(&server, "sslmode=require").await;
    assert!(said.contains("add `sslrootcert=FILE`"), "{said}");
    let plain = format!("sslmode=prefer&sslrootcert={}", root.display());
    let said = refused(&server, &plain).await;
    assert!(said.contains("a `sslmode` that verifies nothing"), "{said}");
    let said = refused(&server, "sslmode=sometimes").await;
    assert!(said.contains("`sslmode` of `database."), "{said}");

    server.encrypt(&certificate.pem(), &key.serialize_pem());
    let foreign = format!("sslmode=verify-full&sslrootcert={}", other.display());
    let said = refused(&server, &foreign).await;
    assert!(said.contains("its certificate was refused"), "{said}");
    let [app, owner] = settings(&server, &tls);
    let hospital = Hospital::start_with(&[&app, &owner]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital.must(&["audit", "verify"]).await;
    hospital.must(&["migrate", "--dry-run"]).await;
    let sessions = "SELECT count(*) > 2 AND bool_and(ssl AND version = 'TLSv1.3') \
         FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'hospital'";
    assert_eq!(server.value(sessions), "t");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_name_will_do_for_require_and_not_for_verify_full() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root.pem");
    let authority = authority(&root);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let server = Server::start();
    server.encrypt(&certificate.pem(), &key.serialize_pem());
    let root = root.display();
    let said = refused(&server, &format!("sslmode=verify-full&sslrootcert={root}")).await;
    assert!(said.contains("its certificate was refused"), "{said}");
    let [app, owner] = settings(&server, &format!("sslmode=require&sslrootcert={root}"));
    let hospital = Hospital::start_with(&[&app, &owner]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital.finish().await;
}
