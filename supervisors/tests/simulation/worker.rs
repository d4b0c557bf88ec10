//! The worker of the simulation: it does what it is told, in all the ways in which that goes
//! wrong, and its state says from when to when it is alive.

use fastrand::Rng;
use plantao_supervisors::{Envelope, Ignore, Readiness, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::panic::resume_unwind;
use std::time::Duration;

use crate::journal::Journal;
use crate::plan::even;

/// How long a state that clings to its thread blocks it. No virtual time passes meanwhile.
const CLINGS: Duration = Duration::from_micros(20);

/// What a worker is told.
pub(crate) enum Cue {
    Ping(Reply<()>),
    /// Stop by itself, with this reason.
    Finish(Option<&'static str>),
    Fail,
    Panic,
    /// Never come back from the handler.
    Hang,
    /// Come back from the handler after this long.
    Busy(Duration),
}

/// What the next start of a worker does instead of succeeding.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spoil {
    Refuse,
    Panic,
    Ignore,
    Hang,
    /// Comes up, later than usual.
    Slow(Duration),
}

/// How a worker behaves where no message can tell it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Manners {
    starts_in: Option<Duration>,
    /// It says by itself that it is ready, this long after its `pre_start`.
    pub(crate) ready_in: Option<Duration>,
    stop_takes: Option<Duration>,
    stop_ends: StopEnds,
    /// Dropping its state takes a while.
    clings: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum StopEnds {
    #[default]
    Well,
    InError,
    InPanic,
}

impl Manners {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        Self {
            starts_in: (rng.u8(..4) == 0).then(|| even(rng, 100)),
            ready_in: (rng.u8(..6) == 0).then(|| even(rng, 60)),
            stop_takes: (rng.u8(..3) == 0).then(|| even(rng, 1_500)),
            stop_ends: match rng.u8(..8) {
                0 => StopEnds::InError,
                1 => StopEnds::InPanic,
                _ => StopEnds::Well,
            },
            clings: rng.u8(..16) == 0,
        }
    }

    pub(crate) fn start_takes(&self) -> Duration {
        self.starts_in.unwrap_or_default() + self.ready_in.unwrap_or_default()
    }
}

/// See the module.
pub(crate) struct Worker {
    pub(crate) path: String,
    pub(crate) journal: Journal,
    pub(crate) manners: Manners,
}

/// Alive from the first line of `pre_start` until it is dropped.
pub(crate) struct Alive {
    path: String,
    journal: Journal,
    clings: bool,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.clings {
            std::thread::sleep(CLINGS);
        }
        self.journal.gone(&self.path);
    }
}

/// As a panic, but no hook of the process prints it.
fn panic_silently(text: &'static str) -> ! {
    resume_unwind(Box::new(text))
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Worker {
    type Msg = Envelope<Cue>;
    type State = Alive;
    type Arguments = Option<Readiness>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        readiness: Option<Readiness>,
    ) -> Result<Alive, ActorProcessingErr> {
        self.journal.begun(&self.path);
        let alive = Alive {
            path: self.path.clone(),
            journal: self.journal.clone(),
            clings: self.manners.clings,
        };
        match self.journal.next_spoil(&self.path) {
            Some(Spoil::Refuse) => return Err("refused".into()),
            Some(Spoil::Panic) => panic_silently("panicked at the start"),
            Some(Spoil::Ignore) => return Err(Ignore.into()),
            Some(Spoil::Hang) => std::future::pending().await,
            Some(Spoil::Slow(time)) => tokio::time::sleep(time).await,
            None => {}
        }
        if let Some(time) = self.manners.starts_in {
            tokio::time::sleep(time).await;
        }
        if let (Some(readiness), Some(time)) = (readiness, self.manners.ready_in) {
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                readiness.ready();
            });
        }
        Ok(alive)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _: &mut Alive,
    ) -> Result<(), ActorProcessingErr> {
        let (cue, _in_flight) = message.open();
        match cue {
            Cue::Ping(reply) => reply.send(()),
            Cue::Finish(reason) => myself.stop(reason.map(str::to_owned)),
            Cue::Fail => return Err("failed".into()),
            Cue::Panic => panic_silently("panicked"),
            Cue::Hang => std::future::pending().await,
            Cue::Busy(time) => tokio::time::sleep(time).await,
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        _: &mut Alive,
    ) -> Result<(), ActorProcessingErr> {
        self.journal.note("stops", &self.path);
        if let Some(time) = self.manners.stop_takes {
            tokio::time::sleep(time).await;
        }
        match self.manners.stop_ends {
            StopEnds::Well => Ok(()),
            StopEnds::InError => Err("failed at the end".into()),
            StopEnds::InPanic => panic_silently("panicked at the end"),
        }
    }
}
