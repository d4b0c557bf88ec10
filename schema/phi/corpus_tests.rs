//! Precision and recall on the committed corpus, with the floors that may not be undercut.
//!
//! Owns the reading of `testdata/corpus.txt` and the counting: a finding is right only if category,
//! first and last byte are all as marked. Refuses to speak of hospital text: the corpus is
//! synthetic, small, and written by people who know the rules.

use std::collections::BTreeMap;

use super::{Category, detect};

const CORPUS: &str = include_str!("testdata/corpus.txt");

/// Category, precision and recall in percent, at the least. The names that stand free keep the last
/// recall down, and are in the corpus for that.
const FLOORS: [(Category, u32, u32); 12] = [
    (Category::Cpf, 100, 100),
    (Category::Cnpj, 100, 100),
    (Category::Cns, 100, 100),
    (Category::Email, 100, 100),
    (Category::Crm, 100, 100),
    (Category::Rg, 100, 100),
    (Category::MedicalRecord, 100, 100),
    (Category::BirthDate, 100, 100),
    (Category::Phone, 100, 100),
    (Category::Cep, 100, 100),
    (Category::Address, 100, 100),
    (Category::Name, 95, 80),
];

/// A text and what is marked in it.
struct Sample {
    text: String,
    marked: Vec<(Category, usize, usize)>,
}

fn samples() -> Vec<Sample> {
    let lines = CORPUS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(read).collect()
}

fn read(line: &str) -> Sample {
    let line = line.replace("\\n", "\n");
    let mut sample = Sample {
        text: String::new(),
        marked: Vec::new(),
    };
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once("[[") {
        let (mark, after) = after.split_once("]]").expect("a mark ends");
        let (category, text) = mark.split_once(':').expect("a mark has a category");
        let category = serde_json::from_value(category.into()).expect("a category that exists");
        sample.text.push_str(before);
        let start = sample.text.len();
        sample.text.push_str(text);
        sample.marked.push((category, start, sample.text.len()));
        rest = after;
    }
    sample.text.push_str(rest);
    sample
}

#[derive(Debug, Default)]
struct Count {
    right: u32,
    found: u32,
    marked: u32,
}

#[test]
fn precision_and_recall_stay_above_their_floors() {
    let mut counts: BTreeMap<Category, Count> = BTreeMap::new();
    for sample in samples() {
        let found = detect(&sample.text);
        let found: Vec<_> = found.iter().map(|f| (f.category, f.start, f.end)).collect();
        for mark in &sample.marked {
            let count = counts.entry(mark.0).or_default();
            count.marked += 1;
            count.right += u32::from(found.contains(mark));
            if !found.contains(mark) {
                println!("missed {:?} `{}`", mark.0, &sample.text[mark.1..mark.2]);
            }
        }
        for finding in &found {
            counts.entry(finding.0).or_default().found += 1;
            if !sample.marked.contains(finding) {
                println!(
                    "wrong {:?} `{}`",
                    finding.0,
                    &sample.text[finding.1..finding.2]
                );
            }
        }
    }
    let mut short = Vec::new();
    for (category, precision_floor, recall_floor) in FLOORS {
        let count = counts.remove(&category).unwrap_or_default();
        let precision = count.right * 100 / count.found.max(1);
        let recall = count.right * 100 / count.marked.max(1);
        println!("{category:?}: precision {precision} %, recall {recall} %, {count:?}");
        if precision < precision_floor || recall < recall_floor {
            short.push(category);
        }
    }
    assert!(short.is_empty(), "below the floor: {short:?}");
}

#[test]
fn the_corpus_holds_enough_of_every_category_to_count() {
    let samples = samples();
    for (category, ..) in FLOORS {
        let marked = samples
            .iter()
            .flat_map(|s| &s.marked)
            .filter(|m| m.0 == category)
            .count();
        assert!(marked >= 3, "{category:?}: {marked}");
    }
    assert!(
        samples
            .iter()
            .filter(|sample| sample.marked.is_empty())
            .count()
            >= 30
    );
}
