//! The simulator: the real tree, its actors and handles, on a paused clock, over the twins.
//!
//! One seed is one schedule, and one schedule one trace: the same day of requests, the same faults
//! at the same virtual times. A crash of the node ends its runtime with everything that runs in it;
//! the next incarnation starts from what is durable.
//!
//! What this does not do yet: guests are not run, nobody looks at a live page, failpoints and the
//! state of a hooked fault are noted and not waited for, and faults of the kinds [`NOT_YET`] are
//! noted in the trace and not injected. Of the invariants, [`CHECKED`] are.

mod client;
mod era;
mod hook;
mod journal;
mod nemesis;
mod node;
mod verdict;
mod workload;

pub use verdict::Violation;

use crate::mutant::Mutant;
use crate::{Experiment, ExperimentError, FaultKind, Invariant, Schedule};
use client::Answered;
use era::{Era, Lived};
use journal::{Exchange, Journal};
use node::Site;
use plantao::config::{Config, Flags};
use plantao::identity::SigningKey;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Kinds of fault that are drawn and not injected yet.
pub const NOT_YET: [FaultKind; 3] = [
    FaultKind::Duplicate,
    FaultKind::Flood,
    FaultKind::EntropyFailure,
];

/// What is looked at after each run; the others need probes within actors.
pub const CHECKED: [Invariant; 9] = [
    Invariant::AuditDurable,
    Invariant::AuditChained,
    Invariant::MutationCompleted,
    Invariant::ReleaseProven,
    Invariant::PermitFresh,
    Invariant::NoOverlap,
    Invariant::CallsEnd,
    Invariant::WriteDurable,
    Invariant::Recovers,
];

/// The children of the tree that faults are aimed at; `*` stands for those that come and go.
pub const PATHS: [&str; 18] = [
    "plantao/storage/pool",
    "plantao/trust/vault",
    "plantao/trust/policy",
    "plantao/trust/consents",
    "plantao/trust/log_ins",
    "plantao/trust/writer",
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
    /// The trace, a line for each event.
    pub trace: String,
    /// How many requests were answered with what was asked for.
    pub served: usize,
    /// Rare states that were reached, and how often.
    pub sometimes: BTreeMap<&'static str, u64>,
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
    signing: SigningKey,
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
        config.plugins.clear();
        let signing = SigningKey::made().map_err(|_| SimError::Edges)?;
        Ok(Self {
            config,
            signing,
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
    /// [`SimError`] when the node could not be put together, which is no finding.
    pub fn play(&self, schedule: &Schedule) -> Result<Outcome, SimError> {
        let journal = Journal::default();
        let crashes = schedule
            .faults
            .iter()
            .filter(|fault| fault.kind == FaultKind::NodeCrash);
        let crashes: Vec<Duration> = crashes.map(|fault| fault.at).collect();
        let mut site: Option<Site> = None;
        let mut from = Duration::ZERO;
        for _ in 0..INCARNATIONS_MAX {
            let era = Era {
                schedule,
                journal: journal.clone(),
                from,
                end: crashes.iter().copied().find(|at| *at > from),
            };
            let (here, lived) = self.incarnation(&era, site.take())?;
            here.disk.end_sessions();
            site = Some(here);
            from += lived.lasted;
            if lived.is_last {
                break;
            }
        }
        let events = journal.events();
        let violations = site
            .as_ref()
            .map(|site| site.disk.inspect(|tables| verdict::judge(&events, tables)));
        let whole = |one: &&Exchange| matches!(one.answered, Answered::Whole(200..300, ..));
        Ok(Outcome {
            schedule: schedule.clone(),
            hash: events.hash(),
            violations: violations.unwrap_or_default(),
            trace: events.text(),
            served: events.exchanges.iter().filter(whole).count(),
            sometimes: events.sometimes.clone(),
            lasted: from,
        })
    }
}

impl Simulator {
    /// One node from its start to its end, on a runtime of its own.
    fn incarnation(&self, era: &Era<'_>, before: Option<Site>) -> Result<(Site, Lived), SimError> {
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
                    Site::new(config.clone(), signing.clone(), seeded)
                }
                Some(before) => before.again(),
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
    let mut outcome = Simulator::new()?.play(&experiment.schedule)?;
    let asked = &experiment.invariants;
    outcome
        .violations
        .retain(|violation| asked.contains(&violation.invariant));
    Ok(outcome)
}

#[cfg(test)]
mod tests;
