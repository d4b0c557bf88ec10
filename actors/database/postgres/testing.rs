//! A cluster for tests, outside any supervision tree.
#![allow(clippy::expect_used, reason = "a test that cannot start has failed")]

use super::Layout;
use super::cluster::Cluster;
pub(in crate::database) use super::orphan::running;
use super::process::Process;
use super::server::start;
use crate::database::EmbeddedConfig;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "plantao-test-";

/// A running private cluster under /tmp, named by the process that owns it.
pub(in crate::database) struct TestCluster {
    config: EmbeddedConfig,
    _process: Process,
    _cluster: Cluster,
}

impl TestCluster {
    pub(in crate::database) async fn start() -> Self {
        sweep();
        let config = config_under(&own_dir("shared"));
        let for_disk = config.clone();
        let prepared = tokio::task::spawn_blocking(move || Cluster::prepare(&for_disk)).await;
        let cluster = prepared.expect("no panic").expect("a cluster");
        let process = start(&cluster, &config.settings).await.expect("a server");
        Self {
            config,
            _process: process,
            _cluster: cluster,
        }
    }

    pub(in crate::database) const fn config(&self) -> &EmbeddedConfig {
        &self.config
    }
}

/// A configuration for a cluster under `dir` that trades durability against power loss for speed.
pub(in crate::database) fn config_under(dir: &Path) -> EmbeddedConfig {
    let settings = [
        ("fsync", "off"),
        ("max_connections", "200"),
        ("shared_buffers", "32MB"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let settings = settings.map(owned).to_vec();
    EmbeddedConfig {
        settings,
        // A test that is about space makes its own.
        ballast_bytes: 0,
        free_min_bytes: 0,
        ..EmbeddedConfig::under(dir)
    }
}

/// A directory of this test process that the server's user can enter.
pub(in crate::database) fn own_dir(name: &str) -> PathBuf {
    let root = PathBuf::from(format!("/tmp/{PREFIX}{}", std::process::id()));
    let dir = root.join(name);
    let made = DirBuilder::new().recursive(true).mode(0o711).create(&dir);
    made.expect("a directory under /tmp");
    dir
}

/// Removes what test processes that are gone have left, their socket directories included.
fn sweep() {
    for left in fs::read_dir("/tmp").into_iter().flatten().flatten() {
        let name = left.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let Some(owner) = owner else { continue };
        if Path::new("/proc").join(owner).exists() {
            continue;
        }
        let clusters: Vec<_> = fs::read_dir(left.path())
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let live = |dir: &Path| super::orphan::running(&dir.join("postgres")).is_some();
        if clusters.iter().any(|cluster| live(&cluster.path())) {
            continue;
        }
        for cluster in clusters {
            if let Ok(layout) = Layout::of(&config_under(&cluster.path())) {
                drop(fs::remove_dir_all(layout.socket_dir));
            }
        }
        drop(fs::remove_dir_all(left.path()));
    }
}
