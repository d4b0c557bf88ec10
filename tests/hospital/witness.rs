//! A witness beside a hospital: it cosigns what continues, and nothing of a rewritten history.

use super::hospital::{Hospital, pause, plantao, text};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const NAME: &str = "witness.example.org";
/// A round every five seconds, on a machine that does other work.
const DEADLINE: Duration = Duration::from_secs(90);

/// The same program on somebody else's machine.
struct Witness {
    process: Child,
    settings: String,
    key: String,
}

impl Witness {
    fn start(folder: &Path, keys: &Path) -> Self {
        let mut process = plantao()
            .args(["witness", "--name", NAME, "--listen", "127.0.0.1:0"])
            .arg("--folder")
            .arg(folder)
            .arg("--keys")
            .arg(keys)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut settings = String::new();
        let mut key = None;
        for line in said.lines().map(Result::unwrap) {
            if !settings.is_empty() || line == "[[audit.witnesses]]" {
                settings.push_str(&line);
                settings.push('\n');
            }
            if let Some(quoted) = line.strip_prefix("key = \"") {
                key = Some(quoted.trim_end_matches('"').to_owned());
                break;
            }
        }
        Self {
            process,
            settings,
            key: key.unwrap(),
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// What was cosigned, once the witness has seen `size` entries of the chain.
async fn cosigned(hospital: &Hospital, size: u64) -> String {
    let end = Instant::now() + DEADLINE;
    loop {
        let ask = ["audit", "checkpoint", "--witness", NAME];
        let output = hospital.run(&ask).await;
        let note = text(&output.stdout);
        let length = note.lines().nth(1).and_then(|line| line.parse().ok());
        if length.is_some_and(|length: u64| length >= size) {
            return note;
        }
        assert!(Instant::now() < end, "{note}{}", text(&output.stderr));
        pause().await;
    }
}

fn keep(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_cosigns_a_trail_that_grows_and_refuses_one_that_was_made_anew() {
    let kept = tempfile::tempdir().unwrap();
    let mut hospital = Hospital::start().await;
    hospital.must(&["audit", "tail"]).await;
    hospital.must(&["audit", "checkpoint"]).await;
    let keys = hospital.must(&["audit", "keys"]).await;
    let keys_path = keep(kept.path(), "log.keys", &keys);
    hospital.stop().await;
    let folder = kept.path().join("witness");
    let witness = Witness::start(&folder, &keys_path);
    std::fs::write(hospital.state.join("plantao.toml"), &witness.settings).unwrap();
    hospital.launch().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let first = cosigned(&hospital, 3).await;
    hospital.must(&["audit", "tail"]).await;
    // The witness forgets nothing when it is started again.
    drop(witness);
    let witness = Witness::start(&folder, &keys_path);
    std::fs::write(hospital.state.join("plantao.toml"), &witness.settings).unwrap();
    hospital.stop().await;
    hospital.launch().await;
    hospital.must(&["audit", "tail"]).await;
    let size: u64 = first.lines().nth(1).unwrap().parse().unwrap();
    let second = cosigned(&hospital, size + 1).await;

    let trail = keep(
        kept.path(),
        "trail.jsonl",
        &hospital.must(&["audit", "export"]).await,
    );
    let both = keep(
        kept.path(),
        "both.keys",
        &format!("{keys}{}\n", witness.key),
    );
    for (name, note) in [("first", &first), ("second", &second)] {
        let note = keep(kept.path(), name, note);
        let (note, trail, keys) = (note.to_str(), trail.to_str(), both.to_str());
        hospital
            .must(&[
                "audit",
                "verify",
                "--export",
                trail.unwrap(),
                "--checkpoint",
                note.unwrap(),
                "--keys",
                keys.unwrap(),
            ])
            .await;
    }
    // Without its cosignature a checkpoint is none for whoever asks for one.
    let plain = keep(
        kept.path(),
        "plain",
        &hospital.must(&["audit", "checkpoint"]).await,
    );
    let asked = ["audit", "verify", "--checkpoint", plain.to_str().unwrap()];
    let with = [&asked[..], &["--keys", both.to_str().unwrap()]].concat();
    let refused = hospital.run(&with).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("no cosignature of the witness"));

    // Whoever owns the host starts the trail over, with the same keys under the same name.
    hospital.stop().await;
    std::fs::remove_dir_all(hospital.paths().postgres()).unwrap();
    std::fs::remove_file(hospital.paths().postgres_record()).unwrap();
    hospital.launch().await;
    hospital.must(&["audit", "tail"]).await;
    let end = Instant::now() + DEADLINE;
    while !hospital
        .log()
        .contains("a witness has signed another history of the audit trail")
    {
        assert!(Instant::now() < end, "nobody noticed");
        pause().await;
    }
    let ask = ["audit", "checkpoint", "--witness", NAME];
    let refused = hospital.run(&ask).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("it has cosigned"));
    hospital.finish().await;
}
