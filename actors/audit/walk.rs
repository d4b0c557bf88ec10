//! The whole trail of every tenant and node, read by whoever owns the database: to prove a copy.
//!
//! Row-level security would show one tenant; the owner of a private cluster is bound by none. What
//! is read is proved and not shown to anybody.

use super::store::{COLUMNS, chained, sorted, value};
use crate::database::DatabaseError;
use plantao_schema::audit::merkle::Edge;
use plantao_schema::audit::{ChainHead, Chained, Hash};
use std::collections::BTreeMap;
use tokio_postgres::{Client, Row};

/// Entries read at once: a megabyte or two.
const PAGE: i64 = 2_000;

/// The last entry of every chain, found without a scan: one step of the index for each chain.
const HEADS: &str = "WITH RECURSIVE one AS ( \
     (SELECT chain FROM audit_entry ORDER BY chain LIMIT 1) \
     UNION ALL \
     SELECT next.chain FROM one, LATERAL ( \
         SELECT chain FROM audit_entry WHERE chain > one.chain ORDER BY chain LIMIT 1) next) \
     SELECT one.chain, last.seq, last.hash FROM one, LATERAL ( \
         SELECT seq, hash FROM audit_entry WHERE chain = one.chain ORDER BY seq DESC LIMIT 1) last";

/// Where what was archived of every chain ends, and the edge of its log there.
const ARCHIVED: &str = "SELECT DISTINCT ON (chain) chain, seq, hash, edge FROM audit_archived \
     ORDER BY chain, seq DESC";

/// Where every chain ends now.
pub(crate) async fn heads(client: &Client) -> Result<BTreeMap<String, ChainHead>, DatabaseError> {
    let rows = client.query(HEADS, &[]).await;
    let rows = rows.map_err(|error| sorted(&error))?;
    rows.iter()
        .map(|row| Ok((value(row, 0)?, head(row)?)))
        .collect()
}

/// Where the archived part of every chain ends; none of a chain that is here from its start.
pub(crate) async fn archived(
    client: &Client,
) -> Result<BTreeMap<String, (ChainHead, Edge)>, DatabaseError> {
    let rows = client.query(ARCHIVED, &[]).await;
    let rows = rows.map_err(|error| sorted(&error))?;
    let read = |row: &Row| {
        let head = head(row)?;
        let size = u64::try_from(head.seq).map_err(|_| DatabaseError::Mismatch)?;
        let edge = Edge::restore(size, value(row, 3)?);
        let edge = edge.map_err(|_| DatabaseError::Mismatch)?;
        Ok((value(row, 0)?, (head, edge)))
    };
    rows.iter().map(read).collect()
}

fn head(row: &Row) -> Result<ChainHead, DatabaseError> {
    let hash: &[u8] = value(row, 2)?;
    let hash: Hash = hash.try_into().map_err(|_| DatabaseError::Mismatch)?;
    let seq = value(row, 1)?;
    Ok(ChainHead { seq, hash })
}

/// The newest signed checkpoint of every chain.
pub(crate) async fn notes(client: &Client) -> Result<BTreeMap<String, String>, DatabaseError> {
    let rows = client
        .query("SELECT chain, note FROM audit_checkpoint", &[])
        .await
        .map_err(|error| sorted(&error))?;
    rows.iter()
        .map(|row| Ok((value(row, 0)?, value(row, 1)?)))
        .collect()
}

/// Every entry, chain by chain and in order, until one is refused.
pub(crate) async fn walk<E: From<DatabaseError>>(
    client: &Client,
    mut visit: impl FnMut(&Chained) -> Result<(), E>,
) -> Result<(), E> {
    let statement = format!(
        "SELECT {COLUMNS} FROM audit_entry WHERE (chain, seq) > ($1, $2) \
         ORDER BY chain, seq LIMIT {PAGE}"
    );
    let prepared = client.prepare(&statement).await;
    let prepared = prepared.map_err(|error| sorted(&error))?;
    let (mut chain, mut seq) = (String::new(), 0_i64);
    loop {
        let rows = client.query(&prepared, &[&chain, &seq]).await;
        let rows = rows.map_err(|error| sorted(&error))?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let item = chained(row)?;
            visit(&item)?;
            (chain, seq) = (item.chain, item.seq);
        }
    }
}
