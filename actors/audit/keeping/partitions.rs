//! The partitions, as their owner works on them: made ahead, looked over, taken off.
//!
//! A session of the schema's owner, held only for a round. Waits for a lock no longer than
//! [`LOCK_WAIT`]: whoever waits for the whole trail keeps all others waiting behind it.

use super::keeper::KeepingError;
use crate::database::{DatabaseConfig, DatabaseError, Login, Session};
use plantao_schema::audit::Hash;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// Names the lock that lets one node keep the trail's partitions while others do not.
const LOCK: i64 = 0x706c_616e_7461_6f01;

/// How long a change of the trail's partitions waits for its lock, and with it what is written.
const BECOME_OWNER: &str = "SET ROLE plantao_owner; SET lock_timeout = '2s'; \
     SET statement_timeout = '15min'";

const KIND: &str = "SELECT kind FROM audit_storage";

const MAKE: &str = "SELECT count(*) FILTER (WHERE plantao.audit_make_partition( \
     plantao.audit_month_us($1, month))) FROM generate_series(-1, $2) AS month";

const AHEAD: &str = "SELECT count(*) FROM plantao.audit_partitions() \
     WHERE from_us > plantao.audit_month_us($1, 0)";

const STRAY: &str = "SELECT count(*) FROM audit_entry_stray";

const MAKE_ONE: &str = "SELECT plantao.audit_make_partition($1)";

// Months that may be made by now, the oldest first. Found before any is made: a table that is being
// read cannot give its rows away.
const STRAY_MONTHS: &str = "SELECT DISTINCT plantao.audit_month_us(at_us, 0) AS month \
     FROM audit_entry_stray WHERE at_us >= 0 AND at_us < plantao.audit_month_us($1, $2 + 1) \
     ORDER BY month LIMIT 24";

const DUE: &str = "SELECT part, from_us, until_us FROM plantao.audit_partitions() \
     WHERE NOT is_alarm AND until_us <= $1 ORDER BY until_us LIMIT 1";

const LEFT_OFF: &str = "SELECT relname::text FROM pg_class WHERE relkind = 'r' \
     AND relnamespace = 'plantao'::regnamespace AND NOT relispartition \
     AND relname ~ '^audit_entry_(y[0-9]+m[0-9]+|before)$' ORDER BY relname";

const ARCHIVED: &str = "INSERT INTO audit_archived \
     (chain, seq, tenant, hash, edge, part, until_us, file, sha256, at_us) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, decode($9, 'hex'), $10)";

/// A partition with its bounds, in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) from_us: i64,
    pub(super) until_us: i64,
}

/// What of a chain left the database, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Departed {
    pub(super) chain: String,
    pub(super) tenant: String,
    pub(super) seq: i64,
    pub(super) hash: Hash,
    pub(super) edge: Vec<Vec<u8>>,
    pub(super) file: String,
    pub(super) sha256: String,
}

/// The owner at work.
pub(super) struct Owner(Session);

impl Owner {
    pub(super) async fn open(config: &DatabaseConfig) -> Result<Self, KeepingError> {
        let login = config.connection(Login::Owner);
        let login = login.map_err(|_| DatabaseError::Unavailable)?;
        let session = Session::open(&login).await;
        let owner = Self(session.map_err(|_| DatabaseError::Unavailable)?);
        owner.run(BECOME_OWNER).await?;
        Ok(owner)
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    async fn run(&self, sql: &str) -> Result<(), KeepingError> {
        self.client().batch_execute(sql).await.map_err(told)
    }

    async fn one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, KeepingError> {
        self.client().query_one(sql, params).await.map_err(told)
    }

    async fn count(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<i64, KeepingError> {
        self.one(sql, params).await?.try_get(0).map_err(told)
    }

    /// Whether PostgreSQL's own partitions keep the trail.
    pub(super) async fn is_native(&self) -> Result<bool, KeepingError> {
        let kind: String = self.one(KIND, &[]).await?.try_get(0).map_err(told)?;
        Ok(kind == "native")
    }

    /// Whether this session is the one that may change partitions; until it ends.
    pub(super) async fn takes_the_lock(&self) -> Result<bool, KeepingError> {
        let row = self
            .one("SELECT pg_try_advisory_lock($1)", &[&LOCK])
            .await?;
        row.try_get(0).map_err(told)
    }

    /// Makes the months from the last to `ahead` after an instant's. Answers how many were made.
    pub(super) async fn make(&self, now_us: i64, ahead: i32) -> Result<i64, KeepingError> {
        self.count(MAKE, &[&now_us, &ahead]).await
    }

    /// How many months after an instant's have a partition.
    pub(super) async fn ahead(&self, now_us: i64) -> Result<i64, KeepingError> {
        self.count(AHEAD, &[&now_us]).await
    }

    /// How many entries are in the alarm partition.
    pub(super) async fn stray(&self) -> Result<i64, KeepingError> {
        self.count(STRAY, &[]).await
    }

    /// Makes months for what is in the alarm partition and is not of a month too far ahead. Answers
    /// how many were made.
    pub(super) async fn settle(&self, now_us: i64, ahead: i32) -> Result<i64, KeepingError> {
        let months = self.client().query(STRAY_MONTHS, &[&now_us, &ahead]).await;
        let mut made = 0;
        for row in months.map_err(told)? {
            let month: i64 = row.try_get(0).map_err(told)?;
            let row = self.one(MAKE_ONE, &[&month]).await?;
            made += i64::from(row.try_get::<_, bool>(0).map_err(told)?);
        }
        Ok(made)
    }

    /// The oldest partition that holds nothing younger than an instant.
    pub(super) async fn due(&self, before_us: i64) -> Result<Option<Part>, KeepingError> {
        let row = self
            .client()
            .query_opt(DUE, &[&before_us])
            .await
            .map_err(told)?;
        let read = |row: Row| {
            Ok(Part {
                name: row.try_get(0).map_err(told)?,
                from_us: row.try_get(1).map_err(told)?,
                until_us: row.try_get(2).map_err(told)?,
            })
        };
        row.map(read).transpose()
    }

    /// Partitions that were taken off and are still there.
    pub(super) async fn left_off(&self) -> Result<Vec<String>, KeepingError> {
        let rows = self.client().query(LEFT_OFF, &[]).await.map_err(told)?;
        rows.iter()
            .map(|row| row.try_get(0).map_err(told))
            .collect()
    }

    /// Whether a table holds an entry that no archive does.
    async fn holds_more(&self, part: &str) -> Result<bool, KeepingError> {
        let more = format!(
            "SELECT EXISTS (SELECT FROM {part} AS p WHERE p.seq > coalesce(( \
             SELECT max(seq) FROM audit_archived AS a WHERE a.chain = p.chain), 0))"
        );
        self.one(&more, &[]).await?.try_get(0).map_err(told)
    }

    /// Writes down what was archived and takes the partition off the trail: both or neither.
    /// `floors`: of each chain, the entries after this one are what its log's edge is made of.
    pub(super) async fn take_off(
        &self,
        part: &Part,
        departed: &[Departed],
        floors: &[(String, i64)],
        at_us: i64,
    ) -> Result<(), KeepingError> {
        self.run("BEGIN").await?;
        let done = self.take_off_within(part, departed, floors, at_us).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.run(end).await;
        done.and(ended)
    }

    async fn take_off_within(
        &self,
        part: &Part,
        departed: &[Departed],
        floors: &[(String, i64)],
        at_us: i64,
    ) -> Result<(), KeepingError> {
        let name = &part.name;
        // Nothing is added to it from here on; the trail itself goes on.
        self.run(&format!("LOCK TABLE {name} IN SHARE MODE"))
            .await?;
        for one in departed {
            let hash = one.hash.as_slice();
            let row: [&(dyn ToSql + Sync); 10] = [
                &one.chain,
                &one.seq,
                &one.tenant,
                &hash,
                &one.edge,
                name,
                &part.until_us,
                &one.file,
                &one.sha256,
                &at_us,
            ];
            self.client().execute(ARCHIVED, &row).await.map_err(told)?;
        }
        if self.holds_more(name).await? {
            return Err(KeepingError::Grown { part: name.clone() });
        }
        let links = format!(
            "INSERT INTO audit_archived_link (chain, seq, tenant, prev_hash, hash) \
             SELECT p.chain, p.seq, p.tenant, p.prev_hash, p.hash FROM {name} AS p \
             JOIN unnest($1::text[], $2::int8[]) AS f (chain, floor) ON f.chain = p.chain \
             WHERE p.seq > f.floor"
        );
        let (chains, after): (Vec<&str>, Vec<i64>) = floors
            .iter()
            .map(|(chain, floor)| (chain.as_str(), *floor))
            .unzip();
        let floors: [&(dyn ToSql + Sync); 2] = [&chains, &after];
        self.client().execute(&links, &floors).await.map_err(told)?;
        self.run(&format!("ALTER TABLE audit_entry DETACH PARTITION {name}"))
            .await
    }

    /// Drops a table that was taken off, and the keys of its entries before it.
    pub(super) async fn drop_table(&self, name: &str) -> Result<(), KeepingError> {
        if self.holds_more(name).await? {
            return Err(KeepingError::Grown {
                part: name.to_owned(),
            });
        }
        let keys =
            format!("DELETE FROM audit_key AS k USING {name} AS p WHERE k.entry_id = p.entry_id");
        self.run(&keys).await?;
        self.run(&format!("DROP TABLE {name}")).await
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what map_err hands over is owned"
)]
fn told(error: tokio_postgres::Error) -> KeepingError {
    crate::audit::store::sorted(&error).into()
}
