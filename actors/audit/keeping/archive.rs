//! An archive: a compressed file of entries, one JSON entry a line as `plantao audit export` prints
//! them, and beside it a manifest that says what the file has to be.
//!
//! Refuses whatever is not exactly that: another digest, an entry that does not follow, one too
//! many or too few.

use super::file::hash_of;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use plantao_schema::audit::merkle::{Edge, MerkleError};
use plantao_schema::audit::{ChainError, ChainHead, Chained, Verifier};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The layout of a manifest.
pub(super) const VERSION: u32 = 1;

/// What the name of a file ends in, and what that of its manifest does.
const FILE_END: &str = ".jsonl.gz";
const MANIFEST_END: &str = ".manifest.json";

/// Why an archive is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The operating system refused.
    #[error("cannot read or write `{path}`: {kind}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// A line or a manifest is none.
    #[error("`{path}` line {line}: expected {expected}", path = .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// What had to be there.
        expected: &'static str,
    },
    /// The bytes are not those that the manifest names.
    #[error("`{path}` has another digest than its manifest says", path = .path.display())]
    Digest {
        /// The file.
        path: PathBuf,
    },
    /// An entry does not follow.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A chain does not end where the manifest says, or there are more or fewer entries.
    #[error("`{path}` holds other entries than its manifest says", path = .path.display())]
    Entries {
        /// The file.
        path: PathBuf,
    },
    /// The Merkle edge of a place is none.
    #[error("the place of a chain has no Merkle edge of its size")]
    Edge,
}

impl From<MerkleError> for ArchiveError {
    fn from(_: MerkleError) -> Self {
        Self::Edge
    }
}

/// A place in a chain, with the right edge of its Merkle log there: the log goes on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The last entry.
    #[serde(flatten)]
    pub head: ChainHead,
    /// The hashes of each of [`plantao_schema::audit::merkle::edge_tiles`], in base64.
    pub edge: Vec<String>,
}

impl Place {
    /// The place that a chain has come to.
    #[must_use]
    pub fn of(head: ChainHead, edge: &Edge) -> Self {
        let levels = edge.clone().into_levels();
        let edge = levels
            .iter()
            .map(|hashes| STANDARD.encode(hashes))
            .collect();
        Self { head, edge }
    }

    /// The edge, to go on from.
    ///
    /// # Errors
    /// [`ArchiveError::Edge`] when it is not of the place's size.
    pub fn edge(&self) -> Result<Edge, ArchiveError> {
        let size = u64::try_from(self.head.seq).map_err(|_| ArchiveError::Edge)?;
        let levels: Result<Vec<_>, _> =
            self.edge.iter().map(|text| STANDARD.decode(text)).collect();
        Ok(Edge::restore(
            size,
            levels.map_err(|_| ArchiveError::Edge)?,
        )?)
    }
}

/// The piece of one chain that an archive holds: everything after one place up to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The chain.
    pub chain: String,
    /// Where the archive before it ended.
    pub after: Place,
    /// Where this one ends.
    pub last: Place,
    /// The last daily checkpoint that was signed within the piece, if there is one: it proves the
    /// piece up to there, and that `after` is true.
    pub seal: Option<String>,
    /// The newest checkpoint when it was archived.
    pub checkpoint: String,
}

/// What a file has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The layout, 1.
    pub version: u32,
    /// Whose entries.
    pub tenant: String,
    /// The partition that they were in.
    pub part: String,
    /// From when on, in microseconds since 1970, UTC.
    pub from_us: i64,
    /// Until before when.
    pub until_us: i64,
    /// The file's name, in the manifest's own folder.
    pub file: String,
    /// The SHA-256 digest of its bytes, in hexadecimal.
    pub sha256: String,
    /// How many entries.
    pub entries: u64,
    /// Which.
    pub pieces: Vec<Piece>,
}

impl Manifest {
    /// Proves the file in `folder`: its digest, every hash and order of its entries, its ends.
    ///
    /// # Errors
    /// [`ArchiveError`] naming the first thing that does not hold.
    pub fn check(&self, folder: &Path) -> Result<(), ArchiveError> {
        let path = folder.join(&self.file);
        self.check_digest(&path)?;
        let mut verifier = Verifier::new();
        for piece in &self.pieces {
            verifier.resume(&piece.chain, piece.after.head);
        }
        for item in entries_of(&path)? {
            verifier.push(&item?)?;
        }
        let ends = |piece: &Piece| verifier.heads().get(&piece.chain) == Some(&piece.last.head);
        if verifier.checked() != self.entries
            || verifier.heads().len() != self.pieces.len()
            || !self.pieces.iter().all(ends)
        {
            return Err(ArchiveError::Entries { path });
        }
        Ok(())
    }

    /// Compares the digest of a file's bytes.
    ///
    /// # Errors
    /// [`ArchiveError::Digest`], [`ArchiveError::Io`].
    pub fn check_digest(&self, path: &Path) -> Result<(), ArchiveError> {
        let path = path.to_owned();
        match hash_of(&path) {
            Ok(digest) if digest == self.sha256 => Ok(()),
            Ok(_) => Err(ArchiveError::Digest { path }),
            Err(error) => Err(io_error(&path, &error)),
        }
    }
}

/// The manifest of an archive that is named by its file; nothing beside another file.
///
/// # Errors
/// [`ArchiveError`] when there is one and it cannot be read.
pub fn manifest_beside(file: &Path) -> Result<Option<Manifest>, ArchiveError> {
    let Some(path) = manifest_of(file) else {
        return Ok(None);
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path, &error)),
    };
    let manifest: Result<Manifest, _> = serde_json::from_slice(&text);
    match manifest {
        Ok(manifest) if manifest.version == VERSION => Ok(Some(manifest)),
        _ => Err(ArchiveError::Form {
            path,
            line: 1,
            expected: "the manifest of an archive",
        }),
    }
}

/// The manifest's path of a file that is named as archives are.
pub(super) fn manifest_of(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?.strip_suffix(FILE_END)?;
    Some(file.with_file_name(format!("{name}{MANIFEST_END}")))
}

/// The file's name of a partition's archive.
pub(super) fn file_of(part: &str) -> String {
    format!("{part}{FILE_END}")
}

/// The entries of an export, plain or compressed (`.gz`), one on a line.
///
/// # Errors
/// [`ArchiveError::Io`]; each entry, [`ArchiveError::Form`].
pub fn entries_of(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Chained, ArchiveError>> + use<>, ArchiveError> {
    let file = File::open(path).map_err(|error| io_error(path, &error))?;
    let lines: Box<dyn BufRead> = if path.extension().is_some_and(|end| end == "gz") {
        Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file))))
    } else {
        Box::new(BufReader::new(file))
    };
    let path = path.to_owned();
    let read = move |(number, line): (usize, io::Result<String>)| {
        let line = match line {
            Ok(line) if line.is_empty() => return None,
            Ok(line) => line,
            Err(error) => return Some(Err(io_error(&path, &error))),
        };
        // The parser's own words may repeat what stands there.
        Some(serde_json::from_str(&line).map_err(|_| ArchiveError::Form {
            path: path.clone(),
            line: number + 1,
            expected: "an audit entry",
        }))
    };
    Ok(lines.lines().enumerate().filter_map(read))
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> ArchiveError {
    ArchiveError::Io {
        path: path.to_owned(),
        kind: error.kind(),
    }
}
