//! The log-ins' twin: accounts with their tries, and sessions that end.

use super::tables::{AccountRow, complete, kept_time};
use super::{Disk, Tables};
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Scope;
use plantao_actors::login::{Account, Asked, Ending, LogInError, LogInStore, NewAccount};
use plantao_schema::audit::Outcome;
use plantao_schema::id::{PrincipalId, SessionId};
use plantao_schema::time::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// How long an ended session matters beyond its credential's time, as in PostgreSQL.
const KEPT_SECONDS: i64 = 3_600;

/// Tries in a row before an account is locked, as in PostgreSQL.
const FAILURES_MAX: i32 = 5;

/// How long it is locked, as in PostgreSQL.
const LOCKED_SECONDS: i64 = 15 * 60;

/// See the module.
pub(crate) struct TwinLogIns(pub(crate) Disk);

impl LogInStore for TwinLogIns {
    fn charge<'a>(
        &'a self,
        scope: &'a Scope,
        principal: &'a PrincipalId,
        now: Timestamp,
    ) -> Asked<'a, Option<Account>> {
        let charge = move |tables: &mut Tables| {
            let place = (scope.tenant.clone(), principal.clone());
            Ok(tables
                .accounts
                .get_mut(&place)
                .and_then(|row| charged(row, now)))
        };
        Box::pin(async move { self.0.commit(charge).await.map_err(unanswered) })
    }

    fn acquit<'a>(
        &'a self,
        scope: &'a Scope,
        principal: &'a PrincipalId,
        step: i64,
    ) -> Asked<'a, bool> {
        let acquit = move |tables: &mut Tables| {
            let place = (scope.tenant.clone(), principal.clone());
            let row = tables.accounts.get_mut(&place);
            let Some(row) = row.filter(|row| row.last_step < step) else {
                return Ok(false);
            };
            (row.failed, row.locked_until, row.last_step) = (0, None, step);
            Ok(true)
        };
        Box::pin(async move { self.0.commit(acquit).await.map_err(unanswered) })
    }

    fn add<'a>(
        &'a self,
        scope: &'a Scope,
        account: &'a NewAccount<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        let add = move |tables: &mut Tables| {
            let place = (scope.tenant.clone(), account.principal.clone());
            let (tenant, directory) = (scope.tenant.to_string(), "directory".to_owned());
            let key = (tenant, directory, account.key_version);
            if !tables.keys.contains_key(&key) {
                return Err(LogInError::Unavailable);
            }
            if tables.accounts.contains_key(&place) {
                return Err(LogInError::AccountExists);
            }
            complete(tables, scope, open.completions(Outcome::Success))?;
            let row = AccountRow {
                role: account.role.clone(),
                password_hash: account.password_hash.clone(),
                sealed: account.sealed.as_bytes().to_vec(),
                key_version: account.key_version,
                last_step: 0,
                failed: 0,
                locked_until: None,
            };
            tables.accounts.insert(place, row);
            Ok(())
        };
        Box::pin(async move { self.0.commit(add).await })
    }

    fn end<'a>(
        &'a self,
        scope: &'a Scope,
        ending: &'a Ending<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        let end = move |tables: &mut Tables| {
            complete(tables, scope, open.completions(Outcome::Success))?;
            let since = since(ending.now);
            tables
                .ended
                .retain(|(one, _), until| *one != scope.tenant || *until >= since);
            let place = (scope.tenant.clone(), ending.session.clone());
            let asked = kept_time(ending.until);
            let until = tables.ended.entry(place).or_insert(asked);
            *until = (*until).max(asked);
            Ok(())
        };
        let sent = move || ending.committing.store(true, Ordering::Release);
        Box::pin(async move { self.0.commit_telling(sent, end).await })
    }

    fn ended<'a>(
        &'a self,
        scope: &'a Scope,
        now: Timestamp,
    ) -> Asked<'a, HashMap<SessionId, Timestamp>> {
        let all = move |tables: &Tables| {
            let of_tenant = tables
                .ended
                .iter()
                .filter(|((one, _), _)| *one == scope.tenant);
            let since = since(now);
            let kept = of_tenant.filter(|(_, until)| **until >= since);
            kept.map(|((_, session), until)| (session.clone(), *until))
                .collect()
        };
        Box::pin(async move { Ok(self.0.read(all).await?) })
    }
}

/// The oldest end of a credential's time that still matters.
fn since(now: Timestamp) -> Timestamp {
    kept_time(now.plus_seconds(-KEPT_SECONDS))
}

/// A try is charged before anything is compared; nothing while the account is locked.
fn charged(row: &mut AccountRow, now: Timestamp) -> Option<Account> {
    let locked = row.locked_until;
    if locked.is_some_and(|until| until > kept_time(now)) {
        return None;
    }
    let failed = if locked.is_none() { row.failed + 1 } else { 1 };
    let locks = locked.is_none() && failed >= FAILURES_MAX;
    row.failed = failed;
    row.locked_until = locks.then(|| kept_time(now.plus_seconds(LOCKED_SECONDS)));
    Some(Account {
        role: row.role.clone(),
        password_hash: row.password_hash.clone(),
        sealed: row.sealed.clone(),
        key_version: row.key_version,
        last_try: locks,
    })
}

/// A try or a code whose commit got no answer is simply not answered: nobody is told of a doubt.
fn unanswered(error: LogInError) -> LogInError {
    match error {
        LogInError::InDoubt => LogInError::Unavailable,
        other => other,
    }
}
