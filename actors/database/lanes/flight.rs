//! One flight: reads of one tenant in one transaction, and each answer to its asker.
//!
//! Refuses to let a read pay for another. An error is told only to a read that was by itself;
//! among others nobody can say whose it is, and each is told to ask once more alone. Who has gone
//! in the meantime is not looked up.

use super::super::lease::{Asked, Lease, within};
use super::super::{DatabaseError, STATEMENT_DEADLINE};
use super::query::{PointQuery, Value, columns_of};
use plantao_schema::id::Tenant;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_postgres::Row;

/// Most reads of a flight: twice as many cost hardly less each, and hold the first of them longer.
pub(super) const READS_MAX: usize = 128;

/// Most look-ups of a flight; there are about half as many in all.
pub(super) const STATEMENTS_MAX: usize = 16;

/// What becomes of a read.
pub(in super::super) enum Answer {
    /// The rows of its key.
    Rows(Vec<Row>),
    /// The server, or the way to it, refused this read.
    Refused(DatabaseError),
    /// It says nothing about this read that its flight failed: it is to be asked by itself.
    Alone,
}

/// See the module.
pub(super) struct Flight {
    tenant: Tenant,
    groups: Vec<Group>,
    reads: usize,
}

/// The reads of one look-up.
struct Group {
    query: &'static PointQuery,
    seats: Vec<Seat>,
}

struct Seat {
    key: Arc<[Value]>,
    reply: oneshot::Sender<Answer>,
}

impl Flight {
    pub(super) const fn of(tenant: Tenant) -> Self {
        Self {
            tenant,
            groups: Vec::new(),
            reads: 0,
        }
    }

    #[cfg(test)]
    pub(super) const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    #[cfg(test)]
    pub(super) const fn statements(&self) -> usize {
        self.groups.len()
    }

    /// How many boarded.
    pub(super) const fn reads(&self) -> usize {
        self.reads
    }

    /// Whether a read of this tenant may board.
    pub(super) fn has_seat(&self, tenant: &Tenant, query: &PointQuery) -> bool {
        let known = || self.groups.iter().any(|group| group.is_of(query));
        self.tenant == *tenant
            && self.reads < READS_MAX
            && (self.groups.len() < STATEMENTS_MAX || known())
    }

    pub(super) fn board(
        &mut self,
        query: &'static PointQuery,
        key: Arc<[Value]>,
        reply: oneshot::Sender<Answer>,
    ) {
        self.reads = self.reads.saturating_add(1);
        let seat = Seat { key, reply };
        match self.groups.iter_mut().find(|group| group.is_of(query)) {
            Some(group) => group.seats.push(seat),
            None => self.groups.push(Group {
                query,
                seats: vec![seat],
            }),
        }
    }

    /// There is no connection: everybody reads why.
    pub(super) fn refuse(self, error: &DatabaseError) {
        for seat in self.groups.into_iter().flat_map(|group| group.seats) {
            seat.tell(Answer::Refused(error.clone()));
        }
    }

    /// Asks for everything at once and hands out what comes.
    pub(super) async fn fly(mut self, mut lease: Lease) {
        for group in &mut self.groups {
            group.seats.retain(|seat| !seat.reply.is_closed());
        }
        self.groups.retain(|group| !group.seats.is_empty());
        let reads: usize = self.groups.iter().map(|group| group.seats.len()).sum();
        if reads == 0 {
            lease.idle = true;
            return;
        }
        let asked = self.groups.iter().map(|group| {
            let keys = group.seats.iter().map(|seat| &*seat.key);
            Asked {
                sql: group.query.sql,
                columns: columns_of(&self.tenant, group.query, keys),
            }
        });
        let asked: Vec<Asked<'_>> = asked.collect();
        let flown = within(STATEMENT_DEADLINE, lease.read_many(&self.tenant, &asked)).await;
        drop(asked);
        let alone = reads == 1;
        match flown {
            Ok(answers) => {
                for (group, rows) in self.groups.into_iter().zip(answers) {
                    group.hand_out(rows, alone);
                }
            }
            Err(error) => {
                for group in self.groups {
                    group.hand_out(Err(error.clone()), alone);
                }
            }
        }
    }
}

impl Group {
    fn is_of(&self, query: &PointQuery) -> bool {
        std::ptr::eq(self.query, query) || self.query.sql == query.sql
    }

    fn hand_out(self, rows: Result<Vec<Row>, DatabaseError>, alone: bool) {
        let told = match rows.and_then(|rows| dealt(rows, self.seats.len())) {
            Ok(hands) => {
                for (seat, rows) in self.seats.into_iter().zip(hands) {
                    seat.tell(Answer::Rows(rows));
                }
                return;
            }
            Err(error) => error,
        };
        // Its connection was lost, which says nothing about the statement; or it is not known whose
        // error it is. A deadline that has passed has passed for the caller too.
        let again = told == DatabaseError::Unavailable || !(alone || told.is_unavailable());
        for seat in self.seats {
            seat.tell(if again {
                Answer::Alone
            } else {
                Answer::Refused(told.clone())
            });
        }
    }
}

impl Seat {
    fn tell(self, answer: Answer) {
        // Who has gone needs no answer.
        drop(self.reply.send(answer));
    }
}

/// The rows of each key, by the ordinal in the last column of each row.
fn dealt(rows: Vec<Row>, keys: usize) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let mut hands: Vec<Vec<Row>> = Vec::new();
    hands.resize_with(keys, Vec::new);
    for row in rows {
        let last = row.len().checked_sub(1).ok_or(DatabaseError::Mismatch)?;
        let ordinal: i64 = row.try_get(last).map_err(|_| DatabaseError::Mismatch)?;
        let index = ordinal.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        let hand = index.and_then(|index| hands.get_mut(index));
        hand.ok_or(DatabaseError::Mismatch)?.push(row);
    }
    Ok(hands)
}
