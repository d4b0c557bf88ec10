//! The trail proved with nothing but what was kept: an export, a checkpoint, the keys.

use super::hospital::{Hospital, text};
use plantao_actors::database::{DatabaseConfig, Login};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// What an auditor keeps away from the node.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Verifies without asking any node; answers the exit code and what was said.
    fn verify(&self, arguments: &[(&str, &Path)]) -> (Option<i32>, String) {
        let mut command = super::hospital::plantao();
        command.args(["audit", "verify"]);
        for (flag, path) in arguments {
            command.arg(flag).arg(path);
        }
        let output = command.output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.code(), said)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_proved_by_a_checkpoint_that_was_kept_and_whatever_was_done_to_it_is_named() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let kept = Kept::new();
    let keys = kept.keep("log.keys", &hospital.must(&["audit", "keys"]).await);
    let checkpoint = hospital.must(&["audit", "checkpoint"]).await;
    let checkpoint = kept.keep("checkpoint", &checkpoint);
    let daily = kept.keep(
        "daily",
        &hospital.must(&["audit", "checkpoint", "--daily"]).await,
    );
    let all_keys = kept.keep(
        "all.keys",
        &hospital.must(&["audit", "keys", "--daily"]).await,
    );
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    let export = hospital.must(&["audit", "export"]).await;
    let lines: Vec<&str> = export.lines().collect();
    let trail = kept.keep("trail.jsonl", &export);
    hospital
        .must(&[
            "audit",
            "verify",
            "--checkpoint",
            checkpoint.to_str().unwrap(),
            "--keys",
            keys.to_str().unwrap(),
        ])
        .await;
    let entry: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    let id = entry["entry"]["id"].as_str().unwrap().to_owned();
    let proof = kept.keep("proof.json", &hospital.must(&["audit", "prove", &id]).await);
    let said = hospital.must(&["audit", "content", &id]).await;
    let said = said.trim_end();
    assert!(
        said.starts_with("holds: ") && said.contains("/1 are kept"),
        "{said}"
    );
    hospital.finish().await;

    // From here on there is no node.
    let whole = [
        ("--export", trail.as_path()),
        ("--checkpoint", &checkpoint),
        ("--keys", &keys),
    ];
    let (code, said) = kept.verify(&whole);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("signed it: the first "), "{said}");
    let daily = [
        ("--export", trail.as_path()),
        ("--checkpoint", &daily),
        ("--keys", &all_keys),
    ];
    let (code, said) = kept.verify(&daily);
    assert_eq!(code, Some(0), "{said}");
    let one = [("--proof", proof.as_path()), ("--keys", &keys)];
    let (code, said) = kept.verify(&one);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("entry 2 of chain "), "{said}");

    let edited = lines[2].replacen("\"action\":\"", "\"action\":\"un", 1);
    let mut edit = lines.clone();
    edit[2] = &edited;
    let mut swap = lines.clone();
    swap.swap(2, 3);
    let mut gap = lines.clone();
    gap.remove(2);
    for (name, changed, told) in [
        ("edited", edit, "breaks at entry 3 "),
        ("swapped", swap, "expected entry 3"),
        ("removed", gap, "expected entry 3"),
        ("cut", lines[..2].to_vec(), "2 are there"),
    ] {
        let path = kept.keep(name, &changed.join("\n"));
        let (code, said) = kept.verify(&[
            ("--export", &path),
            ("--checkpoint", &checkpoint),
            ("--keys", &keys),
        ]);
        assert_eq!(code, Some(1), "{name}: {said}");
        assert!(said.contains(told), "{name}: {said}");
    }
    let (code, said) = kept.verify(&[("--export", &trail), ("--checkpoint", &checkpoint)]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("--keys FILE"), "{said}");
    // A history that is whole in itself, and another one.
    let forged = kept.keep("forged", &rewritten(&lines));
    let (code, said) = kept.verify(&[("--export", &forged)]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = kept.verify(&[
        ("--export", &forged),
        ("--checkpoint", &checkpoint),
        ("--keys", &keys),
    ]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("not the one that was signed"), "{said}");
    let note = std::fs::read_to_string(&checkpoint).unwrap();
    let bent = kept.keep("bent", &note.replacen("\n", "\n1", 1));
    let (code, said) = kept.verify(&[
        ("--export", &trail),
        ("--checkpoint", &bent),
        ("--keys", &keys),
    ]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is no proof"), "{said}");
}

/// The same trail with another first principal and every hash made to fit, as its owner could.
fn rewritten(lines: &[&str]) -> String {
    use plantao_schema::audit::{ChainHead, Chained};
    let mut head = ChainHead::EMPTY;
    let mut forged = Vec::new();
    for line in lines {
        let item: Chained = serde_json::from_str(line).unwrap();
        let mut entry = item.entry;
        if head == ChainHead::EMPTY {
            entry.principal = "nobody".to_owned();
        }
        let item = Chained::after(&item.chain, &head, entry);
        head = item.head();
        forged.push(serde_json::to_string(&item).unwrap());
    }
    forged.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_a_running_node_well_and_names_a_guard_that_is_down() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let said = hospital.must(&["doctor"]).await;
    for part in [
        "native partitions",
        "months ahead",
        "audit guards",
        "0 failures",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    hospital
        .as_superuser("GRANT TRUNCATE ON plantao.audit_entry TO plantao_app;")
        .await;
    let hurt = hospital.run(&["doctor", "--json"]).await;
    assert_eq!(hurt.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&hurt.stdout).unwrap();
    let failed: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["status"] == "fail")
        .map(|one| one["found"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["plantao_app has TRUNCATE on audit_entry"]);
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_and_not_completed_is_listed_until_it_is() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let none = hospital.must(&["audit", "open"]).await;
    assert_eq!(none.lines().count(), 1, "its heading alone: {none}");
    let connection = DatabaseConfig::embedded(&hospital.state)
        .connection(Login::Owner)
        .unwrap();
    let (client, driver) = connection.connect(NoTls).await.unwrap();
    let driver = tokio::spawn(driver);
    let hold = "BEGIN; LOCK TABLE plantao.fhir_resource IN SHARE MODE";
    client.batch_execute(hold).await.unwrap();
    let medica = hospital.as_principal("medica").await;
    let change = tokio::spawn(async move {
        let patient = json!({ "resourceType": "Patient", "id": "rita" });
        medica.put_json("/fhir/Patient/rita", &patient).await
    });
    let end = Instant::now() + Duration::from_secs(60);
    let listed = loop {
        let listed = hospital.must(&["audit", "open"]).await;
        if listed.lines().count() > 1 {
            break listed;
        }
        // It waits for the table, for as long as a statement may.
        assert!(
            !change.is_finished() && Instant::now() < end,
            "nothing is open"
        );
    };
    let (heading, line) = listed.trim_end().split_once('\n').unwrap();
    assert!(heading.starts_with("WHEN") && heading.ends_with("OUTCOME"));
    assert!(
        line.contains("medica/physician") && line.contains("write"),
        "{line}"
    );
    assert!(line.contains("pending") && !line.contains('\n'), "{line}");
    client.batch_execute("COMMIT").await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    change.await.unwrap().unwrap();
    while !hospital.must(&["audit", "open", "--json"]).await.is_empty() {
        assert!(Instant::now() < end, "it stays open");
    }
    hospital.finish().await;
}
