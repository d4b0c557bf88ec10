//! Data keys that do not unwrap: found, told, and in the end given up.
//!
//! A key that does not unwrap stays under the version of its tenant's key that it is under, and so
//! that version stays, and so does the period around it: as long as it is there, an old copy of
//! the key store opens everybody else's keys too. It cannot be wrapped anew under the present
//! period either, for the same tenant's key wraps what was erased since.
//!
//! What may mend such a key is a copy of its row from before it was damaged, and nobody may keep
//! one for longer than key backups are kept. So after that time there is nothing to wait for: the
//! key is given up, its wrapper and the period are forgotten, and what it sealed never opens again,
//! as it did not before. Refuses to give up where the tenant's key itself does not open: then it is
//! not one row that is damaged, and somebody has to look. A key that was given up is an empty row:
//! it is told for as long as it is there.

use super::wrapping::{DROP_TENANT_KEYS, Unopened, newest, pass, wrapped};
use super::{Rotations, jobs::unreadable};
use crate::database::{DatabaseError, Scope, ToSql};
use crate::vault::VaultError;
use crate::vault::erase::tenants;
use crate::vault::incidents::IncidentKind;
use std::time::Duration;

/// Places that are named; all of them are counted.
const NAMED_MAX: usize = 8;

/// For how long a key that does not unwrap is waited for, unless it is configured: as long as a key
/// backup is kept by default.
pub(super) const WAIT: Duration = Duration::from_hours(24 * 7);

const OLDER: &str = "SELECT count(*) FROM plantao_keys.tenant_key \
     WHERE tenant = $1 AND version < $2";

// Since the next version there was nothing to be wrapped under this one any more.
const WAITED: &str = "SELECT version, master, wrapped FROM plantao_keys.tenant_key t \
     WHERE tenant = $1 AND version = $2 AND EXISTS (SELECT FROM plantao_keys.tenant_key n \
     WHERE n.tenant = t.tenant AND n.version > t.version \
     AND n.created_at <= now() - make_interval(secs => $3))";

const GIVE_UP: &str = "UPDATE plantao_keys.data_key SET wrapped = '', tenant_version = NULL \
     WHERE tenant = $1 AND subject = $2 AND version = $3 AND tenant_version = $4";

const GIVEN_UP: &str = "SELECT subject, version FROM plantao_keys.data_key \
     WHERE tenant = $1 AND wrapped = '' ORDER BY subject, version";

/// Data keys that do not unwrap. Nothing of it names a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StuckKeys {
    /// Those that are waited for, and keep their period from being forgotten.
    pub held: u64,
    /// Those that were given up.
    pub given_up: u64,
    /// Where the first of them are.
    pub places: Vec<String>,
}

impl StuckKeys {
    fn name(&mut self, scope: &Scope, subject: &str, version: i32, what: &str) {
        if self.places.len() < NAMED_MAX {
            let kind = subject.split(':').next().unwrap_or_default();
            let tenant = &scope.tenant;
            let place = format!("tenant {tenant}: a {kind} key, version {version}, {what}");
            self.places.push(place);
        }
    }
}

/// Looks through every tenant's keys while no rotation is under way. What unwraps is wrapped anew,
/// what does not is told, and given up when its time is over.
pub(super) async fn look(of: &Rotations) -> Result<(), VaultError> {
    let mut found = StuckKeys::default();
    for tenant in tenants(&of.database).await? {
        let scope = Scope::system(tenant);
        for one in unopened(of, &scope).await? {
            let (subject, version) = (one.place.subject.as_str(), one.place.version);
            if give_up(of, &scope, &one).await? {
                let kind = IncidentKind::DecryptionFailed;
                let what = "a data key that does not unwrap is given up: its period is over";
                of.vault.tell_incident(kind, &scope.tenant, what);
                continue;
            }
            found.held += 1;
            let under = match one.under {
                Some(under) => format!("under version {under} of the tenant's"),
                None => "under the master key".to_owned(),
            };
            found.name(&scope, subject, version, &under);
        }
        let params: [&(dyn ToSql + Sync); 1] = [&scope.tenant.as_str()];
        for row in of.database.read(&scope, GIVEN_UP, &params).await? {
            let subject: String = row.try_get(0).map_err(unreadable)?;
            let version: i32 = row.try_get(1).map_err(unreadable)?;
            found.given_up += 1;
            found.name(&scope, &subject, version, "given up");
        }
    }
    of.stuck.send_replace(found);
    Ok(())
}

async fn unopened(of: &Rotations, scope: &Scope) -> Result<Vec<Unopened>, VaultError> {
    let Some(to) = newest(of, scope).await? else {
        return Ok(Vec::new());
    };
    let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &to.version];
    let rows = of.database.read(scope, OLDER, &params).await?;
    let older = rows.first().map_or(Ok(0_i64), |row| row.try_get(0));
    if older.map_err(unreadable)? == 0 {
        return Ok(Vec::new());
    }
    let stuck = pass(of, scope, None, to.version, &to).await?;
    drop_wrappers(of, scope, to.version).await?;
    Ok(stuck)
}

/// Whether a key was given up: its time is over, and what wraps it opens.
async fn give_up(of: &Rotations, scope: &Scope, one: &Unopened) -> Result<bool, VaultError> {
    let Some(under) = one.under else {
        return Ok(false);
    };
    let (tenant, waits) = (scope.tenant.as_str(), of.waits.as_secs_f64());
    let params: [&(dyn ToSql + Sync); 3] = [&tenant, &under, &waits];
    let rows = of.database.read(scope, WAITED, &params).await?;
    let Some(wrapper) = rows.first().map(wrapped).transpose()? else {
        return Ok(false);
    };
    let master = wrapper.master.clone();
    let opens = of.vault.rewrap_tenant_key(&scope.tenant, wrapper, master);
    match opens.await {
        Ok(_) => {}
        Err(error) if error.is_unavailable() => return Err(error),
        Err(_) => return Ok(false),
    }
    let newest = newest(of, scope).await?.map_or(0, |key| key.version);
    let (subject, version) = (&one.place.subject, &one.place.version);
    let params: [&(dyn ToSql + Sync); 4] = [&tenant, subject, version, &under];
    let transaction = of.database.begin(scope).await?;
    let given_up = transaction.execute(GIVE_UP, &params).await?;
    transaction.commit().await?;
    drop_wrappers(of, scope, newest).await?;
    Ok(given_up > 0)
}

async fn drop_wrappers(of: &Rotations, scope: &Scope, newest: i32) -> Result<(), DatabaseError> {
    let transaction = of.database.begin(scope).await?;
    let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &newest];
    transaction.execute(DROP_TENANT_KEYS, &params).await?;
    transaction.commit().await
}
