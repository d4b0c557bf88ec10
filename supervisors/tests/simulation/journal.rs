//! `Journal`: everything that happens in one run, in order, with its virtual time.
//!
//! Workers, callers and the lifecycle stream write into it; every line goes into the hash of the
//! run and every event past the checkers. What a checker objects to is kept for the driver: a
//! panic here would only end the actor that happened to write.

use plantao_supervisors::{ExitReason, Handle, Lifecycle, Limits, Snapshot};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

use crate::answers::Answers;
use crate::census::{Census, Plans};
use crate::classes::Classes;
use crate::intensity::Restarts;
use crate::numbering::Numbering;
use crate::order::Order;
use crate::plan::Node;
use crate::sightings::Sightings;
use crate::worker::{Cue, Spoil};

/// Lines that a failure prints.
const TAIL: usize = 120;
/// Messages that a worker lets in: few, so that some are refused.
const IN_FLIGHT: usize = 6;
/// The answer of a caller who does not wait for one any more.
pub(crate) const ABANDONED: &str = "abandoned";
/// Lines of one instant after which the run is taken for one that never comes to rest.
const RESTLESS: u32 = 20_000;

/// See the module.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Mutex<Record>>);

/// What a run has come to so far.
pub(crate) struct Record {
    seed: u64,
    replays: bool,
    clock: Instant,
    tail: VecDeque<String>,
    hash: DefaultHasher,
    at: (Duration, u32),
    pub(crate) alive: BTreeMap<String, u32>,
    spoils: BTreeMap<String, Vec<Spoil>>,
    lines: BTreeMap<String, Handle<Cue>>,
    pub(crate) plans: Plans,
    pub(crate) census: Census,
    pub(crate) answers: Answers,
    pub(crate) restarts: Restarts,
    classes: Classes,
    order: Order,
    numbering: Numbering,
    pub(crate) sightings: Sightings,
    pub(crate) root_exit: Option<ExitReason>,
    /// What the checkers objected to.
    pub(crate) broken: Vec<String>,
}

impl Journal {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Record {
            seed,
            replays: crate::replayed().is_some(),
            clock: Instant::now(),
            tail: VecDeque::new(),
            hash: DefaultHasher::new(),
            at: (Duration::ZERO, 0),
            alive: BTreeMap::new(),
            spoils: BTreeMap::new(),
            lines: BTreeMap::new(),
            plans: BTreeMap::new(),
            census: Census::default(),
            answers: Answers::default(),
            restarts: Restarts::default(),
            classes: Classes,
            order: Order,
            numbering: Numbering::default(),
            sightings: Sightings::default(),
            root_exit: None,
            broken: Vec::new(),
        })))
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, what: &str, whom: impl Display) {
        self.record().write(format!("{what} {whom}"));
    }

    /// The first line of a `pre_start`: from here on there is something of this worker.
    pub(crate) fn begun(&self, path: &str) {
        let mut record = self.record();
        record.write(format!("begins {path}"));
        let alive = record.alive.entry(path.to_owned()).or_default();
        *alive += 1;
        if *alive > 1 {
            record.object(format!("two incarnations of {path} are alive"));
        }
    }

    pub(crate) fn gone(&self, path: &str) {
        let mut record = self.record();
        record.write(format!("gone {path}"));
        if let Some(alive) = record.alive.get_mut(path) {
            *alive -= 1;
            if *alive == 0 {
                record.alive.remove(path);
            }
        }
    }

    /// The way to the worker at `path`, the same for all of its incarnations and specifications.
    pub(crate) fn line(&self, path: &str) -> Handle<Cue> {
        let mut record = self.record();
        let line = || Handle::new(Limits::in_flight(IN_FLIGHT));
        record
            .lines
            .entry(path.to_owned())
            .or_insert_with(line)
            .clone()
    }

    pub(crate) fn plan(&self, path: &str, node: &Node) {
        self.record().plans.insert(path.to_owned(), node.clone());
    }

    pub(crate) fn spoil(&self, path: &str, spoil: Spoil) {
        let mut record = self.record();
        record.write(format!("spoils {path} {spoil:?}"));
        record
            .spoils
            .entry(path.to_owned())
            .or_default()
            .push(spoil);
    }

    pub(crate) fn next_spoil(&self, path: &str) -> Option<Spoil> {
        self.record().spoils.get_mut(path)?.pop()
    }

    /// From here on starts go well.
    pub(crate) fn calm_down(&self) {
        let mut record = self.record();
        record.write("calm".to_owned());
        record.spoils.clear();
    }

    /// The tree is up: what there is, before the first event that is heard.
    pub(crate) fn booted(&self, snapshot: &Snapshot) {
        let mut record = self.record();
        let Record {
            census,
            plans,
            numbering,
            ..
        } = &mut *record;
        census.begin(plans, snapshot);
        numbering.begin(snapshot.seq.unwrap_or_default());
    }

    /// Takes in one event of the tree's stream.
    pub(crate) fn hear(&self, event: &Lifecycle) {
        let mut record = self.record();
        let now = record.now();
        record.write(format!("{} {} {:?}", event.seq, event.path, event.event));
        let Record {
            census,
            plans,
            answers,
            restarts,
            classes,
            order,
            numbering,
            sightings,
            broken,
            ..
        } = &mut *record;
        let said = [
            numbering.hear(event),
            order.hear(census, answers, event),
            classes.hear(census, answers, plans, event),
            restarts.hear(census, answers, plans, now, event),
        ];
        broken.extend(said.into_iter().filter_map(Result::err));
        answers.hear(&event.path);
        sightings.hear(census, restarts, now, event);
        if let Err(orphan) = census.hear(plans, event) {
            broken.push(orphan);
        }
    }

    /// Notes a request; its number is to be given when it is answered.
    pub(crate) fn ask(&self, above: &str, id: &str, what: &str) -> u64 {
        let mut record = self.record();
        let now = record.now();
        let Record {
            answers,
            census,
            plans,
            ..
        } = &mut *record;
        let dynamic = plans.get(above).is_some_and(Node::is_dynamic);
        if what == "start" && !dynamic {
            census.add(plans, above, id, answers.start(above, id));
        }
        let ticket = answers.open(now, above, id, what);
        record.write(format!("asks {ticket} {above} {what} {id}"));
        ticket
    }

    /// A request is about to stop or start this child.
    pub(crate) fn touch(&self, above: &str, id: &str) {
        let Record { census, plans, .. } = &mut *self.record();
        census.touch(plans, above, id);
    }

    /// A request is about to delete something there.
    pub(crate) fn loosen(&self, above: &str) {
        let Record { census, plans, .. } = &mut *self.record();
        census.loosen(plans, above);
    }

    pub(crate) fn answered(&self, ticket: u64, answer: &str) {
        let mut record = self.record();
        record.write(format!("answers {ticket} {answer}"));
        if answer == ABANDONED {
            record.answers.leave(ticket);
        } else {
            record.answers.close(ticket);
        }
        record.sightings.answer(answer);
    }

    /// The root is over; nothing may be alive at this very moment.
    pub(crate) fn root_is_over(&self, reason: ExitReason) {
        let mut record = self.record();
        record.write(format!("over {reason:?}"));
        if !record.alive.is_empty() {
            let orphans = format!("orphans: {:?}", record.alive.keys());
            record.object(orphans);
        }
        record.root_exit = Some(reason);
    }
}

impl Record {
    pub(crate) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn object(&mut self, what: String) {
        self.write(format!("BROKEN {what}"));
        self.broken.push(what);
    }

    fn write(&mut self, line: String) {
        let now = self.now();
        let (at, lines) = self.at;
        self.at = if at == now { (at, lines + 1) } else { (now, 0) };
        let line = format!("{:>8.3} {line}", now.as_secs_f64());
        self.hash.write(line.as_bytes());
        self.tail.push_back(line);
        // A replay is read from its beginning.
        if self.tail.len() > TAIL && !self.replays {
            self.tail.pop_front();
        }
        if self.at.1 == RESTLESS {
            // The runtime spins and no timer will ever fire: nobody else could say so.
            eprintln!("{}", self.story("never comes to rest"));
            std::process::abort();
        }
    }

    /// What a failure prints.
    pub(crate) fn story(&self, what: &str) -> String {
        let tail: Vec<&str> = self.tail.iter().map(String::as_str).collect();
        format!(
            "seed {}: {what}\n(SIMULATION_SEED={} replays it)\n{}",
            self.seed,
            self.seed,
            tail.join("\n")
        )
    }
}
