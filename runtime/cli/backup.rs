//! `plantao backup`: the whole database into one encrypted file, and what was written since into
//! others; what lies in their folder.
//!
//! Before the files of a running node are copied, its audit trail says so. Of a database that
//! plantao does not run it takes the keys alone: whoever does has tools of its own for the rest.

mod back;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plantao_actors::backup::{
    self, BackupError, BackupKey, KeyFiles, KeysManifest, KeysTaken, Manifest, Order, Taken,
    Verdict, Witness, shelf,
};
use plantao_actors::clock::WallClock;
use plantao_actors::entropy::Entropy;
use plantao_actors::vault::{Holder, Sampled};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::arguments::{Backup, BackupCommand};
use super::client::Ask;
use super::context::Context;
use super::error::CliError;
use super::server::Server;
use crate::service;

/// Between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn backup(
    context: &Context,
    order: &Backup,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match &order.command {
        Some(BackupCommand::List { to, keys_to }) => {
            let folder = folder(context, to.as_ref())?;
            list(&folder, out)?;
            let keys = keys_to
                .clone()
                .unwrap_or_else(|| shelf::keys_folder(&folder));
            list_keys(&keys, out)
        }
        Some(BackupCommand::Keys { to, key }) => {
            let (server, mut wish) = reached(context, None, key.as_ref(), out).await?;
            if let Some(to) = to {
                wish.keys.folder.clone_from(to);
            }
            let taken = backup::take_keys(&wish).await;
            server.leave().await;
            tell_keys(&taken?, out)
        }
        Some(BackupCommand::PeriodKey(of)) => back::period_key(context, of, out).await,
        Some(BackupCommand::PutKeys {
            of,
            older_tombstones,
            other_cluster,
        }) => back::put_keys(context, of, *older_tombstones, *other_cluster, out).await,
        Some(BackupCommand::Wal { to, key, stop }) => {
            let (server, wish) = prepared(context, to.as_ref(), key.as_ref(), out).await?;
            let done = wal(&wish, *stop, out).await;
            server.leave().await;
            done
        }
        None => {
            let (server, mut wish) =
                prepared(context, order.to.as_ref(), order.key.as_ref(), out).await?;
            wish.verified = !order.no_verify;
            if let Some(to) = &order.keys_to {
                wish.keys.folder.clone_from(to);
            }
            let taken = backup::take(&wish, &mut Progress::new(), interrupted()).await;
            server.leave().await;
            tell_taken(&taken?, out)?;
            after(order, &wish, out)
        }
    }
}

/// A server of our own, answering, and what to do with it; the trail has been told.
async fn prepared(
    context: &Context,
    to: Option<&PathBuf>,
    key: Option<&PathBuf>,
    out: &mut impl Write,
) -> Result<(Server, Order), CliError> {
    if context.config.database.url.is_some() {
        return Err(BackupError::External.into());
    }
    reached(context, to, key, out).await
}

/// The same with whichever server there is.
async fn reached(
    context: &Context,
    to: Option<&PathBuf>,
    key: Option<&PathBuf>,
    out: &mut impl Write,
) -> Result<(Server, Order), CliError> {
    let state = context.state()?;
    let path = key.cloned().unwrap_or_else(|| state.backup_key());
    let opened = BackupKey::open_or_make(&path, &Entropy::system());
    let (key, made) = opened.map_err(BackupError::from)?;
    if made {
        let path = path.display();
        writeln!(
            out,
            "backup key made: `{path}`. Keep a copy elsewhere: no backup opens without it"
        )?;
    }
    let (node, folder) = (state.node_id()?, folder(context, to)?);
    let server = Server::reach(context).await?;
    if server.is_at_work() || server.config.embedded.is_none() {
        announce(context).await;
    }
    // Without a master key at hand a backup is taken all the same; only nothing in it is opened.
    let source = service::master_key(&context.config, &state).ok();
    let wish = Order {
        config: server.config.clone(),
        node,
        keys: KeyFiles {
            folder: shelf::keys_folder(&folder),
            days: context.config.vault.key_backup_days,
            period: state.period_key(),
            tombstones: state.tombstones(),
            holder: source.and_then(Holder::of),
        },
        folder,
        key: Arc::new(key),
        clock: WallClock::system(),
        verified: true,
    };
    Ok((server, wish))
}

async fn wal(wish: &Order, stop: bool, out: &mut impl Write) -> Result<(), CliError> {
    if stop {
        backup::stop_archiving(wish).await?;
        writeln!(out, "the server keeps nothing for the archive any more")?;
        return Ok(());
    }
    let archived = backup::archive(wish).await?;
    let many = archived.segments.len();
    match archived.segments.last() {
        Some(last) => writeln!(out, "archived {many} segments of WAL, up to `{last}`")?,
        None => writeln!(out, "nothing to archive: nothing was written since")?,
    }
    if archived.is_first {
        writeln!(
            out,
            "this is the first time: take a backup now, restores go on from that one"
        )?;
    }
    Ok(())
}

fn after(order: &Backup, wish: &Order, out: &mut impl Write) -> Result<(), CliError> {
    if order.to.is_none() {
        writeln!(
            out,
            "it lies beside what it is of: give --to a folder of another machine"
        )?;
    }
    if let Some(keep) = order.keep {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        for removed in shelf::prune(&wish.folder, &wish.node, keep)? {
            writeln!(out, "removed `{}`", removed.display())?;
        }
    }
    Ok(())
}

fn folder(context: &Context, to: Option<&PathBuf>) -> Result<PathBuf, CliError> {
    match to {
        Some(folder) => Ok(folder.clone()),
        None => Ok(shelf::folder(context.state()?.root())),
    }
}

/// Says in the trail that a copy of everything is being made. A trail that cannot take it is no
/// reason to go without a backup.
async fn announce(context: &Context) {
    let body = serde_json::json!({ "by": "plantao backup" }).to_string();
    let ask = Ask::post("/v1/backups", "application/json", body);
    let told = match context.socket() {
        Ok(socket) => socket.ask(ask).await.map(|_| ()),
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        let reason = error.describe();
        let _closed = writeln!(std::io::stderr(), "not in the audit trail: {reason}");
    }
}

/// Resolves at Ctrl-C and at SIGTERM.
pub(super) async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn list(folder: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let (kept, wrong) = shelf::list(folder)?;
    for one in &kept {
        let Manifest {
            created_at,
            node,
            schema,
            key,
            ..
        } = &one.manifest;
        let entries: i64 = one.manifest.heads.values().map(|head| head.seq).sum();
        let (path, size) = (one.path.display(), megabytes(one.bytes));
        writeln!(
            out,
            "{created_at}  {size} MB  node {node}  schema {schema}  {entries} audit \
                       entries  key {key}  {path}"
        )?;
    }
    for error in &wrong {
        writeln!(out, "not whole: {error}")?;
    }
    if kept.is_empty() && wrong.is_empty() {
        writeln!(out, "no backups in `{}`", folder.display())?;
    }
    Ok(())
}

fn tell_taken(taken: &Taken, out: &mut impl Write) -> Result<(), CliError> {
    let (path, size) = (taken.path.display(), megabytes(taken.bytes));
    writeln!(out, "backup written: `{path}`, {size} MB")?;
    match &taken.verdict {
        Some(verdict) => tell_verdict(verdict, out),
        None => {
            writeln!(out, "NOT VERIFIED: nobody has restored it yet")?;
            Ok(())
        }
    }?;
    tell_keys(&taken.keys, out)
}

fn tell_keys(taken: &KeysTaken, out: &mut impl Write) -> Result<(), CliError> {
    let KeysManifest {
        keys, expires_at, ..
    } = &taken.manifest;
    let path = taken.path.display();
    writeln!(
        out,
        "key backup written: `{path}`, {keys} data keys, good until {expires_at}"
    )?;
    for removed in &taken.removed {
        writeln!(out, "over and removed: `{}`", removed.display())?;
    }
    Ok(())
}

fn list_keys(folder: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let now = WallClock::system().now();
    for one in shelf::list_keys(folder)? {
        let KeysManifest {
            node,
            created_at,
            expires_at,
            keys,
            erased,
            ..
        } = &one.manifest;
        let path = one.path.display();
        let over = if *expires_at <= now { "OVER  " } else { "" };
        writeln!(
            out,
            "{over}{created_at}  until {expires_at}  node {node}  {keys} data keys  {erased} \
             erased  {path}"
        )?;
    }
    Ok(())
}

pub(super) fn tell_manifest(manifest: &Manifest, out: &mut impl Write) -> Result<(), CliError> {
    let Manifest {
        node,
        created_at,
        postgres,
        ..
    } = manifest;
    writeln!(
        out,
        "backup of node `{node}`, begun at {created_at}, of PostgreSQL {postgres}"
    )?;
    Ok(())
}

pub(super) fn tell_verdict(verdict: &Verdict, out: &mut impl Write) -> Result<(), CliError> {
    let Verdict {
        schema,
        entries,
        chains,
        meanwhile,
        checkpoints,
        tables,
        rows,
        sampled,
    } = verdict;
    writeln!(
        out,
        "verified by restoring it: schema {schema}, {rows} rows in {tables} tables; {entries} \
         audit entries in {chains} chains hold ({meanwhile} written meanwhile), as {checkpoints} \
         checkpoints signed them"
    )?;
    let Sampled {
        sealed,
        opened,
        unopened,
        ..
    } = sampled;
    match opened {
        Some(opened) => writeln!(
            out,
            "{sealed} sealed values, each with its key; {opened} were opened"
        )?,
        None => writeln!(
            out,
            "{sealed} sealed values, each with its key; none was opened: no key is at hand"
        )?,
    }
    if *unopened > 0 {
        writeln!(
            out,
            "DAMAGED: {unopened} sealed values that were tried do not open"
        )?;
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Progress on the standard error: a line for each phase, and one every few seconds.
pub(super) struct Progress {
    since: Instant,
    told: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            told: now,
        }
    }
}

impl Witness for Progress {
    fn phase(&mut self, name: &str) {
        *self = Self::new();
        let _closed = writeln!(std::io::stderr(), "{name}");
    }

    fn moved(&mut self, bytes: u64) {
        if self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        let seconds = self.since.elapsed().as_secs().max(1);
        let (size, rate) = (megabytes(bytes), megabytes(bytes / seconds));
        let _closed = writeln!(std::io::stderr(), "  {size} MB, {rate} MB/s");
    }
}
