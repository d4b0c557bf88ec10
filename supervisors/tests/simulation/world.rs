//! One run: a tree, what is done to it step by step, and its end.
//!
//! Something is done at even instants, several things at once at times, while timers fire too. A
//! millisecond later nothing is due: the paused clock moves only when every task is idle, so what
//! is seen then has come to rest. Everything is drawn from the seed, and ractor polls an actor's
//! ports in a fixed order: a run can be repeated.

use fastrand::Rng;
use plantao_supervisors::{DynamicSpec, ExitReason, Intensity, Restart, StartError, Tree};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

use crate::acts::spoil;
use crate::answers::PATIENCE;
use crate::journal::Journal;
use crate::picture::{Sight, at_rest, is_whole, sights};
use crate::plan::{self, Body, Mood, Node, even};
use crate::sightings::Sightings;

/// Events that are put into one run at most.
const STEPS_EACH: u64 = 300;
const TICK: Duration = Duration::from_millis(1);
/// Rounds of the run queue within which everything due at one instant has happened: a chain of
/// starts through the whole depth of a tree takes some thirty.
const ROUNDS: u32 = 60;
/// How often to look whether everything is up.
const SLICE: Duration = Duration::from_secs(2);
/// Longest stop of a tree: its workers' times, one after the other.
const STOP: Duration = Duration::from_secs(300);

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) hash: u64,
    pub(crate) steps: u64,
    pub(crate) compared: u64,
    pub(crate) exact: u64,
    pub(crate) sightings: Sightings,
}

/// See the module.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) mood: Mood,
    pub(crate) journal: Journal,
    pub(crate) tree: Tree,
    pub(crate) steps: u64,
    /// The nodes of the last picture.
    pub(crate) sights: Vec<Sight>,
}

/// Runs one seed to its end.
///
/// # Errors
/// The first invariant that broke, and the story of it.
pub(crate) async fn run(seed: u64) -> Result<Outcome, String> {
    let mut rng = Rng::with_seed(seed);
    let mood = Mood::draw(&mut rng);
    let journal = Journal::new(seed);
    let story = |what: String| journal.record().story(&what);
    let plan = plan::root(&mut rng, &mood);
    let body = Body::Fixed(plan.clone());
    let root = Node {
        id: "root".to_owned(),
        body,
        ..blank()
    };
    journal.plan("root", &root);
    let spec = plan.spec("root", &journal);
    let mut steps = 1;
    if mood.bad_boot {
        steps += spoil_boot(&mut rng, &journal);
    }
    let start = Tree::start_seeded("root", spec, seed);
    let started = tokio::time::timeout(PATIENCE, start).await;
    match started {
        Err(_) => Err(story("the tree does not start".to_owned())),
        Ok(Err(error)) => did_not_start(&journal, &error).map_err(story),
        Ok(Ok(tree)) => {
            let mut world = World {
                rng,
                mood,
                journal: journal.clone(),
                tree,
                steps,
                sights: Vec::new(),
            };
            world.follow();
            let lived = world.live().await;
            lived.and_then(|()| world.broken()).map_err(story)?;
            steps = world.steps;
            Ok(())
        }
    }?;
    let mut record = journal.record();
    let sightings = std::mem::take(&mut record.sightings);
    Ok(Outcome {
        hash: record.hash(),
        steps,
        compared: record.restarts.compared,
        exact: record.restarts.exact,
        sightings,
    })
}

/// What a root has that it is no child of anybody.
fn blank() -> Node {
    Node {
        id: String::new(),
        restart: Restart::Permanent,
        shutdown: None,
        start_timeout: None,
        significant: false,
        backoff: None,
        liveness: None,
        body: Body::Dynamic(DynamicSpec::new(Intensity::new(0, TICK), 0)),
    }
}

fn spoil_boot(rng: &mut Rng, journal: &Journal) -> u64 {
    let workers: Vec<String> = {
        let record = journal.record();
        let plans = record.plans.iter();
        let workers = plans.filter(|(_, node)| !node.is_supervisor());
        workers.map(|(path, _)| path.clone()).collect()
    };
    if let Some(path) = rng.choice(&workers) {
        journal.spoil(path, spoil(rng));
    }
    1
}

/// A tree that does not start leaves nothing behind.
fn did_not_start(journal: &Journal, error: &StartError) -> Result<(), String> {
    let mut record = journal.record();
    if !record.alive.is_empty() {
        return Err(format!("left behind by {error}: {:?}", record.alive.keys()));
    }
    let StartError::Child {
        path,
        reason: ExitReason::StartFailed(_),
    } = error
    else {
        return Err(format!("did not start because of {error:?}"));
    };
    if !record.plans.contains_key(path) {
        return Err(format!("nobody knows who did not start: {error}"));
    }
    record.sightings.see("boot failed");
    Ok(())
}

impl World {
    /// Notes the tree's events as they come, and its end.
    fn follow(&self) {
        let (mut events, journal) = (self.tree.subscribe(), self.journal.clone());
        journal.booted(&self.tree.snapshot());
        tokio::task::spawn_local(async move {
            loop {
                match events.recv().await {
                    Ok(event) => journal.hear(&event),
                    Err(RecvError::Closed) => return,
                    Err(RecvError::Lagged(lost)) => {
                        journal.record().object(format!("{lost} events are lost"));
                    }
                }
            }
        });
        let (tree, journal) = (self.tree.clone(), self.journal.clone());
        tokio::task::spawn_local(async move {
            let reason = tree.exited().await;
            journal.root_is_over(reason);
        });
    }

    async fn live(&mut self) -> Result<(), String> {
        let settling = even(&mut self.rng, 10) - TICK;
        self.pass(settling, true).await?;
        tokio::time::sleep(TICK).await;
        while self.steps < STEPS_EACH && !self.is_over() {
            let burst = if self.rng.u8(..4) == 0 {
                self.rng.u8(2..6)
            } else {
                1
            };
            for _ in 0..burst {
                self.act()?;
                for _ in 0..self.rng.u8(..12).saturating_sub(8) {
                    tokio::task::yield_now().await;
                }
            }
            self.pass(TICK, false).await?;
            let time = if self.rng.u8(..100) < self.mood.patience {
                self.steps += 1;
                let most = if self.rng.u8(..8) == 0 { 4_000 } else { 200 };
                even(&mut self.rng, most) - TICK
            } else {
                TICK
            };
            tokio::time::sleep(time).await;
        }
        self.end().await
    }

    fn is_over(&self) -> bool {
        self.journal.record().root_exit.is_some()
    }

    fn broken(&self) -> Result<(), String> {
        match self.journal.record().broken.first() {
            Some(broken) => Err(broken.clone()),
            None => Ok(()),
        }
    }

    /// Lets everything happen that is due until then, and looks.
    async fn pass(&mut self, time: Duration, even_if_over: bool) -> Result<(), String> {
        tokio::time::sleep(time).await;
        if self.mood.jitter {
            for _ in 0..ROUNDS {
                tokio::task::yield_now().await;
            }
        }
        self.broken()?;
        if self.is_over() && !even_if_over {
            return Ok(());
        }
        let snapshot = self.tree.snapshot();
        self.sights.clear();
        sights(&snapshot, &mut self.sights);
        let mut record = self.journal.record();
        if let Some(overdue) = record.answers.overdue(record.now(), PATIENCE) {
            return Err(overdue);
        }
        at_rest(&mut record, &snapshot)
    }

    /// Waits until everything is up that has to be and every request is answered, no longer
    /// than it may take.
    async fn comes_back(&mut self) -> Result<(), String> {
        let (mut waited, worst) = (Duration::ZERO, self.worst());
        loop {
            tokio::time::sleep(SLICE - TICK).await;
            self.pass(TICK, false).await?;
            if self.is_over() {
                return Ok(());
            }
            waited += SLICE;
            let snapshot = self.tree.snapshot();
            let record = self.journal.record();
            let whole = is_whole(&record.census, &record.plans, &snapshot);
            // Nothing is under way in the end that an answer could still wait for.
            let open = record.answers.overdue(record.now(), Duration::ZERO);
            let done = whole.and(open.map_or(Ok(()), Err));
            if done.is_ok() || waited > worst {
                return done;
            }
        }
    }

    /// How long it takes at most: once for the failure under way and once for its escalation.
    fn worst(&self) -> Duration {
        let record = self.journal.record();
        2 * record.plans.values().map(Node::worst).sum::<Duration>()
    }

    /// The faults stop; what has to come back does, and the tree is taken down.
    async fn end(&mut self) -> Result<(), String> {
        self.journal.calm_down();
        if !self.is_over() && self.rng.u8(..4) > 0 {
            self.comes_back().await?;
        }
        let by_itself = self.is_over();
        if by_itself {
            self.journal.record().sightings.see("root ended by itself");
        } else if self.rng.u8(..4) == 0 {
            self.tree
                .kill("root")
                .map_err(|error| format!("the root is up: {error}"))?;
        }
        self.steps += 1;
        let stopped = tokio::time::timeout(STOP, self.tree.shutdown()).await;
        stopped.map_err(|_| "the tree does not stop".to_owned())?;
        let left: Vec<String> = self.journal.record().alive.keys().cloned().collect();
        if !left.is_empty() {
            return Err(format!("orphans: {left:?}"));
        }
        // Long enough for every call's own deadline.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.broken()?;
        let record = self.journal.record();
        match record.answers.overdue(record.now(), Duration::ZERO) {
            Some(overdue) => Err(overdue),
            None => Ok(()),
        }
    }
}
