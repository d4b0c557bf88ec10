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
//! Two kinds of file, for two kinds of time. A *data backup* is the database of the private
//! cluster, whole, and may be kept for decades: the keys in it are wrapped under a period that is
//! forgotten within a day or two, so that it opens nothing by itself, the master key included. A
//! *key backup* is the key store of one moment, with the key of its period and the tombstones: it
//! is kept for days, is removed when it is over, and is what a restore takes the keys from. So
//! whoever is erased is gone from every data backup there is, as soon as the key backups of before
//! are gone. What this does not meet: somebody who kept an old key backup and the backup key and
//! the master key; and a disk that gives back what was removed.
//!
//! In neither: the rest of `keys/`. Keep copies of `keys/master.key`, `keys/log.keys` and
//! `keys/backup.key` elsewhere: without the last one no backup opens, without the first no record.
//! Keep none of `keys/period.key`. The newest `keys/tombstones.log` says who was erased after the
//! newest key backup. Data keys that were rotated are destroyed: what a data backup of before holds
//! opens with a key backup of before alone, so take a new one after.
//!
//! - [`take`]: writes both, checks them by restoring them, and only then gives them their names.
//! - [`take_keys`]: a key backup alone, for a timer: the newer it is, the less is lost with a host.
//! - [`verify`], [`restore`]: read one.
//! - [`put_keys`]: a key backup into a server of the operator's own that was taken back by its own
//!   tools; of such a server there are key backups alone.
//! - [`shelf`]: what lies in a folder.
//! - [`archive`]: what was written since, segment by segment, so that a restore may go further.
//!
//! PHI: a backup holds all of it.
//! - Purpose: availability and recovery (LGPD Art. 46; 45 CFR 164.308(a)(7)(ii)(A) and (B)).
//! - Legal basis: that of what is backed up. Retention: whoever keeps the folder decides; `keep`
//!   removes the oldest. A record that was erased since lives on in older data backups, sealed
//!   under a key that nobody has. Key backups: as many days as they say, enforced here.
//! - Access: the user that runs plantao (files 0600, folder 0700) and whoever holds the backup key.
//! - Encryption: AES-256-GCM in chunks (STREAM), one key per file, wrapped under the backup key.
//! - Audit: taking one of a running node is an entry of its trail; so is what a restored node does.

mod check;
mod error;
mod header;
mod key;
mod keys;
mod merge;
mod place;
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
pub use keys::{KeysManifest, KeysTaken, keys_manifest, take_keys};
pub use merge::{Keys, Merged};
pub use place::{put_keys, put_period_key};
pub use restore::{Further, Reading, Restored, manifest, restore, verify};
pub use scratch::{Left, leftovers};
pub use seal::SealError;
pub use take::{KeyFiles, Order, Taken, take};
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
