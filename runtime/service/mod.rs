//! One run of the hospital: state directory, handles, tree, doors, and an orderly end.
//!
//! Order: what can be refused without side effects is refused first (ports, policy, plugins'
//! descriptions), then the state directory is locked, then the tree starts. The end is a signal or
//! a root supervisor that gave up; either way everything is stopped in order before the process
//! goes, PostgreSQL last.

mod demo;
mod edges;
mod guards;
mod incidents;
mod locked;
mod log_keys;
mod master_key;
mod parts;
mod secrecy;

pub use edges::Edges;
pub use parts::build;
pub(crate) use parts::database_config;

pub use demo::{DEMO_PRINCIPALS, DemoPrincipal};
pub use log_keys::LogKeysError;
pub(crate) use master_key::source as master_key;

use crate::config::{Config, ConfigError, EXIT_CONFIG, Flags};
use crate::identity::{IssueError, KeyError, TlsError};
use crate::net::{self, BindError};
use crate::pages::template::TemplateError;
use crate::state_dir::{StateDir, StateDirError};
use crate::telemetry::{self, LogError, Metrics};
use crate::witness::WitnessAddressError;
use plantao_actors::backup;
use plantao_actors::clock::WallClock;
use plantao_actors::database::DatabaseConfigError;
use plantao_actors::plugin::{AotKeyError, EngineError, PluginError};
use plantao_schema::access::RulesError;
use plantao_supervisors::{ExitReason, Lifecycle, LifecycleEvent, StartError, Tree};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// `EX_SOFTWARE` of sysexits: the tree gave up; a service manager should start it again.
const EXIT_SOFTWARE: u8 = 70;
/// `EX_UNAVAILABLE`: something it needs is taken or missing.
const EXIT_UNAVAILABLE: u8 = 69;

/// What threads get that are still at work when everything has stopped.
const LAST_THREADS: Duration = Duration::from_secs(1);

/// Why the service did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An address is taken or forbidden.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// The key that opens every record is gone, and the records are not.
    #[error(
        "`{path}` is gone and records sealed under it are here: bring the file back from your copy",
        path = .path.display()
    )]
    MasterKeyGone {
        /// Where it was.
        path: PathBuf,
    },
    /// The master key cannot be had as the configuration says.
    #[error(transparent)]
    MasterKey(#[from] plantao_actors::vault::MasterKeyError),
    /// The configuration lacks something that is only found out here.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policy is wrong.
    #[error("the policy of the configuration is wrong")]
    Policy(#[from] RulesError),
    /// The database's address cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseConfigError),
    /// A plugin's description is wrong.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Plugins cannot run on this machine.
    #[error("plugins cannot run here")]
    Engine(#[from] EngineError),
    /// The plugins' machine code cannot be kept.
    #[error(transparent)]
    AotKey(#[from] AotKeyError),
    /// The signing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The keys of the transparency log cannot be used.
    #[error(transparent)]
    LogKeys(#[from] LogKeysError),
    /// A witness of the configuration cannot be used.
    #[error(transparent)]
    Witness(#[from] WitnessAddressError),
    /// A demonstration token could not be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Logs cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A page's markup is not what a template may be.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A child of the tree did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The root supervisor gave up.
    #[error("the supervision tree gave up: {0}")]
    GaveUp(ExitReason),
    /// The operating system refused something basic.
    #[error("cannot {action}: {kind}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What it said.
        kind: std::io::ErrorKind,
    },
}

impl ServiceError {
    /// What the process exits with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Policy(_)
            | Self::Database(_)
            | Self::Plugin(_)
            | Self::Tls(_)
            | Self::Log(_)
            | Self::Witness(_)
            | Self::MasterKey(_)
            | Self::Config(_) => EXIT_CONFIG,
            Self::State(StateDirError::OtherVersion { .. }) => EXIT_CONFIG,
            Self::GaveUp(_) => EXIT_SOFTWARE,
            _ => EXIT_UNAVAILABLE,
        }
    }
}

/// Runs the service until a signal or the tree ends it. Blocks.
///
/// # Errors
/// [`ServiceError`] when it could not start, or the tree gave up.
pub fn run(config: Config, flags: Flags) -> Result<(), ServiceError> {
    telemetry::init(&config.log)?;
    secrecy::forbid_core_files();
    let failed = |error: std::io::Error| ServiceError::System {
        action: "start the thread pool",
        kind: error.kind(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let result = runtime.block_on(serve(config, flags));
    // What still blocks a thread after an orderly stop has nothing left to answer to.
    runtime.shutdown_timeout(LAST_THREADS);
    result
}

async fn serve(config: Config, flags: Flags) -> Result<(), ServiceError> {
    // Before anything is touched: the two ports are the likeliest refusal there is.
    drop(net::bind(config.front_door.listen, "front_door.listen").await?);
    drop(net::bind(config.admin.listen, "admin.listen").await?);
    let clock = WallClock::system();
    let state = StateDir::open(&config.state_dir)?;
    let edges = Edges::of(&config, &state, &clock)?;
    tell_leftovers(&edges);
    guards::tell_clear(&edges.database_config);
    let logins = guards::tell_logins(edges.database_config.clone());
    let plugins = parts::plugins(&config, &state, &clock, &edges.entropy)?;
    let (parts, cell, metrics) = parts::build(&config, flags, edges, plugins)?;
    if config.demo {
        demo::issue_tokens(&config, &state, &clock)?;
    } else {
        demo::remove_tokens(&state);
    }
    let trail = locked::Trail::of(&parts, clock.clone());
    let incidents = incidents::Trail::of(&parts, clock.clone());
    let spec = crate::tree::tree(parts)?;
    tracing::info!(node = state.node_id(), "starting");
    let tree = tokio::select! {
        biased;
        started = Tree::start(crate::tree::ROOT, spec) => started?,
        // Dropping the start stops what had started; nothing is served yet.
        () = interrupted() => return Ok(()),
    };
    let _first = cell.set(tree.clone());
    tokio::spawn(count(tree.subscribe(), metrics));
    tokio::spawn(trail.write());
    tokio::spawn(incidents.write());
    tokio::spawn(logins);
    announce(&config, &state);
    let end = tokio::select! {
        biased;
        () = interrupted() => None,
        reason = tree.exited() => Some(reason),
    };
    match end {
        None => {
            tracing::info!("draining");
            tokio::select! {
                biased;
                () = tree.shutdown() => {}
                () = interrupted() => tracing::warn!("second signal: not waiting any longer"),
            }
            tracing::info!("stopped");
            Ok(())
        }
        Some(reason) => Err(ServiceError::GaveUp(reason)),
    }
}

/// A copy of the database that an interrupted backup or restore decrypted is no small thing to have
/// lying around: the next backup removes it, and until then every start says where it is.
fn tell_leftovers(edges: &Edges) {
    let Some(cluster) = &edges.database_config.embedded else {
        return;
    };
    match backup::leftovers(cluster) {
        Ok(left) => {
            for backup::Left { path } in left {
                tracing::warn!(path = %path.display(),
                    "left by an interrupted backup or restore: the next backup removes it");
            }
        }
        Err(error) => tracing::warn!(%error, "leftovers of backups could not be looked for"),
    }
}

/// Resolves at SIGINT, SIGTERM or SIGHUP of a closing terminal.
async fn interrupted() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let mut signals: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| signal(kind).ok())
        .collect();
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    let _which = futures_util::future::select_all(waits).await;
}

/// Turns what happens in the tree into counts.
async fn count(mut events: Receiver<Lifecycle>, metrics: Metrics) {
    loop {
        match events.recv().await {
            Ok(Lifecycle {
                event: LifecycleEvent::Restarting { .. },
                ..
            }) => {
                metrics.actor_restart();
            }
            Ok(Lifecycle {
                event: LifecycleEvent::GaveUp { .. },
                ..
            }) => {
                metrics.supervisor_gave_up();
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn announce(config: &Config, state: &StateDir) {
    tracing::info!(front_door = %config.front_door.listen, admin = %config.admin.listen, "ready");
    if config.demo {
        let _closed = std::io::stdout().write_all(demo::banner(config, state).as_bytes());
    }
}
