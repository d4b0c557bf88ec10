//! A directory of modules and the tree that runs them, for tests that need both.

use std::fs;
use std::path::Path;
use std::time::Duration;

use plantao_schema::access::{Action, Purpose, ResourceKind};
use plantao_schema::id::ResourceId;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Snapshot, Strategy, SupervisorSpec, Tree};
use tempfile::TempDir;
use tokio::time::Instant;

use super::guests::{compiler_child, quick};
use crate::clock::WallClock;
use crate::plugin::{
    GuestRuntime, PluginError, PluginHost, PluginOutput, PluginSpec, PluginStatus, Plugins,
};
use crate::policy::{Permit, testing};

pub(super) const NOON: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// A directory of modules, plugins on top of it, and the tree that runs them.
pub(super) struct Ward {
    dir: TempDir,
    pub(super) clock: WallClock,
    pub(super) plugins: Plugins,
    tree: Option<Tree>,
}

impl Ward {
    pub(super) fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// A ward whose host was changed, given the directory.
    pub(super) fn with(change: impl FnOnce(&mut PluginHost, &Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = WallClock::manual(NOON);
        let guests = GuestRuntime::start(2).unwrap();
        let compiler = compiler_child();
        let mut host = PluginHost::new(dir.path(), guests, clock.clone(), compiler);
        change(&mut host, dir.path());
        let plugins = Plugins::new(host).unwrap();
        Self {
            dir,
            clock,
            plugins,
            tree: None,
        }
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(format!("{name}.wasm")), bytes).unwrap();
    }

    pub(super) async fn start(&mut self, specs: impl IntoIterator<Item = PluginSpec>) {
        let none = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(0, secs(1)));
        let spec = specs
            .into_iter()
            .fold(none, |s, p| s.child(self.plugins.child(p).unwrap()));
        self.tree = Some(Tree::start("ward", spec).await.unwrap());
    }

    pub(super) async fn call(&self, plugin: &str, text: &str) -> Result<PluginOutput, PluginError> {
        self.plugins
            .call(
                permit(ResourceKind::Content, None).await,
                plugin,
                "run",
                text,
            )
            .await
    }

    pub(super) fn status(&self, plugin: &str) -> PluginStatus {
        self.plugins
            .list()
            .into_iter()
            .find(|status| status.name == plugin)
            .unwrap()
    }

    pub(super) fn tree(&self) -> &Tree {
        self.tree.as_ref().unwrap()
    }

    pub(super) fn node(&self, path: &str) -> Snapshot {
        find(self.tree().snapshot(), path).unwrap_or_else(|| panic!("no `{path}`"))
    }
}

fn find(node: Snapshot, path: &str) -> Option<Snapshot> {
    if node.path == path {
        return Some(node);
    }
    node.children
        .into_iter()
        .find_map(|child| find(child, path))
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) async fn permit(kind: ResourceKind, resource: Option<&str>) -> Permit {
    let mut access = testing::access(Action::Submit, kind, NOON);
    // Nobody in care of the patient: what was redacted stays so.
    access.purpose = Purpose::Publication;
    access.resource = resource.map(|id| ResourceId::parse(id).unwrap());
    testing::permit(access).await
}

pub(super) fn plugin(name: &str) -> PluginSpec {
    PluginSpec {
        limits: quick(),
        ..PluginSpec::new(name, format!("{name}.wasm"))
    }
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::task::yield_now().await;
    }
}
