//! Backups: a copy of the whole database that nobody can read without the key, change unseen, or
//! take for good before it was restored once.
//!
//! Owns the backup key, the files of a backup folder and the copies of the cluster that are made to
//! prove them. A backup is a base backup with the WAL that makes it consistent, encrypted on its
//! way from the server to the file: nothing unencrypted touches the disk, except in a copy that the
//! server's user alone can enter and that is removed once it has been checked. Refuses a file that
//! was changed, cut, appended to or sealed under another key, and says where; refuses to restore
//! over anything.
//!
//! What is in a backup: the database of the private cluster, whole. What is *not*: `keys/`. Records
//! in it are sealed under data keys that the master key wraps, and the master key never travels
//! with the data. Keep copies of `keys/master.key`, `keys/log.keys` and `keys/backup.key`
//! elsewhere: without the last one no backup opens, without the first no record in it. And keep the
//! newest `keys/tombstones.log`: it is all that says who was erased after a backup was taken.
//!
//! - [`take`]: writes a backup, checks it by restoring it, and only then gives it its name.
//! - [`verify`], [`restore`]: read one.
//! - [`shelf`]: what lies in a folder.
//! - [`archive`]: what was written since, segment by segment, so that a restore may go further.
//!
//! PHI: a backup holds all of it.
//! - Purpose: availability and recovery (LGPD Art. 46; 45 CFR 164.308(a)(7)(ii)(A) and (B)).
//! - Legal basis: that of what is backed up. Retention: whoever keeps the folder decides; `keep`
//!   removes the oldest. A record that was erased since lives on in older backups, sealed under a
//!   key that is in them as well: see [`restore`] for what a restore does about it.
//! - Access: the user that runs plantao (files 0600, folder 0700) and whoever holds the backup key.
//! - Encryption: AES-256-GCM in chunks (STREAM), one key per file, wrapped under the backup key.
//! - Audit: taking one of a running node is an entry of its trail; so is what a restored node does.

mod check;
mod error;
mod header;
mod key;
mod pump;
mod restore;
mod scratch;
mod seal;
pub mod shelf;
mod take;
#[cfg(test)]
mod tests;
mod wal;

pub use check::Verdict;
pub use error::BackupError;
pub use header::Manifest;
pub use key::{BackupKey, BackupKeyError};
pub use restore::{Further, Restored, manifest, restore, verify};
pub use scratch::{Left, leftovers};
pub use seal::SealError;
pub use take::{Order, Taken, take};
pub use wal::{Archived, Segment, archive, stop as stop_archiving};

/// Told of how many bytes were moved so far, about once a second, and of each phase's name.
pub trait Witness: Send {
    /// A phase begins: its name, for people.
    fn phase(&mut self, name: &str);
    /// Bytes of this phase so far.
    fn moved(&mut self, bytes: u64);
}

/// A witness that looks away.
impl Witness for () {
    fn phase(&mut self, _: &str) {}
    fn moved(&mut self, _: u64) {}
}
