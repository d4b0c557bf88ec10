//! The private cluster's server for one command, while no runtime runs it.
//!
//! Refuses to make a cluster: a command that finds none has nothing to do. Holds the cluster's lock
//! as a runtime does, so that one that is started meanwhile is refused.

use super::cluster::Cluster;
use super::process::Process;
use super::server::{start, stop};
use super::{Layout, PostgresError};
use crate::database::EmbeddedConfig;

/// A server that a command started and stops again.
pub struct Errand {
    process: Process,
    cluster: Cluster,
}

impl Errand {
    /// Starts the server; none when a runtime already runs it.
    ///
    /// # Errors
    /// [`PostgresError`]; [`PostgresError::Gone`] where no cluster is yet.
    pub async fn start(config: &EmbeddedConfig) -> Result<Option<Self>, PostgresError> {
        let layout = Layout::of(config)?;
        if !layout.is_recorded() {
            let data_dir = layout.data_dir;
            return Err(PostgresError::Gone { data_dir });
        }
        let disk = config.clone();
        let prepared = tokio::task::spawn_blocking(move || Cluster::prepare(&disk)).await;
        let cluster = match prepared {
            Ok(Ok(cluster)) => cluster,
            Ok(Err(PostgresError::InUse { .. })) => return Ok(None),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                return Err(PostgresError::Exited {
                    how: "cut short".to_owned(),
                });
            }
        };
        super::orphan::stop_orphan(&cluster.layout.data_dir).await;
        let process = start(&cluster, &config.settings).await?;
        Ok(Some(Self { process, cluster }))
    }

    /// Stops it in order. Dropped instead, it is stopped at once and recovers at its next start.
    pub async fn stop(self) {
        stop(&self.process).await;
        // Empty once its server is gone.
        let _in_use = std::fs::remove_dir(&self.cluster.layout.socket_dir);
    }
}
