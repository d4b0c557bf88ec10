//! A PostgreSQL of the operator's own: no superuser, no private cluster.

use crate::hospital::{Hospital, pause, text};
use crate::server::Server;
use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_given_by_url_serves_the_walk_without_a_superuser() {
    let server = Server::start();
    let [app, owner] = Server::settings(&[&server]);
    let hospital = Hospital::start_with(&[&app, &owner]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital
        .must(&["content", "submit", "config/demo/artigo.md"])
        .await;
    hospital.must(&["audit", "verify"]).await;
    assert!(
        hospital.log().contains("NOT SEPARATED"),
        "one login is told"
    );
    let said = text(&hospital.run(&["doctor"]).await.stdout);
    assert!(said.contains("hospital may become plantao_owner"), "{said}");
    let said = hospital.must(&["migrate", "--dry-run"]).await;
    assert!(said.contains("nothing to do"), "{said}");
    let refused = hospital.run(&["migrate", "--to", "2", "--yes"]).await;
    let said = text(&refused.stderr);
    assert!(said.contains("of a running plantao are open"), "{said}");
    let refused = hospital.run(&["backup"]).await;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert!(said.contains("with its own tools"), "{said}");
    assert!(
        !hospital.paths().postgres().exists(),
        "no private cluster is made"
    );
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_a_database_that_cannot_be_read_exits_78() {
    let url = "database.url=http://nowhere";
    let hospital = Hospital::prepared(&[url, "database.owner_url=http://nowhere"]);
    let output = hospital.run(&["run"]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("database.url"),
        "{}",
        text(&output.stderr)
    );
}

/// What a hospital's record says.
async fn read(hospital: &Hospital, patient: &str) -> u16 {
    let client = hospital.as_principal("medica").await;
    let address = format!("/fhir/Patient/{patient}");
    client.get(&address).await.unwrap().status
}

/// The period's key, once it is another than before.
async fn next_period(hospital: &Hospital, before: &[u8]) {
    let end = Instant::now() + PATIENCE;
    while std::fs::read(hospital.paths().period_key()).unwrap() == before {
        assert!(Instant::now() < end, "the period before is not forgotten");
        pause().await;
    }
}

/// The one key backup of a folder.
fn only_keys(folder: &Path) -> String {
    let mut found = std::fs::read_dir(folder).unwrap().flatten();
    let (path, more) = (found.next().unwrap().path(), found.next());
    assert!(more.is_none());
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_yours_that_was_taken_back_opens_with_a_key_backup_and_erases_anew() {
    let server = Server::start();
    let [app, owner] = Server::settings(&[&server]);
    let mut hospital = Hospital::start_with(&[&app, &owner]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let said = text(&hospital.run(&["doctor"]).await.stdout);
    assert!(said.contains("they do not end by themselves"), "{said}");
    let first = std::fs::read(hospital.paths().period_key()).unwrap();
    assert!(hospital.stop().await.success());
    server.keep();

    hospital.launch().await;
    let folder = tempfile::tempdir().unwrap();
    let erased = ["vault", "erase", "maria-exemplo", "--reason", "lgpd_art18"];
    hospital.must(&erased).await;
    hospital.must(&["vault", "rotate", "period"]).await;
    next_period(&hospital, &first).await;
    let to = folder.path().to_str().unwrap();
    let said = hospital.must(&["backup", "keys", "--to", to]).await;
    assert!(said.contains("key backup written"), "{said}");
    let keys = only_keys(folder.path());
    let busy = hospital.run(&["backup", "put-keys", &keys]).await;
    let said = text(&busy.stderr);
    assert!(said.contains("stop every node"), "{said}");
    let second = std::fs::read(hospital.paths().period_key()).unwrap();
    assert!(hospital.stop().await.success());

    // A host that lost the file alone.
    std::fs::remove_file(hospital.paths().period_key()).unwrap();
    hospital.must(&["backup", "period-key", &keys]).await;
    let brought = std::fs::read(hospital.paths().period_key()).unwrap();
    assert_eq!(brought, second);

    // The database is as before the period ended, whose key is nowhere.
    server.take_back();
    hospital.launch().await;
    let client = hospital.as_principal("medica").await;
    let reply = client.get("/fhir/Practitioner/dra-exemplo").await.unwrap();
    assert_ne!(reply.status, 200, "{}", reply.text());
    assert!(hospital.stop().await.success());
    let said = hospital.must(&["backup", "put-keys", &keys]).await;
    assert!(said.contains("1 patients are erased"), "{said}");
    hospital.launch().await;
    let client = hospital.as_principal("medica").await;
    let reply = client.get("/fhir/Practitioner/dra-exemplo").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(read(&hospital, "maria-exemplo").await, 410);
    let forced = "SELECT bool_and(relforcerowsecurity) FROM pg_class \
        WHERE relnamespace = 'plantao_keys'::regnamespace AND relkind = 'r'";
    let forced = server.as_login("hospital", forced);
    assert_eq!(text(&forced.stdout).trim(), "t");
    hospital.finish().await;
}

/// Made beforehand by whoever runs the server: two logins, and the roles that each may take.
const SEPARATE: &[&str] = &[
    "CREATE ROLE plantao_owner LOGIN",
    "CREATE ROLE plantao_app LOGIN",
    "CREATE ROLE plantao_audit LOGIN BYPASSRLS",
    "CREATE ROLE plantao_keys LOGIN",
    "CREATE ROLE door LOGIN",
    "GRANT plantao_owner, plantao_app, plantao_audit, plantao_keys TO hospital",
    "GRANT plantao_app TO door",
];

/// Ways past the guards of the trail; `{}` is a partition of it.
const HOLES: &[&str] = &[
    "TRUNCATE plantao.audit_entry",
    "TRUNCATE plantao.{}",
    "DELETE FROM plantao.audit_entry",
    "UPDATE plantao.audit_entry SET score = 1",
    "DELETE FROM plantao.{}",
    "UPDATE plantao.{} SET score = 1",
    "INSERT INTO plantao.{} SELECT * FROM plantao.audit_entry",
    "COPY plantao.{} FROM '/dev/null'",
    "COPY plantao.{} FROM STDIN",
    "COPY plantao.audit_entry FROM STDIN",
    "ALTER TABLE plantao.audit_entry DISABLE TRIGGER ALL",
    "ALTER TABLE plantao.{} DISABLE TRIGGER ALL",
    "ALTER TABLE plantao.audit_entry DETACH PARTITION plantao.{}",
    "DROP TABLE plantao.{}",
    "SET session_replication_role = replica",
    "SET ROLE plantao_owner",
    "SET ROLE plantao_audit",
    "SET ROLE plantao_keys",
    "CREATE TABLE plantao.mine (a int)",
    "CREATE SCHEMA mine; CREATE TABLE mine.audit_entry (a int)",
    "CREATE FUNCTION plantao.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_logins_of_their_own_requests_find_no_hole_in_the_trail_of_a_server_of_yours() {
    let server = Server::start();
    for statement in SEPARATE {
        server.statement(statement);
    }
    let [_, owner] = Server::settings(&[&server]);
    let door = Server::url(&[&server]).replace("hospital@", "door@");
    let app = format!("database.url={door}");
    let hospital = Hospital::start_with(&[&app, &owner]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    assert!(!hospital.log().contains("NOT SEPARATED"));
    let said = text(&hospital.run(&["doctor"]).await.stdout);
    assert!(said.contains("requests have one of their own"), "{said}");
    for (grant, hole) in [
        ("GRANT hospital TO door", "door may become hospital"),
        (
            "GRANT plantao_audit TO door",
            "door may become plantao_audit",
        ),
        ("ALTER ROLE door BYPASSRLS", "door has BYPASSRLS"),
    ] {
        server.statement(grant);
        let said = text(&hospital.run(&["doctor"]).await.stdout);
        assert!(said.contains(hole), "{hole}: {said}");
    }
    server.statement("REVOKE hospital, plantao_audit FROM door");
    server.statement("ALTER ROLE door NOBYPASSRLS");
    let part = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^audit_entry_y' \
                ORDER BY relname LIMIT 1";
    let part = text(&server.as_login("hospital", part).stdout);
    let part = part.trim().to_owned();
    assert!(part.starts_with("audit_entry_"), "{part}");
    for role in ["", "SET ROLE plantao_app; "] {
        for hole in HOLES {
            let way = format!("{role}{}", hole.replace("{}", &part));
            let tried = server.as_login("door", &way);
            let said = text(&tried.stderr);
            assert!(!tried.status.success(), "{way}");
            let refused = [
                "permission denied",
                "must be owner",
                "must be superuser",
                "row-level security",
            ];
            assert!(
                refused.iter().any(|why| said.contains(why)),
                "{way}: {said}"
            );
        }
    }
    // A table of its own name in front of the path leads nobody there but itself.
    let shadow = "CREATE TEMP TABLE audit_entry (a int); INSERT INTO audit_entry VALUES (1)";
    assert!(server.as_login("door", shadow).status.success());
    let verified = hospital.must(&["audit", "verify"]).await;
    assert!(verified.contains("every hash holds"), "{verified}");
    hospital.finish().await;
}
