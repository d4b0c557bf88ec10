//! Up to where in the server's log each principal has written: what a replica must have replayed
//! before it may answer them.
//!
//! Kept in memory and for this node alone: what another node wrote for the same principal is seen
//! within the second that a replica may lag. Refuses to grow: when too many are known, all of them
//! give way to one mark for everybody, the furthest of them, which is stricter and never wrong.

use super::Scope;
use plantao_schema::id::Tenant;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use tokio_postgres::types::PgLsn;

/// Principals whose marks are kept.
const KEPT_MAX: usize = 50_000;

/// A place in the server's write-ahead log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(u64);

impl Lsn {
    /// Beyond every place: no replica gets there.
    pub(super) const END: Self = Self(u64::MAX);

    /// As the server writes it, such as `16/B374D848`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|at: PgLsn| Self(at.into()))
    }

    pub(super) fn to_server(self) -> PgLsn {
        PgLsn::from(self.0)
    }
}

impl From<PgLsn> for Lsn {
    fn from(at: PgLsn) -> Self {
        Self(at.into())
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_server().fmt(f)
    }
}

/// The marks of this node's principals.
#[derive(Default)]
pub(crate) struct Marks(Mutex<Known>);

#[derive(Default)]
struct Known {
    of: HashMap<(Tenant, String), Lsn>,
    everybody: Lsn,
}

impl Marks {
    /// A principal wrote, and the server's log ends at `at` or later.
    pub(crate) fn wrote(&self, tenant: &Tenant, principal: &str, at: Lsn) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.len() >= KEPT_MAX {
            let furthest = known.of.values().max().copied().unwrap_or_default();
            known.everybody = known.everybody.max(furthest);
            known.of.clear();
        }
        let key = (tenant.clone(), principal.to_owned());
        let mark = known.of.entry(key).or_default();
        *mark = (*mark).max(at);
    }

    /// What a replica must have replayed to answer in this scope.
    pub(super) fn of(&self, scope: &Scope) -> Lsn {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scope.tenant.clone(), scope.principal.clone());
        let own = known.of.get(&key).copied().unwrap_or_default();
        own.max(known.everybody)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::access::Purpose;

    fn scope(principal: &str) -> Scope {
        Scope {
            tenant: Tenant::parse("north").unwrap(),
            principal: principal.to_owned(),
            purpose: Purpose::Treatment,
        }
    }

    fn wrote(marks: &Marks, principal: &str, at: u64) {
        marks.wrote(&scope(principal).tenant, principal, Lsn(at));
    }

    #[test]
    fn a_mark_only_moves_forward_and_is_its_principals_own() {
        let marks = Marks::default();
        wrote(&marks, "a", 20);
        wrote(&marks, "a", 10);
        assert_eq!(marks.of(&scope("a")), Lsn(20));
        assert_eq!(marks.of(&scope("b")), Lsn(0));
        let elsewhere = Scope {
            tenant: Tenant::parse("south").unwrap(),
            ..scope("a")
        };
        assert_eq!(marks.of(&elsewhere), Lsn(0));
    }

    #[test]
    fn too_many_principals_cost_precision_and_never_a_write() {
        let marks = Marks::default();
        for number in 0..=KEPT_MAX {
            wrote(&marks, &number.to_string(), number as u64 + 1);
        }
        assert!(marks.len() < KEPT_MAX);
        assert!(marks.of(&scope("7")) >= Lsn(8));
        assert_eq!(marks.of(&scope("nobody")), Lsn(KEPT_MAX as u64));
    }

    #[test]
    fn a_place_is_read_and_written_as_the_server_does() {
        let at = Lsn::parse("16/B374D848").unwrap();
        assert_eq!(at.to_string(), "16/B374D848");
        assert_eq!(Lsn::parse("nowhere"), None);
    }
}
