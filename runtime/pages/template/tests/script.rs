//! The script that every page loads: its size, and that it makes no markup of values.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::pages::template::SCRIPT;

const GZIPPED_BYTES_MAX: usize = 8 * 1024;

#[test]
fn the_script_is_at_most_8_kb_gzipped() {
    let mut gzip = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin
        .take()
        .unwrap()
        .write_all(SCRIPT.as_bytes())
        .unwrap();
    let output = gzip.wait_with_output().unwrap();
    assert!(output.status.success());
    let bytes = output.stdout.len();
    assert!((1..=GZIPPED_BYTES_MAX).contains(&bytes), "{bytes} bytes");
}

#[test]
fn the_script_makes_markup_of_templates_alone() {
    assert_eq!(SCRIPT.matches("innerHTML").count(), 1);
    let others = [
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ];
    assert!(!others.iter().any(|way| SCRIPT.contains(way)));
}
