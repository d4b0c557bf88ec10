//! What can be wrong with a configuration, said so that the reader can put it right.

use std::path::PathBuf;

/// A configuration that is refused. The process exits with [`super::EXIT_CONFIG`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file named on the command line or by the environment cannot be read.
    #[error("cannot read the configuration file `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// A file that is not TOML.
    #[error("{origin} is not valid TOML: {reason}")]
    Syntax {
        /// The file.
        origin: String,
        /// What the parser said, with its line.
        reason: String,
    },
    /// A key that nothing reads.
    #[error("unknown key `{key}` in {origin}{}", hint(nearest.as_deref()))]
    UnknownKey {
        /// The whole path of the key.
        key: String,
        /// The file, the variable or the flag that sets it.
        origin: String,
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("`{key}` in {origin} must be {expected}, found {found}")]
    WrongType {
        /// The whole path of the key.
        key: String,
        /// The file, the variable or the flag that sets it.
        origin: String,
        /// What is read there.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A key that must be set and is not.
    #[error("`{key}` is not set")]
    Missing {
        /// The whole path of the key.
        key: String,
    },
    /// A value of the right kind that cannot work.
    #[error("`{key}` {reason}")]
    OutOfBounds {
        /// The whole path of the key.
        key: String,
        /// What it must be.
        reason: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|key| format!("; did you mean `{key}`?"))
        .unwrap_or_default()
}
