//! The keys that check the trail, in a file of one key on a line: those of logs, as `plantao audit
//! keys` prints them, and those of witnesses.

use super::error::CliError;
use plantao_actors::audit::transparency::{
    CosignerKey, NoteError, VerifierKey, check_cosigned, check_note,
};
use plantao_schema::audit::merkle::Checkpoint;
use std::path::Path;

/// What checks a checkpoint: the keys of its log, and the witnesses that have to have seen it.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) logs: Vec<VerifierKey>,
    witnesses: Vec<CosignerKey>,
}

impl Keys {
    /// Each key of the log, and each witness, has to have signed the note.
    pub(super) fn check(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let checkpoint = check_note(note, &self.logs)?;
        for witness in &self.witnesses {
            check_cosigned(note, witness)?;
        }
        Ok(checkpoint)
    }
}

/// A key on a line.
pub(super) fn read_keys(path: &Path) -> Result<Keys, CliError> {
    let mut keys = Keys::default();
    for line in read(path)?.lines().filter(|line| !line.is_empty()) {
        let read = if CosignerKey::is_meant(line) {
            CosignerKey::parse(line).map(|key| keys.witnesses.push(key))
        } else {
            VerifierKey::parse(line).map(|key| keys.logs.push(key))
        };
        read.map_err(|error| CliError::Input {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(keys)
}

/// The keys of logs alone.
pub(super) fn log_keys(path: &Path) -> Result<Vec<VerifierKey>, CliError> {
    Ok(read_keys(path)?.logs)
}

/// A file that was named.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::Input {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    })
}
