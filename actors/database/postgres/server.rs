//! `PostgresServer`: the actor that owns the private cluster's process.
//!
//! It prepares the disk, stops an orphan, starts the server and watches it. An exit that it did not
//! ask for is its own failure, so that its supervisor restarts both together; so is a server that
//! answers nobody for too long, which it kills. Started means listening: a server that is still
//! recovering refuses sessions by itself, and recovery may take longer than any start timeout
//! should.
//!
//! On a full disk it starts without a server and waits for space: a recovery that fails for want of
//! it would use up the restarts of the tree, and every caller has a typed answer meanwhile.
//!
//! Assumes a permanent restart and a shutdown timeout of at least [`STOP_DEADLINE`] plus
//! [`QUIT_DEADLINE`]. Lost on restart: every session; nothing that was committed.

use super::binaries::Binaries;
use super::cluster::{Cluster, ClusterLock, server_command};
use super::layout::Layout;
use super::orphan::stop_orphan;
use super::process::Process;
use super::{PostgresError, disk, settings, stall};
use crate::database::EmbeddedConfig;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits, Shutdown};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long a server may take to listen, new attempts included. Initialisation is not counted.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// Initialisation on a slow disk, an orphan's shutdown and the start itself.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// SIGINT ends sessions and writes a checkpoint: tens of milliseconds, seconds on a slow disk.
pub const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// SIGQUIT writes nothing; what is left then is killed.
pub const QUIT_DEADLINE: Duration = Duration::from_secs(3);

/// The file of the server's socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// Between looks at a server that is starting, and between attempts: backends of a server that was
/// killed hold its shared memory for a moment longer.
const POLL: Duration = Duration::from_millis(5);
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Between looks at a disk that is full.
const SPACE_POLL: Duration = Duration::from_secs(1);

/// Before a server that failed on a scarce disk is tried again: more often, and the tree would give
/// up on what only space can mend.
const SCARCE_PAUSE: Duration = Duration::from_secs(7);

/// The private cluster as a child.
#[must_use]
pub fn server_child(config: EmbeddedConfig) -> ChildSpec {
    let handle = Handle::<Exited>::new(Limits::in_flight(4));
    let notices = handle.clone();
    ChildSpec::worker("postgres", &handle, move || {
        (PostgresServer, (config.clone(), notices.clone()))
    })
    .start_timeout(START_TIMEOUT)
    .shutdown(Shutdown::Timeout(
        STOP_DEADLINE + QUIT_DEADLINE + Duration::from_secs(2),
    ))
}

/// The process is gone, and nobody asked it to go; or there was none, and now there can be.
pub(super) struct Exited {
    how: String,
}

struct PostgresServer;

/// The process, the task that waits for its end, and the lock, freed last.
struct Running {
    watcher: JoinHandle<()>,
    /// None while there is no space for one.
    process: Option<Arc<Process>>,
    socket_dir: PathBuf,
    _lock: ClusterLock,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Actor for PostgresServer {
    type Msg = Envelope<Exited>;
    type State = Running;
    type Arguments = (EmbeddedConfig, Handle<Exited>);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (config, notices): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let disk = config.clone();
        let prepared = tokio::task::spawn_blocking(move || Cluster::prepare(&disk)).await?;
        let cluster = prepared?;
        stop_orphan(&cluster.layout.data_dir).await;
        let layout = cluster.layout.clone();
        let process = if disk::is_full(&config, &layout) {
            tracing::error!("the disk is full: the database server waits for space");
            None
        } else {
            Some(Arc::new(start(&cluster, &config.settings).await?))
        };
        let watched = process.clone();
        let watcher = tokio::spawn(async move {
            let how = match watched {
                Some(process) => ended(&process, &config, &layout).await,
                None => space_is_back(&config, &layout).await,
            };
            if notices.cast(Exited { how }).is_err() {
                // Not bound yet, or full: ending is all that matters.
                myself.stop(Some("the database server exited".to_owned()));
            }
        });
        Ok(Running {
            watcher,
            process,
            socket_dir: cluster.layout.socket_dir,
            _lock: cluster.lock,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (Exited { how }, _in_flight) = message.open();
        Err(PostgresError::Exited { how }.into())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.watcher.abort();
        if let Some(process) = &state.process {
            stop(process).await;
        }
        // Empty once its server is gone; one that is not belongs to somebody else by now.
        let _in_use = std::fs::remove_dir(&state.socket_dir);
        Ok(())
    }
}

/// Returns how the server ended, once it has; one that stalled is ended.
async fn ended(process: &Process, config: &EmbeddedConfig, layout: &Layout) -> String {
    let socket = layout.socket_dir.join(SOCKET);
    let how = tokio::select! {
        biased;
        how = process.exited() => how,
        () = stall::stalled(&socket, config.stall_limit) => {
            let limit_s = config.stall_limit.as_secs_f64();
            tracing::error!(limit_s, "the database server answers nobody: it is killed");
            stall::kill(process);
            process.exited().await
        }
    };
    if disk::is_scarce(config, layout) {
        tracing::error!(
            how,
            "the database server exited for want of space, or nearly so"
        );
        sleep(SCARCE_PAUSE).await;
    }
    how
}

/// Returns once a server could recover.
async fn space_is_back(config: &EmbeddedConfig, layout: &Layout) -> String {
    while disk::is_full(config, layout) {
        sleep(SPACE_POLL).await;
    }
    "there was no space for one, and now there is".to_owned()
}

/// Starts the server and waits until it listens, trying again while a predecessor lets go.
pub(super) async fn start(
    cluster: &Cluster,
    settings: &[(String, String)],
) -> Result<Process, PostgresError> {
    start_at(&cluster.layout, &cluster.binaries, settings).await
}

/// The same for a cluster that is kept to one owner in another way than by its lock.
pub(super) async fn start_at(
    layout: &Layout,
    binaries: &Binaries,
    settings: &[(String, String)],
) -> Result<Process, PostgresError> {
    let socket = layout.socket_dir.join(SOCKET);
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        let process = Process::spawn(command(layout, binaries, settings))
            .map_err(|source| PostgresError::spawn("setpriv", source))?;
        let how = loop {
            if let Some(how) = process.ended() {
                break how;
            }
            if UnixStream::connect(&socket).await.is_ok() {
                let pid = process.pid().map(|pid| pid.as_raw_nonzero().get());
                tracing::info!(pid, "database server listening");
                return Ok(process);
            }
            if Instant::now() > deadline {
                stop(&process).await;
                return Err(PostgresError::Silent {
                    waited: START_DEADLINE,
                });
            }
            sleep(POLL).await;
        };
        if Instant::now() > deadline {
            return Err(PostgresError::Exited { how });
        }
        sleep(RETRY_PAUSE).await;
    }
}

fn command(layout: &Layout, binaries: &Binaries, settings: &[(String, String)]) -> Command {
    let mut command = server_command(layout, &binaries.program("postgres"));
    command.arg("-D").arg(&layout.data_dir);
    for (name, value) in settings::all(&layout.socket_dir, settings) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
}

/// The fast shutdown, then the immediate one, then none.
pub(super) async fn stop(process: &Process) {
    process.signal(Signal::INT);
    if timeout(STOP_DEADLINE, process.exited()).await.is_ok() {
        return;
    }
    tracing::warn!("the database server did not stop in time");
    process.signal(Signal::QUIT);
    if timeout(QUIT_DEADLINE, process.exited()).await.is_err() {
        stall::kill(process);
    }
}
