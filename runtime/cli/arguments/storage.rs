//! The arguments of what is done to the database as a whole: backups, restores, migrations.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use plantao_schema::time::Timestamp;

#[derive(Debug, Args)]
#[command(after_help = "\
A start brings the schema forward by itself; this command tells what it would do, goes to a version,
and takes migrations back. Going back destroys what the newer tables hold: the plan says what.

Examples:
  plantao migrate --dry-run                   what a start of this version would do
  plantao migrate --to 2 --dry-run --verbose  what going back to version 2 would run
  plantao migrate --to 2 --yes                take later migrations back, data and all")]
pub(in crate::cli) struct Migrate {
    /// The version to go to; 0 is an empty schema [default: the newest]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) to: Option<i32>,
    /// Print the plan and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Go back although data is destroyed
    #[arg(long)]
    pub(in crate::cli) yes: bool,
    /// Even while a runtime has the database open
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Print each migration's SQL as well
    #[arg(long, short)]
    pub(in crate::cli) verbose: bool,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A backup is the whole private database, encrypted under `keys/backup.key`, which is made at the
first one, and may be kept for decades: by itself it opens nothing. What opens its records is a key
backup, a small file that is made with it and apart, and is removed after `vault.key_backup_days`:
so whoever is erased is out of every backup by then. A restore needs both. Keep copies of
`keys/master.key`, `keys/log.keys` and `keys/backup.key` elsewhere, and none of `keys/period.key`.
The hospital may be running.

Before a backup gets its name it is restored into a copy, the copy's whole audit trail is proved,
every record's key is counted and some records are opened.

Examples:
  plantao backup --to /mnt/vault --keep 14    for a timer, every night
  plantao backup keys --to /mnt/keys          for a timer, every hour
  plantao backup wal --to /mnt/vault          for a timer, every few minutes
  plantao backup list --to /mnt/vault
  plantao restore FILE --verify-only          prove an old one"
)]
pub(in crate::cli) struct Backup {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<BackupCommand>,
    /// The folder that keeps them [default: backups in the state directory]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) to: Option<PathBuf>,
    /// The folder of key backups, best on another machine [default: keys in that folder]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) keys_to: Option<PathBuf>,
    /// Remove this node's oldest beyond so many, once the new one is whole
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) keep: Option<u32>,
    /// Do not restore it into a copy to see whether it holds
    #[arg(long)]
    pub(in crate::cli) no_verify: bool,
    /// The backup key [default: keys/backup.key in the state directory]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BackupCommand {
    /// Archive what was written since the last time, for restores that go on from a backup
    ///
    /// From the first time on, the server keeps what is not archived yet, 16 GB at most: run this
    /// from a timer, and take a backup after the first time.
    Wal {
        /// The folder of the backups; segments go to `wal` in it [default: backups in the state
        /// directory]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// The backup key [default: keys/backup.key in the state directory]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Let the server keep nothing any more, and archive nothing
        #[arg(long)]
        stop: bool,
    },
    /// Back up the key store alone: the newer, the less is lost with this host
    ///
    /// Works on a database of yours (`database.url`) as well. Removes key backups that are over
    /// (`vault.key_backup_days`).
    Keys {
        /// The folder of key backups [default: backups/keys in the state directory]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// The backup key [default: keys/backup.key in the state directory]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Take the key of the period out of a key backup, for a host that lost this file alone
    PeriodKey(KeyFile),
    /// Put a key backup into a database of yours that was taken back to an older moment
    ///
    /// Every node has to be stopped. Its rows take the place of those of the database, whoever was
    /// erased stays erased, and its period's key becomes `keys/period.key`: other nodes on this
    /// database need a copy of that file.
    PutKeys {
        #[command(flatten)]
        of: KeyFile,
        /// Go on although the database knows of more erasures than the key backup and
        /// `keys/tombstones.log` do
        #[arg(long)]
        older_tombstones: bool,
        /// The database was read from a dump into another cluster than the key backup is of
        #[arg(long)]
        other_cluster: bool,
    },
    /// List the backups of a folder, oldest first, and the key backups
    List {
        /// The folder [default: backups in the state directory]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// The folder of key backups [default: keys in that folder]
        #[arg(long, value_name = "DIR")]
        keys_to: Option<PathBuf>,
    },
}

/// A key backup that is put back.
#[derive(Debug, Args)]
pub(in crate::cli) struct KeyFile {
    /// The newest key backup
    pub(in crate::cli) file: PathBuf,
    /// Take one that is over: whoever was erased since it was taken may come back
    #[arg(long)]
    pub(in crate::cli) expired_keys: bool,
    /// The backup key [default: keys/backup.key in the state directory]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The directory must have no hospital in it. Put `keys/` there first, from your copy: no record opens
without `keys/master.key`. Of `keys/` a restore writes `period.key` alone, from the key backup.
Whoever was erased is erased in what is restored, as far as the key backup knows, the newest
`keys/tombstones.log` that you brought, and the backup itself.

Example:
  mkdir -p /srv/hospital && cp -a /media/copy/keys /srv/hospital/
  plantao restore /mnt/vault/plantao-….backup --keys /mnt/keys/plantao-….keys --into /srv/hospital
  plantao --state-dir /srv/hospital run

With `--wal` it goes on from the backup to the last archived segment, or to a moment.")]
pub(in crate::cli) struct Restore {
    /// The backup
    pub(in crate::cli) file: PathBuf,
    /// The state directory to make
    #[arg(long, value_name = "DIR", required_unless_present = "verify_only")]
    pub(in crate::cli) into: Option<PathBuf>,
    /// Restore it into a copy, prove it, remove the copy
    #[arg(long, conflicts_with = "into")]
    pub(in crate::cli) verify_only: bool,
    /// The newest key backup; a data backup alone opens nothing
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) keys: Option<PathBuf>,
    /// Take a key backup that is over: whoever was erased since it was taken comes back
    #[arg(long, requires = "keys")]
    pub(in crate::cli) expired_keys: bool,
    /// Go on although the data backup knew of more erasures than the key backup and
    /// `keys/tombstones.log` do
    #[arg(long, requires = "keys")]
    pub(in crate::cli) older_tombstones: bool,
    /// Go on with what `backup wal` archived: its folder, such as /mnt/vault/wal
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) wal: Option<PathBuf>,
    /// Stop at this moment, such as 2026-01-31T12:30:00Z
    #[arg(long, value_name = "TIME", requires = "wal", value_parser = moment)]
    pub(in crate::cli) to_time: Option<Timestamp>,
    /// The backup key [default: keys/backup.key of the directory, else of the state directory]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key: Option<PathBuf>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let expected = "expected a time in RFC 3339, such as 2026-01-31T12:30:00Z";
    Timestamp::parse(text).map_err(|_| expected.to_owned())
}
