//! The keys that sign checkpoints: `STATE/keys/log.keys`, a key on a line, read by its owner.
//!
//! Made once, by the runtime that owns the state directory. Another file in its place signs another
//! history from then on, which whoever kept the old verifier keys sees at once.

use crate::state_dir::{StateDir, StateDirError, write_private};
use plantao_actors::audit::transparency::{Algorithm, LogKeyError, LogKeys};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum LogKeysError {
    /// The file holds something else.
    #[error("`{}`: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Which line.
        error: LogKeyError,
    },
    /// The operating system refused to open it.
    #[error("cannot read `{}`: {kind}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// They could not be made.
    #[error(transparent)]
    NotMade(#[from] LogKeyError),
    /// They could not be written down.
    #[error("cannot keep the keys of the transparency log")]
    NotKept(#[from] StateDirError),
}

/// The keys of a state directory in use; made at the first start.
pub(super) fn open(state: &StateDir) -> Result<LogKeys, LogKeysError> {
    let path = state.paths().log_keys();
    match std::fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => LogKeys::parse(&text).map_err(|error| LogKeysError::Unreadable { path, error }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = LogKeys::made(&Algorithm::ALL)?;
            write_private(&path, made.to_text().as_bytes())?;
            tracing::info!(path = %path.display(), "keys made that sign the audit trail");
            Ok(made)
        }
        Err(error) => Err(LogKeysError::Refused {
            path,
            kind: error.kind(),
        }),
    }
}
