//! The statements of the trail. None of them changes or removes a row, and none could.

use crate::database::{DatabaseError, STATEMENT_DEADLINE};
use futures_util::future;
use plantao_schema::audit::{ChainHead, Chained, Entry, Hash, Outcome, Phase, Severity};
use plantao_schema::id::Tenant;
use plantao_schema::time::Timestamp;
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

/// Every column, in the order in which rows are written and read.
pub(super) const COLUMNS: &str = "chain, seq, entry_id, at_us, phase, opens, severity, tenant, \
     principal, role, action, resource_kind, resource_id, patient, purpose, verdict, score, \
     explanation, request_id, outcome, plugin, commitment, prev_hash, hash";

const TYPES: [Type; 24] = [
    Type::TEXT,
    Type::INT8,
    Type::UUID,
    Type::INT8,
    Type::TEXT,
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT2,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::BYTEA,
    Type::BYTEA,
];

const UNNEST: &str = "unnest($1::text[], $2::int8[], $3::uuid[], $4::int8[], $5::text[], \
     $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], \
     $13::text[], $14::text[], $15::text[], $16::text[], $17::int2[], $18::text[], $19::text[], \
     $20::text[], $21::text[], $22::text[], $23::bytea[], $24::bytea[])";

pub(super) fn sorted(error: &tokio_postgres::Error) -> DatabaseError {
    match DatabaseError::from_driver(error, STATEMENT_DEADLINE) {
        DatabaseError::Conflict { constraint } => DatabaseError::Conflict {
            constraint: of_the_whole(constraint),
        },
        other => other,
    }
}

/// The unique indexes of a partition bear the name that they would have on the whole trail, and
/// the partition's after it.
fn of_the_whole(constraint: String) -> String {
    let whole = ["audit_entry_pkey", "audit_entry_completes"];
    let found = whole.iter().find(|name| constraint.starts_with(**name));
    found.map_or(constraint, |name| (*name).to_owned())
}

/// Takes the right to write this node's chains, and waits while a predecessor's session ends: once
/// it is ours, whatever the predecessor sent has been committed or is gone. Returns the backend
/// that holds it.
pub(super) async fn lock_node(client: &Client, node: &str) -> Result<i32, DatabaseError> {
    let key = format!("plantao-audit/{node}");
    let lock = "SELECT pg_backend_pid(), pg_advisory_lock(hashtextextended($1, 0))";
    let row = client
        .query_one(lock, &[&key])
        .await
        .map_err(|error| sorted(&error))?;
    value(&row, 0)
}

/// Whether COPY is open to this role: it is refused where row-level security applies, and into a
/// view.
async fn may_copy(client: &Client) -> Result<bool, DatabaseError> {
    let open = "SELECT relkind IN ('r', 'p') AND NOT row_security_active(oid) \
         FROM pg_class WHERE oid = 'audit_entry'::regclass";
    let open = client.query_one(open, &[]).await;
    open.map(|row| row.get(0)).map_err(|error| sorted(&error))
}

/// The last entry of a chain, which may be in the archive. The trail itself is asked as well:
/// whoever got an entry in past the triggers is built upon, which the log then does not sign.
pub(super) async fn head(client: &Client, chain: &str) -> Result<ChainHead, DatabaseError> {
    let last = "SELECT seq, hash FROM ( \
             SELECT seq, hash, 1 AS rank FROM audit_head WHERE chain = $1 UNION ALL ( \
             SELECT seq, hash, 2 FROM audit_entry WHERE chain = $1 ORDER BY seq DESC LIMIT 1) \
         ) AS last ORDER BY seq DESC, rank LIMIT 1";
    let row = client
        .query_opt(last, &[&chain])
        .await
        .map_err(|error| sorted(&error))?;
    match row {
        None => Ok(ChainHead::EMPTY),
        Some(row) => Ok(ChainHead {
            seq: row.get(0),
            hash: digest(&row, 1)?,
        }),
    }
}

/// The COPY, prepared once for each session; none where row-level security refuses it.
pub(super) async fn prepare_copy(client: &Client) -> Result<Option<Statement>, DatabaseError> {
    if !may_copy(client).await? {
        return Ok(None);
    }
    let copy = format!("COPY audit_entry ({COLUMNS}) FROM STDIN (FORMAT binary)");
    client
        .prepare(&copy)
        .await
        .map(Some)
        .map_err(|error| sorted(&error))
}

/// Writes rows in one transaction: all of them are durable once this returns, or none.
///
/// The transaction is explicit for a reason. Left to itself, COPY commits when the server reads the
/// end of the batch, *after* it has queued the word that the copy is complete; a session that is
/// terminated between the two sends that word and rolls back. Only COMMIT's answer is proof.
pub(super) async fn copy(
    client: &Client,
    copy: &Statement,
    rows: &[Chained],
) -> Result<(), DatabaseError> {
    let copied = stream(client, copy, rows).await;
    if copied.is_err() {
        // Without effect where the COMMIT was sent: a transaction that failed has ended with it.
        drop(client.batch_execute("ROLLBACK").await);
    }
    copied
}

async fn stream(client: &Client, copy: &Statement, rows: &[Chained]) -> Result<(), DatabaseError> {
    // Sent together, in this order.
    let (begun, sink) = future::join(client.batch_execute("BEGIN"), client.copy_in(copy)).await;
    let sink = begun.and(sink).map_err(|error| sorted(&error))?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    for row in rows {
        let entry = &row.entry;
        let written = writer
            .as_mut()
            .write(&[
                &row.chain,
                &row.seq,
                &entry.id,
                &entry.at.micros(),
                &entry.phase.as_str(),
                &entry.opens,
                &entry.severity.as_str(),
                &entry.tenant.as_str(),
                &entry.principal,
                &entry.role,
                &entry.action,
                &entry.resource_kind,
                &entry.resource_id,
                &entry.patient,
                &entry.purpose,
                &entry.verdict,
                &i16::from(entry.score),
                &entry.explanation,
                &entry.request_id,
                &entry.outcome.as_str(),
                &entry.plugin,
                &entry.commitment,
                &row.previous.as_slice(),
                &row.hash.as_slice(),
            ])
            .await;
        written.map_err(|error| sorted(&error))?;
    }
    // Sent together, in this order, and the answer to the second waits for the disk. Where the copy
    // failed the transaction has, and COMMIT ends it without keeping anything.
    let (copied, committed) = future::join(writer.finish(), client.batch_execute("COMMIT")).await;
    copied
        .map(drop)
        .and(committed)
        .map_err(|error| sorted(&error))
}

/// The INSERT, prepared once for each session.
pub(super) async fn prepare_insert(client: &Client) -> Result<Statement, DatabaseError> {
    let insert = format!("INSERT INTO audit_entry ({COLUMNS}) SELECT * FROM {UNNEST}");
    client
        .prepare(&insert)
        .await
        .map_err(|error| sorted(&error))
}

/// Writes rows in one round trip: all of them are durable once this returns, or none, and none when
/// any of their keys is taken.
///
/// The transaction is that of the one statement. The server commits it when it has read the end of
/// the flight and then says that it is ready for the next: the driver returns on that word, and not
/// on the completion of the statement, which comes before the commit.
pub(super) async fn insert(
    client: &Client,
    insert: &Statement,
    rows: &[Chained],
) -> Result<(), DatabaseError> {
    let columns = columns(rows);
    let params: Vec<&(dyn ToSql + Sync)> = columns
        .iter()
        .map(|column| &**column as &(dyn ToSql + Sync))
        .collect();
    client
        .execute(insert, &params)
        .await
        .map(drop)
        .map_err(|error| sorted(&error))
}

fn column<'a, T: ToSql + Sync + Send + 'a>(
    rows: &'a [Chained],
    of: impl Fn(&'a Chained) -> T,
) -> Box<dyn ToSql + Sync + Send + 'a> {
    Box::new(rows.iter().map(of).collect::<Vec<T>>())
}

/// The same values as [`copy`] sends, as one array for each column.
fn columns(rows: &[Chained]) -> Vec<Box<dyn ToSql + Sync + Send + '_>> {
    vec![
        column(rows, |row| row.chain.as_str()),
        column(rows, |row| row.seq),
        column(rows, |row| row.entry.id),
        column(rows, |row| row.entry.at.micros()),
        column(rows, |row| row.entry.phase.as_str()),
        column(rows, |row| row.entry.opens),
        column(rows, |row| row.entry.severity.as_str()),
        column(rows, |row| row.entry.tenant.as_str()),
        column(rows, |row| row.entry.principal.as_str()),
        column(rows, |row| row.entry.role.as_str()),
        column(rows, |row| row.entry.action.as_str()),
        column(rows, |row| row.entry.resource_kind.as_str()),
        column(rows, |row| row.entry.resource_id.as_deref()),
        column(rows, |row| row.entry.patient.as_deref()),
        column(rows, |row| row.entry.purpose.as_str()),
        column(rows, |row| row.entry.verdict.as_str()),
        column(rows, |row| i16::from(row.entry.score)),
        column(rows, |row| row.entry.explanation.as_str()),
        column(rows, |row| row.entry.request_id.as_str()),
        column(rows, |row| row.entry.outcome.as_str()),
        column(rows, |row| row.entry.plugin.as_deref()),
        column(rows, |row| row.entry.commitment.as_deref()),
        column(rows, |row| row.previous.as_slice()),
        column(rows, |row| row.hash.as_slice()),
    ]
}

/// The entries whose keys equal `keys`: the table of keys says in which partition each is.
pub(super) fn by_key(keys: &str) -> String {
    format!(
        "SELECT found.* FROM audit_key AS k, LATERAL (SELECT {COLUMNS} FROM audit_entry \
         WHERE tenant = k.tenant AND at_us = k.at_us AND entry_id = k.entry_id) AS found \
         WHERE k.entry_id = {keys}"
    )
}

/// What is on disk under these keys.
pub(super) async fn find(client: &Client, keys: &[Uuid]) -> Result<Vec<Chained>, DatabaseError> {
    // Mostly none is, after a lost connection: then no partition has to be opened to say so.
    let known = "SELECT 1 FROM audit_key WHERE entry_id = ANY($1) LIMIT 1";
    let known = client
        .query_opt(known, &[&keys])
        .await
        .map_err(|error| sorted(&error))?;
    if known.is_none() {
        return Ok(Vec::new());
    }
    let rows = client
        .query(&by_key("ANY($1)"), &[&keys])
        .await
        .map_err(|error| sorted(&error))?;
    rows.iter().map(chained).collect()
}

/// What completes these opened entries.
pub(super) async fn find_completions(
    client: &Client,
    opened: &[Uuid],
) -> Result<Vec<Chained>, DatabaseError> {
    let statement =
        format!("SELECT {COLUMNS} FROM audit_entry WHERE phase = 'completed' AND opens = ANY($1)");
    let rows = client
        .query(&statement, &[&opened])
        .await
        .map_err(|error| sorted(&error))?;
    rows.iter().map(chained).collect()
}

/// A row of [`COLUMNS`].
pub(super) fn chained(row: &Row) -> Result<Chained, DatabaseError> {
    let mismatch = DatabaseError::Mismatch;
    let name = |index| value::<String>(row, index);
    let score: i16 = value(row, 16)?;
    let entry = Entry {
        id: value(row, 2)?,
        at: Timestamp::from_micros(value(row, 3)?),
        phase: Phase::from_name(&name(4)?).ok_or(mismatch.clone())?,
        opens: value(row, 5)?,
        severity: Severity::from_name(&name(6)?).ok_or(mismatch.clone())?,
        tenant: Tenant::parse(&name(7)?).map_err(|_| mismatch.clone())?,
        principal: value(row, 8)?,
        role: value(row, 9)?,
        action: value(row, 10)?,
        resource_kind: value(row, 11)?,
        resource_id: value(row, 12)?,
        patient: value(row, 13)?,
        purpose: value(row, 14)?,
        verdict: value(row, 15)?,
        score: u8::try_from(score).map_err(|_| mismatch.clone())?,
        explanation: value(row, 17)?,
        request_id: value(row, 18)?,
        outcome: Outcome::from_name(&name(19)?).ok_or(mismatch)?,
        plugin: value(row, 20)?,
        commitment: value(row, 21)?,
    };
    let (previous, hash) = (digest(row, 22)?, digest(row, 23)?);
    Ok(Chained {
        chain: value(row, 0)?,
        seq: value(row, 1)?,
        previous,
        hash,
        entry,
    })
}

pub(super) fn value<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
) -> Result<T, DatabaseError> {
    row.try_get(index).map_err(|_| DatabaseError::Mismatch)
}

fn digest(row: &Row, index: usize) -> Result<Hash, DatabaseError> {
    value::<&[u8]>(row, index)?
        .try_into()
        .map_err(|_| DatabaseError::Mismatch)
}
