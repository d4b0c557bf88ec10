//! How far a replay is, told while it runs and when it ends. Counts and minutes, no identifiers.

use std::cell::Cell;
use std::time::Duration;

use super::schedule::Step;

/// What all feeds have done together; they run on one thread.
#[derive(Default)]
pub(super) struct Tally {
    rows: Cell<u64>,
    readings: Cell<usize>,
    retries: Cell<u64>,
    minute: Cell<u32>,
    behind: Cell<Duration>,
    behind_most: Cell<Duration>,
}

impl Tally {
    /// A row is stored, `behind` after it was due.
    pub(super) fn sent(&self, step: Step<'_>, readings: usize, behind: Duration) {
        self.rows.set(self.rows.get() + 1);
        self.readings.set(self.readings.get() + readings);
        self.minute.set(step.row.minute);
        self.behind.set(behind);
        self.behind_most.set(self.behind_most.get().max(behind));
    }

    /// A row was not taken and will be sent again.
    pub(super) fn retried(&self) {
        self.retries.set(self.retries.get() + 1);
    }

    /// One line, now.
    pub(super) fn progress(&self) -> String {
        format!(
            "row {}, minute {}, behind by {:.1} s, {} retries",
            self.rows.get(),
            self.minute.get(),
            self.behind.get().as_secs_f64(),
            self.retries.get()
        )
    }

    /// One line, at the end.
    pub(super) fn summary(&self, patients: usize, took: Duration) -> String {
        format!(
            "stored {} rows, {} readings, for {patients} patient{} in {:.1} s; {} retries, at most \
             {:.1} s behind",
            self.rows.get(),
            self.readings.get(),
            if patients == 1 { "" } else { "s" },
            took.as_secs_f64(),
            self.retries.get(),
            self.behind_most.get().as_secs_f64()
        )
    }
}
