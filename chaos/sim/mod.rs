//! The simulator: the real tree, its actors and handles, on a paused clock, over the twins.
//!
//! One seed is one schedule, and one schedule one trace: the same day of requests, the same faults
//! at the same virtual times. A crash of the node ends its runtime with everything that runs in it;
//! the next incarnation starts from what is durable.
//!
//! What this does not do yet: guests are not run, nobody looks at a live page, and faults of the
//! kinds [`NOT_YET`] are noted in the trace and not injected.

mod client;
mod hook;
mod journal;
mod nemesis;
mod node;
mod verdict;
mod workload;

pub use verdict::Violation;

use crate::{Experiment, ExperimentError, FaultKind, Schedule};
use client::Answered;
use hook::Hook;
use journal::{Change, Exchange, Journal};
use nemesis::Nemesis;
use node::Site;
use plantao::config::{Config, Flags};
use plantao::identity::{Claims, SigningKey};
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::PrincipalId;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use workload::{PEOPLE, Step};

/// Kinds of fault that are drawn and not injected yet.
pub const NOT_YET: [FaultKind; 3] = [
    FaultKind::Duplicate,
    FaultKind::Flood,
    FaultKind::EntropyFailure,
];

/// The children of the tree that faults are aimed at; `*` stands for those that come and go.
pub const PATHS: [&str; 17] = [
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
    "plantao/doors/front_door",
];

/// After the last fault and the last request: what was left open is settled by then.
const SETTLING: Duration = Duration::from_secs(12);
/// Between two tries of somebody who waits for the system to serve.
const PROBE: Duration = Duration::from_millis(250);
/// What a service manager waits before it starts a node again that gave up.
const SERVICE_RESTART: Duration = Duration::from_secs(1);
/// More incarnations than a schedule has reasons for.
const INCARNATIONS_MAX: usize = 32;
/// A stop that takes longer hangs.
const STOP: Duration = Duration::from_secs(120);

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
        Ok(Self { config, signing })
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
                None => Site::new(config.clone(), signing.clone(), era.schedule.seed),
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

/// How an incarnation went.
struct Lived {
    lasted: Duration,
    /// The day was over.
    is_last: bool,
}

/// One incarnation's part of a run.
struct Era<'a> {
    schedule: &'a Schedule,
    journal: Journal,
    /// What was over before.
    from: Duration,
    /// When the node crashes.
    end: Option<Duration>,
}

impl Era<'_> {
    async fn live(&self, site: &Site) -> Result<Lived, SimError> {
        let begun = Instant::now();
        let hook = Hook::default();
        let node = site.start(std::sync::Arc::new(hook.clone())).await?;
        self.journal.note(self.from, "the node is up");
        let watching = tokio::spawn(watch(&node.tree, self.journal.clone(), begun, self.from));
        if self.from.is_zero() {
            for step in workload::admissions() {
                self.ask(site, begun, &step).await;
            }
        }
        let nemesis = Nemesis {
            tree: node.tree.clone(),
            hook: hook.clone(),
            journal: self.journal.clone(),
            begun,
        };
        let life = async {
            tokio::join!(self.strike(site, &nemesis), self.day(site, begun));
        };
        let crash = async {
            match self.end {
                Some(end) => sleep_until(begun + end.saturating_sub(self.from)).await,
                None => std::future::pending().await,
            }
        };
        let over = tokio::select! {
            biased;
            () = crash => Some("the node crashes"),
            _reason = node.tree.exited() => {
                self.journal.sometimes("root_gave_up");
                // What a service manager takes to start it again.
                sleep(SERVICE_RESTART).await;
                Some("the node gave up and is started again")
            }
            () = self.whole(site, &nemesis, life) => None,
        };
        if let Some(how) = over {
            self.journal.note(self.from + begun.elapsed(), how);
            let lasted = begun.elapsed();
            return Ok(Lived {
                lasted,
                is_last: false,
            });
        }
        let stopped = timeout(STOP, node.tree.shutdown()).await;
        let how = if stopped.is_ok() {
            "stopped"
        } else {
            "does not stop"
        };
        self.journal
            .note(self.from + begun.elapsed(), format!("the node {how}"));
        watching.abort();
        Ok(Lived {
            lasted: begun.elapsed(),
            is_last: true,
        })
    }

    /// The day, and until the system serves again after it.
    async fn whole(&self, site: &Site, nemesis: &Nemesis, life: impl Future<Output = ()>) {
        life.await;
        nemesis.hook.clear();
        site.disk
            .disturb(|next| *next = crate::twin::Faults::default());
        self.recover(site, nemesis.begun).await;
        sleep(SETTLING).await;
    }

    async fn strike(&self, site: &Site, nemesis: &Nemesis) {
        let mine = self
            .schedule
            .faults
            .iter()
            .filter(|fault| fault.at >= self.from && self.end.is_none_or(|end| fault.at < end));
        let strikes = mine.map(|fault| nemesis.strike(site, fault, self.from));
        futures_util::future::join_all(strikes).await;
    }

    async fn day(&self, site: &Site, begun: Instant) {
        let steps = workload::day(self.schedule.seed, self.schedule.requests);
        let mine = steps
            .iter()
            .filter(|step| step.at >= self.from && self.end.is_none_or(|end| step.at < end));
        let asked = mine.map(|step| async move {
            sleep_until(begun + step.at.saturating_sub(self.from)).await;
            self.ask(site, begun, step).await;
        });
        futures_util::future::join_all(asked).await;
    }

    async fn ask(&self, site: &Site, begun: Instant, step: &Step) -> bool {
        let began = self.from + begun.elapsed();
        let mut asked = step.asked.clone();
        let Some(person) = PEOPLE.get(step.who) else {
            return false;
        };
        asked.token = token(site, person).unwrap_or_default();
        let path = asked.path.clone();
        let answered = client::ask(&site.lane, HERE, asked).await;
        let served = matches!(answered, Answered::Whole(200..300, ..));
        let exchange = Exchange {
            began,
            ended: self.from + begun.elapsed(),
            what: step.what.clone(),
            answered,
        };
        self.journal.exchange(person.name, &path, exchange);
        served
    }

    /// Asks until it is served, as somebody would who stands at a bed.
    async fn recover(&self, site: &Site, begun: Instant) {
        let over = Instant::now();
        self.journal
            .note(self.from + begun.elapsed(), "nothing is broken any more");
        let probe = workload::probe();
        while over.elapsed() < verdict::RECOVERY * 2 {
            if self.ask(site, begun, &probe).await {
                self.journal.events().recovered_after = Some(over.elapsed());
                return;
            }
            sleep(PROBE).await;
        }
    }
}

/// Where everybody sits.
const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 40_000);

fn token(site: &Site, person: &workload::Person) -> Option<String> {
    let subject = PrincipalId::parse(person.name).ok()?;
    let role = Role::parse(person.role).ok()?;
    let identity = &site.config().identity;
    let tenant = identity.tenant.clone();
    let mut claims = Claims::new(subject, tenant, role, site.clock.now(), identity.session_s);
    claims.demo = true;
    if person.is_trusted {
        claims.device = DevicePosture::Managed;
        claims = claims.with_multi_factor();
    }
    site.token(&claims).ok()
}

/// Writes down what happens in the tree.
fn watch(
    tree: &plantao_supervisors::Tree,
    journal: Journal,
    begun: Instant,
    from: Duration,
) -> impl Future<Output = ()> + Send + use<> {
    let mut changes = tree.subscribe();
    async move {
        loop {
            match changes.recv().await {
                Ok(change) => {
                    let at = from + begun.elapsed();
                    let line = format!("{} {:?}", crate::collapsed(&change.path), change.event);
                    journal.note(at, line);
                    journal.events().changes.push(Change {
                        path: change.path,
                        event: change.event,
                    });
                }
                Err(RecvError::Lagged(_)) => journal.sometimes("changes_lost"),
                Err(RecvError::Closed) => return,
            }
        }
    }
}
