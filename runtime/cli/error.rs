//! What the command line says when it does not do what it was asked to.

use std::error::Error;
use std::path::PathBuf;

use plantao_actors::backup::BackupError;
use plantao_actors::database::PoolError;
use plantao_actors::database::postgres::PostgresError;

use crate::config::{ConfigError, EXIT_CONFIG};
use crate::identity::{IssueError, KeyError, TlsError};
use crate::state_dir::StateDirError;

/// `EX_USAGE`.
pub(super) const USAGE: u8 = 64;
/// `EX_NOINPUT`.
const NO_INPUT: u8 = 66;
/// `EX_UNAVAILABLE`.
const UNAVAILABLE: u8 = 69;
const REFUSED: u8 = 1;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The server answered no.
    #[error("{text}")]
    Refused {
        /// What it said, as one paragraph.
        text: String,
    },
    /// Nothing answers where the server should be.
    #[error(
        "{what} does not answer at `{address}` ({reason}); is it running? `make run` starts it"
    )]
    Unavailable {
        /// The front door, the admin listener, the admin socket.
        what: &'static str,
        /// Where it was looked for.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The server took the request and went away before it answered.
    #[error("{what} went away before it answered")]
    HungUp {
        /// The front door, the admin listener, the admin socket.
        what: &'static str,
    },
    /// The server answered that it cannot now.
    #[error("{text}")]
    Busy {
        /// What it said, as one paragraph.
        text: String,
    },
    /// The server answered something that is not of the contract.
    #[error("{what} answered something unexpected: {reason}")]
    Unexpected {
        /// Who.
        what: &'static str,
        /// What was wrong with it.
        reason: String,
    },
    /// A file that was named cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What the operating system or the parser said.
        reason: String,
    },
    /// The arguments do not go together with what is there.
    #[error("{text}")]
    Usage {
        /// What to do instead.
        text: String,
    },
    /// The standard output is closed or full.
    #[error("cannot write the answer ({kind})")]
    Output {
        /// What the operating system said.
        kind: std::io::ErrorKind,
    },
    /// The configuration is refused.
    #[error("{0}")]
    Config(ConfigError),
    /// The state directory cannot be used.
    #[error("{0}")]
    State(StateDirError),
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(TlsError),
    /// There is no key to sign with.
    #[error("{0}")]
    Key(KeyError),
    /// The key does not sign.
    #[error("{0}")]
    Issue(IssueError),
    /// The service ended on a fault of its own.
    #[error("{text}")]
    Service {
        /// What it said.
        text: String,
        /// What the process exits with.
        code: u8,
    },
    /// A backup was not taken, or does not hold.
    #[error("{0}")]
    Backup(Box<BackupError>),
    /// The private database server does not run.
    #[error("{0}")]
    Database(Box<PostgresError>),
    /// The database refuses.
    #[error("{0}")]
    Pool(Box<PoolError>),
    /// Something a start needs is missing.
    #[error("{missing} of the checks above failed")]
    Checks {
        /// How many.
        missing: usize,
    },
}

/// A command that this kind of database has not.
const fn is_usage(error: &BackupError) -> bool {
    matches!(error, BackupError::External | BackupError::Private)
}

impl CliError {
    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => USAGE,
            Self::Input { .. } => NO_INPUT,
            Self::Unavailable { .. } | Self::HungUp { .. } | Self::Busy { .. } => UNAVAILABLE,
            Self::State(StateDirError::Absent { .. }) | Self::Database(_) => UNAVAILABLE,
            Self::Backup(error) if is_usage(error) => USAGE,
            Self::Config(_) | Self::State(_) => EXIT_CONFIG,
            Self::Service { code, .. } => *code,
            _ => REFUSED,
        }
    }

    /// The whole of it, causes included, on one line.
    pub fn describe(&self) -> String {
        let inner: &dyn Error = match self {
            Self::Config(error) => error,
            Self::State(error) => error,
            Self::Tls(error) => error,
            Self::Key(error) => error,
            Self::Issue(error) => error,
            Self::Pool(error) => &**error,
            other => other,
        };
        chain(inner)
    }
}

/// An error and its causes, joined by colons.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<std::io::Error> for CliError {
    /// Only writing an answer is done with `?`; whatever is read names its file.
    fn from(error: std::io::Error) -> Self {
        Self::Output { kind: error.kind() }
    }
}

impl From<BackupError> for CliError {
    fn from(error: BackupError) -> Self {
        Self::Backup(Box::new(error))
    }
}

impl From<PoolError> for CliError {
    fn from(error: PoolError) -> Self {
        Self::Pool(Box::new(error))
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StateDirError> for CliError {
    fn from(error: StateDirError) -> Self {
        Self::State(error)
    }
}

impl From<TlsError> for CliError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<IssueError> for CliError {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}
