//! Whether a restored copy is what its backup says: schema, tables, and the whole audit trail.
//!
//! Every hash is computed again, every chain held to the head and to the signed checkpoint that the
//! backup took down before it began. Refuses the first thing that differs and names it.

use super::error::BackupError;
use super::header::Manifest;
use crate::audit::walk;
use crate::database::{DatabaseError, STATEMENT_DEADLINE};
use crate::vault::{Holder, Sampled, sample};
use plantao_schema::audit::merkle::{Checkpoint, Edge};
use plantao_schema::audit::{ChainHead, Chained, Verifier};
use signed_note::Note;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Tables that only grow: a copy holds what was there before it was begun, and maybe more.
const GROWS: &[&str] = &[
    "audit_completion",
    "audit_entry",
    "audit_seal",
    "audit_tile",
    "consent_history",
    "fhir_resource_history",
];

const TABLES: &str = "SELECT relname::text FROM pg_class \
     WHERE relnamespace = 'plantao'::regnamespace AND relkind IN ('r', 'p') \
     AND NOT relispartition ORDER BY relname";

/// What was found in a copy that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The schema's version.
    pub schema: i32,
    /// Audit entries whose hash was computed again.
    pub entries: u64,
    /// Chains that they make.
    pub chains: usize,
    /// Entries that were written while the backup was being taken.
    pub meanwhile: u64,
    /// Signed checkpoints whose root the chains gave again.
    pub checkpoints: usize,
    /// Tables.
    pub tables: usize,
    /// Rows in all of them.
    pub rows: i64,
    /// Sealed values, their keys, and those that were opened.
    pub sampled: Sampled,
}

/// Checks the tables of a copy, as the backup's own program left them; gives their rows.
pub(super) async fn check_tables(
    client: &Client,
    manifest: &Manifest,
) -> Result<BTreeMap<String, i64>, BackupError> {
    let schema = schema_version(client).await?;
    if schema != manifest.schema {
        let said = manifest.schema;
        return Err(differs(format!(
            "its schema is at version {schema}, not {said}"
        )));
    }
    let rows = rows(client).await?;
    for (table, before) in &manifest.rows {
        match rows.get(table) {
            None => return Err(differs(format!("the table `{table}` is missing"))),
            Some(now) if now < before && GROWS.contains(&table.as_str()) => {
                let reason = format!("`{table}` had {before} rows and has {now}");
                return Err(differs(reason));
            }
            Some(_) => {}
        }
    }
    Ok(rows)
}

/// Checks the trail of a copy that is at this program's schema.
pub(super) async fn check_trail(
    client: &Client,
    manifest: &Manifest,
    rows: &BTreeMap<String, i64>,
) -> Result<Verdict, BackupError> {
    let mut trail = Trail::of(manifest)?;
    for (chain, (head, edge)) in walk::archived(client).await? {
        trail.resume(&chain, head, edge)?;
    }
    walk::walk(client, |item| trail.push(item)).await?;
    let known: u64 = trail.known;
    let (entries, chains, checkpoints) = trail.finish()?;
    Ok(Verdict {
        schema: manifest.schema,
        entries,
        chains,
        meanwhile: entries.saturating_sub(known),
        checkpoints,
        tables: rows.len(),
        rows: rows.values().sum(),
        sampled: Sampled::default(),
    })
}

/// The version of the schema that a server holds.
pub(super) async fn schema_version(client: &Client) -> Result<i32, DatabaseError> {
    let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    let row = client.query_one(newest, &[]).await.map_err(sorted)?;
    Ok(row.get(0))
}

/// How many tombstones a server holds; nothing where its schema is older than the key store.
pub(super) async fn erased(client: &Client) -> Result<Option<i64>, DatabaseError> {
    let is_there = "SELECT to_regclass('plantao_keys.tombstone') IS NOT NULL";
    let is_there = client.query_one(is_there, &[]).await.map_err(sorted)?;
    if !is_there.get::<_, bool>(0) {
        return Ok(None);
    }
    let count = "SELECT count(*) FROM plantao_keys.tombstone";
    let row = client.query_one(count, &[]).await.map_err(sorted)?;
    Ok(Some(row.get(0)))
}

/// Counts the keys of what is sealed and opens some of it. Refuses a copy in which something lacks
/// its key, and one of which nothing opens.
pub(super) async fn check_keys(
    client: &Client,
    holder: Option<&Holder>,
) -> Result<Sampled, BackupError> {
    let sampled = sample(client, holder).await.map_err(sorted)?;
    let Sampled {
        sealed,
        keyless,
        opened,
        unopened,
    } = sampled;
    if keyless > 0 {
        return Err(differs(format!(
            "{keyless} of {sealed} sealed values have no key: keys were lost, or data keys were \
             rotated since; take it without its check (`--no-verify`) if nothing else is left"
        )));
    }
    if opened == Some(0) && unopened > 0 {
        let reason = format!("none of {unopened} sealed values that were tried opens");
        return Err(differs(reason));
    }
    Ok(sampled)
}

/// How many rows each table of the schema has.
pub(super) async fn rows(client: &Client) -> Result<BTreeMap<String, i64>, DatabaseError> {
    let mut counted = BTreeMap::new();
    for table in client.query(TABLES, &[]).await.map_err(sorted)? {
        let table: String = table.get(0);
        // The name is the catalogue's own; identifiers cannot be parameters.
        let count = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        let row = client.query_one(&count, &[]).await.map_err(sorted)?;
        counted.insert(table, row.get(0));
    }
    Ok(counted)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what map_err hands over is owned"
)]
pub(super) fn sorted(error: tokio_postgres::Error) -> DatabaseError {
    DatabaseError::from_driver(&error, STATEMENT_DEADLINE)
}

fn differs(reason: String) -> BackupError {
    BackupError::Unproved { reason }
}

/// The trail as it is read, held to what was taken down.
struct Trail<'a> {
    manifest: &'a Manifest,
    verifier: Verifier,
    logs: BTreeMap<String, (Edge, Checkpoint)>,
    archived: BTreeMap<String, i64>,
    heads_met: usize,
    checkpoints_met: usize,
    /// Entries up to where the backup took the chains down.
    known: u64,
}

impl<'a> Trail<'a> {
    fn of(manifest: &'a Manifest) -> Result<Self, BackupError> {
        let mut logs = BTreeMap::new();
        for (chain, note) in &manifest.checkpoints {
            let note = Note::from_bytes(note.as_bytes()).ok();
            let parsed = note.and_then(|note| Checkpoint::from_text(note.text()).ok());
            let Some(checkpoint) = parsed else {
                return Err(differs(format!(
                    "the checkpoint of `{chain}` cannot be read"
                )));
            };
            logs.insert(chain.clone(), (Edge::new(), checkpoint));
        }
        Ok(Self {
            manifest,
            verifier: Verifier::new(),
            logs,
            archived: BTreeMap::new(),
            heads_met: 0,
            checkpoints_met: 0,
            known: 0,
        })
    }

    /// Takes a chain from behind its archived part, whose proof lies in the archive.
    fn resume(&mut self, chain: &str, head: ChainHead, edge: Edge) -> Result<(), BackupError> {
        if self
            .manifest
            .heads
            .get(chain)
            .is_some_and(|one| one.seq <= head.seq)
        {
            self.heads_met += 1;
        }
        if let Some((begun, checkpoint)) = self.logs.get_mut(chain) {
            *begun = edge;
            if begun.size() == checkpoint.size && begun.root() != checkpoint.root {
                return Err(differs(format!(
                    "chain `{chain}` is not the one that was signed"
                )));
            }
            self.checkpoints_met += usize::from(begun.size() >= checkpoint.size);
        }
        self.verifier.resume(chain, head);
        self.archived.insert(chain.to_owned(), head.seq);
        Ok(())
    }

    fn push(&mut self, item: &Chained) -> Result<(), BackupError> {
        let pushed = self.verifier.push(item);
        pushed.map_err(|error| differs(format!("the audit trail breaks: {error}")))?;
        let (chain, seq) = (&item.chain, item.seq);
        let end = self.manifest.heads.get(chain).map_or(0, |head| head.seq);
        self.known += u64::from(seq <= end);
        if self.archived.get(chain).is_some_and(|last| seq <= *last) {
            return Ok(());
        }
        if let Some(head) = self
            .manifest
            .heads
            .get(chain)
            .filter(|head| head.seq == seq)
        {
            if head.hash != item.hash {
                let reason = format!("entry {seq} of chain `{chain}` is another than it was");
                return Err(differs(reason));
            }
            self.heads_met += 1;
        }
        if let Some((edge, checkpoint)) = self.logs.get_mut(chain)
            && edge.size() < checkpoint.size
        {
            edge.push(&item.hash);
            if edge.size() == checkpoint.size {
                if edge.root() != checkpoint.root {
                    let reason = format!("chain `{chain}` is not the one that was signed");
                    return Err(differs(reason));
                }
                self.checkpoints_met += 1;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(u64, usize, usize), BackupError> {
        let (heads, logs) = (self.manifest.heads.len(), self.logs.len());
        if self.heads_met < heads || self.checkpoints_met < logs {
            let (met, signed) = (self.heads_met, self.checkpoints_met);
            return Err(differs(format!(
                "the audit trail ends early: {met} of {heads} chains reach their end and {signed} \
                 of {logs} their checkpoint"
            )));
        }
        let (entries, chains) = (self.verifier.checked(), self.verifier.heads().len());
        Ok((entries, chains, self.checkpoints_met))
    }
}
