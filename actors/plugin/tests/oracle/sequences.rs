//! Random sequences of host calls: no panic, no byte from outside, no limit passed, and to the byte
//! what the model says; where the contract says it too, Extism answers the same.
//!
//! `make fuzz` runs 20,000 of each kind, or `CASES=…` from `SEED=…` on; `make test` runs 500.

use std::collections::BTreeMap;
use std::time::Duration;

use plantao_schema::plugin::Capability;

use super::model::Model;
use super::program::{Dice, Program, module};
use super::{Hosts, Outcome};
use crate::plugin::tests::guests::{Bench, spec};
use crate::plugin::{Limits, PluginSpec};

/// Programs in one module: a module costs more than they do.
const TOGETHER: u64 = 25;

fn setting(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok().filter(|set| !set.is_empty());
    set.map_or(default, |set| set.parse().expect("a number"))
}

/// Limits that random sequences meet.
fn described() -> PluginSpec {
    let limits = Limits {
        memory_bytes: 1 << 20,
        timeout: Duration::from_secs(30),
        output_bytes: 2_048,
        variable_bytes: 2_048,
        ..Limits::default()
    };
    let mut spec = spec(limits);
    for (key, value) in [("idioma", "pt-BR"), ("vazio", ""), ("ç", "sim, não")] {
        spec.config.insert(key.to_owned(), value.to_owned());
    }
    spec
}

/// One of a module's programs, its input, and how it has to end.
struct Case {
    program: Program,
    input: String,
    end: Outcome,
}

fn draw(seed: u64, spec: &PluginSpec, wild: bool) -> Case {
    let mut dice = Dice(seed);
    let length = dice.below(40) * dice.below(2);
    let input: String = (0..length)
        .map(|_| char::from(b'a' + u8::try_from(dice.below(26)).unwrap()))
        .collect();
    let model = Model::new(spec.limits, &spec.config, &input);
    let (program, end) = Program::draw(&mut dice, model, wild);
    Case {
        program,
        input,
        end,
    }
}

/// Cases in modules, with the seed of the first.
fn campaign(wild: bool) -> impl Iterator<Item = (u64, Vec<Case>, Vec<u8>)> {
    let (first, count) = (
        setting("PLANTAO_FUZZ_SEED", 0),
        setting("PLANTAO_FUZZ_CASES", 500),
    );
    println!("seeds {first} to {}", first + count - 1);
    let spec = described();
    let starts = (first..first + count).step_by(usize::try_from(TOGETHER).unwrap());
    starts.map(move |start| {
        let seeds = start..(start + TOGETHER).min(first + count);
        let cases: Vec<Case> = seeds.map(|seed| draw(seed, &spec, wild)).collect();
        let programs: Vec<Program> = cases.iter().map(|case| case.program.clone()).collect();
        (start, cases, module(&programs))
    })
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Output(_) => "output",
        Outcome::NotText(_) => "not text",
        Outcome::TooLong => "too long",
        Outcome::Failed { .. } => "failed",
        Outcome::Stopped(_) => "stopped",
        Outcome::Memory => "memory",
        Outcome::Variables => "variables",
        other => panic!("{other:?}"),
    }
}

/// Prints how often each end came; among enough of them each that is expected has to.
fn came(ends: &BTreeMap<&'static str, u32>, expected: &[&str]) {
    println!("{ends:?}");
    if ends.values().sum::<u32>() < 500 {
        return;
    }
    for end in expected {
        assert!(ends.contains_key(end), "nothing ended so: {end}");
    }
}

#[tokio::test]
async fn whatever_a_guest_asks_the_host_does_what_the_model_says() {
    let bench = Bench::new();
    let spec = described();
    let mut ends = BTreeMap::new();
    for (start, cases, bytes) in campaign(true) {
        let module = bench.module(&spec, &bytes);
        for (seed, (number, case)) in (start..).zip(cases.iter().enumerate()) {
            let function = format!("case{number}");
            let called = bench.call(&module, &function, &case.input, &[]).await;
            let here = Outcome::of(called.map(|answer| answer.text));
            assert_eq!(here, case.end, "seed {seed}: {:#?}", case.program);
            *ends.entry(kind(&here)).or_default() += 1;
        }
    }
    let expected = ["output", "not text", "failed", "stopped", "memory"];
    came(&ends, &expected);
}

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn what_the_contract_settles_extism_and_this_host_do_alike() {
    let mut hosts = Hosts::start();
    let spec = described();
    let mut ends = BTreeMap::new();
    for (start, cases, bytes) in campaign(false) {
        hosts.load(&spec, &bytes);
        for (seed, (number, case)) in (start..).zip(cases.iter().enumerate()) {
            let function = format!("case{number}");
            let here = hosts.here(&function, &case.input, &[]).await;
            assert_eq!(here, case.end, "seed {seed}: {:#?}", case.program);
            let there = hosts.there(&function, &case.input).into_text();
            assert_eq!(here, there, "seed {seed}: {:#?}", case.program);
            *ends.entry(kind(&here)).or_default() += 1;
            // As it came: the guest's words are withheld, and nothing else is another.
            let raw = hosts
                .here(&function, &case.input, &[Capability::PhiRaw])
                .await;
            assert_eq!(raw, here.wordless(), "seed {seed}");
        }
    }
    came(&ends, &["output", "not text", "failed"]);
}
