//! What an operator has to know of a database: its version, its guards, its trail. Refuses to
//! change anything: it looks.

use super::partitions::Owner;
use crate::audit::store::{sorted, value};
use crate::database::{
    DatabaseConfig, DatabaseError, Found, Login, Session, newest_known, storage_of,
};
use tokio_postgres::{Client, Row};

const SERVER: &str = "SELECT current_setting('server_version'), \
     (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, \
     to_regclass('plantao.refinery_schema_history') IS NOT NULL";

const SCHEMA: &str = "SELECT coalesce(max(version), 0) FROM plantao.refinery_schema_history";

/// What a role holds and must not, and what guards are off.
const GUARDS: &str = "WITH kept AS ( \
         SELECT coalesce(to_regclass('plantao.audit_trail'), \
             'plantao.audit_entry'::regclass) AS oid, false AS is_part UNION ALL \
         SELECT ('plantao.' || part)::regclass, true FROM plantao.audit_partitions()), \
     bound AS (SELECT rolname::text AS role, rolsuper, rolbypassrls FROM pg_roles \
         WHERE rolname IN ('plantao_app', 'plantao_audit')) \
     SELECT role || ' has ' || privilege || ' on ' || kept.oid::regclass \
     FROM kept, bound, (VALUES ('SELECT', true), ('INSERT', true), ('UPDATE', false), \
         ('DELETE', false), ('TRUNCATE', false), ('TRIGGER', false)) AS held (privilege, on_whole) \
     WHERE (is_part OR NOT on_whole) AND has_table_privilege(role, kept.oid, privilege) \
     UNION ALL \
     SELECT 'plantao_app has INSERT on audit_entry' \
     WHERE has_table_privilege('plantao_app', 'plantao.audit_entry', 'INSERT') \
     UNION ALL \
     SELECT role || ' is a superuser' FROM bound WHERE rolsuper \
     UNION ALL \
     SELECT 'plantao_app has BYPASSRLS' FROM bound WHERE rolbypassrls AND role = 'plantao_app' \
     UNION ALL \
     SELECT 'the trigger ' || tgname || ' is off on ' || kept.oid::regclass \
     FROM kept JOIN pg_trigger AS t ON t.tgrelid = kept.oid \
     WHERE NOT tgisinternal AND tgenabled <> 'A' \
     UNION ALL \
     SELECT wanted.name || ' is missing on ' || kept.oid::regclass \
     FROM kept, (VALUES ('audit_entry_is_append_only'), ('audit_entry_is_never_truncated')) \
         AS wanted (name) WHERE NOT EXISTS (SELECT FROM pg_trigger \
         WHERE tgrelid = kept.oid AND tgname = wanted.name) \
     UNION ALL \
     SELECT 'row-level security is off on ' || kept.oid::regclass \
     FROM kept JOIN pg_class AS c ON c.oid = kept.oid \
     WHERE relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)";

const COUNTS: &str = "SELECT (SELECT count(*) FROM audit_pending), \
     (SELECT count(DISTINCT part) FROM audit_archived), \
     (SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = 'plantao_audit')";

const CHAINS: &str = "SELECT h.chain, h.seq, h.at_us, coalesce(c.size, 0), c.at_us \
     FROM audit_head AS h LEFT JOIN audit_checkpoint AS c ON c.chain = h.chain \
     ORDER BY h.chain LIMIT 1000";

/// A database, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// The server's version.
    pub server: String,
    /// The server's time, in microseconds since 1970, UTC.
    pub server_us: i64,
    /// The schema's version, 0 where there is none.
    pub schema: i32,
    /// The version that this program brings it to.
    pub known: i32,
    /// The trail, once the schema is of this program's version.
    pub trail: Option<TrailState>,
}

/// The trail, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailState {
    /// What keeps it.
    pub storage: Found,
    /// Months that are made after this one.
    pub ahead: i64,
    /// Entries in the alarm partition.
    pub stray: i64,
    /// Partitions that were archived.
    pub archived: i64,
    /// Rights that a role must not have, guards that are off.
    pub holes: Vec<String>,
    /// Whether the writer may use COPY.
    pub may_copy: bool,
    /// Opened entries without a completion.
    pub unfinished: i64,
    /// The chains: 1,000 at most.
    pub chains: Vec<ChainState>,
}

/// A chain, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// Its name.
    pub chain: String,
    /// Its last entry.
    pub seq: i64,
    /// When that was dated.
    pub at_us: i64,
    /// How many entries are signed.
    pub signed: i64,
    /// When the newest checkpoint was.
    pub signed_us: Option<i64>,
}

/// Looks at the database of a configuration, at an instant.
///
/// # Errors
/// [`DatabaseError`] when it does not let itself be looked at.
pub async fn examine(config: &DatabaseConfig, now_us: i64) -> Result<Examination, DatabaseError> {
    let owner = open(config, Login::Owner).await?;
    let server = one(&owner.client, SERVER).await?;
    let mut found = Examination {
        server: value(&server, 0)?,
        server_us: value(&server, 1)?,
        schema: 0,
        known: newest_known(),
        trail: None,
    };
    if value(&server, 2)? {
        let became = owner.client.batch_execute("SET ROLE plantao_owner").await;
        became.map_err(|error| sorted(&error))?;
        found.schema = value(&one(&owner.client, SCHEMA).await?, 0)?;
    }
    if found.schema == found.known {
        found.trail = Some(trail(config, &owner.client, now_us).await?);
    }
    Ok(found)
}

async fn trail(
    config: &DatabaseConfig,
    owner: &Client,
    now_us: i64,
) -> Result<TrailState, DatabaseError> {
    let keeper = Owner::open(config)
        .await
        .map_err(|_| DatabaseError::Unavailable)?;
    let storage = storage_of(config)
        .await
        .map_err(|_| DatabaseError::Unavailable)?;
    let unknown = |_| DatabaseError::Unavailable;
    let is_native = keeper.is_native().await.map_err(unknown)?;
    let (ahead, stray) = if is_native {
        let ahead = keeper.ahead(now_us).await.map_err(unknown)?;
        (ahead, keeper.stray().await.map_err(unknown)?)
    } else {
        (0, 0)
    };
    let holes = owner
        .query(GUARDS, &[])
        .await
        .map_err(|error| sorted(&error))?;
    let holes: Result<Vec<String>, _> = holes.iter().map(|row| value(row, 0)).collect();
    // What row-level security hides from the owner, the trail's writer sees.
    let writer = open(config, Login::Audit).await?;
    let counts = one(&writer.client, COUNTS).await?;
    let chains = writer
        .client
        .query(CHAINS, &[])
        .await
        .map_err(|error| sorted(&error))?;
    let chain = |row: &Row| {
        Ok(ChainState {
            chain: value(row, 0)?,
            seq: value(row, 1)?,
            at_us: value(row, 2)?,
            signed: value(row, 3)?,
            signed_us: value(row, 4)?,
        })
    };
    let chains: Result<Vec<ChainState>, DatabaseError> = chains.iter().map(chain).collect();
    Ok(TrailState {
        storage,
        ahead,
        stray,
        archived: value(&counts, 1)?,
        holes: holes?,
        may_copy: value(&counts, 2)?,
        unfinished: value(&counts, 0)?,
        chains: chains?,
    })
}

async fn open(config: &DatabaseConfig, login: Login) -> Result<Session, DatabaseError> {
    let login = config
        .connection(login)
        .map_err(|_| DatabaseError::Unavailable)?;
    let opened = Session::open(&login).await;
    opened.map_err(|_| DatabaseError::Unavailable)
}

async fn one(client: &Client, sql: &str) -> Result<Row, DatabaseError> {
    client
        .query_one(sql, &[])
        .await
        .map_err(|error| sorted(&error))
}
