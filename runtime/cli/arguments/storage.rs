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
first one. It does not hold the keys: keep copies of `keys/master.key`, `keys/log.keys` and
`keys/backup.key` elsewhere, and away from the backups; and always the newest
`keys/tombstones.log`, which says who was erased since. The hospital may be running.

Before a backup gets its name it is restored into a copy, and the copy's whole audit trail is
proved.

Examples:
  plantao backup --to /mnt/vault --keep 14    for a timer, every night
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
    /// List the backups of a folder, oldest first
    List {
        /// The folder [default: backups in the state directory]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
The directory must have no hospital in it. Put `keys/` there first, from your copy: records open
under `keys/master.key` alone, and nothing in `keys/` is touched by a restore.

Example:
  mkdir -p /srv/hospital && cp -a /media/copy/keys /srv/hospital/
  plantao restore /mnt/vault/plantao-….backup --into /srv/hospital
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
