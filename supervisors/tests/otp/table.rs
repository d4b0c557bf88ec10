//! The table in `CONFORMANCE.md` says where each case of the suite is tested; this keeps it true.

use std::collections::BTreeSet;

const CONFORMANCE: &str = include_str!("../../CONFORMANCE.md");
const SECTION: &str = "## OTP supervisor_SUITE (25.2.3)";
const CASES: usize = 88;
const NONE: &str = "does not apply";

struct Row {
    case: &'static str,
    test: &'static str,
    note: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = CONFORMANCE.lines().skip_while(|line| *line != SECTION);
    let section = lines.skip(1).take_while(|line| !line.starts_with("## "));
    let table = section.filter(|line| line.starts_with('|'));
    // The first two lines are the head.
    table.skip(2).map(row).collect()
}

fn row(line: &'static str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [case, test, note] = cells[..] else {
        panic!("three columns expected: {line}");
    };
    let plain = |cell: &'static str| cell.trim_matches('`');
    Row {
        case: plain(case),
        test: plain(test),
        note,
    }
}

/// Every test of a case, by its file.
fn tests() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otp");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2) {
            let [attribute, function] = pair else {
                continue;
            };
            let name = function
                .strip_prefix("async fn ")
                .and_then(|rest| rest.split('(').next());
            if attribute.starts_with("#[tokio::test")
                && let Some(name) = name
            {
                found.insert(format!("tests/otp/{file}::{name}"));
            }
        }
    }
    found
}

#[test]
fn each_case_has_one_row() {
    let rows = rows();
    let cases: BTreeSet<_> = rows.iter().map(|row| row.case).collect();
    assert_eq!((rows.len(), cases.len()), (CASES, CASES));
}

#[test]
fn each_case_names_a_test_of_its_own_name_or_says_why_there_is_none() {
    for Row { case, test, note } in rows() {
        if test == NONE {
            assert!(!note.is_empty(), "why does `{case}` not apply?");
        } else {
            assert_eq!(test.rsplit("::").next(), Some(case));
        }
    }
}

#[test]
fn the_table_and_the_tests_name_each_other() {
    let named = rows().into_iter().map(|row| row.test);
    let named: BTreeSet<_> = named
        .filter(|test| *test != NONE)
        .map(str::to_owned)
        .collect();
    assert_eq!(named, tests());
}
