//! A folder of backups: their names, which are whole, and which are too many.
//!
//! A name is `plantao-NODE-TIME.backup`; until a file is whole and checked `.partial` follows.
//! Refuses to remove anything that does not begin like a backup of the same node.

use super::error::BackupError;
use super::header::{KEYS, Manifest, Opened};
use super::keys::KeysManifest;
use plantao_schema::time::Timestamp;
use std::fs::{self, DirBuilder, File};
use std::io::{BufWriter, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// `plantao-NODE-TIME.backup`.
pub(super) const SUFFIX: &str = ".backup";

/// `plantao-NODE-TIME.keys`.
pub(super) const KEYS_SUFFIX: &str = ".keys";

/// The folder of key backups in one of data backups.
const KEYS_FOLDER: &str = "keys";

const PARTIAL: &str = ".partial";

/// The folder of archived segments in one of backups.
pub(super) const WAL: &str = "wal";

/// `NODE-SEGMENT.wal`.
pub(super) const SEGMENT: &str = ".wal";

/// A backup in a folder.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// What it says of itself; nobody has authenticated it.
    pub manifest: Manifest,
}

/// Where backups go when nobody says otherwise: beside what they are of, which protects from a
/// slip and not from a lost disk.
#[must_use]
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("backups")
}

/// The backups in a folder, oldest first, and the files that look like one and are none.
///
/// # Errors
/// [`BackupError::File`] when the folder cannot be read.
pub fn list(folder: &Path) -> Result<(Vec<Kept>, Vec<BackupError>), BackupError> {
    let (mut kept, mut wrong) = (Vec::new(), Vec::new());
    let entries = fs::read_dir(folder).map_err(BackupError::file("list", folder))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if !path.to_string_lossy().ends_with(SUFFIX) {
            continue;
        }
        let bytes = path.metadata().map_or(0, |found| found.len());
        match Opened::read(&path) {
            Ok(Opened { manifest, .. }) => kept.push(Kept {
                path,
                bytes,
                manifest,
            }),
            Err(error) => wrong.push(error),
        }
    }
    kept.sort_by(|a, b| (a.manifest.created_at, &a.path).cmp(&(b.manifest.created_at, &b.path)));
    Ok((kept, wrong))
}

/// Removes the oldest backups of a node beyond the newest `keep`, and the archived WAL that only
/// they could go on from; says which.
///
/// # Errors
/// [`BackupError::File`] naming the first that cannot be removed.
pub fn prune(folder: &Path, node: &str, keep: usize) -> Result<Vec<PathBuf>, BackupError> {
    let (mut kept, _) = list(folder)?;
    kept.retain(|one| one.manifest.node == node);
    let many = kept.len().saturating_sub(keep.max(1));
    let left = kept.split_off(many);
    let mut removed: Vec<PathBuf> = kept.into_iter().map(|one| one.path).collect();
    if let Some(first) = left.iter().map(|one| one.manifest.segment.as_str()).min() {
        let entries = fs::read_dir(folder.join(WAL))
            .into_iter()
            .flatten()
            .flatten();
        let paths = entries.map(|entry| entry.path());
        removed.extend(
            paths.filter(|path| {
                segment_of(path, node).is_some_and(|segment| segment.as_str() < first)
            }),
        );
    }
    for path in &removed {
        fs::remove_file(path).map_err(BackupError::file("remove", path))?;
    }
    Ok(removed)
}

/// Where key backups go when nobody says otherwise. Another machine is a better place.
#[must_use]
pub fn keys_folder(backups: &Path) -> PathBuf {
    backups.join(KEYS_FOLDER)
}

/// A key backup in a folder.
#[derive(Clone, Debug)]
pub struct KeptKeys {
    /// The file.
    pub path: PathBuf,
    /// What it says of itself; nobody has authenticated it.
    pub manifest: KeysManifest,
}

/// The key backups in a folder, oldest first; none where there is no folder.
///
/// # Errors
/// [`BackupError::File`] when the folder cannot be read.
pub fn list_keys(folder: &Path) -> Result<Vec<KeptKeys>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(BackupError::file("list", folder))?,
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut kept: Vec<_> = paths
        .filter(|path| path.to_string_lossy().ends_with(KEYS_SUFFIX))
        .filter_map(|path| {
            let opened = Opened::<KeysManifest>::of_kind(KEYS, &path).ok()?;
            let manifest = opened.manifest;
            Some(KeptKeys { path, manifest })
        })
        .collect();
    kept.sort_by(|a, b| (a.manifest.created_at, &a.path).cmp(&(b.manifest.created_at, &b.path)));
    Ok(kept)
}

/// Removes a node's key backups that are over; says which.
///
/// # Errors
/// [`BackupError::File`] naming the first that cannot be removed.
pub fn expire(folder: &Path, node: &str, now: Timestamp) -> Result<Vec<PathBuf>, BackupError> {
    let mut kept = list_keys(folder)?;
    kept.retain(|one| one.manifest.node == node && one.manifest.expires_at <= now);
    let over: Vec<PathBuf> = kept.into_iter().map(|one| one.path).collect();
    for path in &over {
        fs::remove_file(path).map_err(BackupError::file("remove", path))?;
    }
    Ok(over)
}

/// The segment that a file of the archive is, if it is this node's.
fn segment_of(path: &Path, node: &str) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let segment = name
        .strip_prefix(node)?
        .strip_prefix('-')?
        .strip_suffix(SEGMENT)?;
    Some(segment.to_owned())
}

/// Parts of backups in a folder.
pub(super) fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| {
            let name = path.to_string_lossy();
            let whole = name.strip_suffix(PARTIAL).unwrap_or_default();
            whole.ends_with(SUFFIX) || whole.ends_with(KEYS_SUFFIX)
        })
        .collect()
}

/// Removes what an interrupted run of this node left in a folder.
pub(super) fn sweep(folder: &Path, node: &str) -> Result<(), BackupError> {
    for part in parts(folder) {
        if part.to_string_lossy().contains(node) {
            fs::remove_file(&part).map_err(BackupError::file("remove", &part))?;
        }
    }
    Ok(())
}

/// `plantao-NODE-20260102T030405.678901Z.backup`, or whatever the suffix is: two of one second are
/// two files.
pub(super) fn file_name(node: &str, at: Timestamp, suffix: &str) -> String {
    let told = at.to_string();
    let second = told.split(['.', 'Z']).next().unwrap_or_default();
    let digits: String = second.chars().filter(|c| *c != '-' && *c != ':').collect();
    let micros = at.micros().rem_euclid(1_000_000);
    format!("plantao-{node}-{digits}.{micros:06}Z{suffix}")
}

/// Makes the folder where it is missing.
pub(super) fn folder_ready(folder: &Path) -> Result<(), BackupError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(BackupError::file("make", folder))
}

/// A file that is not whole yet; removed when dropped.
pub(super) struct Partial {
    path: PathBuf,
    whole: PathBuf,
}

impl Partial {
    /// A new, empty one; refused where the backup itself is already there.
    pub(super) fn make(whole: &Path) -> Result<Self, BackupError> {
        let path = PathBuf::from(format!("{}.partial", whole.display()));
        if whole.exists() {
            let path = whole.to_owned();
            return Err(BackupError::Occupied { path });
        }
        let mut options = File::options();
        let made = options.write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(BackupError::file("make", &path))?;
        let whole = whole.to_owned();
        Ok(Self { path, whole })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn writer(&self) -> Result<BufWriter<File>, BackupError> {
        let file = File::options().write(true).open(&self.path);
        let file = file.map_err(BackupError::file("open", &self.path))?;
        Ok(BufWriter::with_capacity(1 << 20, file))
    }

    /// Waits until its bytes are on the disk.
    pub(super) fn sync(&self, writer: BufWriter<File>) -> Result<(), BackupError> {
        let file = writer.into_inner().map_err(|error| error.into_error());
        file.and_then(|file| file.sync_all())
            .map_err(BackupError::file("write", &self.path))
    }

    /// Gives it its name; says which, and how long it is.
    pub(super) fn finish(self) -> Result<(PathBuf, u64), BackupError> {
        let folder = self.whole.parent().unwrap_or(Path::new("."));
        let named = fs::rename(&self.path, &self.whole)
            .and_then(|()| File::open(folder)?.sync_all())
            .and_then(|()| self.whole.metadata());
        let found = named.map_err(BackupError::file("name", &self.whole))?;
        Ok((self.whole.clone(), found.len()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), "a part of a backup is left");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_node_and_the_moment() {
        let at = Timestamp::parse("2026-01-02T03:04:05.678901Z").unwrap();
        assert_eq!(
            file_name("n1", at, SUFFIX),
            "plantao-n1-20260102T030405.678901Z.backup"
        );
        let at = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        assert_eq!(
            file_name("n1", at, SUFFIX),
            "plantao-n1-20260102T030405.000000Z.backup"
        );
    }

    #[test]
    fn a_part_goes_with_whoever_was_writing_it_and_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("plantao-n1-1.backup");
        let partial = Partial::make(&whole).unwrap();
        assert_eq!(parts(dir.path()), [partial.path().to_owned()]);
        drop(partial);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let partial = Partial::make(&whole).unwrap();
        partial.finish().unwrap();
        assert!(whole.exists() && parts(dir.path()).is_empty());
        assert!(matches!(
            Partial::make(&whole),
            Err(BackupError::Occupied { .. })
        ));
    }
}
