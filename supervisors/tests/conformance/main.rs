//! Conformance: random supervision scripts, played by this crate and by Erlang/OTP itself, must
//! leave the same traces.
//!
//! `CONFORMANCE_SCRIPTS` says how many scripts, `CONFORMANCE_SEED` from which seed they are drawn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod beam;
mod board;
mod build;
mod campaign;
mod compare;
mod desk;
mod divergences;
mod draft;
mod examples;
mod generate;
mod model;
mod regressions;
mod roster;
mod runner;
mod term;
mod torn;
mod trace;
mod valid;

const SCRIPTS: usize = 500;
/// Answers that so many scripts get at least once, or they ask too little.
const ANSWERS: [&str; 10] = [
    "already_present",
    "already_started",
    "bad_spec",
    "failed",
    "ignored",
    "not_found",
    "ok",
    "running",
    "simple_one_for_one",
    "unavailable",
];
/// Any number would do; a fixed one makes a failure repeatable by everybody.
const SEED: u64 = 25;

#[test]
fn random_scripts_leave_the_same_traces_as_in_otp() {
    let scripts = number("CONFORMANCE_SCRIPTS").map_or(SCRIPTS, |number| number as usize);
    let seed = number("CONFORMANCE_SEED").unwrap_or(SEED);
    let findings = campaign::run(&generate::script(), scripts, seed);
    println!(
        "{} scripts from seed {seed}, {} played twice, divergences {:?}, answers {:?}",
        findings.scripts, findings.replayed, findings.divergences, findings.answers
    );
    assert!(
        findings.reports.is_empty(),
        "{}",
        findings.reports.join("\n\n")
    );
    let missing = ANSWERS
        .iter()
        .filter(|answer| !findings.answers.contains_key(**answer));
    let missing: Vec<_> = missing.collect();
    assert!(
        scripts < SCRIPTS || missing.is_empty(),
        "no script was answered {missing:?}"
    );
}

#[test]
fn what_once_differed_from_otp_does_no_more() {
    let differing = regressions::differing();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_documented_divergence_is_seen() {
    assert_eq!(examples::unseen(), []);
}

#[test]
fn the_documented_divergences_are_those_that_the_comparison_knows() {
    let section = divergences::section();
    assert!(
        include_str!("DIVERGENCES.md") == section,
        "`DIVERGENCES.md` has to say:\n{section}"
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("`{variable}` is not a number: `{text}`")),
    )
}
