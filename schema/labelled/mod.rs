//! How a labelled set is read and what precision and recall on it are.
//!
//! Owns the marked-up form (`[[label:text]]`, which may nest, one sample a line, `\n` a line break)
//! and the counting. Refuses to be part of the library: the tests and the benchmark take this file
//! in, so that both count the same. A finding is right only if label, first and last byte are all
//! as marked; one that merely touches a mark of its label is counted apart.

use std::collections::BTreeMap;

/// One labelled place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) label: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A text and what is marked in it.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) text: String,
    pub(crate) marks: Vec<Mark>,
}

/// Every sample of a set; lines that are empty or begin with `#` are none.
pub(crate) fn samples(set: &str) -> Vec<Sample> {
    let lines = set
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(read).collect()
}

fn read(line: &str) -> Sample {
    let line = line.replace("\\n", "\n");
    let mut sample = Sample {
        text: String::new(),
        marks: Vec::new(),
    };
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut rest = line.as_str();
    loop {
        let (begins, ends) = (rest.find("[["), rest.find("]]"));
        let Some(at) = begins.into_iter().chain(ends).min() else {
            break;
        };
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        sample.text.push_str(before);
        if begins == Some(at) {
            let (label, inside) = after.split_once(':').expect("a mark has a label");
            open.push((label.to_owned(), sample.text.len()));
            rest = inside;
        } else {
            let (label, start) = open.pop().expect("a mark that ends has begun");
            let end = sample.text.len();
            sample.marks.push(Mark { label, start, end });
            rest = after;
        }
    }
    assert!(open.is_empty(), "a mark that begins ends: `{line}`");
    sample.text.push_str(rest);
    sample
}

/// What was counted of one label.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) marked: u32,
    pub(crate) found: u32,
    /// Found exactly where it is marked.
    pub(crate) right: u32,
    /// Marks of the label that some finding of it overlaps.
    pub(crate) touched: u32,
}

impl Count {
    /// Of what was found, how much is right, in percent; all of nothing.
    pub(crate) fn precision(&self) -> u32 {
        percent(self.right, self.found)
    }

    /// Of what is marked, how much was found, in percent; all of nothing.
    pub(crate) fn recall(&self) -> u32 {
        percent(self.right, self.marked)
    }

    /// Of what is marked, how much was found at least in part, in percent.
    pub(crate) fn touched(&self) -> u32 {
        percent(self.touched, self.marked)
    }
}

fn percent(part: u32, whole: u32) -> u32 {
    (part * 100).checked_div(whole).unwrap_or(100)
}

/// Counts by label.
#[derive(Debug, Default)]
pub(crate) struct Scores(pub(crate) BTreeMap<String, Count>);

impl Scores {
    /// Adds one sample's marks and what was found in it; answers what was missed and what is wrong.
    pub(crate) fn add(&mut self, marks: &[Mark], found: &[Mark]) -> (Vec<Mark>, Vec<Mark>) {
        let overlap = |a: &Mark, b: &Mark| a.label == b.label && a.start < b.end && b.start < a.end;
        let (mut missed, mut wrong) = (Vec::new(), Vec::new());
        for mark in marks {
            let count = self.0.entry(mark.label.clone()).or_default();
            count.marked += 1;
            count.right += u32::from(found.contains(mark));
            count.touched += u32::from(found.iter().any(|one| overlap(one, mark)));
            if !found.contains(mark) {
                missed.push(mark.clone());
            }
        }
        for one in found {
            self.0.entry(one.label.clone()).or_default().found += 1;
            if !marks.contains(one) {
                wrong.push(one.clone());
            }
        }
        (missed, wrong)
    }

    /// All labels together.
    pub(crate) fn all(&self) -> Count {
        self.0.values().fold(Count::default(), |sum, one| Count {
            marked: sum.marked + one.marked,
            found: sum.found + one.found,
            right: sum.right + one.right,
            touched: sum.touched + one.touched,
        })
    }

    /// A table, a label a line.
    pub(crate) fn table(&self) -> String {
        let mut rows: Vec<(&str, Count)> = Vec::new();
        rows.extend(self.0.iter().map(|(label, count)| (label.as_str(), *count)));
        rows.push(("all", self.all()));
        let line = |(label, count): &(&str, Count)| {
            format!(
                "  {label:<28} marked {:>4}  precision {:>3} %  recall {:>3} %  touched {:>3} %\n",
                count.marked,
                count.precision(),
                count.recall(),
                count.touched(),
            )
        };
        rows.iter().map(line).collect()
    }
}
