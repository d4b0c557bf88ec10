//! Records as they lie on the disk, and bundles from elsewhere.

use crate::hospital::{Hospital, root};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_that_nobody_here_wrote_load_whole_and_twice() {
    let folder = root().join("../shared/data/fhir");
    if !folder.exists() {
        eprintln!(
            "{} is absent: only the committed bundle is loaded",
            folder.display()
        );
    }
    let mut files = vec![root().join("config/demo/bundle.json")];
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.extend(listing.map(|entry| entry.path()));
    files.sort();
    let hospital = Hospital::start().await;
    for file in &files {
        let file = file.to_string_lossy();
        let first = hospital.must(&["fhir", "load", &file]).await;
        let second = hospital.must(&["fhir", "load", &file]).await;
        assert!(first.contains("stored"), "{file}: {first}");
        assert!(second.contains("stored"), "{file}: {second}");
    }
    hospital.must(&["audit", "verify"]).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_plaintext_of_a_record_is_in_the_database_files_or_the_log() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    let bundle = std::fs::read_to_string(root().join("config/demo/bundle.json")).unwrap();
    let bundle: Value = serde_json::from_str(&bundle).unwrap();
    let patient = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["resource"])
        .find(|resource| resource["resourceType"] == "Patient")
        .unwrap();
    let family = patient["name"][0]["family"].as_str().unwrap().to_owned();
    let document = patient["identifier"][0]["value"]
        .as_str()
        .unwrap()
        .to_owned();
    hospital.as_superuser("CHECKPOINT").await;
    let mut files = 0;
    let mut folders = vec![hospital.state.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            files += 1;
            for secret in [&family, &document] {
                let found = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "`{}` holds plaintext", path.display());
            }
        }
    }
    assert!(files > 100, "only {files} files were looked at");
    for secret in [&family, &document] {
        assert!(
            !hospital.log().contains(secret.as_str()),
            "the log holds plaintext"
        );
    }
    hospital.finish().await;
}
