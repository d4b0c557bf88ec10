//! What happened in a run: one line for each event, and what the checkers ask of it.

use super::client::Answered;
use super::workload::What;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A finished request.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) what: What,
    pub(super) answered: Answered,
}

/// A change in the tree.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) path: String,
    pub(super) event: plantao_supervisors::LifecycleEvent,
}

/// All of it.
#[derive(Default)]
pub(super) struct Events {
    lines: Vec<(Duration, String)>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) changes: Vec<Change>,
    /// Entries of the trail are numbered as they are first met: their keys differ in every run.
    numbers: BTreeMap<String, usize>,
    pub(super) recovered_after: Option<Duration>,
    pub(super) sometimes: BTreeMap<&'static str, u64>,
}

/// See the module. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Events>>);

impl Journal {
    pub(super) fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line.
    pub(super) fn note(&self, at: Duration, line: impl Into<String>) {
        self.events().lines.push((at, line.into()));
    }

    /// A rare state was reached.
    pub(super) fn sometimes(&self, name: &'static str) {
        *self.events().sometimes.entry(name).or_default() += 1;
    }

    /// Takes in a finished request.
    pub(super) fn exchange(&self, who: &str, path: &str, exchange: Exchange) {
        let mut events = self.events();
        let answer = match &exchange.answered {
            Answered::Whole(status, receipt, _) => {
                let next = events.numbers.len();
                let number = receipt
                    .as_ref()
                    .map(|key| *events.numbers.entry(key.clone()).or_insert(next));
                format!("{status} entry {number:?}")
            }
            other => format!("{other:?}"),
        };
        let line = format!("{who} {path}: {answer}");
        let rare = match (&exchange.answered, &exchange.what) {
            (Answered::Whole(503, ..), _) => Some("unavailable_told"),
            (Answered::Broken, _) => Some("connection_broken"),
            (Answered::NoDoor, _) => Some("door_closed"),
            (
                Answered::Whole(200, ..),
                What::Read {
                    break_glass: true, ..
                },
            ) => Some("break_glass_granted"),
            _ => None,
        };
        if let Some(rare) = rare {
            *events.sometimes.entry(rare).or_default() += 1;
        }
        events.lines.push((exchange.ended, line));
        events.exchanges.push(exchange);
    }
}

impl Events {
    /// The lines, as a person reads them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (at, line) in &self.lines {
            let at = at.as_micros();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:>10}.{:03} ms  {line}", at / 1_000, at % 1_000);
        }
        text
    }

    /// The trace hash: SHA-256 over the lines.
    pub(super) fn hash(&self) -> String {
        let digest = Sha256::digest(self.text().as_bytes());
        digest
            .iter()
            .fold(String::with_capacity(64), |mut hash, byte| {
                let _ = write!(hash, "{byte:02x}");
                hash
            })
    }
}
