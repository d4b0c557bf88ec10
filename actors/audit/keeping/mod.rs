//! The trail over the years: months made ahead, an eye on what has no month, and the way out.
//!
//! Owns the partitions of the trail and the archive. Refuses to drop an entry that is not in a file
//! which was written, brought to disk, read back and proved; refuses to archive what is not signed
//! or does not hold. Without a folder to archive into, nothing is ever dropped.
//!
//! PHI: entries are about PHI and hold none (see [`crate::audit`]); an archive holds the same.
//! - Purpose: accountability. Legal basis: legal obligation (LGPD Art. 7 II, 11 II a).
//! - Retention: in the database 20 years by default, those of the records that it is about
//!   (Lei 13.787/2018 Art. 6), and 6 at the least (45 CFR 164.316(b)(2)(i)). How long the archive
//!   is kept is the institution's own.
//! - Access: files of mode 0600, one folder for each tenant. Encryption: that of the disk.
//! - Audit: what left the database stands in `audit_archived`, which nothing here changes.

mod archive;
mod examine;
mod export;
mod file;
mod keeper;
mod partitions;

pub use archive::{ArchiveError, Manifest, Piece, Place, entries_of, manifest_beside};
pub use examine::{ChainState, Examination, TrailState, examine};
pub use export::{ArchivedHead, archived_heads};
#[cfg(test)]
pub(super) use keeper::KeepingError;
pub use keeper::{
    AHEAD, Condition, Keeper, KeeperParts, RETENTION_DEFAULT_YEARS, RETENTION_MIN_YEARS,
};
