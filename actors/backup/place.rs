//! A key backup put into a database as it stands: all of it into one that its own tools took back
//! to an older moment, or the period's key alone onto a host that lost that file.
//!
//! A database that is taken back holds keys of a period that was forgotten since: nothing in it
//! opens until the rows of a key backup are in their place and its period's key in the file.
//! Refuses a key backup that is over, one of another cluster, one whose period does not lead to the
//! present one, and a database that a node works with.

use super::check::sorted;
use super::error::BackupError;
use super::header::{KEYS, Opened};
use super::key::BackupKey;
use super::keys::{KeysManifest, PERIOD};
use super::merge::{Data, Keys, Merged, fits, put_in};
use crate::database::{DatabaseConfig, Login, MIGRATION_LOCK, Session};
use crate::vault::period;
use std::io::Read;
use std::path::Path;
use tokio_postgres::Client;
use zeroize::Zeroizing;

/// A node that starts waits for it as for a migration, and is seen by whoever comes after it.
const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";

const SYSTEM: &str = "SELECT system_identifier::text FROM pg_control_system()";

const SERVING: &str = "SELECT count(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() \
     AND application_name = 'plantao'";

/// The owner of the key store is bound by its row-level security as everybody is; until the end of
/// the transaction, in which nobody else sees these tables, it is not.
const OPEN: &str = "SET LOCAL lock_timeout = '30s'; SET LOCAL ROLE plantao_keys; \
     ALTER TABLE plantao_keys.master_key NO FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.key_tenant NO FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.period NO FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.tenant_key NO FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.data_key NO FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.tombstone NO FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.rotation NO FORCE ROW LEVEL SECURITY";

const CLOSE: &str = "ALTER TABLE plantao_keys.master_key FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.key_tenant FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.period FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.tenant_key FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.data_key FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.tombstone FORCE ROW LEVEL SECURITY; \
     ALTER TABLE plantao_keys.rotation FORCE ROW LEVEL SECURITY";

const ERASED: &str = "SELECT count(*) FROM plantao_keys.tombstone";

const PRESENT: &str = "SELECT number, name FROM plantao_keys.period";

/// Puts a key backup into a server of the operator's own that was taken back to an older moment,
/// and its period's key into the file. With `is_moved` the database need not be of the cluster that
/// the key backup is of: a dump that was read into another one.
///
/// # Errors
/// [`BackupError`]; then the database is as it was.
pub async fn put_keys(
    config: &DatabaseConfig,
    keys: &Keys,
    key: &BackupKey,
    place: &Path,
    is_moved: bool,
) -> Result<Merged, BackupError> {
    if config.embedded.is_some() {
        return Err(BackupError::Private);
    }
    let session = session(config).await?;
    let client = &session.client;
    client.batch_execute("BEGIN").await.map_err(sorted)?;
    client
        .query_one(LOCK, &[&MIGRATION_LOCK])
        .await
        .map_err(sorted)?;
    let serving = client.query_one(SERVING, &[]).await.map_err(sorted)?;
    let sessions: i64 = serving.get(0);
    if sessions > 0 {
        return Err(BackupError::Serving { sessions });
    }
    let system = system(client).await?;
    client.batch_execute(OPEN).await.map_err(sorted)?;
    let erased = client.query_one(ERASED, &[]).await.map_err(sorted)?;
    let data = Data {
        system: Some(system).filter(|_| !is_moved),
        at: keys.now,
        erased: erased.get(0),
    };
    let fitting = fits(keys, key, &data);
    drop(fitting.map_err(|error| of_database(error, keys))?);
    let merged = put_in(client, keys, key, &data).await?;
    client.batch_execute(CLOSE).await.map_err(sorted)?;
    // Before the rows: from an older period's key every later one is worked out, so that it opens
    // the rows of before as well, should they stay.
    if !merged.period.is_empty() {
        let written = period::write(place, &merged.period);
        written.map_err(BackupError::file("write", place))?;
    }
    client.batch_execute("COMMIT").await.map_err(sorted)?;
    Ok(merged)
}

/// Puts the period's key of a key backup into a place that is free: what a host needs that has lost
/// its file alone.
///
/// # Errors
/// [`BackupError`] when the file is none, was sealed under another key, is over, is of another
/// cluster or has no period that leads to the present one, and when there is something in the
/// place.
pub async fn put_period_key(
    config: &DatabaseConfig,
    keys: &Keys,
    key: &BackupKey,
    place: &Path,
) -> Result<(), BackupError> {
    if place.exists() {
        let path = place.to_owned();
        return Err(BackupError::Occupied { path });
    }
    let path = &keys.path;
    let (manifest, bytes) = period_key(path, key)?;
    let session = session(config).await?;
    let client = &session.client;
    let system = system(client).await?;
    let refused = keys.refuse(&manifest, Some(&system));
    refused.map_err(|error| of_database(error, keys))?;
    let as_application = "BEGIN; SET LOCAL ROLE plantao_app";
    client.batch_execute(as_application).await.map_err(sorted)?;
    let present = client.query_opt(PRESENT, &[]).await.map_err(sorted)?;
    let leads = |row: &tokio_postgres::Row| {
        let (number, name): (i64, Vec<u8>) = (row.get(0), row.get(1));
        period::leads_to(&bytes, number, &name)
    };
    if !present.as_ref().is_none_or(leads) {
        let path = path.clone();
        return Err(BackupError::OtherCluster { path });
    }
    period::write(place, &bytes).map_err(BackupError::file("write", place))
}

async fn session(config: &DatabaseConfig) -> Result<Session, BackupError> {
    let mut connection = config.connection(Login::Owner)?;
    connection.application_name("plantao-backup");
    Ok(Session::open(&connection).await?)
}

async fn system(client: &Client) -> Result<String, BackupError> {
    let row = client.query_one(SYSTEM, &[]).await.map_err(sorted)?;
    Ok(row.get(0))
}

/// There is no data backup here that it could be of another cluster than.
fn of_database(error: BackupError, keys: &Keys) -> BackupError {
    match error {
        BackupError::OtherKeys { .. } => BackupError::OtherCluster {
            path: keys.path.clone(),
        },
        other => other,
    }
}

fn period_key(
    path: &Path,
    key: &BackupKey,
) -> Result<(KeysManifest, Zeroizing<Vec<u8>>), BackupError> {
    let (manifest, mut stream) = Opened::<KeysManifest>::of_kind(KEYS, path)?.open(path, key)?;
    let mut head = [0; 5];
    let mut bytes = Zeroizing::new(vec![0; period::FILE_BYTES]);
    let read = stream.read_exact(&mut head);
    let read = read.and_then(|()| stream.read_exact(&mut bytes));
    read.map_err(BackupError::reading(path))?;
    if head.first() == Some(&PERIOD) && head.last().copied().map(usize::from) == Some(bytes.len()) {
        return Ok((manifest, bytes));
    }
    let (path, reason) = (path.to_owned(), "it holds no key of a period");
    Err(BackupError::NotABackup { path, reason })
}
