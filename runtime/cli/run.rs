//! `plantao run`: the hospital in the foreground.

use super::arguments::{Global, Run};
use super::context::flags;
use super::error::{CliError, chain};
use crate::config::Config;
use crate::service;

/// Loads the configuration, starts the service, and returns when it has stopped.
pub(super) fn run(global: &Global, run: &Run) -> Result<(), CliError> {
    let mut flags = flags(global);
    flags.demo = run.demo;
    let config = Config::load(&flags)?;
    service::run(config, flags).map_err(|error| CliError::Service {
        text: chain(&error),
        code: error.exit_code(),
    })
}
