//! The simulator: the real tree, its actors and handles, on a paused clock, over the twins.
//!
//! One seed is one schedule, and one schedule one trace: the same day of requests, the same faults
//! at the same virtual times. A crash of the node ends its runtime with everything that runs in it;
//! the next incarnation starts from what is durable.

mod aftermath;
mod client;
mod era;
mod exchange;
mod hook;
mod hunt;
mod nemesis;
mod node;
mod plan;
mod recorder;
mod viewer;
mod workload;

pub use hunt::{Caught, hunt};
pub(crate) use recorder::Recorder;

use crate::checkers::{Rare, Sometimes, Violation, check_all};
use crate::coverage::Coverage;
use crate::history::{History, Status, What};
use crate::mutant::Mutant;
use crate::{Experiment, ExperimentError, Fault, FaultKind, Invariant, Schedule};
use era::{Era, Lived};
use exchange::Acknowledged;
use node::Site;
use plantao::config::{Config, Flags};
use plantao::identity::SigningKey;
use plantao_actors::audit::transparency::{Algorithm, LogKeys};
use plantao_schema::time::Timestamp;
use std::fmt;
use std::time::Duration;

/// The children of the tree that faults are aimed at; `*` stands for those that come and go.
pub const PATHS: [&str; 23] = [
    "plantao/storage/pool",
    "plantao/trust/vault",
    "plantao/trust/policy",
    "plantao/trust/consents",
    "plantao/trust/log_ins",
    "plantao/trust/writer",
    "plantao/trust/spool",
    "plantao/trust/sequencer",
    "plantao/trust/rotator",
    "plantao/plugins/lgpd-analyzer/instances/*",
    "plantao/plugins/lgpd-analyzer/loader",
    "plantao/records/directory-1",
    "plantao/records/directory-2",
    "plantao/records/directory-3",
    "plantao/records/directory-4",
    "plantao/records/ward_board",
    "plantao/records/sessions/*",
    "plantao/live/pulse",
    "plantao/live/topics/*",
    "plantao/live/viewers/*",
    "plantao/doors/admin",
    "plantao/doors/admin_socket",
    "plantao/doors/front_door",
];

/// What this tree cannot come to: no child has a limit for one message, and nothing blocks a
/// thread.
pub(crate) const UNREACHABLE: [Rare; 2] = [Rare::ChildStalled, Rare::ChildQuarantined];

/// More incarnations than a schedule has reasons for.
const INCARNATIONS_MAX: usize = 32;

/// Why a run could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The built-in configuration was not taken.
    #[error("the simulated node's configuration is refused: {0}")]
    Config(String),
    /// A key or a runtime could not be made.
    #[error("the simulated node's edges could not be made")]
    Edges,
    /// The parts of the node did not fit together.
    #[error("the simulated node could not be put together: {0}")]
    Build(String),
    /// The tree did not start.
    #[error("the simulated node did not start: {0}")]
    Start(String),
    /// The defect was left out when this was built.
    #[error("the defect `{0}` is in builds with debug assertions alone, which this is not")]
    NotBuilt(&'static str),
    /// The experiment is not one.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was played.
    pub schedule: Schedule,
    /// The trace hash.
    pub hash: String,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// All that happened.
    pub history: History,
    /// How many requests were answered with what was asked for.
    pub served: usize,
    /// Rare states that were reached, and how often.
    pub sometimes: Sometimes,
    /// What was hit, and in which state.
    pub struck: Coverage,
    /// Virtual time from the first start to the last stop.
    pub lasted: Duration,
}

impl Outcome {
    /// Whether everything held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {:#x}, trace {}", self.schedule.seed, self.hash)?;
        for fault in &self.schedule.faults {
            writeln!(f, "  {fault}")?;
        }
        for violation in &self.violations {
            writeln!(f, "violated {violation}")?;
        }
        Ok(())
    }
}

/// What runs share: making keys and reading the configuration once is enough.
pub struct Simulator {
    config: Config,
    /// What credentials and checkpoints are signed with.
    signing: (SigningKey, LogKeys),
    mutant: Option<Mutant>,
}

impl Simulator {
    /// Reads the built-in configuration.
    ///
    /// # Errors
    /// [`SimError`] when that is refused or no key could be made.
    pub fn new() -> Result<Self, SimError> {
        let none = std::iter::empty::<(String, String)>();
        let config = Config::load_from(&Flags::default(), none);
        let mut config = config.map_err(|error| SimError::Config(error.to_string()))?;
        config.demo = true;
        // Its twin stands in for the one plugin that requests reach.
        config.plugins.retain(|name, _| name == "lgpd-analyzer");
        let signing = SigningKey::made().map_err(|_| SimError::Edges)?;
        // One kind of three: what a signature takes is no virtual time.
        let log_keys = LogKeys::made(&[Algorithm::Ed25519]).map_err(|_| SimError::Edges)?;
        Ok(Self {
            config,
            signing: (signing, log_keys),
            mutant: None,
        })
    }

    /// The same with a defect planted, or none.
    #[must_use]
    pub fn with(self, mutant: Option<Mutant>) -> Self {
        Self { mutant, ..self }
    }

    /// Plays a schedule to its end. Blocks.
    ///
    /// # Errors
    /// [`SimError`] when the node could not be put together, or the defect to be planted is not
    /// in this build: neither is a finding.
    pub fn play(&self, schedule: &Schedule) -> Result<Outcome, SimError> {
        if let Some(mutant) = self.mutant.filter(|mutant| !mutant.is_built()) {
            return Err(SimError::NotBuilt(mutant.name()));
        }
        let (recorder, written) = (Recorder::default(), Acknowledged::default());
        let crashes = schedule
            .faults
            .iter()
            .filter(|fault| fault.kind == FaultKind::NodeCrash);
        let crashes: Vec<Fault> = crashes.cloned().collect();
        let mut site: Option<(Site, Timestamp)> = None;
        let mut from = Duration::ZERO;
        for _ in 0..INCARNATIONS_MAX {
            let era = Era {
                schedule,
                recorder: recorder.clone(),
                written: written.clone(),
                mutant: self.mutant,
                from,
                crashes: &crashes,
            };
            let (here, lived) = self.incarnation(&era, site.take())?;
            here.disk.end_sessions();
            site = Some((here, lived.wall));
            from += lived.lasted;
            if lived.is_last {
                break;
            }
        }
        let history = recorder.finish(from, |number| {
            let site = site.as_ref();
            let read = site.map(|(site, _)| {
                site.disk
                    .inspect(|rows| aftermath::last(rows, &written, number))
            });
            read.unwrap_or_default()
        });
        let tree = plan::plan();
        Ok(Outcome {
            schedule: schedule.clone(),
            hash: history.hash(),
            violations: check_all(&history, &tree, &Invariant::ALL),
            served: served(&history),
            sometimes: Sometimes::of(&history, &tree),
            history,
            struck: recorder.coverage(),
            lasted: from,
        })
    }
}

/// How many requests were answered with what was asked for.
fn served(history: &History) -> usize {
    let events = history.events().iter();
    let answered = events.filter(|event| match &event.what {
        What::RequestEnded(end) => end.status == Status::Answered,
        _ => false,
    });
    answered.count()
}

impl Simulator {
    /// One node from its start to its end, on a runtime of its own.
    fn incarnation(
        &self,
        era: &Era<'_>,
        before: Option<(Site, Timestamp)>,
    ) -> Result<(Site, Lived), SimError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|_| SimError::Edges)?;
        let (config, signing) = (&self.config, &self.signing);
        let lived = runtime.block_on(async {
            let here = match before {
                None => {
                    let seeded = (era.schedule.seed, self.mutant);
                    let recorder = era.recorder.clone();
                    Site::new(config.clone(), signing.clone(), recorder, seeded)
                }
                Some((before, wall)) => before.again(wall),
            };
            let lived = era.live(&here).await;
            lived.map(|lived| (here, lived))
        });
        // Whatever still runs is dropped where it stands.
        drop(runtime);
        lived
    }
}

/// Plays the text of an experiment file.
///
/// # Errors
/// [`SimError`] when it is none, or its node could not be put together.
pub fn play_text(text: &str) -> Result<Outcome, SimError> {
    let experiment: Experiment = text.parse()?;
    experiment.check_targets(&PATHS)?;
    let mut outcome = Simulator::new()?.play(&experiment.schedule)?;
    let asked = &experiment.invariants;
    outcome
        .violations
        .retain(|violation| asked.contains(&violation.invariant));
    Ok(outcome)
}

#[cfg(test)]
mod tests;
