//! A topic's page as viewers take it: the newest tree, the frames that led there, and each of them
//! as bytes that are written once and shared by all.
//!
//! One feed is one incarnation of a topic, told from others by its epoch. Nothing waits here for a
//! viewer: each asks for its next step when it has sent the last.

use super::diff::{self, Rendered, wire};
use super::page::{Patients, View};
use super::ring::{Frame, Kept, Ring, Way};
use super::wire_frame;
use plantao_schema::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// A topic that has not looked at its page for so long is not believed to be alive: it looks every
/// second.
const BEAT_MAX: Duration = Duration::from_millis(1_500);

/// Most places from which frames are folded to one newest place: each fold is work on a reactor
/// thread, and viewers that stand elsewhere get the whole tree, which is written once for all.
pub(super) const FOLDS_MAX: usize = 8;

/// The first place of every feed.
const FIRST: u64 = 1;

/// The first render of a page, for its document.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which incarnation of the topic drew it.
    pub epoch: Arc<str>,
    /// Its place in that incarnation's sequence.
    pub seq: u64,
    /// Its values.
    pub rendered: Arc<Rendered>,
    /// Whose data these are.
    pub patients: Patients,
    /// When it was drawn.
    pub now: Timestamp,
}

/// One incarnation's page.
pub(super) struct Feed {
    epoch: Arc<str>,
    born: Instant,
    beat_ms: AtomicU64,
    shared: Mutex<Shared>,
}

struct Shared {
    ring: Ring,
    current: Arc<Rendered>,
    patients: Patients,
    now: Timestamp,
    /// The whole tree of the newest place, written when the first viewer needs it.
    whole: Arc<OnceLock<Frame>>,
    /// Folded frames to the newest place, by the place that they start from.
    folded: BTreeMap<u64, Arc<OnceLock<Option<Frame>>>>,
}

/// What a viewer sends next.
#[derive(Debug)]
pub(super) enum Step {
    /// The next frame.
    Next(Frame),
    /// One frame for many.
    Folded(Frame),
    /// The whole tree.
    Whole(Frame),
}

impl Step {
    pub(super) const fn frame(&self) -> &Frame {
        match self {
            Self::Next(frame) | Self::Folded(frame) | Self::Whole(frame) => frame,
        }
    }
}

impl Feed {
    /// A feed that starts with `view`; `epoch` is its own.
    pub(super) fn new(epoch: Uuid, view: View, now: Timestamp) -> Self {
        let shared = Shared {
            ring: Ring::new(FIRST),
            current: Arc::new(view.rendered),
            patients: view.patients,
            now,
            whole: Arc::default(),
            folded: BTreeMap::new(),
        };
        Self {
            epoch: Arc::from(epoch.simple().to_string()),
            born: Instant::now(),
            beat_ms: AtomicU64::new(0),
            shared: Mutex::new(shared),
        }
    }

    /// Its name among the topic's incarnations.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The newest tree.
    pub(super) fn shown(&self) -> Shown {
        let shared = self.lock();
        Shown {
            epoch: Arc::clone(&self.epoch),
            seq: shared.ring.newest(),
            rendered: Arc::clone(&shared.current),
            patients: Arc::clone(&shared.patients),
            now: shared.now,
        }
    }

    /// Whose data the page shows now.
    pub(super) fn patients(&self) -> Patients {
        Arc::clone(&self.lock().patients)
    }

    /// Takes what the page shows now; whether that is anything new.
    pub(super) fn publish(&self, view: View, now: Timestamp) -> bool {
        self.beat();
        let rendered = Arc::new(view.rendered);
        // Only the topic's own task publishes, so the tree does not change in between.
        let (old, seq) = {
            let mut shared = self.lock();
            shared.now = now;
            (Arc::clone(&shared.current), shared.ring.newest() + 1)
        };
        let diff = diff::diff(&old, &rendered);
        if diff.is_empty() {
            self.lock().patients = view.patients;
            return false;
        }
        let bytes = wire_frame::text(&wire::diff_frame(seq, &diff));
        let patients = Arc::clone(&view.patients);
        let frame = Frame {
            seq,
            bytes,
            patients,
        };
        let diff = Arc::new(diff);
        let mut shared = self.lock();
        if shared.patients.is_subset(&view.patients) {
            shared.ring.push(Kept { frame, diff });
        } else {
            // Somebody's data are shown no longer: nobody goes through frames that show them.
            shared.ring = Ring::new(seq);
        }
        shared.current = rendered;
        shared.patients = view.patients;
        shared.whole = Arc::default();
        shared.folded.clear();
        true
    }

    /// The next step of a viewer that is at `place`; nothing when it is where the topic is.
    pub(super) fn next(&self, place: Option<u64>) -> Option<Step> {
        let mut shared = self.lock();
        let way = place.map_or(Way::Lost, |seq| shared.ring.way(seq));
        let frames = match way {
            Way::There => return None,
            Way::Step(frame) => return Some(Step::Next(frame)),
            Way::Fold(frames) => frames,
            Way::Lost => return Some(Step::Whole(self.whole(shared))),
        };
        // Written once, by the first that needs it; the lock is for looking it up alone.
        let from = place.unwrap_or_default();
        if shared.folded.len() >= FOLDS_MAX && !shared.folded.contains_key(&from) {
            return Some(Step::Whole(self.whole(shared)));
        }
        let cell = Arc::clone(shared.folded.entry(from).or_default());
        drop(shared);
        match cell.get_or_init(|| fold(&frames)) {
            Some(frame) => Some(Step::Folded(frame.clone())),
            None => Some(Step::Whole(self.whole(self.lock()))),
        }
    }

    fn whole(&self, shared: MutexGuard<'_, Shared>) -> Frame {
        let cell = Arc::clone(&shared.whole);
        let (seq, tree) = (shared.ring.newest(), Arc::clone(&shared.current));
        let patients = Arc::clone(&shared.patients);
        drop(shared);
        let write = || Frame {
            seq,
            bytes: wire_frame::text(&wire::full_frame(&self.epoch, seq, &tree)),
            patients,
        };
        cell.get_or_init(write).clone()
    }

    /// The topic has looked at its page.
    fn beat(&self) {
        let age = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(age, Ordering::Release);
    }

    /// Whether the topic looks at its page: only then is an unchanged view a current one.
    pub(super) fn is_beating(&self) -> bool {
        let beat = Duration::from_millis(self.beat_ms.load(Ordering::Acquire));
        self.born.elapsed().saturating_sub(beat) <= BEAT_MAX
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One frame for many; nothing when they do not fit together.
fn fold(frames: &[Kept]) -> Option<Frame> {
    let (first, rest) = frames.split_first()?;
    let mut diff = diff::Diff::clone(&first.diff);
    let mut patients = Arc::clone(&first.frame.patients);
    let mut seq = first.frame.seq;
    for kept in rest {
        diff = diff.then(diff::Diff::clone(&kept.diff)).ok()?;
        seq = kept.frame.seq;
        if !kept.frame.patients.is_subset(&patients) {
            Arc::make_mut(&mut patients).extend(kept.frame.patients.iter().cloned());
        }
    }
    let bytes = wire_frame::text(&wire::diff_frame(seq, &diff));
    Some(Frame {
        seq,
        bytes,
        patients,
    })
}
