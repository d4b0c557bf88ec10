//! The bytes of an archive on their way to disk: compressed, hashed, whole or not there.

use super::archive::{ArchiveError, Manifest, file_of, io_error, manifest_of};
use aws_lc_rs::digest::{Context, SHA256};
use flate2::Compression;
use flate2::write::GzEncoder;
use plantao_schema::audit::Chained;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that is being written, under a name that no archive has.
pub(super) struct ArchiveFile {
    gz: GzEncoder<Hashed>,
    fresh: PathBuf,
    path: PathBuf,
}

struct Hashed {
    file: File,
    digest: Context,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ArchiveFile {
    /// Begins the archive of a partition, in a folder that is made if it is not there.
    pub(super) fn create(folder: &Path, part: &str) -> Result<Self, ArchiveError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| io_error(folder, &error))?;
        let path = folder.join(file_of(part));
        let fresh = folder.join(format!(".{part}.new"));
        let file = private(&fresh).map_err(|error| io_error(&fresh, &error))?;
        let digest = Context::new(&SHA256);
        let gz = GzEncoder::new(Hashed { file, digest }, Compression::default());
        Ok(Self { gz, fresh, path })
    }

    pub(super) fn write(&mut self, items: &[Chained]) -> Result<(), ArchiveError> {
        for item in items {
            let written = serde_json::to_writer(&mut self.gz, item).map_err(io::Error::from);
            let ended = written.and_then(|()| self.gz.write_all(b"\n"));
            ended.map_err(|error| io_error(&self.fresh, &error))?;
        }
        Ok(())
    }

    /// Brings it to disk in its place. Answers its path and the digest of its bytes.
    pub(super) fn finish(self) -> Result<(PathBuf, String), ArchiveError> {
        let Self { gz, fresh, path } = self;
        let failed = |error: io::Error| io_error(&path, &error);
        let Hashed { file, digest } = gz.finish().map_err(failed)?;
        file.sync_all().map_err(failed)?;
        put(&fresh, &path).map_err(failed)?;
        let digest = hex(digest.finish().as_ref());
        Ok((path, digest))
    }
}

/// Writes a manifest beside its file, whole or not at all.
pub(super) fn write_manifest(file: &Path, manifest: &Manifest) -> Result<(), ArchiveError> {
    let path = manifest_of(file).ok_or(ArchiveError::Edge)?;
    let fresh = path.with_extension("json.new");
    let write = || -> io::Result<()> {
        let mut file = private(&fresh)?;
        serde_json::to_writer_pretty(&mut file, manifest)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        put(&fresh, &path)
    };
    write().map_err(|error| io_error(&path, &error))
}

/// The SHA-256 digest of a file, in hexadecimal.
pub(super) fn hash_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut digest, mut buffer) = (Context::new(&SHA256), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(digest.finish().as_ref()));
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

fn put(fresh: &Path, path: &Path) -> io::Result<()> {
    fs::rename(fresh, path)?;
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    File::open(folder)?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
