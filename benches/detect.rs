//! What the text rules find on their labelled sets, and what a pass over a text costs.
//!
//! Precision and recall are those of `schema/testdata/labelled`, counted as the tests count them:
//! label, first and last byte all right. The rules were tuned on these sets, so other text gives
//! less. The peer of the times is one pass of the standard library over the characters of the same
//! text (`char::is_alphanumeric`), below which nothing that looks at every character can go.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use plantao_schema::{claims, phi};
use std::hint::black_box;
use std::time::{Duration, Instant};

#[path = "../schema/labelled/mod.rs"]
mod labelled;

use labelled::{Mark, Scores, samples};

const ARTICLE: &str = include_str!("../config/demo/artigo.md");
const PHI_PORTUGUESE: &str = include_str!("../schema/testdata/labelled/phi/portuguese.txt");
const PHI_ENGLISH: &str = include_str!("../schema/testdata/labelled/phi/english.txt");

const CLAIMS_PORTUGUESE: &str = include_str!("../schema/testdata/labelled/claims/portuguese.txt");
const CLAIMS_ENGLISH: &str = include_str!("../schema/testdata/labelled/claims/english.txt");
const CLAIMS_HELD_OUT: &str = include_str!("../schema/testdata/labelled/claims/held_out.txt");

const TEXT_BYTES: usize = 64 * 1024;
const ROUNDS: usize = 60;

fn main() {
    println!("identifiers and conditions, Portuguese set");
    println!("{}", identifiers(PHI_PORTUGUESE).table());
    println!("identifiers and conditions, English set");
    println!("{}", identifiers(PHI_ENGLISH).table());
    for (set, text) in [
        ("Portuguese set", CLAIMS_PORTUGUESE),
        ("English set", CLAIMS_ENGLISH),
        ("set held out", CLAIMS_HELD_OUT),
    ] {
        println!("medical statements by kind, and words the CFM forbids by rule, {set}");
        println!("{}", statements(text).table());
    }
    times();
}

fn statements(set: &str) -> Scores {
    let mut scores = Scores::default();
    for sample in samples(set) {
        let extraction = claims::extract(&sample.text);
        let kinds = extraction.claims.iter().map(|claim| Mark {
            label: name(&claim.kind),
            start: claim.start,
            end: claim.end,
        });
        let rules = extraction.forbidden.iter().map(|finding| Mark {
            label: format!("cfm/{}", name(&finding.rule)),
            start: finding.start,
            end: finding.end,
        });
        let found: Vec<Mark> = kinds.chain(rules).collect();
        let marks = sample.marks.into_iter().map(|mark| {
            let kind = mark.label.split_once('/').filter(|label| label.0 != "cfm");
            let label = kind.map_or(mark.label.clone(), |label| label.0.to_owned());
            Mark { label, ..mark }
        });
        scores.add(&marks.collect::<Vec<_>>(), &found);
    }
    scores
}

fn identifiers(set: &str) -> Scores {
    let mut scores = Scores::default();
    for sample in samples(set) {
        let found: Vec<Mark> = phi::analyze(&sample.text)
            .findings
            .iter()
            .map(|finding| Mark {
                label: name(&finding.category),
                start: finding.start,
                end: finding.end,
            })
            .collect();
        scores.add(&sample.marks, &found);
    }
    scores
}

/// The name a value has in JSON.
fn name(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().unwrap().to_owned()
}

fn times() {
    let article = ARTICLE.repeat(TEXT_BYTES / ARTICLE.len() + 1);
    let sentences: Vec<String> = samples(PHI_PORTUGUESE)
        .into_iter()
        .map(|one| one.text)
        .collect();
    let dense = sentences.join("\n\n");
    println!("microseconds for each KiB of text, median of {ROUNDS}");
    for (what, text) in [
        ("the demonstration's article", &article),
        ("the labelled set", &dense),
    ] {
        println!("  {what}, {} KiB", text.len() / 1024);
        let pass = |text: &str| text.chars().filter(|char| char.is_alphanumeric()).count();
        let peer = per_kib(text, |text| {
            black_box(pass(text));
        });
        line("peer: one pass over the characters", peer, peer);
        let detect = per_kib(text, |text| drop(black_box(phi::detect(text))));
        line("detect (what redaction runs on)", detect, peer);
        line(
            "redact",
            per_kib(text, |text| drop(black_box(phi::redact(text)))),
            peer,
        );
        line(
            "analyze",
            per_kib(text, |text| drop(black_box(phi::analyze(text)))),
            peer,
        );
        let extract = per_kib(text, |text| drop(black_box(claims::extract(text))));
        line("extract (medical statements)", extract, peer);
    }
}

fn line(what: &str, micros: f64, peer: f64) {
    println!("    {what:<36} {micros:>7.2}  {:>5.1}x", micros / peer);
}

fn per_kib(text: &str, run: impl Fn(&str)) -> f64 {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            run(black_box(text));
            started.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2].as_secs_f64() * 1e6 / (text.len() as f64 / 1024.0)
}
