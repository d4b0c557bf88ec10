//! The house style that a machine can check: file length, line length, and a first line that says
//! what a file owns.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its subject fails"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;
const LINE_CHARS_MAX: usize = 100;
const RUNGS: [&str; 8] = [
    "actors",
    "benches",
    "chaos",
    "plugins",
    "runtime",
    "schema",
    "supervisors",
    "tests",
];
/// Folders of these names hold nothing that anybody writes.
const MADE: [&str; 3] = ["dist", "node_modules", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !MADE.contains(&name.as_str()) {
            rust_files(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// Every Rust file of the repository, by its path in it, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for rung in RUNGS {
        rust_files(&root().join(rung), &mut found);
    }
    assert!(
        found.len() > 50,
        "only {} files found: is the layout another?",
        found.len()
    );
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (
                path.strip_prefix(root()).unwrap().display().to_string(),
                text,
            )
        })
        .collect()
}

/// Fails with every offence at once: fixing them one by one is a waste of a day.
fn refuse(offences: &[String], rule: &str) {
    let mut list = String::new();
    for offence in offences {
        writeln!(list, "  {offence}").unwrap();
    }
    assert!(offences.is_empty(), "{rule}:\n{list}");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let offences: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    refuse(&offences, "split these by subject");
}

#[test]
fn no_line_is_longer_than_100_columns() {
    let mut offences = Vec::new();
    for (path, text) in sources() {
        for (place, line) in text.lines().enumerate() {
            if line.chars().count() > LINE_CHARS_MAX {
                offences.push(format!("{path}:{}", place + 1));
            }
        }
    }
    refuse(&offences, "break these lines");
}

#[test]
fn every_file_opens_by_saying_what_it_owns() {
    let offences: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| {
            !text
                .lines()
                .next()
                .is_some_and(|line| line.starts_with("//! "))
        })
        .map(|(path, _)| path)
        .collect();
    refuse(
        &offences,
        "the first line must be a `//!` that says what the file owns",
    );
}

/// Where randomness comes straight from the operating system: the seam itself, what is made before
/// a service is there to have one, and the command line.
const DRAWN_AT_THE_SYSTEM_S: [&str; 4] = [
    "actors/entropy.rs",
    "runtime/cli/",
    "runtime/identity/claims.rs",
    "runtime/state_dir.rs",
];

#[test]
fn randomness_comes_through_the_seam_and_none_that_can_be_guessed_is_served_with() {
    let drawn = [
        "SystemRandom",
        "Uuid::new_v4(",
        "Uuid::now_v7(",
        "RandomizedNonceKey",
    ];
    let mut offences = Vec::new();
    for (path, text) in sources() {
        let is_served = path.starts_with("actors/") || path.starts_with("runtime/");
        if !is_served || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        let text = text.split("#[cfg(test)]").next().unwrap();
        let is_exempt = DRAWN_AT_THE_SYSTEM_S
            .iter()
            .any(|one| path.starts_with(one));
        let draws = !is_exempt && drawn.iter().any(|one| text.contains(one));
        if draws || text.contains("Entropy::seeded(") {
            offences.push(path);
        }
    }
    refuse(&offences, "draw from the `Entropy` that was handed down");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("(being ", "written)"),
    ];
    let mut offences = Vec::new();
    for (path, text) in sources() {
        for (place, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                offences.push(format!("{path}:{}", place + 1));
            }
        }
    }
    refuse(&offences, "finish these or take them out");
}
