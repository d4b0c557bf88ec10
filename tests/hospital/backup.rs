//! A hospital that is backed up while it works, restored elsewhere and run there; migrations taken
//! back and forward between two runs of it.

use super::hospital::{Hospital, pause, root, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// The keys of every entry of the trail.
async fn entries(hospital: &Hospital) -> BTreeSet<String> {
    let export = hospital.must(&["audit", "export"]).await;
    let key = |line: &str| {
        let item: Value = serde_json::from_str(line).unwrap();
        item["entry"]["id"].as_str().unwrap().to_owned()
    };
    export.lines().map(key).collect()
}

/// What an operator keeps elsewhere, put where a hospital is to be restored.
fn bring_keys(from: &Hospital, to: &Hospital) {
    let keys = to.state.join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::set_permissions(&to.state, PermissionsExt::from_mode(0o711)).unwrap();
    for key in std::fs::read_dir(from.paths().keys()).unwrap().flatten() {
        std::fs::copy(key.path(), keys.join(key.file_name())).unwrap();
    }
}

fn only_backup(folder: &Path) -> PathBuf {
    let found = std::fs::read_dir(folder).unwrap().flatten();
    let paths = found
        .map(|entry| entry.path())
        .filter(|path| path.is_file());
    let mut found: Vec<_> = paths.collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The newest key backup in a folder.
fn newest_keys(folder: &Path) -> String {
    let found = std::fs::read_dir(folder).unwrap().flatten();
    let newest = found.map(|entry| entry.path()).max().unwrap();
    newest.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_is_backed_up_at_work_and_goes_on_elsewhere_from_its_backup() {
    let hospital = Arc::new(Hospital::start().await);
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let before = entries(&hospital).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (worker, over) = (Arc::clone(&hospital), Arc::clone(&is_over));
    let writing = tokio::spawn(async move {
        while !over.load(Ordering::SeqCst) {
            worker
                .must(&["fhir", "load", "config/demo/bundle.json"])
                .await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let said = hospital.must(&["backup", "--to", to, "--keep", "2"]).await;
    is_over.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    assert!(said.contains("verified by restoring it"), "{said}");
    let opened = said.split(" were opened").next().unwrap();
    let opened: u32 = opened.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(opened > 0, "{said}");
    assert!(said.contains("key backup written"), "{said}");
    assert!(said.contains("keep a copy elsewhere") || said.contains("Keep a copy elsewhere"));
    let file = only_backup(folder.path());
    let path = file.to_str().unwrap();
    let listed = hospital.must(&["backup", "list", "--to", to]).await;
    assert!(listed.contains(path), "{listed}");
    let trail = hospital.must(&["audit", "export"]).await;
    assert!(trail.contains("a backup of the whole database is taken"));
    assert!(!hospital.state.join("postgres.scratch").exists());

    // Nothing of a record can be read in it.
    let bytes = std::fs::read(&file).unwrap();
    let bundle = std::fs::read_to_string(root().join("config/demo/bundle.json")).unwrap();
    let bundle: Value = serde_json::from_str(&bundle).unwrap();
    let mut resources = bundle["entry"].as_array().unwrap().iter();
    let patient = resources.find(|entry| entry["resource"]["resourceType"] == "Patient");
    let family = patient.unwrap()["resource"]["name"][0]["family"].as_str();
    let family = family.unwrap();
    for marker in [family, "maria-exemplo", "PG_VERSION"] {
        let found = bytes.windows(marker.len()).any(|p| p == marker.as_bytes());
        assert!(!found, "`{marker}` can be read in the backup");
    }

    // Not over a hospital, not without its key, not when a bit was flipped.
    let state = hospital.state.to_str().unwrap();
    let refused = hospital.run(&["restore", path, "--into", state]).await;
    assert_ne!(refused.status.code(), Some(0));
    let mut restored = Hospital::prepared(&[]);
    let into = restored.state.to_str().unwrap().to_owned();
    let refused = restored.run(&["restore", path, "--into", &into]).await;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no backup key"), "{said}");
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    let bad = folder.path().join("flipped");
    std::fs::write(&bad, flipped).unwrap();
    let refused = hospital
        .run(&["restore", bad.to_str().unwrap(), "--verify-only"])
        .await;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("chunk ") && said.contains("does not open"),
        "{said}"
    );
    let said = hospital.must(&["restore", path, "--verify-only"]).await;
    assert!(said.contains("chains hold"), "{said}");
    assert!(said.contains("none was opened"), "{said}");

    bring_keys(&hospital, &restored);
    let node = hospital.paths().node_id().unwrap();
    let alone = restored.run(&["restore", path, "--into", &into]).await;
    let said = text(&alone.stderr);
    assert_eq!(alone.status.code(), Some(1), "{said}");
    assert!(
        said.contains("a data backup holds no key that opens"),
        "{said}"
    );
    let keys = newest_keys(&folder.path().join("keys"));
    let restore = ["restore", path, "--keys", &keys, "--into", &into];
    let said = restored.must(&restore).await;
    assert!(said.contains("restored into"), "{said}");
    assert!(said.contains("tombstones.log"), "{said}");
    assert!(!said.contains("bring `keys/master.key`"), "{said}");
    let hospital = Arc::into_inner(hospital).unwrap();
    hospital.finish().await;

    restored.launch().await;
    assert_eq!(restored.paths().node_id().unwrap(), node);
    let patient = restored
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    assert!(patient.contains(family), "{patient}");
    restored.must(&["audit", "verify"]).await;
    let after = entries(&restored).await;
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(
        lost.is_empty(),
        "acknowledged before the backup, and lost: {lost:?}"
    );
    restored.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_erased_after_a_backup_stays_erased_in_what_is_restored_from_it() {
    let (data, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (to, keys_to) = (data.path().to_str().unwrap(), keys.path().to_str().unwrap());
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let backup = ["backup", "--to", to, "--keys-to", keys_to, "--no-verify"];
    hospital.must(&backup).await;
    let before = newest_keys(keys.path());
    let period = hospital.state.join("keys/period.key");
    let old_period = std::fs::read(&period).unwrap();
    let erase = ["vault", "erase", "maria-exemplo", "--reason", "lgpd_art18"];
    hospital.must(&erase).await;
    hospital
        .must(&["vault", "rotate", "period", "--wait"])
        .await;
    let end = Instant::now() + PATIENCE;
    while std::fs::read(&period).unwrap() == old_period {
        assert!(Instant::now() < end, "the old period is not forgotten");
        pause().await;
    }
    hospital.must(&["backup", "keys", "--to", keys_to]).await;
    let listed = hospital
        .must(&["backup", "list", "--to", to, "--keys-to", keys_to])
        .await;
    assert!(listed.contains("1 erased"), "{listed}");
    let mut restored = Hospital::prepared(&[]);
    bring_keys(&hospital, &restored);
    let unknowing = Hospital::prepared(&[]);
    bring_keys(&hospital, &unknowing);
    hospital.finish().await;

    // The old data with the keys of now; nobody brought the record of erasures.
    let file = only_backup(data.path());
    let file = file.to_str().unwrap();
    std::fs::remove_file(restored.state.join("keys/tombstones.log")).unwrap();
    let into = restored.state.to_str().unwrap().to_owned();
    let newest = newest_keys(keys.path());
    let said = restored
        .must(&["restore", file, "--keys", &newest, "--into", &into])
        .await;
    assert!(said.contains("1 patients are erased"), "{said}");
    restored.launch().await;
    let erased = ["fhir", "get", "Patient", "maria-exemplo"];
    let refused = restored.run(&erased).await;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("410"), "{said}");
    let other = ["fhir", "get", "Practitioner", "dra-exemplo"];
    restored.must(&other).await;
    restored.must(&["audit", "verify"]).await;
    restored.finish().await;

    // With the keys of before, which nobody should have kept, the record of erasures holds.
    let into = unknowing.state.to_str().unwrap().to_owned();
    let said = unknowing
        .must(&["restore", file, "--keys", &before, "--into", &into])
        .await;
    assert!(said.contains("1 patients are erased"), "{said}");
    assert!(said.contains("1 keys of theirs were destroyed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_are_told_refused_taken_back_and_made_again_by_the_next_start() {
    let mut hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let said = hospital.must(&["migrate", "--dry-run"]).await;
    assert!(said.contains("nothing to do"), "{said}");
    let newest = said.split("at version ").nth(1).unwrap();
    let newest: i32 = newest.split(':').next().unwrap().parse().unwrap();
    let before = (newest - 1).to_string();
    let refused = hospital.run(&["migrate", "--to", "2", "--yes"]).await;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("a running plantao"), "{said}");
    hospital.stop().await;

    let plan = hospital
        .must(&["migrate", "--to", "2", "--dry-run", "--verbose"])
        .await;
    assert!(plan.contains("DESTROYS the signed checkpoints"), "{plan}");
    assert!(plan.contains("DROP TABLE audit_seal"), "{plan}");
    let refused = hospital.run(&["migrate", "--to", "2"]).await;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("`--yes`"), "{said}");
    // The newest alone: what older ones take back, the trail does not hold without.
    let said = hospital.must(&["migrate", "--to", &before, "--yes"]).await;
    assert!(said.contains(&format!("taken back: {newest} ")), "{said}");
    assert_eq!(
        hospital.processes(),
        Vec::<u32>::new(),
        "its server is stopped"
    );
    hospital.launch().await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital.must(&["audit", "verify"]).await;
    hospital.finish().await;
}
