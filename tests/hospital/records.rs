//! Records as they lie on the disk, and bundles from elsewhere.

use crate::hospital::{Hospital, root};

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
