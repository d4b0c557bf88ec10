//! What a witness decides: it signs a checkpoint only when it continues the last one that it
//! signed of that log, and writes down what it will sign before it does.
//!
//! One log is looked at by one request at a time. What was written and not answered is no harm: the
//! log asks again and is told how far the witness is.

use super::super::keys::{LogKeyError, NoteError, VerifierKey, check_note};
use super::cosignature::{CosignerKey, WitnessKey};
use super::request::AddCheckpoint;
use plantao_schema::audit::merkle::{Checkpoint, check_consistency};
use std::io;
use std::sync::{Mutex, PoisonError};

/// Where a witness writes down the last checkpoint of each log.
pub trait Pages: Send + Sync {
    /// The last one of that log.
    ///
    /// # Errors
    /// When it cannot be told; then nothing is signed.
    fn last(&self, origin: &str) -> io::Result<Option<Checkpoint>>;

    /// Writes down the next: on disk once this returns.
    ///
    /// # Errors
    /// When it is not; then nothing is signed.
    fn write(&self, checkpoint: &Checkpoint) -> io::Result<()>;
}

/// Why a witness does not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// The request is none, or its sizes run backward.
    #[error(
        "malformed: expected `old SIZE`, a proof, and a signed checkpoint of at least that size"
    )]
    Malformed,
    /// It knows no key of that log.
    #[error("no key of the log `{origin}` is known here")]
    UnknownLog {
        /// The log.
        origin: String,
    },
    /// The log's own signature does not hold.
    #[error("the checkpoint is not signed by its log")]
    Unsigned,
    /// It has signed another length than the request builds on, or another log of the same length.
    #[error("the last checkpoint that was cosigned here has {size} entries")]
    Conflict {
        /// How many.
        size: u64,
    },
    /// The checkpoint does not continue what was signed.
    #[error("the checkpoint does not continue the one of {old} entries")]
    Inconsistent {
        /// How long that was.
        old: u64,
    },
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// What was last signed cannot be read, or what will be cannot be written down.
    #[error("the witness cannot keep its book: {0}")]
    Pages(#[from] io::Error),
    /// The signature could not be made.
    #[error(transparent)]
    Key(#[from] LogKeyError),
}

/// A witness.
pub struct Book<P> {
    key: WitnessKey,
    logs: Vec<VerifierKey>,
    pages: Mutex<P>,
}

impl<P: Pages> Book<P> {
    /// One that signs with `key` for the logs of these keys: of each log all of them have to have
    /// signed.
    #[must_use]
    pub const fn new(key: WitnessKey, logs: Vec<VerifierKey>, pages: P) -> Self {
        Self {
            key,
            logs,
            pages: Mutex::new(pages),
        }
    }

    /// What checks its signatures.
    #[must_use]
    pub fn public(&self) -> CosignerKey {
        self.key.public()
    }

    /// Signs what it is asked to at that second since 1970, or says why not. Blocks on the disk.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn cosign(&self, body: &str, at_s: u64) -> Result<String, BookError> {
        let asked = AddCheckpoint::parse(body).ok_or(WitnessRefusal::Malformed)?;
        let next = self.authentic(&asked)?;
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let last = pages.last(&next.origin)?;
        continues(last.as_ref(), &asked, &next)?;
        if last.is_none_or(|last| last != next) {
            pages.write(&next)?;
        }
        Ok(self.key.cosign(&next, at_s)?)
    }

    fn authentic(&self, asked: &AddCheckpoint) -> Result<Checkpoint, WitnessRefusal> {
        let next = check_note(&asked.note, &self.logs).map_err(|error| match error {
            NoteError::NoKey { origin } => WitnessRefusal::UnknownLog { origin },
            NoteError::Malformed => WitnessRefusal::Malformed,
            NoteError::Unsigned { .. } | NoteError::NotWitnessed { .. } => WitnessRefusal::Unsigned,
        })?;
        if asked.old > next.size {
            return Err(WitnessRefusal::Malformed);
        }
        Ok(next)
    }
}

/// Whether `next` continues what was last signed.
fn continues(
    last: Option<&Checkpoint>,
    asked: &AddCheckpoint,
    next: &Checkpoint,
) -> Result<(), WitnessRefusal> {
    let size = last.map_or(0, |last| last.size);
    if asked.old != size {
        return Err(WitnessRefusal::Conflict { size });
    }
    let inconsistent = WitnessRefusal::Inconsistent { old: size };
    let Some(last) = last else {
        return asked.proof.is_empty().then_some(()).ok_or(inconsistent);
    };
    if last.size == next.size && last.root != next.root {
        return Err(WitnessRefusal::Conflict { size });
    }
    check_consistency(&asked.proof, last, next).map_err(|_| inconsistent)
}

#[cfg(test)]
mod tests;
