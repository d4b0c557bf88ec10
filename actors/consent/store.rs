//! What keeps consents: the seam, and PostgreSQL behind it. A trigger keeps the history.
//!
//! Changes of one patient and the reading back after them take one lock, so that a reading waits
//! for a change whose commit is still under way and tells what really became of it.

use super::ConsentError;
use crate::audit::OpenEntry;
use crate::database::{
    Database, DatabaseError, KeyPart, PointQuery, Row, Scope, ToSql, Transaction, from_database,
    to_database,
};
use crate::policy::Withdrawn;
use futures_util::future::BoxFuture;
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::audit::Outcome;
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// Most withdrawals of a tenant. Beyond it the tenant does not load, which denies.
const WITHDRAWN_MAX: usize = 100_000;

const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

const KNOWN: &str = "SELECT 1 FROM fhir_resource \
     WHERE tenant = $1 AND kind = 'Patient' AND id = $2";

const SET: &str = "INSERT INTO consent (tenant, patient, purpose, status, at, by_principal) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, patient, purpose) DO UPDATE \
     SET status = EXCLUDED.status, at = EXCLUDED.at, by_principal = EXCLUDED.by_principal";

pub(super) const GET: PointQuery = PointQuery {
    sql: "SELECT c.status, c.at, k.n \
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k(patient, purpose, n) \
        CROSS JOIN LATERAL (SELECT * FROM consent s WHERE s.tenant = $1 \
            AND s.patient = k.patient AND s.purpose = k.purpose LIMIT 1) c",
    key: &[KeyPart::Text, KeyPart::Text],
};

const WITHDRAWN: &str = "SELECT patient, purpose FROM consent \
     WHERE tenant = $1 AND status = 'revoked' LIMIT $2";

const WITHDRAWN_BY: &str = "SELECT purpose FROM consent \
     WHERE tenant = $1 AND patient = $2 AND status = 'revoked'";

/// What a patient has said about one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The last thing said.
    pub status: ConsentStatus,
    /// When; nothing was said without it.
    pub since: Option<Timestamp>,
}

/// What is to be written down.
pub struct Statement<'a> {
    /// By whom.
    pub patient: &'a PatientId,
    /// About what.
    pub purpose: Purpose,
    /// What was said.
    pub status: ConsentStatus,
    /// When.
    pub at: Timestamp,
}

/// The answer of a store, which ends within the store's own deadlines.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, ConsentError>>;

/// What keeps consents. One trait, so that the simulator can stand in a twin for PostgreSQL; a
/// store checks no permit: it is handed a [`Scope`] by those who did.
pub trait ConsentStore: Send + Sync + 'static {
    /// Keeps a statement and the outcome of its audit entry, both or neither.
    /// [`ConsentError::InDoubt`] where that is not known.
    fn set<'a>(
        &'a self,
        scope: &'a Scope,
        statement: &'a Statement<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()>;

    /// What stands now.
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        purpose: Purpose,
    ) -> Asked<'a, Consent>;

    /// Every withdrawal of the scope's tenant.
    fn withdrawn<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> Asked<'a, HashMap<PatientId, BTreeSet<Purpose>>>;

    /// What one patient has withdrawn, once no change of it is under way.
    fn withdrawn_by<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
    ) -> Asked<'a, BTreeSet<Purpose>>;
}

/// Consents in PostgreSQL.
pub struct PostgresConsents(Database);

impl PostgresConsents {
    /// A store over this handle.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

impl ConsentStore for PostgresConsents {
    fn set<'a>(
        &'a self,
        scope: &'a Scope,
        statement: &'a Statement<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, ()> {
        Box::pin(set(&self.0, scope, statement, open))
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        purpose: Purpose,
    ) -> Asked<'a, Consent> {
        Box::pin(get(&self.0, scope, patient, purpose))
    }

    fn withdrawn<'a>(&'a self, scope: &'a Scope) -> Asked<'a, Withdrawn> {
        Box::pin(withdrawn(&self.0, scope))
    }

    fn withdrawn_by<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
    ) -> Asked<'a, BTreeSet<Purpose>> {
        Box::pin(withdrawn_by(&self.0, scope, patient))
    }
}

/// Writes a statement and the outcome of its audit entry, both or neither.
async fn set(
    database: &Database,
    scope: &Scope,
    statement: &Statement<'_>,
    open: &OpenEntry,
) -> Result<(), ConsentError> {
    let transaction = database.begin(scope).await?;
    match write(&transaction, scope, statement, open).await {
        Ok(()) => transaction.commit().await.map_err(in_doubt),
        Err(error) => {
            // A rollback that fails has lost the connection, which rolls back too.
            drop(transaction.rollback().await);
            Err(error)
        }
    }
}

async fn write(
    transaction: &Transaction,
    scope: &Scope,
    statement: &Statement<'_>,
    open: &OpenEntry,
) -> Result<(), ConsentError> {
    let (tenant, patient) = (scope.tenant.as_str(), statement.patient.as_str());
    lock(transaction, scope, statement.patient).await?;
    let known = transaction.query_opt(KNOWN, &[&tenant, &patient]).await?;
    known.ok_or(ConsentError::UnknownPatient)?;
    let at = to_database(statement.at);
    let params: [&(dyn ToSql + Sync); 6] = [
        &tenant,
        &patient,
        &statement.purpose.as_str(),
        &statement.status.as_str(),
        &at,
        &scope.principal,
    ];
    transaction.execute(SET, &params).await?;
    open.complete_in(transaction, Outcome::Success).await?;
    Ok(())
}

/// What stands now.
async fn get(
    database: &Database,
    scope: &Scope,
    patient: &PatientId,
    purpose: Purpose,
) -> Result<Consent, ConsentError> {
    let key = vec![patient.as_str().into(), purpose.as_str().into()];
    let rows = database.point_read(scope, &GET, key).await?;
    let Some(row) = rows.first() else {
        return Ok(Consent {
            status: ConsentStatus::NotAsked,
            since: None,
        });
    };
    let status = ConsentStatus::parse(text(row, 0)?).map_err(|_| ConsentError::Internal)?;
    let at = row.try_get(1).map_err(|_| ConsentError::Internal)?;
    Ok(Consent {
        status,
        since: Some(from_database(at)),
    })
}

/// Every withdrawal of the scope's tenant.
async fn withdrawn(database: &Database, scope: &Scope) -> Result<Withdrawn, ConsentError> {
    let limit = i64::try_from(WITHDRAWN_MAX + 1).unwrap_or(i64::MAX);
    let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &limit];
    let rows = database.read(scope, WITHDRAWN, &params).await?;
    if rows.len() > WITHDRAWN_MAX {
        tracing::error!(
            tenant = %scope.tenant,
            limit = WITHDRAWN_MAX,
            "more withdrawn consents than a node holds: nothing of this tenant is decided"
        );
        return Err(ConsentError::Internal);
    }
    let mut withdrawn = Withdrawn::new();
    for row in &rows {
        let patient = PatientId::parse(text(row, 0)?).map_err(|_| ConsentError::Internal)?;
        let purposes = withdrawn.entry(patient).or_default();
        purposes.extend(purpose(row, 1)?);
    }
    Ok(withdrawn)
}

/// What one patient has withdrawn, once no change of it is under way.
async fn withdrawn_by(
    database: &Database,
    scope: &Scope,
    patient: &PatientId,
) -> Result<BTreeSet<Purpose>, ConsentError> {
    let transaction = database.begin(scope).await?;
    lock(&transaction, scope, patient).await?;
    let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &patient.as_str()];
    let rows = transaction.query(WITHDRAWN_BY, &params).await?;
    transaction.commit().await?;
    let mut purposes = BTreeSet::new();
    for row in &rows {
        purposes.extend(purpose(row, 0)?);
    }
    Ok(purposes)
}

async fn lock(
    transaction: &Transaction,
    scope: &Scope,
    patient: &PatientId,
) -> Result<(), DatabaseError> {
    let name = format!("consent/{}/{patient}", scope.tenant);
    transaction.execute(LOCK, &[&name]).await.map(drop)
}

/// A commit without an answer may have happened.
fn in_doubt(error: DatabaseError) -> ConsentError {
    if error.is_unavailable() {
        ConsentError::InDoubt
    } else {
        error.into()
    }
}

fn text(row: &Row, column: usize) -> Result<&str, ConsentError> {
    row.try_get(column).map_err(|_| ConsentError::Internal)
}

/// A purpose this program knows; a later version's is nothing that could be asked for here.
fn purpose(row: &Row, column: usize) -> Result<Option<Purpose>, ConsentError> {
    text(row, column).map(|name| Purpose::parse(name).ok())
}
