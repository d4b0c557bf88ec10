//! What must have held of a run: pure looks at its journal and at what is durable after it.

use super::client::Answered;
use super::journal::{Events, Exchange};
use super::workload::What;
use crate::Invariant;
use crate::twin::Tables;
use plantao_schema::audit::{ChainHead, Chained, Outcome, Phase};
use plantao_supervisors::LifecycleEvent;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// How soon after the last fault the system serves again.
pub(super) const RECOVERY: Duration = Duration::from_secs(10);

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What should have.
    pub invariant: Invariant,
    /// How it did not, without anybody's data.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// All that did not hold.
pub(super) fn judge(events: &Events, tables: &Tables) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violated = |invariant, what: String| found.push(Violation { invariant, what });
    durable(events, tables, &mut violated);
    chained(tables, &mut violated);
    completed(tables, &mut violated);
    proven(events, &mut violated);
    revoked(events, &mut violated);
    ended(events, &mut violated);
    alone(events, &mut violated);
    written(events, tables, &mut violated);
    if events.recovered_after.is_none_or(|after| after > RECOVERY) {
        let after = events.recovered_after;
        violated(Invariant::Recovers, format!("served again after {after:?}"));
    }
    found
}

type Violated<'a> = dyn FnMut(Invariant, String) + 'a;

fn durable(events: &Events, tables: &Tables, violated: &mut Violated<'_>) {
    for exchange in &events.exchanges {
        let Answered::Whole(status, Some(receipt), _) = &exchange.answered else {
            continue;
        };
        let key = Uuid::parse_str(receipt).ok();
        if key.is_none_or(|key| !tables.places.contains_key(&key)) {
            let what = format!("an answer {status} came with a receipt of no entry");
            violated(Invariant::AuditDurable, what);
        }
    }
    let keys: BTreeSet<Uuid> = tables.entries.values().map(|row| row.entry.id).collect();
    if keys.len() != tables.entries.len() {
        let twice = tables.entries.len().saturating_sub(keys.len());
        violated(
            Invariant::AuditDurable,
            format!("{twice} entries are there twice"),
        );
    }
}

fn chained(tables: &Tables, violated: &mut Violated<'_>) {
    let mut heads: BTreeMap<&str, ChainHead> = BTreeMap::new();
    for row in tables.entries.values() {
        let head = heads.entry(&row.chain).or_insert(ChainHead::EMPTY);
        let again = Chained::after(&row.chain, head, row.entry.clone());
        if again != *row {
            let what = format!(
                "entry {} of its chain does not follow the one before",
                row.seq
            );
            violated(Invariant::AuditChained, what);
        }
        *head = row.head();
    }
}

fn completed(tables: &Tables, violated: &mut Violated<'_>) {
    let mut completions: BTreeMap<Uuid, Vec<Outcome>> = BTreeMap::new();
    for row in tables.entries.values() {
        if let (Phase::Completed, Some(opened)) = (row.entry.phase, row.entry.opens) {
            completions
                .entry(opened)
                .or_default()
                .push(row.entry.outcome);
        }
    }
    let opened = tables
        .entries
        .values()
        .filter(|row| row.entry.phase == Phase::Opened);
    for row in opened {
        let (id, action) = (row.entry.id, &row.entry.action);
        let recorded = tables.completions.get(&id).map(|recorded| recorded.outcome);
        match completions.get(&id).map(Vec::as_slice) {
            None => {
                let what = format!("a change ({action}) was never completed");
                violated(Invariant::MutationCompleted, what);
            }
            Some([outcome]) if recorded.is_some_and(|recorded| recorded != *outcome) => {
                let what =
                    format!("a change ({action}) ended {recorded:?} and is told {outcome:?}");
                violated(Invariant::MutationCompleted, what);
            }
            Some([Outcome::Success]) if recorded.is_none() => {
                let what = format!("a change ({action}) is told a success and was not made");
                violated(Invariant::MutationCompleted, what);
            }
            Some([_]) => {}
            Some(several) => {
                let what = format!("a change ({action}) was completed {} times", several.len());
                violated(Invariant::MutationCompleted, what);
            }
        }
    }
}

fn proven(events: &Events, violated: &mut Violated<'_>) {
    for Exchange { answered, what, .. } in &events.exchanges {
        if let Answered::Whole(200..300, None, _) = answered {
            let what = format!("{what:?} was answered without a receipt");
            violated(Invariant::ReleaseProven, what);
        }
    }
}

/// After a withdrawal was acknowledged, and until something else was said, nothing is given out.
fn revoked(events: &Events, violated: &mut Violated<'_>) {
    let said = |exchange: &Exchange| match exchange.what {
        What::Say { patient, granted } => Some((patient, granted)),
        _ => None,
    };
    for exchange in &events.exchanges {
        let What::Read {
            patient,
            break_glass: false,
        } = exchange.what
        else {
            continue;
        };
        if !matches!(exchange.answered, Answered::Whole(200..300, ..)) {
            continue;
        }
        let before = events
            .exchanges
            .iter()
            .filter(|one| one.ended < exchange.began);
        let revocation = before
            .filter(|one| said(one) == Some((patient, false)))
            .filter(|one| matches!(one.answered, Answered::Whole(200..300, ..)))
            .max_by_key(|one| one.ended);
        let Some(revocation) = revocation else {
            continue;
        };
        // Whatever may have been said since, heard or not, makes this unclear.
        let unclear = events.exchanges.iter().any(|one| {
            said(one) == Some((patient, true))
                && one.ended > revocation.began
                && one.began < exchange.ended
        });
        if !unclear {
            let what = format!(
                "patient {patient} was read {:?} after withdrawing",
                exchange.began.saturating_sub(revocation.ended)
            );
            violated(Invariant::PermitFresh, what);
        }
    }
}

fn ended(events: &Events, violated: &mut Violated<'_>) {
    for Exchange { answered, what, .. } in &events.exchanges {
        if *answered == Answered::Nothing {
            violated(Invariant::CallsEnd, format!("{what:?} was never answered"));
        }
    }
}

/// No child starts while its last incarnation has not ended.
fn alone(events: &Events, violated: &mut Violated<'_>) {
    let mut alive: BTreeSet<&str> = BTreeSet::new();
    for change in &events.changes {
        match change.event {
            LifecycleEvent::Started if !alive.insert(&change.path) => {
                let what = format!("`{}` started while it lived", change.path);
                violated(Invariant::NoOverlap, what);
            }
            LifecycleEvent::Exited { .. }
            | LifecycleEvent::Stopped { .. }
            | LifecycleEvent::StartFailed { .. }
            | LifecycleEvent::GaveUp { .. } => {
                alive.remove(change.path.as_str());
            }
            _ => {}
        }
    }
}

fn written(events: &Events, tables: &Tables, violated: &mut Violated<'_>) {
    let mut acknowledged: BTreeMap<&str, u64> = BTreeMap::new();
    for exchange in &events.exchanges {
        if let (What::Write { resource }, Answered::Whole(200..300, ..)) =
            (&exchange.what, &exchange.answered)
        {
            *acknowledged.entry(resource).or_default() += 1;
        }
    }
    let kept: BTreeMap<String, u64> = tables
        .records
        .iter()
        .map(|((_, kind, id), record)| (format!("{kind}/{id}"), record.version))
        .collect();
    for (resource, times) in acknowledged {
        let version = kept.get(resource).copied().unwrap_or_default();
        if version < times {
            let what = format!("{times} writes were acknowledged and {version} are there");
            violated(Invariant::WriteDurable, what);
        }
    }
}
