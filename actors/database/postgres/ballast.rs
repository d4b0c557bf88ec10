//! The ballast: a file that takes up space beside the cluster until that space is needed.
//!
//! A server whose disk is full stops with a panic, and its recovery writes before it can do
//! anything else: without space it fails again and again. Freeing the ballast gives it room to
//! recover, to finish what is in flight and to write the trail of what is refused meanwhile.
//! Refuses to be made in bits: it is whole or not there.

use super::Layout;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the ballast of a cluster lies, and how large it is meant to be.
#[derive(Clone, Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    pub(super) fn of(layout: &Layout, bytes: u64) -> Self {
        let path = place(&layout.data_dir);
        Self { path, bytes }
    }

    /// What the disk must give for it, where it is not there.
    pub(super) fn missing(&self) -> u64 {
        if self.is_there() { 0 } else { self.bytes }
    }

    fn is_there(&self) -> bool {
        self.bytes == 0 || self.path.exists()
    }

    /// Gives its space back; whether there was any to give.
    pub(super) fn free(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }

    /// Takes the space, whole or not at all.
    pub(super) fn make(&self) -> io::Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let unfinished = self.path.with_extension("ballast-new");
        let made = File::create(&unfinished).and_then(|file| {
            fallocate(&file, FallocateFlags::empty(), 0, self.bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &self.path)
        });
        if made.is_err() {
            // Half a ballast is none, and its space is wanted.
            let _absent = fs::remove_file(&unfinished);
        }
        made
    }
}

/// Beside the cluster, where no copy of it takes the ballast along; inside, where the cluster is a
/// disk of its own.
fn place(data_dir: &Path) -> PathBuf {
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    let parent = data_dir.parent().and_then(device);
    let own_disk = parent.is_some_and(|parent| device(data_dir).is_some_and(|own| own != parent));
    if own_disk {
        data_dir.join("plantao.ballast")
    } else {
        data_dir.with_extension("ballast")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballast_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.ballast");
        let whole = Ballast {
            path: path.clone(),
            bytes: 1 << 20,
        };
        assert_eq!(whole.missing(), 1 << 20);
        whole.make().unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!(found.len(), 1 << 20);
        assert!(found.blocks() * 512 >= 1 << 20, "it takes up its space");
        assert_eq!(whole.missing(), 0);
        whole.make().unwrap();
        assert!(whole.free());
        assert!(!whole.free(), "it is gone");
        let too_large = Ballast {
            path: path.clone(),
            bytes: 1 << 60,
        };
        too_large.make().unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn none_is_made_where_none_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let none = Ballast {
            path: dir.path().join("postgres.ballast"),
            bytes: 0,
        };
        none.make().unwrap();
        assert_eq!(none.missing(), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
