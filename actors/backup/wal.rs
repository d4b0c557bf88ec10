//! WAL since the last base backup, archived segment by segment, each encrypted like a backup.
//!
//! A slot of the server keeps what is not archived yet; a segment is read through the server, which
//! alone may, compressed and encrypted in memory, and written whole: it is in clear nowhere but
//! where the server itself keeps it. Refuses to go on over a gap: when the server had to recycle
//! what was not archived, a new base backup is the only way on, and that is said.

use super::check::sorted;
use super::error::BackupError;
use super::header::{Opened, SEGMENT, Sealed, begin};
use super::key::BackupKey;
use super::scratch::Turn;
use super::shelf::{Partial, SEGMENT as SEGMENT_SUFFIX, WAL, folder_ready};
use super::take::Order;
use crate::audit::walk;
use crate::database::{DatabaseError, Login, Session};
use plantao_schema::audit::ChainHead;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio_postgres::Client;

/// The slot that keeps what is not archived.
const SLOT: &str = "plantao_archive";

/// What the slot keeps from, and whether the server still has all of it.
const STATE: &str = "SELECT wal_status, pg_walfile_name(restart_lsn + 1) FROM pg_replication_slots \
     WHERE slot_name = $1";

const MAKE: &str = "SELECT pg_create_physical_replication_slot($1, true)";
const DROP: &str = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
     WHERE slot_name = $1";

/// Ends the segment that is being written, if anything was written into it.
const SWITCH: &str = "SELECT pg_switch_wal()";

/// The segment that is written into next: all before it are whole.
const CURRENT: &str = "SELECT pg_walfile_name(pg_current_wal_insert_lsn() + 1)";

/// Whole segments of the current timeline, in order.
const WHOLE: &str = "SELECT name FROM pg_ls_waldir() \
     WHERE name ~ '^[0-9A-F]{24}$' AND name >= $1 AND name < $2 \
     AND left(name, 8) = left($2, 8) ORDER BY name";

const READ: &str = "SELECT pg_read_binary_file('pg_wal/' || $1)";

/// Where a segment ends: names are numbers in base 16, and a segment's length is a setting.
const ADVANCE: &str = "SELECT pg_replication_slot_advance($1, ('0/0'::pg_lsn + \
     (('x' || substr($2::text, 9, 8))::bit(32)::bigint::numeric * 4294967296) + \
     ((('x' || substr($2::text, 17, 8))::bit(32)::bigint + 1)::numeric * $3::bigint)))";

const LENGTH: &str = "SELECT setting::bigint, (SELECT system_identifier::text \
     FROM pg_control_system()) FROM pg_settings WHERE name = 'wal_segment_size'";

/// What an archived segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Whose it is.
    pub node: String,
    /// The cluster's identifier: another cluster's WAL is noise.
    pub system: String,
    /// Its name in `pg_wal`.
    pub segment: String,
    /// The name of the backup key that opens it.
    pub key: String,
    /// Where every chain of the trail ended before the newest segment of its run was closed.
    pub heads: BTreeMap<String, ChainHead>,
}

impl Sealed for Segment {
    fn key(&self) -> &str {
        &self.key
    }
}

/// What a run of the archive came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Segments written.
    pub segments: Vec<String>,
    /// It is the first run: a base backup that is taken from now on can be gone on from.
    pub is_first: bool,
}

/// Archives every segment that is not yet, the current one included.
///
/// # Errors
/// [`BackupError`]; what was archived before it stays archived.
pub async fn archive(order: &Order) -> Result<Archived, BackupError> {
    let embedded = order
        .config
        .embedded
        .as_ref()
        .ok_or(BackupError::External)?;
    let _turn = Turn::take(embedded)?;
    let folder = order.folder.join(WAL);
    folder_ready(&folder)?;
    let session = session(order).await?;
    let client = &session.client;
    let (from, is_first) = begin_at(client).await?;
    let heads = walk::heads(client).await?;
    client.query_one(SWITCH, &[]).await.map_err(sorted)?;
    let current = client.query_one(CURRENT, &[]).await.map_err(sorted)?;
    let end: String = current.get(0);
    let facts = client.query_one(LENGTH, &[]).await.map_err(sorted)?;
    let (length, system): (i64, String) = (facts.get(0), facts.get(1));
    let names = client.query(WHOLE, &[&from, &end]).await.map_err(sorted)?;
    let names: Vec<String> = names.iter().map(|row| row.get(0)).collect();
    for (number, name) in names.iter().enumerate() {
        let bytes = client.query_one(READ, &[name]).await.map_err(sorted)?;
        let bytes: Vec<u8> = bytes.get(0);
        let is_newest = number + 1 == names.len();
        let manifest = Segment {
            node: order.node.clone(),
            system: system.clone(),
            segment: name.clone(),
            key: order.key.name().to_owned(),
            heads: if is_newest {
                heads.clone()
            } else {
                BTreeMap::new()
            },
        };
        let path = folder.join(format!("{}-{name}{SEGMENT_SUFFIX}", order.node));
        let key = Arc::clone(&order.key);
        let kept = tokio::task::spawn_blocking(move || keep(&path, &manifest, &key, bytes)).await;
        kept.unwrap_or(Err(BackupError::Interrupted))?;
        client
            .query_one(ADVANCE, &[&SLOT, name, &length])
            .await
            .map_err(sorted)?;
    }
    Ok(Archived {
        segments: names,
        is_first,
    })
}

/// Lets the server recycle everything again.
///
/// # Errors
/// [`BackupError`] when it does not answer.
pub async fn stop(order: &Order) -> Result<(), BackupError> {
    let session = session(order).await?;
    session.client.query(DROP, &[&SLOT]).await.map_err(sorted)?;
    Ok(())
}

async fn session(order: &Order) -> Result<Session, BackupError> {
    let mut connection = order.config.connection(Login::Owner)?;
    connection.application_name("plantao-backup");
    Ok(Session::open(&connection).await?)
}

/// The first segment to archive, and whether this is the first run.
async fn begin_at(client: &Client) -> Result<(String, bool), BackupError> {
    let state = client.query_opt(STATE, &[&SLOT]).await.map_err(sorted)?;
    if let Some(row) = state {
        let (status, from): (String, Option<String>) = (row.get(0), row.get(1));
        match from {
            Some(from) if status != "lost" => return Ok((from, false)),
            _ => {
                client.query(DROP, &[&SLOT]).await.map_err(sorted)?;
                client.query_one(MAKE, &[&SLOT]).await.map_err(sorted)?;
                let reason = "the server recycled WAL that was not archived: archiving begins \
                              anew, take a new backup"
                    .to_owned();
                return Err(BackupError::Unproved { reason });
            }
        }
    }
    client.query_one(MAKE, &[&SLOT]).await.map_err(sorted)?;
    let row = client.query_one(STATE, &[&SLOT]).await.map_err(sorted)?;
    let from: Option<String> = row.get(1);
    Ok((from.ok_or(DatabaseError::Mismatch)?, true))
}

/// Writes one segment, whole or not at all; one that is there is the same and stays.
fn keep(
    path: &Path,
    manifest: &Segment,
    key: &BackupKey,
    bytes: Vec<u8>,
) -> Result<(), BackupError> {
    let left = PathBuf::from(format!("{}.partial", path.display()));
    if left.exists() {
        std::fs::remove_file(&left).map_err(BackupError::file("remove", &left))?;
    }
    if path.exists() {
        return Ok(());
    }
    let packed = gzip(&["-1"], bytes)?;
    let partial = Partial::make(path)?;
    let at = partial.path();
    let mut sealer = begin(partial.writer()?, SEGMENT, at, manifest, key)?;
    let written = sealer.write_all(&packed).and_then(|()| sealer.finish());
    partial.sync(written.map_err(BackupError::file("write", at))?)?;
    partial.finish()?;
    Ok(())
}

/// A segment that was found in an archive: authenticated, not yet read.
pub(super) struct Found {
    pub(super) manifest: Segment,
    path: PathBuf,
}

/// The segments of a cluster in a folder that follow one another, from the one after `last` on.
/// What comes after a gap is of no use and is left out; a gap at the start is refused.
pub(super) fn found(
    folder: &Path,
    system: &str,
    last: &str,
    key: &BackupKey,
) -> Result<Vec<Found>, BackupError> {
    let entries = std::fs::read_dir(folder).map_err(BackupError::file("list", folder))?;
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if !path.to_string_lossy().ends_with(SEGMENT_SUFFIX) {
            continue;
        }
        let (manifest, _) = Opened::<Segment>::of_kind(SEGMENT, &path)?.open(&path, key)?;
        if manifest.system == system {
            found.push(Found { manifest, path });
        }
    }
    found.retain(|one| one.manifest.segment.as_str() > last);
    found.sort_by(|a, b| a.manifest.segment.cmp(&b.manifest.segment));
    let mut expected = following(last);
    let follows = |one: &Found| -> bool {
        let is_next = expected.as_deref() == Some(&one.manifest.segment);
        if is_next {
            expected = following(&one.manifest.segment);
        }
        is_next
    };
    let many = found.len();
    let found: Vec<_> = found.into_iter().take_while(follows).collect();
    if found.is_empty() && many > 0 {
        let next = following(last).unwrap_or_default();
        let reason = format!("the archive lacks segment `{next}`, the first after the backup");
        return Err(BackupError::Unproved { reason });
    }
    Ok(found)
}

/// Decrypts a segment. Blocks.
pub(super) fn read(found: &Found, key: &BackupKey) -> Result<Vec<u8>, BackupError> {
    let path = &found.path;
    let (_, mut stream) = Opened::<Segment>::of_kind(SEGMENT, path)?.open(path, key)?;
    let mut packed = Vec::new();
    let read = stream.read_to_end(&mut packed);
    read.map_err(BackupError::reading(path))?;
    gzip(&["-d", "-c"], packed)
}

/// The name of the segment after one, on the same timeline; segments of 16 MB, as `initdb` makes.
fn following(name: &str) -> Option<String> {
    let timeline = name.get(..8)?;
    let high = u32::from_str_radix(name.get(8..16)?, 16).ok()?;
    let low = u32::from_str_radix(name.get(16..24)?, 16).ok()?;
    let (high, low) = match low {
        0xFF => (high.checked_add(1)?, 0),
        low => (high, low.checked_add(1)?),
    };
    Some(format!("{timeline}{high:08X}{low:08X}"))
}

/// A few megabytes through `gzip`, in memory.
fn gzip(arguments: &[&str], bytes: Vec<u8>) -> Result<Vec<u8>, BackupError> {
    let told = |error: &std::io::Error| BackupError::Program {
        program: "gzip",
        told: error.kind().to_string(),
    };
    let mut command = Command::new("gzip");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| told(&error))?;
    let pipe = child.stdin.take();
    let feeding = std::thread::spawn(move || match pipe {
        Some(mut pipe) => pipe.write_all(&bytes),
        None => Ok(()),
    });
    let output = child.wait_with_output().map_err(|error| told(&error))?;
    let fed = feeding.join().is_ok_and(|fed| fed.is_ok());
    if output.status.success() && fed {
        return Ok(output.stdout);
    }
    Err(BackupError::Program {
        program: "gzip",
        told: output.status.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_as_the_server_counts_them() {
        let after = |name| following(name).unwrap();
        assert_eq!(
            after("000000010000000000000009"),
            "00000001000000000000000A"
        );
        assert_eq!(
            after("0000000100000000000000FF"),
            "000000010000000100000000"
        );
        assert_eq!(following("short"), None);
    }

    #[test]
    fn what_is_packed_is_unpacked_the_same() {
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
        let packed = gzip(&["-1"], bytes.clone()).unwrap();
        assert!(packed.len() < bytes.len());
        assert_eq!(gzip(&["-d", "-c"], packed).unwrap(), bytes);
        let refused = gzip(&["-d", "-c"], vec![1, 2, 3]).unwrap_err();
        assert!(matches!(refused, BackupError::Program { .. }), "{refused}");
    }
}
