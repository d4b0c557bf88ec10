//! The beginning of a backup file: what is in it, and the wrapped key of the rest.
//!
//! ```text
//! PLANTAO BACKUP 1\n   17 bytes: the format and its version
//! length               4 bytes, big-endian
//! manifest             JSON, in clear: a listing needs no key
//! wrapped key          60 bytes: AES-256-GCM under the backup key, bound to all of the above
//! chunks               see `seal`
//! ```
//!
//! The manifest is authenticated by the wrapped key: change a byte of it and nothing opens. It
//! holds digests, counts and names of chains (a node and an institution), and no PHI.

use super::error::BackupError;
use super::key::{BackupKey, WRAPPED_BYTES};
use super::seal::{Opener, Sealer};
use plantao_schema::audit::ChainHead;
use plantao_schema::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

/// How a backup begins.
pub(super) const BACKUP: Kind = Kind(b"PLANTAO BACKUP 1\n");

/// How an archived segment of WAL begins.
pub(super) const SEGMENT: Kind = Kind(b"PLANTAO WAL    1\n");

/// How a key backup begins.
pub(super) const KEYS: Kind = Kind(b"PLANTAO KEYS   1\n");

/// What a file is, in its first bytes.
#[derive(Clone, Copy)]
pub(super) struct Kind(&'static [u8; 17]);

impl Kind {
    const fn expected(self) -> &'static str {
        match self.0 {
            b"PLANTAO KEYS   1\n" => "it does not begin like a key backup of format 1",
            b"PLANTAO WAL    1\n" => "it does not begin like a segment of format 1",
            _ => "it does not begin like one of format 1",
        }
    }
}

/// A manifest grows with chains and tables; thousands of institutions fit.
const MANIFEST_MAX_BYTES: u32 = 16 * 1024 * 1024;

/// What a backup says of itself, as the server was when it began: the copy holds all of that, and
/// what was committed until it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Whose state directory it is from.
    pub node: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The major version of PostgreSQL that it needs.
    pub postgres: u32,
    /// The cluster's own identifier.
    pub system: String,
    /// The first segment of WAL that it needs; archived ones before it are of no use to it.
    pub segment: String,
    /// The schema's version.
    pub schema: i32,
    /// The name of the backup key that opens it.
    pub key: String,
    /// Where every chain of the audit trail ended.
    pub heads: BTreeMap<String, ChainHead>,
    /// The newest signed checkpoint of every chain.
    pub checkpoints: BTreeMap<String, String>,
    /// Rows of every table.
    pub rows: BTreeMap<String, i64>,
    /// Tombstones that were known; none of a backup of before key backups, which opens alone.
    #[serde(default)]
    pub erased: Option<i64>,
}

/// Writes the beginning of a file and gives what seals the rest.
pub(super) fn begin<W: Write>(
    mut to: W,
    kind: Kind,
    path: &Path,
    manifest: &impl Serialize,
    key: &BackupKey,
) -> Result<Sealer<W>, BackupError> {
    let json = serde_json::to_vec(manifest).unwrap_or_default();
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    if json.is_empty() || length > MANIFEST_MAX_BYTES {
        let reason = "its manifest does not fit";
        let path = path.to_owned();
        return Err(BackupError::NotABackup { path, reason });
    }
    let mut bound = kind.0.to_vec();
    bound.extend_from_slice(&length.to_be_bytes());
    bound.extend_from_slice(&json);
    let (file_key, wrapped) = key.make(&bound)?;
    let written = to.write_all(&bound).and_then(|()| to.write_all(&wrapped));
    written.map_err(BackupError::file("write", path))?;
    Ok(Sealer::new(to, file_key))
}

/// A file whose beginning was read.
pub(super) struct Opened<M = Manifest> {
    pub(super) manifest: M,
    bound: Vec<u8>,
    wrapped: Vec<u8>,
    file: BufReader<File>,
}

impl Opened {
    /// Reads the beginning of a backup. Nothing is authenticated yet.
    pub(super) fn read(path: &Path) -> Result<Self, BackupError> {
        Self::of_kind(BACKUP, path)
    }
}

/// What every manifest says.
pub(super) trait Sealed: for<'de> Deserialize<'de> {
    /// The name of the backup key that opens the file.
    fn key(&self) -> &str;
}

impl Sealed for Manifest {
    fn key(&self) -> &str {
        &self.key
    }
}

impl<M: Sealed> Opened<M> {
    /// Reads the beginning of a file. Nothing is authenticated yet.
    pub(super) fn of_kind(kind: Kind, path: &Path) -> Result<Self, BackupError> {
        let not = |reason| BackupError::NotABackup {
            path: path.to_owned(),
            reason,
        };
        let file = File::open(path).map_err(BackupError::file("open", path))?;
        let mut file = BufReader::new(file);
        let mut bound = vec![0; kind.0.len()];
        let short = not("it is cut in its beginning");
        let begun = file.read_exact(&mut bound);
        if begun.is_err() || bound != kind.0 {
            return Err(not(kind.expected()));
        }
        let mut length = [0; 4];
        let told = file.read_exact(&mut length);
        let size = u32::from_be_bytes(length);
        if told.is_err() {
            return Err(short);
        }
        if size > MANIFEST_MAX_BYTES {
            return Err(not("its manifest is longer than any"));
        }
        let mut json = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let mut wrapped = vec![0; WRAPPED_BYTES];
        let read = file.read_exact(&mut json);
        if read.and_then(|()| file.read_exact(&mut wrapped)).is_err() {
            return Err(short);
        }
        let manifest = serde_json::from_slice(&json);
        let manifest = manifest.map_err(|_| not("its manifest cannot be read"))?;
        bound.extend_from_slice(&length);
        bound.extend_from_slice(&json);
        Ok(Self {
            manifest,
            bound,
            wrapped,
            file,
        })
    }

    /// Authenticates the beginning and gives what opens the rest.
    pub(super) fn open(
        self,
        path: &Path,
        key: &BackupKey,
    ) -> Result<(M, Opener<BufReader<File>>), BackupError> {
        let path = path.to_owned();
        if self.manifest.key() != key.name() {
            let (sealed, held) = (self.manifest.key().to_owned(), key.name().to_owned());
            return Err(BackupError::WrongKey { path, sealed, held });
        }
        let Some(file_key) = key.unwrap(&self.bound, &self.wrapped) else {
            return Err(BackupError::Manifest { path });
        };
        let begun = self.bound.len().saturating_add(self.wrapped.len());
        let begun = u64::try_from(begun).unwrap_or(u64::MAX);
        Ok((self.manifest, Opener::new(self.file, file_key, begun)))
    }
}
