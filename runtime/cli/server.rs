//! The database server that a command of the operator's works with: the one that a runtime runs
//! now, else one that the command starts and stops again.

use std::time::Duration;

use plantao_actors::database::postgres::Errand;
use plantao_actors::database::{DatabaseConfig, await_server};

use super::context::Context;
use super::error::CliError;
use crate::service;

/// A server that recovers from a crash, or one whose runtime is just starting it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that answers.
pub(super) struct Server {
    pub(super) config: DatabaseConfig,
    errand: Option<Errand>,
}

impl Server {
    /// The server of this configuration; one that is private is started where nothing runs it.
    pub(super) async fn reach(context: &Context) -> Result<Self, CliError> {
        let root = match &context.config.database.url {
            Some(_) => context.config.state_dir.clone(),
            None => context.state()?.root().to_owned(),
        };
        let config = service::database_config(&context.config, &root);
        let errand = match &config.embedded {
            Some(cluster) => {
                let started = Errand::start(cluster).await;
                started.map_err(|error| CliError::Database(Box::new(error)))?
            }
            None => None,
        };
        await_server(&config, PATIENCE).await?;
        Ok(Self { config, errand })
    }

    /// Whether a runtime runs it.
    pub(super) fn is_at_work(&self) -> bool {
        self.config.embedded.is_some() && self.errand.is_none()
    }

    /// Stops what this command started.
    pub(super) async fn leave(self) {
        if let Some(errand) = self.errand {
            errand.stop().await;
        }
    }
}
