//! A write as it travels: what to store, the audit entry it runs under, and where the answer goes.

use super::loan::Loan;
use super::{RecordError, RecordStore};
use crate::audit::OpenEntry;
use crate::database::Scope;
use plantao_schema::fhir::{EntryOutcome, Transaction};
use plantao_schema::time::Timestamp;
use plantao_supervisors::Reply;
use std::sync::Arc;
use std::time::Duration;

/// The longest that one database transaction may take: a bundle of 5,000 entries takes a third of
/// a second on two loaded cores, a starved disk more.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(15);

/// What became of a write.
pub(super) type Written = Result<Vec<EntryOutcome>, RecordError>;

/// What a write did to the records, for those who show them.
pub(super) enum Effect {
    /// They are as they were.
    Nothing,
    /// These were stored.
    Stored(Vec<EntryOutcome>),
    /// A commit was sent and its answer never came.
    InDoubt,
}

/// A write in a mailbox.
pub(super) struct Write {
    pub(super) scope: Scope,
    pub(super) bundle: Arc<Transaction>,
    pub(super) at: Timestamp,
    pub(super) loan: Loan<OpenEntry>,
    pub(super) reply: Reply<Written>,
}

impl Write {
    /// Does it, unless its sender stopped waiting before it began, and answers the sender.
    pub(super) async fn perform(self, store: &dyn RecordStore) -> Effect {
        // Locals drop in reverse: when this future is dropped by a kill, the entry is back with its
        // lender before the sender learns of the death.
        let Self {
            scope,
            bundle,
            at,
            loan,
            reply,
        } = self;
        let Some(open) = loan.borrow() else {
            return Effect::Nothing;
        };
        let work = store.store(&scope, &bundle, at, &open);
        let result = tokio::time::timeout(WRITE_DEADLINE, work)
            .await
            .unwrap_or(Err(RecordError::Timeout {
                after: WRITE_DEADLINE,
            }));
        drop(open);
        let effect = match &result {
            Ok(outcomes) => Effect::Stored(outcomes.clone()),
            Err(_) if loan.is_committing() => Effect::InDoubt,
            Err(_) => Effect::Nothing,
        };
        reply.send(result);
        effect
    }
}
