//! Tombstones: whose keys were destroyed, in memory and in a file outside of the database.
//!
//! A restored copy of the database knows nothing of later erasures; the file does. Its lines are
//! added, synced to disk before an erasure is answered, and never changed. Both are made one at
//! every start: what the file has is replayed into the database, what only the database has
//! (another node's erasures) is added to the file. Keep the file with the host's own backup, apart
//! from the database's.
//!
//! Holds no PHI: tenant, pseudonym, time and a reason code.

use plantao_schema::id::Tenant;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The first word of each line.
const FORMAT: &str = "v1";

/// Larger is no list of erasures: some hundred bytes each.
const FILE_MAX_BYTES: u64 = 1 << 30;

/// Longest reason code.
const REASON_MAX: usize = 40;

/// Why somebody was erased, as a code: `lgpd_art18`, `court_order`. Never a text about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureReason(String);

impl ErasureReason {
    /// Parses a code of lowercase letters, digits and underscores.
    ///
    /// # Errors
    /// [`ErasureReasonError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ErasureReasonError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=REASON_MAX).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ErasureReasonError)
        }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErasureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reason that is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a code of at most 40 lowercase letters, digits and `_`, such as `lgpd_art18`")]
pub struct ErasureReasonError;

/// One erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// The institution.
    pub(crate) tenant: Tenant,
    /// Whose keys: `patient:ID`.
    pub(crate) subject: String,
    /// When, microseconds since the Unix epoch.
    pub(crate) erased_at_us: i64,
    /// Why.
    pub(crate) reason: ErasureReason,
}

impl Tombstone {
    fn line(&self) -> String {
        let (tenant, subject, reason) = (&self.tenant, &self.subject, &self.reason);
        format!(
            "{FORMAT}\t{}\t{tenant}\t{subject}\t{reason}\n",
            self.erased_at_us
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        if fields.next()? != FORMAT {
            return None;
        }
        let erased_at_us = fields.next()?.parse().ok()?;
        let tenant = Tenant::parse(fields.next()?).ok()?;
        let subject = fields.next().filter(|subject| !subject.is_empty())?;
        let reason = ErasureReason::parse(fields.next()?).ok()?;
        fields.next().is_none().then(|| Self {
            tenant,
            subject: subject.to_owned(),
            erased_at_us,
            reason,
        })
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TombstoneError {
    /// It cannot be read or written.
    #[error("the tombstone file `{path}` cannot be used: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not one of its lines.
    #[error(
        "line {line} of the tombstone file `{path}` is damaged: restore the file from its copy, \
         for without it somebody erased could come back",
        path = .path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

type Erased = BTreeMap<(String, String), Tombstone>;

/// Who was erased. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Tombstones {
    erased: Arc<RwLock<Erased>>,
    file: Option<PathBuf>,
    /// One writer of the file at a time.
    writing: Arc<Mutex<()>>,
}

impl Tombstones {
    /// Kept in a file as well.
    pub(super) fn in_file(path: PathBuf) -> Self {
        Self {
            file: Some(path),
            ..Self::default()
        }
    }

    /// Whether somebody was erased.
    pub(super) fn holds(&self, tenant: &str, subject: &str) -> bool {
        let erased = self.erased.read().unwrap_or_else(PoisonError::into_inner);
        !erased.is_empty() && erased.contains_key(&(tenant.to_owned(), subject.to_owned()))
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Tombstone> {
        let erased = self.erased.read().unwrap_or_else(PoisonError::into_inner);
        erased.values().cloned().collect()
    }

    /// In memory, from now on.
    pub(super) fn remember(&self, tombstone: &Tombstone) {
        let place = (tombstone.tenant.to_string(), tombstone.subject.clone());
        let mut erased = self.erased.write().unwrap_or_else(PoisonError::into_inner);
        erased.insert(place, tombstone.clone());
    }

    /// Reads the file. Blocks.
    pub(super) fn load(&self) -> Result<(), TombstoneError> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        for tombstone in read(path)?.0 {
            self.remember(&tombstone);
        }
        Ok(())
    }

    /// Adds to the file what it has not, synced to disk when this returns. Blocks.
    pub(super) fn write(&self, tombstones: &[Tombstone]) -> Result<(), TombstoneError> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, torn) = read(path)?;
        let new = tombstones.iter().filter(|tombstone| {
            let same = |known: &Tombstone| {
                known.tenant == tombstone.tenant && known.subject == tombstone.subject
            };
            !known.iter().any(same)
        });
        let mut lines: String = new.map(Tombstone::line).collect();
        if lines.is_empty() {
            return Ok(());
        }
        if torn {
            lines.insert(0, '\n');
        }
        append(path, &lines).map_err(|source| TombstoneError::File {
            path: path.clone(),
            source,
        })
    }
}

/// The tombstones of a file; none where there is no file. Blocks.
pub(crate) fn tombstones_in(path: &Path) -> Result<Vec<Tombstone>, TombstoneError> {
    Ok(read(path)?.0)
}

/// The tombstones of a file's text; `path` is where it is from.
pub(crate) fn tombstones_of(text: &str, path: &Path) -> Result<Vec<Tombstone>, TombstoneError> {
    Ok(parsed(text, path)?.0)
}

/// The text of a file; empty where there is none. Blocks.
pub(crate) fn tombstones_text(path: &Path) -> Result<String, TombstoneError> {
    let unreadable = |source| TombstoneError::File {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(found) if found.len() > FILE_MAX_BYTES => {
            Err(unreadable(io::ErrorKind::FileTooLarge.into()))
        }
        Ok(_) => fs::read_to_string(path).map_err(unreadable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(error)),
    }
}

fn read(path: &Path) -> Result<(Vec<Tombstone>, bool), TombstoneError> {
    parsed(&tombstones_text(path)?, path)
}

/// The whole lines, and whether a last one was torn by a power cut: its erasure was not answered,
/// and the database has it.
fn parsed(text: &str, path: &Path) -> Result<(Vec<Tombstone>, bool), TombstoneError> {
    let torn = !text.is_empty() && !text.ends_with('\n');
    let whole = text
        .rfind('\n')
        .map_or("", |end| text.get(..end).unwrap_or(""));
    let mut tombstones = Vec::new();
    for (index, line) in whole.lines().enumerate() {
        match Tombstone::parse(line) {
            Some(tombstone) => tombstones.push(tombstone),
            // A torn line that later ones were put after: they begin on a line of their own.
            None if FORMAT.starts_with(line) || is_torn(line) => {}
            None => {
                let (path, line) = (path.to_owned(), index + 1);
                return Err(TombstoneError::Damaged { path, line });
            }
        }
    }
    Ok((tombstones, torn))
}

/// The beginning of a line, and no whole one: fewer fields than a line has.
fn is_torn(line: &str) -> bool {
    line.starts_with("v1\t") && (line.matches('\t').count() < 4 || line.ends_with('\t'))
}

fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options.create(true).append(true).mode(0o600).open(path)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    match path.parent().filter(|one| !one.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stone(subject: &str) -> Tombstone {
        Tombstone {
            tenant: Tenant::parse("demo").unwrap(),
            subject: subject.to_owned(),
            erased_at_us: 1_763_800_000_000_000,
            reason: ErasureReason::parse("lgpd_art18").unwrap(),
        }
    }

    fn at(path: &Path) -> Tombstones {
        Tombstones::in_file(path.to_owned())
    }

    #[test]
    fn what_is_written_is_there_after_a_restart_and_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tombstones.log");
        let (maria, joao) = (stone("patient:maria"), stone("patient:joao"));
        at(&path).write(std::slice::from_ref(&maria)).unwrap();
        at(&path).write(&[maria.clone(), joao.clone()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
        let again = at(&path);
        assert!(!again.holds("demo", "patient:maria"));
        again.load().unwrap();
        assert!(again.holds("demo", "patient:maria"));
        assert!(!again.holds("other", "patient:maria"));
        assert_eq!(again.all(), [joao, maria]);
    }

    #[test]
    fn a_line_torn_by_a_power_cut_costs_itself_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tombstones.log");
        let whole = stone("patient:maria").line();
        for torn in [
            "v",
            "v1",
            "v1\t17638",
            "v1\t1763800000000000\tdemo\tpatient:j\t",
        ] {
            fs::write(&path, format!("{whole}{torn}")).unwrap();
            at(&path).write(&[stone("patient:rita")]).unwrap();
            let again = at(&path);
            again.load().unwrap();
            let subjects: Vec<String> = again.all().into_iter().map(|one| one.subject).collect();
            assert_eq!(subjects, ["patient:maria", "patient:rita"], "{torn}");
        }
    }

    #[test]
    fn a_damaged_line_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tombstones.log");
        let whole = stone("patient:maria").line();
        fs::write(&path, format!("{whole}{}", whole.replace("v1", "x9"))).unwrap();
        let refused = at(&path).load().unwrap_err();
        assert!(refused.to_string().contains("line 2"), "{refused}");
    }

    #[test]
    fn a_reason_is_a_code_and_never_a_text() {
        for good in ["lgpd_art18", "a", "court_order_2026"] {
            assert_eq!(ErasureReason::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Maria pediu", "a\tb", "a\n", "é", &"a".repeat(41)] {
            assert_eq!(ErasureReason::parse(bad), Err(ErasureReasonError), "{bad}");
        }
    }
}
