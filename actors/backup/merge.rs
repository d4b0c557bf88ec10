//! A key backup put into a restored copy: its rows in the place of the copy's, and whoever was
//! erased is erased.
//!
//! The copy's own rows are of another moment. What it has that the key backup has not was made
//! after it and stays, or was destroyed before it and goes: the time of the row tells which.
//! Refuses a key backup that is over, one of another cluster, and tombstones that are older than
//! those the data backup knew of.

use super::Manifest;
use super::check::sorted;
use super::error::BackupError;
use super::header::{KEYS, Opened};
use super::key::BackupKey;
use super::keys::{
    FIRST_TABLE, FRAME_MAX_BYTES, KEY_TABLE, KeysManifest, PERIOD, TABLES, TOMBSTONES, column_list,
};
use crate::database::to_database;
use crate::vault::{Tombstone, tombstones_in, tombstones_of};
use futures_util::SinkExt;
use plantao_schema::time::Timestamp;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_postgres::Client;
use zeroize::Zeroizing;

/// Frames on their way from the disk.
const FRAMES: usize = 64;

/// A row is dated by the start of its transaction, which may have been under way while the key
/// backup looked.
const MARGIN_S: f64 = 300.0;

const ASIDE: &str = "CREATE TEMP TABLE old_{} ON COMMIT DROP AS SELECT * FROM plantao_keys.{}";

const EMPTY: &str = "TRUNCATE plantao_keys.master_key, plantao_keys.key_tenant, \
     plantao_keys.period, plantao_keys.tenant_key, plantao_keys.data_key, \
     plantao_keys.tombstone, plantao_keys.rotation";

// Made after the key backup.
const TENANT_KEYS: &str = "INSERT INTO plantao_keys.tenant_key SELECT o.* FROM old_tenant_key o \
     WHERE o.created_at > $1::timestamptz - make_interval(secs => $2) ON CONFLICT DO NOTHING";

const DATA_KEYS: &str = "INSERT INTO plantao_keys.data_key SELECT o.* FROM old_data_key o \
     WHERE o.created_at > $1::timestamptz - make_interval(secs => $2) \
     AND (o.tenant_version IS NULL OR EXISTS (SELECT FROM plantao_keys.tenant_key t \
     WHERE t.tenant = o.tenant AND t.version = o.tenant_version)) ON CONFLICT DO NOTHING";

const OTHERS: &str = "INSERT INTO plantao_keys.key_tenant SELECT * FROM old_key_tenant \
         ON CONFLICT DO NOTHING; \
     INSERT INTO plantao_keys.master_key (name, state, created_at) \
         SELECT name, 'retiring', created_at FROM old_master_key ON CONFLICT DO NOTHING; \
     INSERT INTO plantao_keys.period SELECT * FROM old_period ON CONFLICT (one) DO UPDATE \
         SET number = excluded.number, name = excluded.name, begun_at = excluded.begun_at \
         WHERE excluded.number > period.number; \
     INSERT INTO plantao_keys.tombstone SELECT * FROM old_tombstone ON CONFLICT DO NOTHING; \
     SELECT setval(pg_get_serial_sequence('plantao_keys.rotation', 'id'), \
         greatest((SELECT max(id) FROM plantao_keys.rotation), 1))";

const ADD_TOMBSTONE: &str = "INSERT INTO plantao_keys.tombstone \
     (tenant, subject, erased_at, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

// What the data backup knew of when it was begun.
const MISSING: &str = "SELECT count(*) FROM old_tombstone o WHERE o.erased_at <= $1 \
     AND NOT EXISTS (SELECT FROM plantao_keys.tombstone t \
     WHERE t.tenant = o.tenant AND t.subject = o.subject)";

const DESTROY: &str = "DELETE FROM plantao_keys.data_key k USING plantao_keys.tombstone t \
     WHERE t.tenant = k.tenant AND t.subject = k.subject";

/// A key backup, and what else is known of erasures.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The file.
    pub path: PathBuf,
    /// The record of erasures beside the keys, where there is one.
    pub tombstones: Option<PathBuf>,
    /// Take one that is over.
    pub expired_too: bool,
    /// Take tombstones that are older than what the data backup knew of.
    pub older_tombstones: bool,
    /// What time it is.
    pub now: Timestamp,
}

impl Keys {
    /// Refuses one of another cluster than this, and one that is over.
    pub(super) fn refuse(
        &self,
        manifest: &KeysManifest,
        system: Option<&str>,
    ) -> Result<(), BackupError> {
        let path = self.path.clone();
        if system.is_some_and(|system| system != manifest.system) {
            return Err(BackupError::OtherKeys { path });
        }
        if manifest.expires_at <= self.now && !self.expired_too {
            let expired_at = manifest.expires_at;
            return Err(BackupError::KeysExpired { path, expired_at });
        }
        Ok(())
    }
}

/// What was put in.
#[derive(Clone, Debug)]
pub struct Merged {
    /// What the key backup says of itself.
    pub manifest: KeysManifest,
    /// Tombstones that hold from now on.
    pub erased: i64,
    /// Data keys that the data backup had, and that somebody erased.
    pub destroyed: u64,
    /// The file of the period's key, to be put beside the others.
    pub(crate) period: Zeroizing<Vec<u8>>,
}

/// The data that a key backup is to open: a data backup, or a database as it stands.
pub(super) struct Data {
    /// The cluster's own identifier; none where that of the keys need not be the same.
    pub(super) system: Option<String>,
    /// The moment that it is of.
    pub(super) at: Timestamp,
    /// Tombstones that it knows of.
    pub(super) erased: i64,
}

impl From<&Manifest> for Data {
    fn from(manifest: &Manifest) -> Self {
        Self {
            system: Some(manifest.system.clone()),
            at: manifest.created_at,
            erased: manifest.erased.unwrap_or(0),
        }
    }
}

/// Whether a key backup may be put into this data, before anything is touched.
pub(super) fn fits(keys: &Keys, key: &BackupKey, data: &Data) -> Result<KeysManifest, BackupError> {
    let manifest = super::keys::keys_manifest(&keys.path, key)?;
    if !manifest.columns.contains_key(KEY_TABLE) {
        let (path, reason) = (keys.path.clone(), "it is of a schema that had no key store");
        return Err(BackupError::NotABackup { path, reason });
    }
    keys.refuse(&manifest, data.system.as_deref())?;
    let log = log(keys)?.len();
    let known = manifest.erased.max(i64::try_from(log).unwrap_or(i64::MAX));
    if known < data.erased && !keys.older_tombstones {
        return Err(older(data.erased - known));
    }
    Ok(manifest)
}

/// Puts a key backup into a copy.
pub(super) async fn put(
    client: &Client,
    keys: &Keys,
    key: &BackupKey,
    data: &Data,
) -> Result<Merged, BackupError> {
    client.batch_execute("BEGIN").await.map_err(sorted)?;
    let merged = put_in(client, keys, key, data).await?;
    client.batch_execute("COMMIT").await.map_err(sorted)?;
    Ok(merged)
}

/// Puts a key backup in, within a transaction whose role owns the key store and is bound by no
/// row-level security.
pub(super) async fn put_in(
    client: &Client,
    keys: &Keys,
    key: &BackupKey,
    data: &Data,
) -> Result<Merged, BackupError> {
    let path = &keys.path;
    let (manifest, mut stream) = Opened::<KeysManifest>::of_kind(KEYS, path)?.open(path, key)?;
    for table in TABLES {
        let aside = ASIDE.replace("{}", table);
        client.batch_execute(&aside).await.map_err(sorted)?;
    }
    client.batch_execute(EMPTY).await.map_err(sorted)?;
    let (sender, frames) = mpsc::channel(FRAMES);
    let file = path.clone();
    let reader = tokio::task::spawn_blocking(move || read_frames(&mut stream, &sender, &file));
    let (period, tombstones) = take_in(client, &manifest, frames).await?;
    reader.await.unwrap_or(Err(BackupError::Interrupted))?;
    let mut stones = tombstones_of(&String::from_utf8_lossy(&tombstones), path)
        .map_err(|error| unreadable(&error))?;
    stones.extend(log(keys)?);
    for stone in &stones {
        let at = to_database(Timestamp::from_micros(stone.erased_at_us));
        let (tenant, reason) = (stone.tenant.as_str(), stone.reason.as_str());
        client
            .execute(ADD_TOMBSTONE, &[&tenant, &stone.subject, &at, &reason])
            .await
            .map_err(sorted)?;
    }
    let begun = to_database(data.at);
    let missing = client.query_one(MISSING, &[&begun]).await.map_err(sorted)?;
    let missing: i64 = missing.get(0);
    if missing > 0 && !keys.older_tombstones {
        return Err(older(missing));
    }
    let seen = to_database(manifest.seen_at);
    for merge in [TENANT_KEYS, DATA_KEYS] {
        client
            .execute(merge, &[&seen, &MARGIN_S])
            .await
            .map_err(sorted)?;
    }
    client.batch_execute(OTHERS).await.map_err(sorted)?;
    let destroyed = client.execute(DESTROY, &[]).await.map_err(sorted)?;
    let count = "SELECT count(*) FROM plantao_keys.tombstone";
    let erased = client.query_one(count, &[]).await.map_err(sorted)?;
    Ok(Merged {
        manifest,
        erased: erased.get(0),
        destroyed,
        period,
    })
}

fn older(missing: i64) -> BackupError {
    BackupError::OlderTombstones { missing }
}

fn unreadable(error: &impl std::fmt::Display) -> BackupError {
    BackupError::Keys {
        reason: error.to_string(),
    }
}

fn log(keys: &Keys) -> Result<Vec<Tombstone>, BackupError> {
    match &keys.tombstones {
        None => Ok(Vec::new()),
        Some(path) => tombstones_in(path).map_err(|error| unreadable(&error)),
    }
}

type Frame = (u8, Zeroizing<Vec<u8>>);

/// Rows go into their tables; the period's key and the file of tombstones are given.
async fn take_in(
    client: &Client,
    manifest: &KeysManifest,
    mut frames: mpsc::Receiver<Frame>,
) -> Result<(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>), BackupError> {
    let (mut period, mut tombstones) = (Zeroizing::default(), Zeroizing::default());
    let mut next = frames.recv().await;
    while let Some((tag, bytes)) = next.take() {
        match tag {
            PERIOD => period = bytes,
            TOMBSTONES => tombstones = bytes,
            tag => {
                let number = usize::from(tag.saturating_sub(FIRST_TABLE));
                let Some(table) = TABLES.get(number) else {
                    next = frames.recv().await;
                    continue;
                };
                let columns = column_list(manifest, table)?;
                let copy = format!("COPY plantao_keys.{table} ({columns}) FROM STDIN");
                let mut sink = Box::pin(client.copy_in(&copy).await.map_err(sorted)?);
                let mut row = Some(bytes);
                while let Some(bytes) = row.take() {
                    let sent = sink.send(bytes::Bytes::copy_from_slice(&bytes)).await;
                    sent.map_err(sorted)?;
                    match frames.recv().await {
                        Some((same, bytes)) if same == tag => row = Some(bytes),
                        other => next = other,
                    }
                }
                sink.as_mut().finish().await.map_err(sorted)?;
                continue;
            }
        }
        next = frames.recv().await;
    }
    Ok((period, tombstones))
}

fn read_frames(
    stream: &mut impl Read,
    to: &mpsc::Sender<Frame>,
    path: &Path,
) -> Result<(), BackupError> {
    loop {
        let mut head = [0; 5];
        stream
            .read_exact(&mut head)
            .map_err(BackupError::reading(path))?;
        let [tag, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if tag == u8::MAX {
            return Ok(());
        }
        if length > FRAME_MAX_BYTES {
            let reason = "a part of it is longer than any";
            let path = path.to_owned();
            return Err(BackupError::NotABackup { path, reason });
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        let read = stream.read_exact(&mut bytes);
        read.map_err(BackupError::reading(path))?;
        if to.blocking_send((tag, bytes)).is_err() {
            return Ok(());
        }
    }
}
