//! What a campaign found, for machines and for people: a journal, a JUnit file and one page.
//!
//! A report is made of results alone and asks nothing of whoever ran. The page names nobody: it
//! shows faults, paths with the names of dynamic children left open, times, and the judges' words.

mod collector;
mod day;
mod junit;
mod labels;
mod outcome;
mod page;
mod points;
mod timeline;
mod words;

pub use collector::Collector;

use crate::checkers::{Sometimes, Violation};
use crate::history::History;
use crate::invariant::Invariant;
use serde::Serialize;
use serde::ser::Serializer;
use std::collections::BTreeMap;

/// The journal's version: raised when something in it is renamed, moved or taken away.
pub const JOURNAL_VERSION: u32 = 1;
/// What the journal calls itself.
const JOURNAL_FORMAT: &str = "plantao-chaos journal";

/// A campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it is called.
    pub title: String,
    /// The first and the last seed that were played.
    #[serde(serialize_with = "seed_range")]
    pub seeds: (u64, u64),
    /// What was judged: what is not named here is not known to have held.
    #[serde(serialize_with = "invariant_names")]
    pub invariants: Vec<Invariant>,
    /// What was played.
    pub schedules: Vec<ScheduleResult>,
    /// What was played besides, held, and is not listed.
    pub left_out: LeftOut,
    /// The rare states that were reached.
    pub sometimes: Sometimes,
    /// What was struck, as a table of text.
    pub coverage: String,
}

/// Schedules that held and are counted alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many.
    pub schedules: u64,
    /// How many faults they had.
    pub faults: u64,
    /// How long they took together, in virtual time.
    pub virtual_ms: u64,
}

/// One schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScheduleResult {
    /// Its seed.
    #[serde(serialize_with = "seed")]
    pub seed: u64,
    /// The trace hash.
    pub hash: String,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// What was broken, a line each.
    pub faults: Vec<String>,
    /// How long it took, in virtual time.
    pub virtual_ms: u64,
    /// The command that plays it again.
    pub again: String,
    /// What happened, where it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// Why a report could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The journal could not be made of the results.
    #[error("the journal could not be written")]
    Journal(#[from] serde_json::Error),
}

impl Report {
    /// The journal: JSON, versioned. Seeds are text, since readers differ about large numbers.
    ///
    /// # Errors
    /// [`ReportError`] when the results are none that JSON can tell.
    pub fn to_json(&self) -> Result<String, ReportError> {
        #[derive(Serialize)]
        struct Journal<'a> {
            format: &'static str,
            version: u32,
            #[serde(flatten)]
            report: &'a Report,
        }
        let journal = Journal {
            format: JOURNAL_FORMAT,
            version: JOURNAL_VERSION,
            report: self,
        };
        Ok(serde_json::to_string_pretty(&journal)?)
    }

    /// JUnit XML: a case for each invariant over all schedules, and one for each invariant of each
    /// failing schedule.
    #[must_use]
    pub fn to_junit(&self) -> String {
        junit::xml(self)
    }

    /// One page of HTML that needs nothing else, in Portuguese and English.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// The schedules in which something did not hold.
    pub fn failing(&self) -> impl Iterator<Item = &ScheduleResult> {
        self.schedules
            .iter()
            .filter(|one| !one.violations.is_empty())
    }

    /// How many schedules were played.
    fn played(&self) -> u64 {
        let listed = u64::try_from(self.schedules.len()).unwrap_or(u64::MAX);
        listed.saturating_add(self.left_out.schedules)
    }

    /// How long they took together.
    fn virtual_ms(&self) -> u64 {
        let listed = self.schedules.iter().map(|one| one.virtual_ms);
        listed.fold(self.left_out.virtual_ms, u64::saturating_add)
    }

    /// The seeds of the schedules in which each invariant did not hold.
    fn violated_by(&self) -> BTreeMap<Invariant, Vec<u64>> {
        let mut seeds: BTreeMap<Invariant, Vec<u64>> = BTreeMap::new();
        for schedule in self.failing() {
            for invariant in &schedule.violated() {
                seeds.entry(*invariant).or_default().push(schedule.seed);
            }
        }
        seeds
    }
}

impl ScheduleResult {
    /// The invariants that did not hold, each once.
    fn violated(&self) -> Vec<Invariant> {
        let mut found: Vec<Invariant> = self.violations.iter().map(|one| one.invariant).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A seed as it is written wherever people copy it from.
fn hex(seed: u64) -> String {
    format!("{seed:#x}")
}

fn seed<S: Serializer>(seed: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex(*seed))
}

fn seed_range<S: Serializer>((first, last): &(u64, u64), to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq([hex(*first), hex(*last)])
}

fn invariant_names<S: Serializer>(names: &[Invariant], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(names.iter().map(|one| one.name()))
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::testing::report;

    #[test]
    fn the_journal_says_its_version_and_keeps_large_seeds_whole() {
        let json: serde_json::Value = serde_json::from_str(&report().to_json().unwrap()).unwrap();
        assert_eq!(json["format"], "plantao-chaos journal");
        assert_eq!(json["version"], 1);
        assert_eq!(
            json["seeds"],
            serde_json::json!(["0x1", "0xffffffffffffffff"])
        );
        let failing = &json["schedules"][1];
        assert_eq!(failing["seed"], "0xffffffffffffffff");
        assert_eq!(failing["violations"][0]["invariant"], "no_overlap");
        assert_eq!(failing["history"][0]["type"], "request_began");
        assert!(json["schedules"][0].get("history").is_none());
        assert_eq!(json["sometimes"]["lost_reply"], 1);
    }
}
