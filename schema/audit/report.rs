//! The patient's report: who looked at whose data, when and why, grouped as a person reads it.
//!
//! Pure: it groups and counts, and leaves the words to whoever draws it. Accesses of one day that
//! differ in nothing but the time are one line with a count, so that a night on a monitor is not a
//! thousand lines; an emergency with another reason is another line. Holds what the entries hold
//! and no more: pseudonyms, and no content of any record.

use super::{Entry, Outcome, Told};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

const SECONDS_OF_DAY: i64 = 86_400;

/// What became of an access, as the patient is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// Allowed and done.
    Done,
    /// Done as an emergency, past the usual rules.
    Emergency,
    /// Tried and refused: nothing was shown or changed.
    Refused,
    /// Allowed, and failed: nothing was changed.
    Failed,
    /// Begun, and its end is not recorded yet.
    Underway,
    /// Nobody can tell any more.
    Unknown,
}

impl Manner {
    fn of(entry: &Entry) -> Self {
        match entry.outcome {
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Unknown => Self::Unknown,
            Outcome::Success | Outcome::Pending if entry.verdict == "break_glass" => {
                Self::Emergency
            }
            Outcome::Pending => Self::Underway,
            Outcome::Success => Self::Done,
        }
    }
}

/// Accesses that differ in nothing but the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many.
    pub count: u64,
    /// Local minute of the day of the first.
    pub first_minute: u16,
    /// And of the last, or of the end of the longest.
    pub last_minute: u16,
    /// What they have in common.
    pub access: Access,
}

/// Who, as what, did what for what, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Who, by pseudonym.
    pub principal: String,
    /// In which role.
    pub role: String,
    /// What was done.
    pub action: String,
    /// With what kind of thing.
    pub kind: String,
    /// Why.
    pub purpose: String,
    /// What became of it.
    pub manner: Manner,
    /// The reason that was given for an emergency, identifiers taken out.
    pub reason: Option<String>,
}

/// One local day; the earliest line first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i64,
    /// What happened on it.
    pub lines: Vec<Line>,
}

/// A whole report; the newest day first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The days on which anything happened.
    pub days: Vec<Day>,
    /// Accesses in all, those that were refused too.
    pub accesses: u64,
    /// Different principals.
    pub people: u64,
    /// Accesses as an emergency.
    pub emergencies: u64,
    /// Refused attempts.
    pub refused: u64,
}

/// What the reason of an emergency stands after in an explanation.
const REASON: &str = "; reason given: ";

/// Groups accesses by the days of a place that is `offset_s` seconds ahead of UTC.
#[must_use]
pub fn report<'a>(accesses: impl IntoIterator<Item = &'a Told>, offset_s: i64) -> Report {
    let mut report = Report::default();
    let mut people = BTreeSet::new();
    let mut days: BTreeMap<i64, BTreeMap<Access, (Timestamp, Line)>> = BTreeMap::new();
    for told in accesses {
        let entry = &told.item.entry;
        let access = access(entry);
        report.accesses = report.accesses.saturating_add(1);
        let counted = match access.manner {
            Manner::Emergency => Some(&mut report.emergencies),
            Manner::Refused => Some(&mut report.refused),
            _ => None,
        };
        if let Some(count) = counted {
            *count = count.saturating_add(1);
        }
        people.insert(entry.principal.as_str());
        let (day, first) = local(told.from(), offset_s);
        let (end_day, end) = local(entry.at, offset_s);
        // A view that goes on past midnight is of the day on which it began.
        let last = if end_day > day {
            24 * 60 - 1
        } else {
            end.max(first)
        };
        let lines = days.entry(day).or_default();
        let (earliest, line) = lines.entry(access.clone()).or_insert_with(|| {
            let line = Line {
                count: 0,
                first_minute: first,
                last_minute: last,
                access,
            };
            (told.from(), line)
        });
        *earliest = told.from().min(*earliest);
        line.count = line.count.saturating_add(1);
        line.first_minute = line.first_minute.min(first);
        line.last_minute = line.last_minute.max(last);
    }
    report.people = u64::try_from(people.len()).unwrap_or(u64::MAX);
    report.days = days.into_iter().rev().map(day).collect();
    report
}

fn day((number, lines): (i64, BTreeMap<Access, (Timestamp, Line)>)) -> Day {
    let mut lines: Vec<_> = lines.into_values().collect();
    lines.sort_by_key(|(earliest, _)| *earliest);
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    Day { number, lines }
}

fn access(entry: &Entry) -> Access {
    let manner = Manner::of(entry);
    let reason = entry.explanation.split_once(REASON);
    Access {
        principal: entry.principal.clone(),
        role: entry.role.clone(),
        action: entry.action.clone(),
        kind: entry.resource_kind.clone(),
        purpose: entry.purpose.clone(),
        manner,
        reason: reason.map(|(_, reason)| reason.to_owned()),
    }
}

/// The local day and the minute of it.
fn local(at: Timestamp, offset_s: i64) -> (i64, u16) {
    let seconds = at.seconds().saturating_add(offset_s);
    let minute = seconds.rem_euclid(SECONDS_OF_DAY) / 60;
    (
        seconds.div_euclid(SECONDS_OF_DAY),
        u16::try_from(minute).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::fhir::testing::{entry, told};
    use crate::audit::{Entry, Phase};

    const HOUR_US: i64 = 3_600_000_000;
    /// Brasília.
    const OFFSET_S: i64 = -3 * 3_600;

    fn at(hours: i64, change: impl FnOnce(&mut Entry)) -> Told {
        let mut entry = entry();
        entry.at = Timestamp::from_micros(hours * HOUR_US);
        change(&mut entry);
        told(entry)
    }

    #[test]
    fn accesses_that_differ_in_nothing_but_the_time_are_one_line_of_their_local_day() {
        let all = [at(27, |_| ()), at(5, |_| ()), at(9, |_| ()), at(26, |_| ())];
        let report = report(&all, OFFSET_S);
        let days: Vec<_> = report.days.iter().map(|day| day.number).collect();
        assert_eq!(days, [1, 0], "02:00 UTC of the next day is 23:00 here");
        let line = &report.days[1].lines[0];
        assert_eq!(
            (line.count, line.first_minute, line.last_minute),
            (3, 120, 23 * 60)
        );
        assert_eq!((report.accesses, report.people), (4, 1));
    }

    #[test]
    fn emergencies_and_refusals_are_counted_and_stand_by_themselves() {
        let broken = |reason: &str| {
            let reason = reason.to_owned();
            at(12, move |entry| {
                entry.verdict = "break_glass".into();
                entry.explanation = format!("emergency: score 9; reason given: {reason}");
            })
        };
        let refused = at(13, |entry| {
            entry.outcome = Outcome::Refused;
            entry.verdict = "deny".into();
        });
        let all = [
            broken("parada; reason given: x"),
            broken("trauma"),
            refused,
            at(12, |_| ()),
        ];
        let report = report(&all, 0);
        assert_eq!(
            (report.emergencies, report.refused, report.accesses),
            (2, 1, 4)
        );
        let lines = &report.days[0].lines;
        assert_eq!(lines.len(), 4);
        let reasons: BTreeSet<_> = lines
            .iter()
            .filter_map(|l| l.access.reason.as_deref())
            .collect();
        assert_eq!(
            reasons,
            BTreeSet::from(["parada; reason given: x", "trauma"])
        );
    }

    #[test]
    fn a_refused_emergency_is_a_refusal_and_what_is_open_or_lost_says_so() {
        let manner = |outcome, verdict: &str| {
            let verdict = verdict.to_owned();
            let told = at(1, move |entry| {
                entry.outcome = outcome;
                entry.verdict = verdict;
            });
            report([&told], 0).days[0].lines[0].access.manner
        };
        assert_eq!(manner(Outcome::Refused, "deny"), Manner::Refused);
        assert_eq!(manner(Outcome::Pending, "allow"), Manner::Underway);
        assert_eq!(manner(Outcome::Pending, "break_glass"), Manner::Emergency);
        assert_eq!(manner(Outcome::Unknown, "allow"), Manner::Unknown);
        assert_eq!(manner(Outcome::Failed, "allow"), Manner::Failed);
    }

    #[test]
    fn lines_of_one_minute_stand_in_the_order_of_what_happened() {
        let second = |seconds: i64, action: &str| {
            let action = action.to_owned();
            at(0, move |entry| {
                entry.at = Timestamp::from_micros(seconds * 1_000_000);
                entry.action = action;
            })
        };
        let all = [second(9, "read"), second(3, "write"), second(5, "search")];
        let report = report(&all, 0);
        let lines = report.days[0].lines.iter();
        let actions: Vec<_> = lines.map(|line| line.access.action.as_str()).collect();
        assert_eq!(actions, ["write", "search", "read"]);
    }

    #[test]
    fn a_view_lasts_from_its_opening_to_its_end_and_stays_on_the_day_it_began() {
        let mut view = at(10, |entry| entry.phase = Phase::Completed);
        view.began = Some(Timestamp::from_micros(8 * HOUR_US));
        let mut night = at(25, |entry| entry.action = "search".into());
        night.began = Some(Timestamp::from_micros(23 * HOUR_US));
        let report = report([&view, &night], 0);
        assert_eq!(report.days.len(), 1);
        let minutes: Vec<_> = report.days[0]
            .lines
            .iter()
            .map(|line| (line.first_minute, line.last_minute))
            .collect();
        assert_eq!(minutes, [(480, 600), (1_380, 1_439)]);
    }
}
