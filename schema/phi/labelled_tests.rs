//! Precision and recall on the labelled sets under `testdata/labelled/phi`, with their floors.
//!
//! Owns the floors. The sets were written before the rules were tuned and hold what the rules
//! miss: names that stand free, streets written in no known way, diseases outside the list. A
//! floor is what was reached, rounded down; it may be raised, not lowered.

use crate::labelled::{Mark, Scores, samples};

use super::analyze;

const PORTUGUESE: &str = include_str!("../testdata/labelled/phi/portuguese.txt");
const ENGLISH: &str = include_str!("../testdata/labelled/phi/english.txt");

/// Label, precision and recall in percent, at the least, over both sets.
const FLOORS: [(&str, u32, u32); 13] = [
    ("cpf", 100, 100),
    ("cnpj", 100, 100),
    ("cns", 100, 100),
    ("email", 100, 100),
    ("crm", 100, 100),
    ("rg", 100, 100),
    ("medical_record", 100, 100),
    ("birth_date", 90, 90),
    ("phone", 100, 100),
    ("cep", 100, 100),
    ("address", 100, 100),
    ("name", 95, 78),
    ("health_condition", 95, 82),
];

fn score(set: &str, scores: &mut Scores) {
    for sample in samples(set) {
        let found: Vec<Mark> = analyze(&sample.text)
            .findings
            .iter()
            .map(|finding| Mark {
                label: label(finding.category),
                start: finding.start,
                end: finding.end,
            })
            .collect();
        let (missed, wrong) = scores.add(&sample.marks, &found);
        for mark in missed {
            println!(
                "missed {} `{}`",
                mark.label,
                &sample.text[mark.start..mark.end]
            );
        }
        for mark in wrong {
            let (place, text) = (mark.start..mark.end, &sample.text);
            println!("wrong {} `{}` in `{text}`", mark.label, &text[place]);
        }
    }
}

fn label(category: super::Category) -> String {
    let name = serde_json::to_value(category).unwrap();
    name.as_str().unwrap().to_owned()
}

#[test]
fn precision_and_recall_on_the_labelled_sets_stay_above_their_floors() {
    let mut scores = Scores::default();
    score(PORTUGUESE, &mut scores);
    score(ENGLISH, &mut scores);
    println!("{}", scores.table());
    let short: Vec<&str> = FLOORS
        .iter()
        .filter(|(label, precision, recall)| {
            let count = scores.0.get(*label).copied().unwrap_or_default();
            count.marked == 0 || count.precision() < *precision || count.recall() < *recall
        })
        .map(|floor| floor.0)
        .collect();
    assert!(short.is_empty(), "below the floor: {short:?}");
}

#[test]
fn the_portuguese_set_is_large_and_half_of_it_holds_nothing() {
    let samples = samples(PORTUGUESE);
    let free = samples
        .iter()
        .filter(|sample| sample.marks.is_empty())
        .count();
    assert!(
        samples.len() >= 200 && free >= 90,
        "{} {free}",
        samples.len()
    );
}
