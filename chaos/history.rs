//! What happened in one run, in the order in which it was seen.
//!
//! Whoever breaks things writes a history; whoever judges reads one. So a judgement never depends
//! on the run still being there, and one history can be judged again by other rules. It names
//! nobody: entries, calls, permits and requests are numbered as they first appear, patients and
//! sessions bear labels that the run made up, and reasons come without their texts.

mod change;
mod text;
mod what;

pub use change::{Change, Lifecycle, Reason};
pub use what::{Depth, PermitGiven, Request, RequestEnd, Scope, Status, TrailRow, What};

use serde::Serialize;
use serde::ser::Serializer;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::time::Duration;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number in its history, from 1 without a gap.
    pub seq: u64,
    /// Virtual time since the run began.
    #[serde(rename = "at_us", serialize_with = "micros")]
    pub at: Duration,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// All that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct History {
    events: Vec<Event>,
}

/// Whole microseconds: finer than anything a run waits for.
pub(crate) fn micros<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

impl History {
    /// Nothing happened yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: Vec::new() }
    }

    /// Takes in what happened next; answers its number.
    pub fn record(&mut self, at: Duration, what: What) -> u64 {
        let seq = self.last_seq() + 1;
        self.events.push(Event { seq, at, what });
        seq
    }

    /// What happened, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// When the last thing happened.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.events.last().map_or(Duration::ZERO, |event| event.at)
    }

    /// The number of the last event; 0 when nothing happened.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    /// The trail as it was read at the end, with the event that tells it.
    #[must_use]
    pub fn final_trail(&self) -> Option<(&Event, &[TrailRow])> {
        self.events
            .iter()
            .rev()
            .find_map(|event| match &event.what {
                What::FinalTrail { entries } => Some((event, entries.as_slice())),
                _ => None,
            })
    }

    /// The trace hash: SHA-256, in hexadecimal, over one line of JSON for each event. Two runs with
    /// the same hash went the same way.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for event in &self.events {
            // An event has no map with other keys than text, and so is always written.
            let line = serde_json::to_string(event).unwrap_or_else(|error| error.to_string());
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
        }
        let digest = hasher.finalize();
        digest
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

impl FromIterator<(Duration, What)> for History {
    fn from_iter<I: IntoIterator<Item = (Duration, What)>>(events: I) -> Self {
        let mut history = Self::new();
        for (at, what) in events {
            history.record(at, what);
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_supervisors::{ExitReason, LifecycleEvent, NodeKind};

    fn two() -> [(Duration, What); 2] {
        let asked = What::CallBegan {
            call: 1,
            actor: "root/a".to_owned(),
            deadline_ms: 50,
        };
        let answered = What::CallEnded {
            call: 1,
            outcome: "answered".to_owned(),
        };
        [
            (Duration::from_millis(1), asked),
            (Duration::from_millis(2), answered),
        ]
    }

    #[test]
    fn events_are_numbered_from_one_as_they_are_recorded() {
        let history: History = two().into_iter().collect();
        let seqs: Vec<u64> = history.events().iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 2]);
        assert_eq!(history.lasted(), Duration::from_millis(2));
        assert_eq!(History::new().last_seq(), 0);
    }

    #[test]
    fn the_same_events_have_the_same_hash_and_any_other_another() {
        let [first, second] = two();
        let one: History = two().into_iter().collect();
        let same: History = two().into_iter().collect();
        let other_order: History = [(first.0, second.1), (second.0, first.1)]
            .into_iter()
            .collect();
        assert_eq!(one.hash(), same.hash());
        assert_ne!(one.hash(), other_order.hash());
        assert_ne!(one.hash(), History::new().hash());
        assert_eq!(one.hash().len(), 64);
    }

    #[test]
    fn the_hash_of_a_history_is_pinned_so_that_kept_hashes_stay_comparable() {
        let history: History = two().into_iter().collect();
        let line = serde_json::to_string(&history.events()[0]).unwrap();
        let expected = r#"{"seq":1,"at_us":1000,"type":"call_began","call":1,"actor":"root/a","#;
        assert!(line.starts_with(expected), "{line}");
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(History::new().hash(), hash);
    }

    #[test]
    fn a_reason_is_kept_by_its_kind_and_its_text_is_not() {
        let told = plantao_supervisors::Lifecycle {
            seq: 9,
            path: "root/a".to_owned(),
            kind: NodeKind::Worker,
            event: LifecycleEvent::Exited {
                reason: ExitReason::Error("patient 7 not found".to_owned()),
            },
        };
        let json = serde_json::to_value(What::of_lifecycle(&told)).unwrap();
        let expected = serde_json::json!({
            "type": "lifecycle", "path": "root/a", "change": "exited", "reason": "error"
        });
        assert_eq!(json, expected);
    }
}
