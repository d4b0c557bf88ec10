//! The seam between the log-ins and what keeps accounts and ended sessions.
//!
//! One trait, so that the simulator can stand in a twin for PostgreSQL; behaviour is tested on
//! PostgreSQL. A store checks no permit: it is handed a [`Scope`] by those who did.

use super::account::{self, Account, NewAccount};
use super::{LogInError, sessions};
use crate::audit::OpenEntry;
use crate::database::{Database, Scope};
use futures_util::future::BoxFuture;
use plantao_schema::id::{PrincipalId, SessionId};
use plantao_schema::time::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

/// The answer of a store, which ends within the store's own deadlines.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, LogInError>>;

/// The end of a session before its time.
pub struct Ending<'a> {
    /// Which.
    pub session: &'a SessionId,
    /// When its credential's own time is over.
    pub until: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// Set before anything may be durable: from then on it may be, whatever becomes of the caller.
    pub committing: &'a AtomicBool,
}

/// What keeps accounts and ended sessions.
pub trait LogInStore: Send + Sync + 'static {
    /// Charges one try, durable before anything is compared; nothing where there is no account,
    /// or it is locked.
    fn charge<'a>(
        &'a self,
        scope: &'a Scope,
        principal: &'a PrincipalId,
        now: Timestamp,
    ) -> Asked<'a, Option<Account>>;

    /// Takes the charges back and the step of the code. False when the step was taken before.
    fn acquit<'a>(
        &'a self,
        scope: &'a Scope,
        principal: &'a PrincipalId,
        step: i64,
    ) -> Asked<'a, bool>;

    /// Adds an account and the outcome of its audit entry, both or neither.
    fn add<'a>(
        &'a self,
        scope: &'a Scope,
        account: &'a NewAccount<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()>;

    /// Ends a session, durable with the outcome of its audit entry.
    /// [`LogInError::InDoubt`] where that is not known; any other error says that it is not.
    fn end<'a>(
        &'a self,
        scope: &'a Scope,
        ending: &'a Ending<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()>;

    /// Every ended session of the scope's tenant that still matters, and until when.
    fn ended<'a>(
        &'a self,
        scope: &'a Scope,
        now: Timestamp,
    ) -> Asked<'a, HashMap<SessionId, Timestamp>>;
}

/// Accounts and ended sessions in PostgreSQL.
pub struct PostgresLogIns(Database);

impl PostgresLogIns {
    /// A store over this handle.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

impl LogInStore for PostgresLogIns {
    fn charge<'a>(
        &'a self,
        scope: &'a Scope,
        principal: &'a PrincipalId,
        now: Timestamp,
    ) -> Asked<'a, Option<Account>> {
        Box::pin(account::charge(&self.0, scope, principal, now))
    }

    fn acquit<'a>(
        &'a self,
        scope: &'a Scope,
        principal: &'a PrincipalId,
        step: i64,
    ) -> Asked<'a, bool> {
        Box::pin(account::acquit(&self.0, scope, principal, step))
    }

    fn add<'a>(
        &'a self,
        scope: &'a Scope,
        account: &'a NewAccount<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        Box::pin(account::add(&self.0, scope, account, open))
    }

    fn end<'a>(
        &'a self,
        scope: &'a Scope,
        ending: &'a Ending<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        Box::pin(sessions::end(&self.0, scope, ending, open))
    }

    fn ended<'a>(
        &'a self,
        scope: &'a Scope,
        now: Timestamp,
    ) -> Asked<'a, HashMap<SessionId, Timestamp>> {
        Box::pin(sessions::ended(&self.0, scope, now))
    }
}
