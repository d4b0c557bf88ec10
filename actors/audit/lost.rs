//! Acknowledged entries that a database does not hold: what a standby that was promoted without
//! them leaves of a trail, or whoever rewound it.
//!
//! The writer remembers the last entry of each chain that it gave a receipt for, and looks for it
//! before it goes on with that chain in a database that it came to anew. Refuses to go on in
//! silence: where it is gone, the log says so loudly, readiness shows it, and the first entry that
//! continues the chain is the report of it, so that no reader of the trail can miss the place.
//! Refusing to write would stop the hospital instead and bring nothing back. What was remembered
//! ends with the process; what was signed and shipped to another machine does not.

use super::{AuditError, AuditLog};
use plantao_schema::audit::{ChainHead, Chained, Entry, Outcome, Phase, Severity};
use plantao_schema::id::Tenant;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Losses that are remembered; more tell nothing new.
const REMEMBERED: usize = 64;

/// A chain whose acknowledged end is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub chain: String,
    /// The number of the last entry with a receipt.
    pub acknowledged: i64,
    /// The number of the last entry that was found.
    pub found: i64,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chain,
            acknowledged,
            found,
        } = self;
        if found < acknowledged {
            return write!(f, "`{chain}` was at {acknowledged} and is at {found}");
        }
        write!(f, "`{chain}` has another entry than {acknowledged}")
    }
}

/// The losses of this process, for whoever looks at its health.
#[derive(Clone, Default)]
pub(super) struct Losses(Arc<Mutex<Vec<Lost>>>);

impl Losses {
    pub(super) fn add(&self, lost: Lost) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < REMEMBERED {
            all.push(lost);
        }
    }

    pub(super) fn all(&self) -> Vec<Lost> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

/// The last entry of each chain that has a receipt.
#[derive(Default)]
pub(super) struct Acknowledged(BTreeMap<String, (Uuid, ChainHead)>);

impl Acknowledged {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// These are durable: their callers are being told.
    pub(super) fn note<'a>(&mut self, rows: impl IntoIterator<Item = &'a Chained>) {
        for row in rows {
            let this = (row.entry.id, row.head());
            match self.0.get_mut(&row.chain) {
                Some(last) if last.1.seq >= row.seq => {}
                Some(last) => *last = this,
                None => drop(self.0.insert(row.chain.clone(), this)),
            }
        }
    }

    /// A loss is known: what is there from now on is measured anew.
    pub(super) fn forget(&mut self, chain: &str) {
        self.0.remove(chain);
    }

    /// The key of a chain's last one, and the head that it made.
    pub(super) fn last(&self, chain: &str) -> Option<(Uuid, ChainHead)> {
        self.0.get(chain).copied()
    }
}

/// Whether an entry is among `found` in its chain, as it was.
pub(super) fn is_under(found: &[Chained], chain: &str, head: ChainHead) -> bool {
    let same = |row: &Chained| row.chain == chain && row.head() == head;
    found.iter().any(same)
}

/// The entry that continues a chain whose end is gone.
///
/// # Errors
/// As [`AuditLog::entry_key`]; [`AuditError::Unavailable`] for a chain that is no tenant's.
pub(super) fn report(log: &AuditLog, lost: &Lost) -> Result<Entry, AuditError> {
    let tenant = lost.chain.rsplit_once('/').map(|(_, tenant)| tenant);
    let tenant = tenant.and_then(|tenant| Tenant::parse(tenant).ok());
    Ok(Entry {
        id: log.entry_key()?,
        at: log.clock.now(),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Critical,
        tenant: tenant.ok_or(AuditError::Unavailable)?,
        principal: "audit-writer".to_owned(),
        role: "none".to_owned(),
        action: "write".to_owned(),
        resource_kind: "audit".to_owned(),
        resource_id: None,
        patient: None,
        purpose: "audit".to_owned(),
        verdict: "deny".to_owned(),
        score: 0,
        explanation: format!(
            "entries_lost: entries up to {} had been acknowledged, and the database that answers \
             now ends at {}; what is missing was lost in a failover or taken away",
            lost.acknowledged, lost.found
        ),
        request_id: "audit-writer".to_owned(),
        outcome: Outcome::Failed,
        plugin: None,
        commitment: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Vec<Chained> {
        let mut head = ChainHead::EMPTY;
        let lost = Lost {
            chain: "n/north".to_owned(),
            acknowledged: 0,
            found: 0,
        };
        let log = AuditLog::new(crate::clock::WallClock::system());
        let row = |_| {
            let row = Chained::after("n/north", &head, report(&log, &lost).unwrap());
            head = row.head();
            row
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn the_last_acknowledged_entry_must_be_found_as_it_was() {
        let (rows, others) = (rows(3), rows(3));
        let mut known = Acknowledged::new();
        known.note(&rows);
        known.note(&rows[..1]);
        let last = rows[2].head();
        assert_eq!(known.last("n/north"), Some((rows[2].entry.id, last)));
        assert!(is_under(&rows, "n/north", last));
        assert!(!is_under(&rows[..2], "n/north", last), "it is shorter");
        assert!(!is_under(&others, "n/north", last), "it is another");
        assert!(!is_under(&rows, "n/south", last), "it is elsewhere");
        known.forget("n/north");
        assert_eq!(known.last("n/north"), None);
    }

    #[test]
    fn a_loss_says_what_was_there_and_what_is() {
        let mut lost = Lost {
            chain: "n/north".to_owned(),
            acknowledged: 9,
            found: 7,
        };
        assert_eq!(lost.to_string(), "`n/north` was at 9 and is at 7");
        lost.found = 12;
        assert_eq!(lost.to_string(), "`n/north` has another entry than 9");
    }
}
