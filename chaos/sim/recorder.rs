//! Writes a run's history down as it happens.
//!
//! What differs between two runs of one seed is numbered as it first appears: keys of entries,
//! permits, calls, names of children that come and go. Between two incarnations of the node nobody
//! writes: what its fall drops was not done by anybody.

use crate::coverage::Coverage;
use crate::history::{Depth, History, PermitGiven, What};
use crate::{FaultKind, LifeState};
use plantao_actors::policy::PermitWitness;
use plantao_schema::access::{AccessRequest, ResourceKind};
use plantao_schema::audit::{Chained, Phase};
use plantao_supervisors::{Called, Lifecycle, LifecycleEvent, NodeKind};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    history: History,
    /// What of the run was over when the present incarnation began, and when that was.
    era: Option<(Duration, Instant)>,
    entries: BTreeMap<Uuid, u64>,
    names: BTreeMap<String, String>,
    last_names: BTreeMap<String, u64>,
    deepest: BTreeMap<String, usize>,
    /// The permit that each request was given first: for it to begin at all.
    permits: BTreeMap<String, u64>,
    last_permit: u64,
    last_call: u64,
    last_life: u64,
    last_request: u64,
    struck: Coverage,
}

impl Record {
    fn now(&self) -> Option<Duration> {
        self.era.map(|(from, begun)| from + begun.elapsed())
    }

    /// Writes down, unless nobody lives.
    fn record(&mut self, what: What) {
        if let Some(at) = self.now() {
            self.history.record(at, what);
        }
    }

    fn entry(&mut self, key: Uuid) -> u64 {
        let next = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        *self.entries.entry(key).or_insert(next.saturating_add(1))
    }

    /// A path whose names are the same in every run.
    fn path(&mut self, path: &str) -> String {
        let collapsed = crate::collapsed(path);
        let Some(above) = collapsed.strip_suffix("/*") else {
            return collapsed;
        };
        if let Some(name) = self.names.get(path) {
            return name.clone();
        }
        let last = self.last_names.entry(above.to_owned()).or_default();
        *last += 1;
        let name = format!("{above}/{last}");
        self.names.insert(path.to_owned(), name.clone());
        name
    }
}

fn next(last: &mut u64) -> u64 {
    *last += 1;
    *last
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An incarnation of the node begins, `from` after the run did.
    pub(crate) fn open(&self, from: Duration) {
        self.lock().era = Some((from, Instant::now()));
    }

    /// What happens now happens to nobody.
    pub(crate) fn close(&self) {
        self.lock().era = None;
    }

    /// Something happened.
    pub(crate) fn record(&self, what: What) {
        self.lock().record(what);
    }

    /// The run is over: what is read of it stands at its end. `last` is given what numbers
    /// entries. Answers all that happened.
    pub(crate) fn finish(
        &self,
        at: Duration,
        last: impl FnOnce(&mut dyn FnMut(Uuid) -> u64) -> Vec<What>,
    ) -> History {
        let mut record = self.lock();
        let mut history = std::mem::take(&mut record.history);
        for what in last(&mut |key| record.entry(key)) {
            history.record(at, what);
        }
        history
    }

    /// A fault hit an actor in that state.
    pub(super) fn struck(&self, kind: FaultKind, path: &str, state: LifeState) {
        self.lock().struck.mark(kind, path, state);
    }

    /// A fault that is aimed at nobody happened.
    pub(super) fn struck_apart(&self, kind: FaultKind) {
        self.lock().struck.mark_apart(kind);
    }

    /// What was hit.
    pub(super) fn coverage(&self) -> Coverage {
        self.lock().struck.clone()
    }

    /// The number of a new request.
    pub(crate) fn request(&self) -> u64 {
        next(&mut self.lock().last_request)
    }

    /// The number of an entry.
    pub(crate) fn entry(&self, key: Uuid) -> u64 {
        self.lock().entry(key)
    }

    /// The permit that a request was given.
    pub(crate) fn permit_of(&self, request_id: &str) -> Option<u64> {
        self.lock().permits.get(request_id).copied()
    }

    /// The store told its writer that these are kept.
    pub(crate) fn kept(&self, rows: &[Chained]) {
        let mut record = self.lock();
        for row in rows {
            let number = record.entry(row.entry.id);
            record.record(What::EntryAcknowledged {
                entry: number,
                chain: row.chain.clone(),
                seq: u64::try_from(row.seq).unwrap_or_default(),
            });
            match (row.entry.phase, row.entry.opens) {
                (Phase::Opened, _) => record.record(What::EntryOpened { entry: number }),
                (Phase::Completed, Some(opened)) => {
                    let entry = record.entry(opened);
                    let outcome = row.entry.outcome;
                    record.record(What::EntryCompleted { entry, outcome });
                }
                _ => {}
            }
        }
    }

    /// This entry is on the node's own disk, for the trail.
    pub(crate) fn spooled(&self, key: Uuid) {
        let mut record = self.lock();
        let entry = record.entry(key);
        record.record(What::EntrySpooled { entry });
    }

    /// A supervisor told of a change.
    pub(super) fn told(&self, change: &Lifecycle) {
        let mut record = self.lock();
        let path = record.path(&change.path);
        let is_end = matches!(
            change.event,
            LifecycleEvent::Exited { .. } | LifecycleEvent::Stopped { .. }
        );
        let change = Lifecycle {
            path: path.clone(),
            ..change.clone()
        };
        record.record(What::of_lifecycle(&change));
        if is_end && change.kind != NodeKind::Worker {
            record.record(What::SupervisorEnded { path });
        }
    }

    pub(super) fn life_began(&self, path: &str) -> u64 {
        let mut record = self.lock();
        let (path, life) = (record.path(path), next(&mut record.last_life));
        record.record(What::LifeBegan { path, life });
        life
    }

    pub(super) fn life_ended(&self, path: &str, life: u64) {
        let mut record = self.lock();
        let path = record.path(path);
        record.record(What::LifeEnded { path, life });
    }

    pub(super) fn call_began(&self, path: &str, deadline: Duration) -> u64 {
        let mut record = self.lock();
        let (actor, call) = (record.path(path), next(&mut record.last_call));
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        record.record(What::CallBegan {
            call,
            actor,
            deadline_ms,
        });
        call
    }

    pub(super) fn call_ended(&self, call: u64, how: Called) {
        let outcome = match how {
            Called::Answered => "answered",
            Called::Unavailable => "unavailable",
            Called::Overloaded => "overloaded",
            Called::TimedOut => "timeout",
            Called::Abandoned => "abandoned",
        };
        self.record(What::CallEnded {
            call,
            outcome: outcome.to_owned(),
        });
    }

    /// Only the deepest look at each handle is kept.
    pub(super) fn let_in(&self, path: &str, depth: usize, limit: usize) {
        let mut record = self.lock();
        let actor = record.path(path);
        let deepest = record.deepest.entry(actor.clone()).or_default();
        if depth <= *deepest {
            return;
        }
        *deepest = depth;
        let whole = |count| u64::try_from(count).unwrap_or(u64::MAX);
        record.record(What::Depth(Depth {
            actor,
            depth: whole(depth),
            limit: whole(limit),
        }));
    }

    fn permit_given(&self, access: &AccessRequest, break_glass: bool) -> u64 {
        let mut record = self.lock();
        let permit = next(&mut record.last_permit);
        let request_id = access.request_id.to_string();
        record.permits.entry(request_id).or_insert(permit);
        // What a patient says about consent does not rest on what was said before.
        let patient = access.patient.as_ref();
        let patient = patient.filter(|_| access.kind != ResourceKind::Consent);
        record.record(What::PermitGiven(PermitGiven {
            permit,
            patient: patient.map(ToString::to_string),
            session: None,
            purpose: access.purpose.as_str().to_owned(),
            break_glass,
        }));
        permit
    }
}

/// Hears of permits.
pub(super) struct Permits {
    pub(super) recorder: Recorder,
    pub(super) planted: Option<plantao_actors::policy::Defect>,
}

impl PermitWitness for Permits {
    fn given(&self, access: &AccessRequest, break_glass: bool) -> u64 {
        self.recorder.permit_given(access, break_glass)
    }

    fn handed_in(&self, permit: u64) {
        self.recorder.record(What::PermitUsed { permit });
    }

    fn planted(&self) -> Option<plantao_actors::policy::Defect> {
        self.planted
    }
}
