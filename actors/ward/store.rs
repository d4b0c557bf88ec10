//! What keeps the beds: the seam, and PostgreSQL behind it, one placement as one transaction.
//!
//! Placements of an institution follow one another (one advisory lock for each): a transfer touches
//! two beds, and two transfers across each other would otherwise wait in a circle.

use super::WardError;
use crate::audit::OpenEntry;
use crate::database::{Database, DatabaseError, Row, Scope, ToSql, Transaction, to_database};
use futures_util::future::BoxFuture;
use plantao_schema::audit::Outcome;
use plantao_schema::id::{BedId, PatientId, WardId};
use plantao_schema::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Most beds of one ward: a page shows them all.
pub const MAX_BEDS_OF_WARD: i64 = 200;

/// Most beds of one institution.
pub const MAX_BEDS_OF_TENANT: i64 = 20_000;

/// Most wards in a list.
pub const MAX_WARDS_LISTED: i64 = 1_000;

const BEDS: &str = "SELECT ward, bed, patient FROM ward_bed \
     WHERE tenant = $1 AND ward = ANY($2::text[]) ORDER BY ward, bed";

const WARDS: &str = "SELECT DISTINCT ward FROM ward_bed WHERE tenant = $1 ORDER BY ward LIMIT $2";

const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('ward_bed/' || $1::text, 0))";

const PATIENT_EXISTS: &str = "SELECT EXISTS (SELECT FROM fhir_resource \
     WHERE tenant = $1 AND kind = 'Patient' AND id = $2)";

const BED: &str = "SELECT patient FROM ward_bed WHERE tenant = $1 AND ward = $2 AND bed = $3";

const COUNT: &str =
    "SELECT count(*) FILTER (WHERE ward = $2), count(*) FROM ward_bed WHERE tenant = $1";

const LEAVE: &str = "UPDATE ward_bed SET patient = NULL, since = $3 \
     WHERE tenant = $1 AND patient = $2 RETURNING ward";

const OCCUPY: &str = "INSERT INTO ward_bed (tenant, ward, bed, patient, since) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, ward, bed) \
     DO UPDATE SET patient = EXCLUDED.patient, since = EXCLUDED.since";

/// A bed and who lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bed {
    /// Its name in the ward.
    pub bed: BedId,
    /// Who lies in it; nobody when it is free.
    pub patient: Option<PatientId>,
}

/// The beds of some wards, by name; a ward without beds has no entry.
async fn beds(
    database: &Database,
    scope: &Scope,
    wards: &[&WardId],
) -> Result<BTreeMap<WardId, Vec<Bed>>, WardError> {
    let wards: Vec<&str> = wards.iter().map(|ward| ward.as_str()).collect();
    let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &wards];
    let mut beds: BTreeMap<WardId, Vec<Bed>> = BTreeMap::new();
    for row in database.read(scope, BEDS, &params).await? {
        let bed = BedId::parse(text(&row, 1)?).map_err(|_| WardError::Internal)?;
        let patient = patient(&row, 2)?;
        beds.entry(ward(&row)?)
            .or_default()
            .push(Bed { bed, patient });
    }
    Ok(beds)
}

/// The wards there are, by name.
async fn wards(database: &Database, scope: &Scope) -> Result<Vec<WardId>, WardError> {
    let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &MAX_WARDS_LISTED];
    let rows = database.read(scope, WARDS, &params).await?;
    rows.iter().map(ward).collect()
}

/// One change of who lies where.
pub struct Placement<'a> {
    /// On whose behalf.
    pub scope: &'a Scope,
    /// In which ward.
    pub ward: &'a WardId,
    /// In which bed.
    pub bed: &'a BedId,
    /// Who lies in it from now on; nobody, to free it.
    pub patient: Option<&'a PatientId>,
    /// When.
    pub at: Timestamp,
}

/// The answer of a store, which ends within the store's own deadlines.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, WardError>>;

/// What keeps the beds. One trait, so that the simulator can stand in a twin for PostgreSQL; a
/// store checks no permit: it is handed a [`Scope`] by those who did.
pub trait WardStore: Send + Sync + 'static {
    /// The beds of some wards, by name; a ward without beds has no entry.
    fn beds<'a>(
        &'a self,
        scope: &'a Scope,
        wards: &'a [&'a WardId],
    ) -> Asked<'a, BTreeMap<WardId, Vec<Bed>>>;

    /// The wards there are, by name.
    fn wards<'a>(&'a self, scope: &'a Scope) -> Asked<'a, Vec<WardId>>;

    /// Makes a placement, with the outcome of `open`; gives back the wards that it touched.
    fn place<'a>(
        &'a self,
        placement: &'a Placement<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, BTreeSet<WardId>>;
}

/// Beds in PostgreSQL.
pub struct PostgresWards(Database);

impl PostgresWards {
    /// A store over this handle.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

impl WardStore for PostgresWards {
    fn beds<'a>(
        &'a self,
        scope: &'a Scope,
        wards: &'a [&'a WardId],
    ) -> Asked<'a, BTreeMap<WardId, Vec<Bed>>> {
        Box::pin(beds(&self.0, scope, wards))
    }

    fn wards<'a>(&'a self, scope: &'a Scope) -> Asked<'a, Vec<WardId>> {
        Box::pin(wards(&self.0, scope))
    }

    fn place<'a>(
        &'a self,
        placement: &'a Placement<'a>,
        open: &'a OpenEntry,
    ) -> Asked<'a, BTreeSet<WardId>> {
        Box::pin(placement.make(&self.0, open))
    }
}

impl Placement<'_> {
    /// Makes it, with the outcome of `open`; gives back the wards that it touched.
    async fn make(
        &self,
        database: &Database,
        open: &OpenEntry,
    ) -> Result<BTreeSet<WardId>, WardError> {
        let transaction = database.begin(self.scope).await?;
        match self.run(&transaction, open).await {
            Ok(touched) => {
                transaction.commit().await.map_err(in_doubt)?;
                Ok(touched)
            }
            Err(error) => {
                // A rollback that fails has lost the connection, which rolls back too.
                drop(transaction.rollback().await);
                Err(error)
            }
        }
    }

    async fn run(
        &self,
        transaction: &Transaction,
        open: &OpenEntry,
    ) -> Result<BTreeSet<WardId>, WardError> {
        let tenant = self.scope.tenant.as_str();
        transaction.execute(LOCK, &[&tenant]).await?;
        let mut touched = BTreeSet::from([self.ward.clone()]);
        let before = self.before(transaction).await?;
        match (self.patient, before) {
            (None, None) => return Err(WardError::NotFound),
            (Some(patient), Some(Some(other))) if *patient != other => {
                return Err(WardError::Occupied);
            }
            // It is so already, and has been since then.
            (Some(_), Some(Some(_))) | (None, Some(None)) => {}
            (Some(patient), before) => {
                self.admit(transaction, patient, before.is_none()).await?;
                touched.extend(self.leave(transaction, patient).await?);
                self.occupy(transaction).await?;
            }
            (None, Some(Some(_))) => self.occupy(transaction).await?,
        }
        open.complete_in(transaction, Outcome::Success).await?;
        Ok(touched)
    }

    /// Who lies in the bed; the outer `None` when there is no such bed.
    async fn before(
        &self,
        transaction: &Transaction,
    ) -> Result<Option<Option<PatientId>>, WardError> {
        let params: [&(dyn ToSql + Sync); 3] = [
            &self.scope.tenant.as_str(),
            &self.ward.as_str(),
            &self.bed.as_str(),
        ];
        let row = transaction.query_opt(BED, &params).await?;
        row.map(|row| patient(&row, 0)).transpose()
    }

    async fn admit(
        &self,
        transaction: &Transaction,
        patient: &PatientId,
        new_bed: bool,
    ) -> Result<(), WardError> {
        let tenant = self.scope.tenant.as_str();
        let params: [&(dyn ToSql + Sync); 2] = [&tenant, &patient.as_str()];
        let row = transaction.query_opt(PATIENT_EXISTS, &params).await?;
        let row = row.ok_or(WardError::Internal)?;
        if !row.try_get::<_, bool>(0).map_err(unreadable)? {
            return Err(WardError::UnknownPatient);
        }
        if new_bed {
            let params: [&(dyn ToSql + Sync); 2] = [&tenant, &self.ward.as_str()];
            let row = transaction.query_opt(COUNT, &params).await?;
            let row = row.ok_or(WardError::Internal)?;
            let of_ward: i64 = row.try_get(0).map_err(unreadable)?;
            let of_tenant: i64 = row.try_get(1).map_err(unreadable)?;
            if of_ward >= MAX_BEDS_OF_WARD || of_tenant >= MAX_BEDS_OF_TENANT {
                return Err(WardError::Full);
            }
        }
        Ok(())
    }

    /// Out of the bed that the patient lies in, if any; gives back its ward.
    async fn leave(
        &self,
        transaction: &Transaction,
        patient: &PatientId,
    ) -> Result<Option<WardId>, WardError> {
        let at = to_database(self.at);
        let params: [&(dyn ToSql + Sync); 3] =
            [&self.scope.tenant.as_str(), &patient.as_str(), &at];
        let row = transaction.query_opt(LEAVE, &params).await?;
        row.as_ref().map(ward).transpose()
    }

    async fn occupy(&self, transaction: &Transaction) -> Result<(), WardError> {
        let at = to_database(self.at);
        let params: [&(dyn ToSql + Sync); 5] = [
            &self.scope.tenant.as_str(),
            &self.ward.as_str(),
            &self.bed.as_str(),
            &self.patient.map(PatientId::as_str),
            &at,
        ];
        transaction.execute(OCCUPY, &params).await?;
        Ok(())
    }
}

/// A commit without an answer may have happened.
fn in_doubt(error: DatabaseError) -> WardError {
    if error.is_unavailable() {
        WardError::InDoubt
    } else {
        error.into()
    }
}

fn ward(row: &Row) -> Result<WardId, WardError> {
    WardId::parse(text(row, 0)?).map_err(|_| WardError::Internal)
}

fn patient(row: &Row, column: usize) -> Result<Option<PatientId>, WardError> {
    let id: Option<&str> = row.try_get(column).map_err(unreadable)?;
    id.map(PatientId::parse)
        .transpose()
        .map_err(|_| WardError::Internal)
}

fn text(row: &Row, column: usize) -> Result<&str, WardError> {
    row.try_get(column).map_err(unreadable)
}

/// A column that is not what the schema says.
fn unreadable(_: tokio_postgres::Error) -> WardError {
    WardError::Internal
}
