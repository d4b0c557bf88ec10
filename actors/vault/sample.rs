//! Whether the keys of a copy are whole: every record's key is counted, some records are opened.
//!
//! Works on a connection and not through the keeper: a backup is looked at by a process that serves
//! nobody. What is opened is dropped at once and counted. Refuses to make a master key.

use super::data_key::{DataKey, KeySubject};
use super::incidents::Incidents;
use super::master::MasterKeySource;
use super::period::Periods;
use super::ring::Ring;
use super::sealed::{CommitmentOpening, RecordBody, RecordHistory, SealedColumn, SecondFactor};
use super::wrapped::{Place, WrappedDataKey, WrappedTenantKey};
use crate::entropy::Entropy;
use plantao_schema::id::Tenant;
use tokio_postgres::{Client, Error, Row};

/// Values opened of each column: enough to meet a key store of another moment, and milliseconds.
const SAMPLE: i64 = 16;

/// What holds keys in a copy that is looked at.
#[derive(Clone)]
pub struct Holder {
    /// Where the master key comes from.
    pub source: MasterKeySource,
    /// The file of the period's key, as it is in the key backup.
    pub(crate) period: Vec<u8>,
}

impl Holder {
    /// One with a master key alone; none where its file is not here.
    #[must_use]
    pub fn of(source: MasterKeySource) -> Option<Self> {
        let is_here = match &source {
            MasterKeySource::File(path) => path.exists(),
            _ => true,
        };
        let period = Vec::new();
        is_here.then_some(Self { source, period })
    }

    /// The same, with the key of a period.
    pub(crate) fn in_period(mut self, period: &[u8]) -> Self {
        self.period = period.to_vec();
        self
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Sealed values of subjects that are not erased.
    pub sealed: i64,
    /// Of them those whose key is not there.
    pub keyless: i64,
    /// Values that were opened; none where no master key is at hand.
    pub opened: Option<u64>,
    /// Values that were tried and did not open.
    pub unopened: u64,
}

/// Counts the sealed values of a copy and their keys, and opens some.
///
/// # Errors
/// The driver's, when the copy does not answer.
pub(crate) async fn sample(client: &Client, holder: Option<&Holder>) -> Result<Sampled, Error> {
    let mut found = Sampled::default();
    let mut ring = holder.and_then(ring);
    if ring.is_some() {
        found.opened = Some(0);
    }
    let entropy = Entropy::system();
    let mut look = Look {
        client,
        ring: &mut ring,
        found: &mut found,
        entropy: &entropy,
    };
    look.column::<RecordBody>("s.key_subject").await?;
    look.column::<RecordHistory>("s.key_subject").await?;
    look.column::<CommitmentOpening>("s.key_subject").await?;
    look.column::<SecondFactor>("'directory'").await?;
    Ok(found)
}

fn ring(holder: &Holder) -> Option<Ring> {
    let entropy = Entropy::system();
    let masters = holder.source.load(&entropy).ok()?;
    let periods = Periods::of(&holder.period, &entropy).ok()?;
    Some(Ring::new(holder.source.clone(), masters, periods, entropy))
}

struct Look<'a> {
    client: &'a Client,
    ring: &'a mut Option<Ring>,
    found: &'a mut Sampled,
    entropy: &'a Entropy,
}

impl Look<'_> {
    async fn column<C: SealedColumn>(&mut self, subject: &str) -> Result<(), Error> {
        let (table, column, version, row) = (C::TABLE, C::COLUMN, C::KEY_VERSION, C::ROW);
        let of = format!(
            "FROM {table} s LEFT JOIN plantao_keys.data_key k ON k.tenant = s.tenant \
             AND k.subject = {subject} AND k.version = s.{version} \
             LEFT JOIN plantao_keys.tenant_key t ON t.tenant = k.tenant \
             AND t.version = k.tenant_version WHERE s.{column} IS NOT NULL AND NOT EXISTS \
             (SELECT FROM plantao_keys.tombstone e \
             WHERE e.tenant = s.tenant AND e.subject = {subject})"
        );
        let count = format!("SELECT count(*), count(*) FILTER (WHERE k.version IS NULL) {of}");
        let counted = self.client.query_one(&count, &[]).await?;
        self.found.sealed += counted.get::<_, i64>(0);
        self.found.keyless += counted.get::<_, i64>(1);
        let Some(ring) = self.ring else {
            return Ok(());
        };
        let some = format!(
            "SELECT s.tenant, {subject}, s.{version}, {row}, s.{column}, k.tenant_version, \
             k.wrapped, t.master, t.wrapped {of} AND k.version IS NOT NULL \
             ORDER BY random() LIMIT $1"
        );
        for row in self.client.query(&some, &[&SAMPLE]).await? {
            if opens::<C>(ring, self.entropy, &row).await.is_some() {
                self.found.opened = self.found.opened.map(|opened| opened + 1);
            } else {
                self.found.unopened += 1;
            }
        }
        Ok(())
    }
}

/// Opens one value; nothing where it does not open.
async fn opens<C: SealedColumn>(ring: &mut Ring, entropy: &Entropy, row: &Row) -> Option<()> {
    let tenant: String = row.try_get(0).ok()?;
    let subject: String = row.try_get(1).ok()?;
    let version: i32 = row.try_get(2).ok()?;
    let under: Option<i32> = row.try_get(5).ok()?;
    let key = WrappedDataKey {
        version,
        under,
        wrapped: row.try_get(6).ok()?,
    };
    let tenant_key = match under {
        None => None,
        Some(version) => Some(WrappedTenantKey {
            version,
            master: row.try_get(7).ok()?,
            wrapped: row.try_get(8).ok()?,
        }),
    };
    let place = Place {
        tenant: tenant.clone(),
        subject: subject.clone(),
        version,
    };
    let bytes = ring.open(&place, &key, tenant_key.as_ref()).await.ok()?;
    let subject = KeySubject::parse(&subject)?;
    let key = DataKey::new(subject, version, &bytes, entropy, &Incidents::new()).ok()?;
    let (tenant, at): (Tenant, String) = (Tenant::parse(&tenant).ok()?, row.try_get(3).ok()?);
    let sealed: &[u8] = row.try_get(4).ok()?;
    key.open::<C>(&tenant, &at, sealed).ok().map(drop)
}
