//! The log-ins' twin: sessions that end. There are no accounts in it: nobody types a password in a
//! simulated day, which would take a real hash's time on a thread of its own.

use super::{Disk, Tables, complete};
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

/// See the module.
pub(crate) struct TwinLogIns(pub(crate) Disk);

impl LogInStore for TwinLogIns {
    fn charge<'a>(
        &'a self,
        _scope: &'a Scope,
        _principal: &'a PrincipalId,
        _now: Timestamp,
    ) -> Asked<'a, Option<Account>> {
        Box::pin(async move { Ok(self.0.read(|_| None).await?) })
    }

    fn acquit<'a>(
        &'a self,
        _scope: &'a Scope,
        _principal: &'a PrincipalId,
        _step: i64,
    ) -> Asked<'a, bool> {
        Box::pin(async move { Ok(self.0.read(|_| false).await?) })
    }

    fn add<'a>(
        &'a self,
        _scope: &'a Scope,
        _account: &'a NewAccount<'a>,
        _open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        Box::pin(async { Err(LogInError::Unavailable) })
    }

    fn end<'a>(
        &'a self,
        scope: &'a Scope,
        ending: &'a Ending<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        let end = move |tables: &mut Tables| {
            complete(tables, open.completion(Outcome::Success))?;
            let place = (scope.tenant.clone(), ending.session.clone());
            let until = tables.ended.entry(place).or_insert(ending.until);
            *until = (*until).max(ending.until);
            Ok(())
        };
        Box::pin(async move {
            ending.committing.store(true, Ordering::Release);
            self.0.commit(end).await
        })
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
            let since = now.plus_seconds(-KEPT_SECONDS);
            let kept = of_tenant.filter(|(_, until)| **until >= since);
            kept.map(|((_, session), until)| (session.clone(), *until))
                .collect()
        };
        Box::pin(async move { Ok(self.0.read(all).await?) })
    }
}
