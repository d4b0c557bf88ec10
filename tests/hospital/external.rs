//! A PostgreSQL of the operator's own: no superuser, no private cluster.

use crate::hospital::{Hospital, text};
use crate::server::Server;

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
