//! Logs: text on a terminal, JSON elsewhere, on the standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// Why there are no logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The level is neither a level nor directives.
    #[error("is neither a level nor a list of directives: {reason}")]
    BadLevel {
        /// What the parser said.
        reason: String,
    },
    /// Something in this process has installed logs before.
    #[error("logs are already being written")]
    Installed,
}

/// Starts the logs of this process, panics included.
pub fn init(log: &Log) -> Result<(), LogError> {
    let filter = filter(&log.level)?;
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal);
    let installed = if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init()
    } else {
        builder.compact().try_init()
    };
    installed.map_err(|_| LogError::Installed)?;
    std::panic::set_hook(Box::new(note_panic));
    Ok(())
}

/// Checks a level without starting anything.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(level).map_err(|error| LogError::BadLevel {
        reason: error.to_string(),
    })
}

/// Where, never what: the payload may quote a patient's record.
fn note_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        place,
        thread = thread.name().unwrap_or("unnamed"),
        "panicked"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_and_directives_are_taken() {
        for level in ["info", "warn,plantao=debug", "plantao_actors::plugin=trace"] {
            filter(level).unwrap();
        }
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        let said = filter("plantao=loud").unwrap_err().to_string();
        assert!(said.contains("directives"), "{said}");
    }
}
