//! What is supervised in one run: a random tree, drawn from the seed, and its specification.
//!
//! All times are even milliseconds: the driver changes something at even instants only and looks
//! at odd ones, when nothing is due and everything has come to rest.

use fastrand::Rng;
use plantao_supervisors::{
    AutoShutdown, Backoff, ChildSpec, DynamicHandle, DynamicSpec, Intensity, Restart, Shutdown,
    StartContext, Strategy, SupervisorSpec,
};
use std::time::Duration;

use crate::journal::Journal;
use crate::worker::{Manners, Worker};

/// Restarts that no run reaches.
const NO_LIMIT: u32 = 1_000_000;
/// Supervisors below the root, one below the other.
const DEPTH: u8 = 3;

/// What one run is about: runs that leave something out get further with the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mood {
    /// Limits of restarts are small.
    pub(crate) tight: bool,
    /// Children are added, stopped and started by request.
    pub(crate) requests: bool,
    /// Specifications are changed and deleted.
    pub(crate) surgery: bool,
    pub(crate) bad_starts: bool,
    pub(crate) bad_boot: bool,
    /// Backoffs have jitter, so that something may be due at an odd instant.
    pub(crate) jitter: bool,
    /// How often nothing but time passes, in a hundred.
    pub(crate) patience: u8,
}

impl Mood {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        Self {
            tight: rng.bool(),
            requests: rng.u8(..3) > 0,
            surgery: rng.u8(..4) == 0,
            bad_starts: rng.u8(..4) > 0,
            bad_boot: rng.u8(..8) == 0,
            jitter: rng.u8(..6) == 0,
            patience: rng.u8(5..60),
        }
    }
}

/// One child.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Option<Shutdown>,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) significant: bool,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) liveness: Option<Duration>,
    pub(crate) body: Body,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Worker(Manners),
    Fixed(Fixed),
    Dynamic(DynamicSpec),
}

#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) budget: Option<Intensity>,
    pub(crate) children: Vec<Node>,
}

/// An even number of milliseconds, not zero.
pub(crate) fn even(rng: &mut Rng, most_ms: u64) -> Duration {
    Duration::from_millis(2 * rng.u64(1..=most_ms / 2))
}

fn sometimes<T>(rng: &mut Rng, one_in: u8, draw: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.u8(..one_in) == 0).then(|| draw(rng))
}

pub(crate) fn intensity(rng: &mut Rng, tight: bool) -> Intensity {
    let restarts = if tight { rng.u32(..6) } else { NO_LIMIT };
    Intensity::new(restarts, even(rng, 4_000))
}

pub(crate) fn strategy(rng: &mut Rng) -> Strategy {
    match rng.u8(..3) {
        0 => Strategy::OneForOne,
        1 => Strategy::OneForAll,
        _ => Strategy::RestForOne,
    }
}

fn auto_shutdown(rng: &mut Rng) -> AutoShutdown {
    match rng.u8(..4) {
        0 => AutoShutdown::AnySignificant,
        1 => AutoShutdown::AllSignificant,
        _ => AutoShutdown::Never,
    }
}

/// The root, which is no child: it puts up with more than those below it.
pub(crate) fn root(rng: &mut Rng, mood: &Mood) -> Fixed {
    let mut root = fixed(rng, mood, DEPTH);
    let tight = mood.tight && rng.u8(..4) == 0;
    root.intensity = intensity(rng, tight);
    if rng.u8(..4) > 0 {
        root.auto_shutdown = AutoShutdown::Never;
        for child in &mut root.children {
            child.significant = false;
        }
    }
    root
}

fn fixed(rng: &mut Rng, mood: &Mood, depth: u8) -> Fixed {
    let auto_shutdown = auto_shutdown(rng);
    let tight = mood.tight && rng.u8(..3) > 0;
    let mut supervisor = Fixed {
        strategy: strategy(rng),
        intensity: intensity(rng, tight),
        auto_shutdown,
        budget: sometimes(rng, 4, |rng| {
            let budget = intensity(rng, mood.tight);
            Intensity::new(budget.restarts, 2 * budget.period)
        }),
        children: Vec::new(),
    };
    let most = if depth == DEPTH { 5 } else { 4 };
    for number in 0..rng.usize(1..=most) {
        let id = format!("{}{number}", char::from(b'a' + (DEPTH - depth)));
        let child = node(rng, mood, id, depth, auto_shutdown);
        supervisor.children.push(child);
    }
    supervisor
}

/// A child of a supervisor that has `depth` levels below it at most.
fn node(rng: &mut Rng, mood: &Mood, id: String, depth: u8, above: AutoShutdown) -> Node {
    let mut node = worker(rng, mood, id, above);
    if depth == 0 || rng.u8(..5) >= 2 {
        return node;
    }
    node.body = if rng.u8(..3) == 0 {
        let tight = mood.tight && rng.bool();
        let spec = DynamicSpec::new(intensity(rng, tight), rng.usize(1..6));
        Body::Dynamic(spec.auto_shutdown(auto_shutdown(rng)))
    } else {
        Body::Fixed(fixed(rng, mood, depth - 1))
    };
    node.liveness = None;
    node.shutdown = sometimes(rng, 3, shutdown);
    // More than its children need, unless something is wrong with one of them.
    let needs = node.nominal_start();
    node.start_timeout = sometimes(rng, 3, |rng| needs + even(rng, 1_000));
    if let (Body::Fixed(fixed), Restart::Temporary) = (&mut node.body, node.restart) {
        fixed.budget = None;
    }
    node
}

fn shutdown(rng: &mut Rng) -> Shutdown {
    match rng.u8(..5) {
        0 => Shutdown::BrutalKill,
        1 => Shutdown::Infinity,
        _ => Shutdown::Timeout(even(rng, 1_000)),
    }
}

pub(crate) fn worker(rng: &mut Rng, mood: &Mood, id: String, above: AutoShutdown) -> Node {
    let restart = match rng.u8(..6) {
        0 => Restart::Temporary,
        1 => Restart::Transient,
        _ => Restart::Permanent,
    };
    let may_be_significant = above != AutoShutdown::Never && restart != Restart::Permanent;
    let manners = Manners::draw(rng);
    let backoff = sometimes(rng, 4, |rng| {
        let backoff = Backoff::exponential(even(rng, 200), Duration::from_secs(1))
            .reset_after(even(rng, 5_000));
        if mood.jitter {
            backoff
        } else {
            backoff.jitter(0.0)
        }
    });
    Node {
        id,
        restart,
        shutdown: sometimes(rng, 2, shutdown),
        start_timeout: sometimes(rng, 2, |rng| manners.start_takes() + even(rng, 2_000)),
        significant: may_be_significant && rng.bool(),
        backoff,
        liveness: sometimes(rng, 4, |rng| Duration::from_millis(200) + even(rng, 2_000)),
        body: Body::Worker(manners),
    }
}

/// Something to add while the tree runs; a supervisor at times.
pub(crate) fn newcomer(rng: &mut Rng, mood: &Mood, id: String, above: AutoShutdown) -> Node {
    let mut child = worker(rng, mood, id, above);
    if rng.u8(..8) == 0 {
        let mut below = fixed(rng, mood, 0);
        below.budget = None;
        child.body = Body::Fixed(below);
        (child.liveness, child.start_timeout) = (None, None);
    }
    child
}

impl Node {
    /// How long it takes to come up when nothing goes wrong.
    fn nominal_start(&self) -> Duration {
        match &self.body {
            Body::Worker(manners) => manners.start_takes(),
            Body::Fixed(fixed) => fixed.children.iter().map(Self::nominal_start).sum(),
            Body::Dynamic(_) => Duration::ZERO,
        }
    }

    /// No restart of it takes longer, those below it aside.
    pub(crate) fn worst(&self) -> Duration {
        let start = match self.body {
            Body::Worker(_) => self.start_timeout.unwrap_or(Duration::from_secs(30)),
            Body::Fixed(_) | Body::Dynamic(_) => Duration::ZERO,
        };
        let stop = match self.shutdown {
            Some(Shutdown::Timeout(limit)) => limit,
            _ => Duration::from_secs(5),
        };
        let wait = self
            .backoff
            .map_or(Duration::ZERO, |backoff| 2 * backoff.max);
        start + stop + wait
    }

    pub(crate) fn is_supervisor(&self) -> bool {
        !matches!(self.body, Body::Worker(_))
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        matches!(self.body, Body::Dynamic(_))
    }

    pub(crate) fn spec(&self, path: &str, journal: &Journal) -> ChildSpec {
        let mut spec = match &self.body {
            Body::Worker(manners) => worker_spec(&self.id, path, manners, journal),
            Body::Fixed(fixed) => ChildSpec::supervisor(&self.id, fixed.spec(path, journal)),
            Body::Dynamic(dynamic) => ChildSpec::dynamic(&self.id, &DynamicHandle::new(), *dynamic),
        };
        spec = spec.restart(self.restart).significant(self.significant);
        if let Some(shutdown) = self.shutdown {
            spec = spec.shutdown(shutdown);
        }
        if let Some(limit) = self.start_timeout {
            spec = spec.start_timeout(limit);
        }
        if let Some(backoff) = self.backoff {
            spec = spec.backoff(backoff);
        }
        if let Some(limit) = self.liveness {
            spec = spec.liveness(limit);
        }
        spec
    }
}

impl Fixed {
    /// The specification of this supervisor at `path`; its nodes are made known to the journal.
    pub(crate) fn spec(&self, path: &str, journal: &Journal) -> SupervisorSpec {
        let mut spec =
            SupervisorSpec::new(self.strategy, self.intensity).auto_shutdown(self.auto_shutdown);
        spec.budget = self.budget;
        for child in &self.children {
            let below = format!("{path}/{}", child.id);
            journal.plan(&below, child);
            spec = spec.child(child.spec(&below, journal));
        }
        spec
    }
}

fn worker_spec(id: &str, path: &str, manners: &Manners, journal: &Journal) -> ChildSpec {
    let line = journal.line(path);
    let (manners, path, journal) = (*manners, path.to_owned(), journal.clone());
    let make = move |context: &StartContext| {
        let readiness = manners.ready_in.map(|_| context.readiness());
        let worker = Worker {
            path: path.clone(),
            journal: journal.clone(),
            manners,
        };
        (worker, readiness)
    };
    let spec = ChildSpec::worker_with(id, &line, make);
    match manners.ready_in {
        Some(_) => spec.awaits_readiness(),
        None => spec,
    }
}
