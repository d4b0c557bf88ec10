//! The tables of `CONFORMANCE.md` and the tests here name each other, none missing on either side.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TABLES: &str = include_str!("../../CONFORMANCE.md");
const NOTHING: &str = "does not apply";
const HEADING: &str = "## Elixir";
/// Cases of each suite, so that none is left out.
const SUITES: [(&str, usize); 3] = [
    ("## Elixir DynamicSupervisor", 41),
    ("## Elixir PartitionSupervisor", 22),
    ("## Elixir Task.Supervisor", 44),
];

struct Row {
    suite: &'static str,
    case: &'static str,
    test: &'static str,
    note: &'static str,
}

/// The rows of Elixir's tables, without their heads.
fn rows() -> Vec<Row> {
    let (mut rows, mut suite) = (Vec::new(), "");
    for line in TABLES.lines() {
        if line.starts_with("## ") {
            suite = line;
        }
        let cells = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'));
        let (Some(cells), true) = (cells, suite.starts_with(HEADING)) else {
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "a row of another shape: {line}");
        let (case, test, note) = (cells[0], cells[1], cells[2]);
        if case != "case" && !case.starts_with("--") {
            rows.push(Row {
                suite,
                case,
                test,
                note,
            });
        }
    }
    rows
}

/// `tests/elixir/file.rs::name` of every test in the files beside this one.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/elixir");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2) {
            let name = pair[1].strip_prefix("async fn ");
            if let (true, Some(name)) = (pair[0].starts_with("#[tokio::test"), name) {
                let name = name.split('(').next().unwrap();
                tests.insert(format!("tests/elixir/{file}::{name}"));
            }
        }
    }
    tests
}

#[test]
fn every_test_that_a_table_names_exists_and_every_test_is_in_a_table() {
    let named: BTreeSet<String> = rows()
        .iter()
        .filter(|row| row.test != NOTHING)
        .map(|row| row.test.trim_matches('`').to_owned())
        .collect();
    let tests = tests();
    let missing: Vec<_> = named.difference(&tests).collect();
    assert!(missing.is_empty(), "named and not there: {missing:#?}");
    let unnamed: Vec<_> = tests.difference(&named).collect();
    assert!(unnamed.is_empty(), "there and not named: {unnamed:#?}");
}

#[test]
fn every_case_has_one_row_and_those_that_do_not_apply_have_a_reason() {
    let rows = rows();
    let cases: BTreeSet<_> = rows.iter().map(|row| (row.suite, row.case)).collect();
    assert_eq!(cases.len(), rows.len(), "a case is there twice");
    for row in &rows {
        let said = row.test != NOTHING || !row.note.is_empty();
        assert!(said, "{}: {} has no reason", row.suite, row.case);
    }
    for (suite, count) in SUITES {
        let found = rows.iter().filter(|row| row.suite == suite).count();
        assert_eq!(found, count, "{suite}");
    }
}
