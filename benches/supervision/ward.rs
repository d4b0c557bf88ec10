//! `Ward`: the children of one supervisor and the crashes that go round among them.
//!
//! Every peer runs this same code in its workers, and differs in who restarts them and how they
//! are reached. It also takes the times, and counts incarnations that are alive at once.

use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

use crate::cpu;

/// Restarts that do not come within this have stopped coming.
const PATIENCE: Duration = Duration::from_secs(120);
/// One end in so many is slow, for so long: a file being closed, a large structure freed.
const SLOW_END_EVERY: usize = 64;
const SLOW_END: Duration = Duration::from_micros(50);

/// How a peer's worker is reached.
pub(crate) trait Address: Send + Sync + 'static {
    /// Tells it to crash; false when it is not there at the moment.
    fn crash(&self) -> bool;
}

/// What is looked at beside the number of restarts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    Nothing,
    Latency,
    Overlap,
}

/// How many children there are, how many crashes go round among them, what is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) children: usize,
    /// Divides the children, so that two crashes never meet.
    pub(crate) tokens: usize,
    pub(crate) watch: Watch,
}

/// See the module.
pub(crate) struct Ward {
    book: Vec<Box<dyn Address>>,
    plan: Plan,
    clock: Instant,
    goal: AtomicUsize,
    sent: AtomicUsize,
    started: AtomicUsize,
    reached: Notify,
    crashed_at: Vec<AtomicU64>,
    latencies: Mutex<Vec<Duration>>,
    alive: Vec<AtomicUsize>,
    ended: AtomicUsize,
    overlaps: AtomicUsize,
}

/// How long so many restarts took, on the wall and of the processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) restarts: usize,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// A supervisor that is up with all its children, and how to be rid of it.
pub(crate) struct Raised {
    pub(crate) ward: Arc<Ward>,
    pub(crate) stop: BoxFuture<'static, ()>,
}

impl Ward {
    /// A ward of the children at these addresses.
    pub(crate) fn new<A: Address>(addresses: impl Iterator<Item = A>, plan: Plan) -> Arc<Self> {
        let address = |address| -> Box<dyn Address> { Box::new(address) };
        let Plan { children, .. } = plan;
        Arc::new(Self {
            book: addresses.map(address).collect(),
            plan,
            clock: Instant::now(),
            goal: AtomicUsize::new(children),
            sent: AtomicUsize::new(children),
            started: AtomicUsize::new(0),
            reached: Notify::new(),
            crashed_at: (0..children).map(|_| AtomicU64::new(0)).collect(),
            latencies: Mutex::default(),
            alive: (0..children).map(|_| AtomicUsize::new(0)).collect(),
            ended: AtomicUsize::new(0),
            overlaps: AtomicUsize::new(0),
        })
    }

    /// Resolves when the first incarnation of every child has started.
    pub(crate) async fn all_up(&self) {
        self.reach().await;
    }

    /// Lets the crashes go round until so many restarts are done.
    pub(crate) async fn restarts(self: &Arc<Self>, restarts: usize) -> Run {
        let tokens = self.plan.tokens.min(restarts);
        let (cpu, started) = (cpu::used(), Instant::now());
        self.expect(restarts, tokens);
        for token in 0..tokens {
            self.tell(token);
        }
        self.reach().await;
        Run {
            restarts,
            wall: started.elapsed(),
            cpu: cpu::used() - cpu,
        }
    }

    /// Crashes one child after the other, each when the one before is back, and says how long each
    /// took from its handler's return to the end of the next incarnation's start.
    pub(crate) async fn latencies(self: &Arc<Self>, samples: usize) -> Vec<Duration> {
        self.latencies.lock().unwrap().clear();
        for sample in 0..samples {
            self.expect(1, 1);
            self.tell(sample % self.plan.children);
            self.reach().await;
        }
        std::mem::take(&mut *self.latencies.lock().unwrap())
    }

    /// Starts that found an incarnation of the same child alive.
    pub(crate) fn overlaps(&self) -> usize {
        self.overlaps.load(Ordering::SeqCst)
    }

    fn expect(&self, restarts: usize, sent: usize) {
        self.sent.store(sent, Ordering::SeqCst);
        self.started.store(0, Ordering::SeqCst);
        self.goal.store(restarts, Ordering::SeqCst);
    }

    async fn reach(&self) {
        tokio::time::timeout(PATIENCE, self.reached.notified())
            .await
            .expect("restarts go on");
    }

    fn tell(self: &Arc<Self>, child: usize) {
        if self.book[child].crash() {
            return;
        }
        // It has started and cannot be reached yet: soon it can.
        let ward = Arc::clone(self);
        tokio::spawn(async move {
            while !ward.book[child].crash() {
                tokio::task::yield_now().await;
            }
        });
    }

    fn now_ns(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }
}

/// One incarnation of a worker, kept in its state: dropped with it.
pub(crate) struct Life {
    ward: Arc<Ward>,
    child: usize,
}

impl Life {
    /// The first thing of an incarnation.
    pub(crate) fn begin(ward: Arc<Ward>, child: usize) -> Self {
        let watched = ward.plan.watch == Watch::Overlap;
        if watched && ward.alive[child].fetch_add(1, Ordering::SeqCst) > 0 {
            ward.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        Self { ward, child }
    }

    /// The last thing of its start. The crash goes on to the child started longest ago.
    pub(crate) fn up(&self) {
        let ward = &self.ward;
        if ward.plan.watch == Watch::Latency {
            let crashed = ward.crashed_at[self.child].load(Ordering::Relaxed);
            let latency = Duration::from_nanos(ward.now_ns() - crashed);
            ward.latencies.lock().unwrap().push(latency);
        }
        let goal = ward.goal.load(Ordering::SeqCst);
        if ward.sent.load(Ordering::Relaxed) < goal
            && ward.sent.fetch_add(1, Ordering::SeqCst) < goal
        {
            ward.tell((self.child + ward.plan.tokens) % ward.plan.children);
        }
        if ward.started.fetch_add(1, Ordering::SeqCst) + 1 == goal {
            ward.reached.notify_one();
        }
    }

    /// The last thing of the handler that crashes.
    pub(crate) fn crashing(&self) {
        let crashed_at = &self.ward.crashed_at[self.child];
        crashed_at.store(self.ward.now_ns(), Ordering::Relaxed);
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let Ward { plan, ended, .. } = &*self.ward;
        if plan.watch != Watch::Overlap {
            return;
        }
        if ended
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SLOW_END_EVERY)
        {
            // Whoever is woken meanwhile runs on another thread; tokio would otherwise often run
            // everything on this one, where nothing can overlap and a count of none says nothing.
            tokio::task::block_in_place(|| std::thread::sleep(SLOW_END));
        }
        self.ward.alive[self.child].fetch_sub(1, Ordering::SeqCst);
    }
}
