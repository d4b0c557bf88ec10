//! Backups of the key store: small, encrypted, and gone after days.
//!
//! A data backup holds the key store's rows too, but wrapped under a period that is over within a
//! day or two (see [`crate::vault`]): alone it opens nothing. What opens it is a key backup, which
//! holds the rows as they are *now*, the tombstones and the key of the present period. Whoever was
//! erased has no row in it, and so stays erased however old the data backup is that it is restored
//! with. That holds as long as old key backups are gone: each says when it is over, each run
//! removes those that are, and a restore refuses one. Nobody can take a copy back that somebody
//! kept: keep none, and no copy of `keys/period.key` either.
//!
//! The file: a manifest as of a backup, then frames of a tag, a length and bytes, in the chunks of
//! `seal`. The period's key and the tombstones' file are read before the rows: a period that ends
//! in between is worked out from an older key, and never the other way.
//!
//! A server of the operator's own has no data backup of ours, and this one all the same: what its
//! own tools take back to an older moment is opened by [`put_keys`](super::put_keys). There nobody
//! sees the rows of all tenants at once, so they are read one tenant after the other.

use super::check::{schema_version, sorted};
use super::error::BackupError;
use super::header::{KEYS, Opened, Sealed, begin};
use super::scratch::Turn;
use super::shelf::{KEYS_SUFFIX, Partial, expire, file_name, folder_ready, sweep};
use super::take::Order;
use crate::database::{DatabaseError, Login, Session, from_database};
use crate::vault::{period, tombstones_text};
use futures_util::StreamExt;
use plantao_schema::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;
use tokio_postgres::Client;

/// The tables of the key store, each after those that it refers to.
pub(super) const TABLES: &[&str] = &[
    "master_key",
    "key_tenant",
    "period",
    "tenant_key",
    "data_key",
    "tombstone",
    "rotation",
];

/// The table without which there is no key store.
pub(super) const KEY_TABLE: &str = "data_key";

/// Tags of frames: the period's key, the tombstones' file, and from here on tables by number.
pub(super) const PERIOD: u8 = 0;
pub(super) const TOMBSTONES: u8 = 1;
pub(super) const FIRST_TABLE: u8 = 2;

/// A frame is a row or a few of them, or a file of erasures.
pub(super) const FRAME_MAX_BYTES: usize = 1 << 30;

/// Frames on their way to the disk.
const FRAMES: usize = 64;

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

const FACTS: &str = "SELECT now(), (SELECT system_identifier::text FROM pg_control_system())";

/// A login of the operator's own server is bound by row-level security in every role that it may
/// take; in this one it sees the rows of the tenant that it names.
const AS_APPLICATION: &str = "SET LOCAL ROLE plantao_app";

const AS_OWNER: &str = "SET LOCAL ROLE plantao_owner";

const TENANTS: &str = "SELECT tenant FROM plantao_keys.key_tenant ORDER BY tenant";

const DECLARE: &str = "SELECT set_config('plantao.tenant', $1, true)";

/// The tables of which one tenant's rows are seen at a time.
const BY_TENANT: &[&str] = &["tenant_key", "data_key", "tombstone"];

const COUNTS: &str = "SELECT (SELECT count(*) FROM plantao_keys.data_key), \
     (SELECT count(*) FROM plantao_keys.tombstone)";

// None of a table that an older schema lacks.
const COLUMNS: &str = "SELECT attname::text FROM pg_attribute \
     WHERE attrelid = to_regclass('plantao_keys.' || $1) AND attnum > 0 AND NOT attisdropped \
     ORDER BY attnum";

/// What a key backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysManifest {
    /// Whose state directory it is from.
    pub node: String,
    /// When it was taken.
    pub created_at: Timestamp,
    /// When it is over: from then on it is removed, and refused.
    pub expires_at: Timestamp,
    /// The moment that its rows are of, by the server's clock.
    pub seen_at: Timestamp,
    /// The cluster's own identifier.
    pub system: String,
    /// The schema's version.
    pub schema: i32,
    /// The name of the backup key that opens it.
    pub key: String,
    /// Data keys in it.
    pub keys: i64,
    /// Tombstones in it.
    pub erased: i64,
    /// The columns of each table.
    pub columns: BTreeMap<String, Vec<String>>,
}

impl Sealed for KeysManifest {
    fn key(&self) -> &str {
        &self.key
    }
}

/// A key backup that was taken.
#[derive(Clone, Debug)]
pub struct KeysTaken {
    /// The file.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: KeysManifest,
    /// Key backups that were over and were removed.
    pub removed: Vec<PathBuf>,
}

/// Backs up the key store of a running server, our own or somebody else's, and removes key backups
/// of this node that are over.
///
/// # Errors
/// [`BackupError`]; then there is no new file in the folder.
pub async fn take_keys(order: &Order) -> Result<KeysTaken, BackupError> {
    folder_ready(&order.keys.folder)?;
    let _turn = match &order.config.embedded {
        Some(embedded) => Turn::take(embedded)?,
        // Nothing of it is in the state directory but what is read.
        None => Turn::of_folder(&order.keys.folder)?,
    };
    if order.config.embedded.is_none() {
        sweep(&order.keys.folder, &order.node)?;
    }
    let (partial, manifest) = write(order).await?;
    finish(order, partial, manifest)
}

/// Gives a key backup its name; those that are over go.
pub(super) fn finish(
    order: &Order,
    partial: Partial,
    manifest: KeysManifest,
) -> Result<KeysTaken, BackupError> {
    let (path, _) = partial.finish()?;
    let now = order.clock.now();
    Ok(KeysTaken {
        path,
        manifest,
        removed: expire(&order.keys.folder, &order.node, now)?,
    })
}

/// Writes one, under a name that is not yet its own.
pub(super) async fn write(order: &Order) -> Result<(Partial, KeysManifest), BackupError> {
    folder_ready(&order.keys.folder)?;
    let unreadable = |error: &dyn std::fmt::Display| BackupError::Keys {
        reason: error.to_string(),
    };
    let period = period::read(&order.keys.period).map_err(|error| unreadable(&error))?;
    let tombstones = tombstones_text(&order.keys.tombstones);
    let tombstones = tombstones.map_err(|error| unreadable(&error))?;
    let mut connection = order.config.connection(Login::Owner)?;
    connection.application_name("plantao-backup");
    let session = Session::open(&connection).await?;
    let client = &session.client;
    client.batch_execute(BEGIN).await.map_err(sorted)?;
    let (sight, manifest) = take_down(client, order).await?;
    let name = file_name(&order.node, manifest.created_at, KEYS_SUFFIX);
    let path = order.keys.folder.join(name);
    let (frames, receiver) = mpsc::channel(FRAMES);
    let (told, key) = (manifest.clone(), Arc::clone(&order.key));
    let writer = tokio::task::spawn_blocking(move || {
        let partial = Partial::make(&path)?;
        let at = partial.path();
        let sealer = begin(partial.writer()?, KEYS, at, &told, &key)?;
        let whole = drain(receiver, sealer).map_err(BackupError::file("write", at))?;
        partial.sync(whole)?;
        Ok(partial)
    });
    let mut sent = send(&frames, PERIOD, period.as_ref().map_or(&[], |key| key)).await;
    sent = sent.and(send(&frames, TOMBSTONES, tombstones.as_bytes()).await);
    let copied = match sent {
        Ok(()) => copy(client, &sight, &manifest, &frames).await,
        Err(error) => Err(error),
    };
    // A last frame, without which nobody takes it for whole.
    if copied.is_ok() {
        let _ = send(&frames, u8::MAX, &[]).await;
    }
    drop(frames);
    let written = writer.await.unwrap_or(Err(BackupError::Interrupted));
    // Where the file failed, the rows had nowhere to go: that is the fault to tell.
    let partial = written?;
    copied.map(|()| (partial, manifest))
}

/// Whose rows a session sees of the tables that hold tenants' own.
enum Sight {
    /// Everybody's.
    All,
    /// Those of one tenant at a time.
    Each(Vec<String>),
}

impl Sight {
    /// What is seen from now on in this transaction.
    async fn of(client: &Client, order: &Order, is_there: bool) -> Result<Self, BackupError> {
        if order.config.embedded.is_some() {
            return Ok(Self::All);
        }
        client.batch_execute(AS_APPLICATION).await.map_err(sorted)?;
        if !is_there {
            return Ok(Self::Each(Vec::new()));
        }
        let rows = client.query(TENANTS, &[]).await.map_err(sorted)?;
        Ok(Self::Each(rows.iter().map(|row| row.get(0)).collect()))
    }

    /// The tenants that a table is read for, one after the other; none is all of them at once.
    fn turns(&self, table: &str) -> Vec<Option<&String>> {
        match self {
            Self::Each(tenants) if BY_TENANT.contains(&table) => tenants.iter().map(Some).collect(),
            _ => vec![None],
        }
    }
}

async fn declare(client: &Client, tenant: Option<&String>) -> Result<(), BackupError> {
    if let Some(tenant) = tenant {
        client.query_one(DECLARE, &[tenant]).await.map_err(sorted)?;
    }
    Ok(())
}

async fn take_down(client: &Client, order: &Order) -> Result<(Sight, KeysManifest), BackupError> {
    let facts = client.query_one(FACTS, &[]).await.map_err(sorted)?;
    let seen: SystemTime = facts.get(0);
    let created_at = order.clock.now();
    let lasts = i64::from(order.keys.days) * 86_400 * 1_000_000;
    let mut columns = BTreeMap::new();
    for table in TABLES {
        let rows = client.query(COLUMNS, &[table]).await.map_err(sorted)?;
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if !names.is_empty() {
            columns.insert((*table).to_owned(), names);
        }
    }
    if order.config.embedded.is_none() {
        client.batch_execute(AS_OWNER).await.map_err(sorted)?;
    }
    let schema = schema_version(client).await?;
    // A schema of before there was a key store has its keys with the data, as its backup has.
    let is_there = columns.contains_key(KEY_TABLE);
    let sight = Sight::of(client, order, is_there).await?;
    let (mut keys, mut erased) = (0, 0);
    for tenant in sight.turns(KEY_TABLE).into_iter().filter(|_| is_there) {
        declare(client, tenant).await?;
        let counts = client.query_one(COUNTS, &[]).await.map_err(sorted)?;
        keys += counts.get::<_, i64>(0);
        erased += counts.get::<_, i64>(1);
    }
    let manifest = KeysManifest {
        node: order.node.clone(),
        created_at,
        expires_at: Timestamp::from_micros(created_at.micros().saturating_add(lasts)),
        seen_at: from_database(seen),
        system: facts.get(1),
        schema,
        key: order.key.name().to_owned(),
        keys,
        erased,
        columns,
    };
    Ok((sight, manifest))
}

type Frame = (u8, Vec<u8>);

async fn copy(
    client: &Client,
    sight: &Sight,
    manifest: &KeysManifest,
    frames: &mpsc::Sender<Frame>,
) -> Result<(), BackupError> {
    for (tag, table) in (FIRST_TABLE..).zip(TABLES) {
        if !manifest.columns.contains_key(*table) {
            continue;
        }
        let columns = column_list(manifest, table)?;
        let copy = format!("COPY plantao_keys.{table} ({columns}) TO STDOUT");
        for tenant in sight.turns(table) {
            declare(client, tenant).await?;
            let mut rows = Box::pin(client.copy_out(&copy).await.map_err(sorted)?);
            while let Some(row) = rows.next().await {
                send(frames, tag, &row.map_err(sorted)?).await?;
            }
        }
    }
    Ok(())
}

/// The columns of a table, quoted.
pub(super) fn column_list(manifest: &KeysManifest, table: &str) -> Result<String, BackupError> {
    let columns = manifest.columns.get(table);
    let columns = columns.filter(|all| !all.is_empty());
    let columns = columns.ok_or(DatabaseError::Mismatch)?;
    let quoted: Vec<_> = columns
        .iter()
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")))
        .collect();
    Ok(quoted.join(", "))
}

async fn send(frames: &mpsc::Sender<Frame>, tag: u8, bytes: &[u8]) -> Result<(), BackupError> {
    let sent = frames.send((tag, bytes.to_vec())).await;
    sent.map_err(|_| BackupError::Interrupted)
}

fn drain(
    mut frames: mpsc::Receiver<Frame>,
    mut sealer: super::seal::Sealer<BufWriter<std::fs::File>>,
) -> std::io::Result<BufWriter<std::fs::File>> {
    while let Some((tag, bytes)) = frames.blocking_recv() {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        sealer.write_all(&[tag])?;
        sealer.write_all(&length.to_be_bytes())?;
        sealer.write_all(&bytes)?;
    }
    sealer.finish()
}

/// What a key backup says of itself, authenticated.
///
/// # Errors
/// [`BackupError`] when the file is none, or was sealed under another key.
pub fn keys_manifest(path: &Path, key: &super::BackupKey) -> Result<KeysManifest, BackupError> {
    Ok(Opened::<KeysManifest>::of_kind(KEYS, path)?
        .open(path, key)?
        .0)
}
