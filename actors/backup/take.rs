//! Taking a backup: told down, streamed, encrypted, checked, and only then given its name.
//!
//! What the trail is, is taken down before the copy begins, so that all of it is in the copy. A
//! slot that ends with this session keeps the server from recycling WAL that the copy needs. Until
//! it is whole and checked the file is called `.partial`; a run that ends early removes it.

use super::check::{Verdict, erased, rows, schema_version, sorted};
use super::error::BackupError;
use super::header::{BACKUP, Manifest, begin};
use super::key::BackupKey;
use super::keys::{self, KeysTaken};
use super::merge::Keys;
use super::pump::Pump;
use super::scratch::{Copy, SCRATCH, Subject, Turn};
use super::shelf::{Partial, SUFFIX, file_name, folder_ready, sweep};
use super::{Witness, leftovers};
use crate::audit::walk;
use crate::clock::WallClock;
use crate::database::postgres::base_backup;
use crate::database::{DatabaseConfig, DatabaseError, EmbeddedConfig, Login, Session};
use crate::vault::Holder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::Client;

const HOLD: &str = "SELECT pg_create_physical_replication_slot($1, true, true)";

const FROM: &str =
    "SELECT pg_walfile_name(restart_lsn) FROM pg_replication_slots WHERE slot_name = $1";

const FACTS: &str = "SELECT current_setting('server_version_num')::int / 10000, \
     (SELECT system_identifier::text FROM pg_control_system())";

/// What to back up, and where to.
pub struct Order {
    /// The database.
    pub config: DatabaseConfig,
    /// This node's name.
    pub node: String,
    /// The folder that backups are kept in.
    pub folder: PathBuf,
    /// What seals it.
    pub key: Arc<BackupKey>,
    /// What time it is.
    pub clock: WallClock,
    /// Restore it into a copy before it is given its name.
    pub verified: bool,
    /// What a key backup is made of, and where it goes.
    pub keys: KeyFiles,
}

/// The files of the keys, and the folder of key backups.
pub struct KeyFiles {
    /// The folder that key backups are kept in.
    pub folder: PathBuf,
    /// For how many days.
    pub days: u16,
    /// The file of the period's key.
    pub period: PathBuf,
    /// The record of erasures.
    pub tombstones: PathBuf,
    /// What opens records, so that some of them can be tried; none where it is not at hand.
    pub holder: Option<Holder>,
}

/// A backup that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The file.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What was found in it; none when nobody looked.
    pub verdict: Option<Verdict>,
    /// The key backup that belongs to it.
    pub keys: KeysTaken,
}

/// Takes a backup of a running server. Dropped, it leaves nothing but what [`leftovers`] tells;
/// interrupted through `stop`, nothing at all.
///
/// # Errors
/// [`BackupError`]; then there is no new file in the folder.
pub async fn take(
    order: &Order,
    witness: &mut dyn Witness,
    stop: impl Future<Output = ()>,
) -> Result<Taken, BackupError> {
    let embedded = order
        .config
        .embedded
        .as_ref()
        .ok_or(BackupError::External)?;
    for left in leftovers(embedded)? {
        tracing::warn!(path = %left.path.display(), "left by an interrupted run");
    }
    let _turn = Turn::take(embedded)?;
    folder_ready(&order.folder)?;
    for folder in [&order.folder, &order.keys.folder] {
        sweep(folder, &order.node)?;
    }
    tokio::pin!(stop);
    let written = tokio::select! {
        biased;
        () = &mut stop => Err(BackupError::Interrupted),
        written = write(order, embedded, witness) => written,
    };
    let (partial, manifest) = written?;
    // After the data: every key that something in it is sealed under is in this one.
    let (key_partial, key_manifest) = keys::write(order).await?;
    let mut verdict = None;
    if order.verified {
        let mut copy = Copy::make(embedded, SCRATCH, manifest.postgres).await?;
        let of_now = of_now(order, key_partial.path());
        let subject = Subject {
            path: partial.path(),
            key: &order.key,
            config: &order.config,
            further: None,
            keys: Some(&of_now).filter(|_| manifest.erased.is_some()),
            holder: order.keys.holder.as_ref(),
        };
        let proved = tokio::select! {
            biased;
            () = &mut stop => Err(BackupError::Interrupted),
            proved = copy.prove(&subject, witness) => proved,
        };
        copy.remove().await?;
        verdict = Some(proved?.verdict);
    }
    let keys = keys::finish(order, key_partial, key_manifest)?;
    let (path, bytes) = partial.finish()?;
    Ok(Taken {
        path,
        bytes,
        manifest,
        verdict,
        keys,
    })
}

/// The key backup that was just written, as a restore would take it.
fn of_now(order: &Order, path: &Path) -> Keys {
    Keys {
        path: path.to_owned(),
        tombstones: None,
        expired_too: false,
        older_tombstones: false,
        now: order.clock.now(),
    }
}

async fn write(
    order: &Order,
    embedded: &EmbeddedConfig,
    witness: &mut dyn Witness,
) -> Result<(Partial, Manifest), BackupError> {
    witness.phase("copying");
    let mut connection = order.config.connection(Login::Owner)?;
    connection.application_name("plantao-backup");
    let session = Session::open(&connection).await?;
    let manifest = take_down(&session.client, order).await?;
    let command = base_backup(embedded)?;
    let path = order
        .folder
        .join(file_name(&order.node, manifest.created_at, SUFFIX));
    let (pump, key, told) = (Pump::default(), Arc::clone(&order.key), manifest.clone());
    let worker = pump.clone();
    let task = tokio::task::spawn_blocking(move || {
        let partial = Partial::make(&path)?;
        let at: &Path = partial.path();
        let mut sealer = begin(partial.writer()?, BACKUP, at, &told, &key)?;
        let failed = BackupError::file("write", at);
        worker.drain(command, "pg_basebackup", &mut sealer, failed)?;
        let whole = sealer.finish().map_err(BackupError::file("write", at))?;
        partial.sync(whole)?;
        Ok(partial)
    });
    let partial = pump.watch(task, witness).await?;
    witness.moved(pump.moved());
    // Until here it has kept the WAL that the copy needed.
    drop(session);
    Ok((partial, manifest))
}

/// What the server is now; from now on it keeps its WAL.
async fn take_down(client: &Client, order: &Order) -> Result<Manifest, BackupError> {
    let slot = format!("plantao_backup_{}", std::process::id());
    client.query_one(HOLD, &[&slot]).await.map_err(sorted)?;
    let from = client.query_one(FROM, &[&slot]).await.map_err(sorted)?;
    let facts = client.query_one(FACTS, &[]).await.map_err(sorted)?;
    let version: i32 = facts.get(0);
    Ok(Manifest {
        node: order.node.clone(),
        created_at: order.clock.now(),
        postgres: u32::try_from(version).map_err(|_| DatabaseError::Mismatch)?,
        system: facts.get(1),
        segment: from.get(0),
        schema: schema_version(client).await?,
        key: order.key.name().to_owned(),
        checkpoints: walk::notes(client).await?,
        heads: walk::heads(client).await?,
        rows: rows(client).await?,
        erased: erased(client).await?,
    })
}
