//! The life of a session: started on demand, lost without loss, gone when idle.

use super::*;
use crate::database::Scope;
use crate::entropy::Entropy;
use crate::patient::cache::{Budget, Cache};
use crate::patient::loan::Borrowed;
use crate::patient::session::PatientSession;
use crate::patient::sessions::Sessions;
use crate::patient::{Asked, Edition, IDLE_STOP, Loaded, Recent, RecordStore, Stored};
use plantao_schema::fhir::EntryOutcome;
use plantao_supervisors::{ChildSpec, DynamicSpec, NodeState, Snapshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use zeroize::Zeroizing;

/// A tree with nothing but sessions.
pub(super) async fn node(records: &Records) -> Tree {
    let often = Intensity::new(1, Duration::from_secs(5));
    let sessions = records.sessions_child(often, 8);
    let spec = SupervisorSpec::new(Strategy::OneForOne, often).child(sessions);
    Tree::start("node", spec).await.unwrap()
}

pub(super) fn sessions(tree: &Tree) -> Vec<Snapshot> {
    let snapshot = tree.snapshot();
    let node = snapshot
        .children
        .into_iter()
        .find(|child| child.id == "sessions")
        .unwrap();
    node.children
}

#[tokio::test]
async fn a_session_that_is_killed_costs_its_memory_and_nothing_else() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    assert!(
        sessions(&hospital.tree).is_empty(),
        "a bundle of several files needs no session"
    );
    hospital.read(FhirType::Patient, MARIA).await.unwrap();
    let live = sessions(&hospital.tree);
    assert_eq!(live.len(), 1);
    assert!(!live[0].path.contains("maria"), "{}", live[0].path);
    for _ in 0..3 {
        hospital.tree.kill(&live[0].path).unwrap();
        let found = hospital.read(FhirType::Patient, MARIA).await.unwrap();
        assert_eq!(found.version, 1);
    }
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_session_that_is_killed_is_found_again_while_many_others_are_asked_for() {
    let clock = WallClock::manual(Timestamp::from_micros(0));
    let node = Sessions::new(Arc::new(OnePatient::default()), clock, Entropy::system());
    let intensity = Intensity::new(1_000, Duration::from_secs(5));
    let only = DynamicSpec::new(intensity, 1);
    let child = ChildSpec::dynamic("sessions", node.supervisor(), only);
    let spec = SupervisorSpec::new(Strategy::OneForOne, intensity).child(child);
    let tree = Tree::start("node", spec).await.unwrap();
    let (tenant, maria) = (Tenant::parse("demo").unwrap(), PatientId::parse(MARIA));
    let maria = maria.unwrap();
    node.started(&tenant, &maria).await.unwrap();
    let path = sessions(&tree)[0].path.clone();
    for round in 1..=20 {
        tree.kill(&path).unwrap();
        let others = (0..500).map(|number| {
            let (node, tenant) = (&node, &tenant);
            let patient = PatientId::parse(&format!("p-{round}-{number}")).unwrap();
            async move { node.started(tenant, &patient).await.err() }
        });
        let others = futures_util::future::join_all(others);
        let (found, others) = tokio::join!(node.started(&tenant, &maria), others);
        assert!(found.is_ok(), "round {round}: {found:?}");
        assert!(
            others
                .iter()
                .all(|one| *one == Some(RecordError::Overloaded))
        );
        let live = sessions(&tree);
        assert_eq!((live.len(), &live[0].path), (1, &path));
        // Begun anew under the same name, it would have none.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while sessions(&tree)[0].restarts < round {
            assert!(tokio::time::Instant::now() < deadline, "round {round}");
            tokio::task::yield_now().await;
        }
    }
    tree.shutdown().await;
}

#[tokio::test]
async fn a_session_that_may_remember_nothing_answers_from_the_store_each_time() {
    let store = Arc::new(OnePatient::default());
    let budget = Arc::new(Budget::new(0));
    let seat = crate::patient::seats::Seat::default();
    let patient = PatientId::parse(MARIA).unwrap();
    let mut cache = Cache::new(Arc::clone(&budget));
    let clock = WallClock::manual(Timestamp::from_micros(0));
    let turns = Arc::default();
    let session = PatientSession::new(store.clone(), budget, clock, patient, &seat, turns);
    let (scope, id) = (Scope::system(Tenant::parse("demo").unwrap()), MARIA);
    let id = ResourceId::parse(id).unwrap();
    for loads in 1..=3 {
        let read = session.read(&mut cache, &scope, FhirType::Patient, &id);
        assert!(read.await.is_ok());
        assert_eq!(store.loads.load(Ordering::SeqCst), loads);
    }
}

#[tokio::test]
async fn an_id_that_nobody_has_starts_no_session() {
    let hospital = hospital().await;
    for id in ["a", "b", "c"] {
        assert_eq!(
            hospital.read(FhirType::Patient, id).await,
            Err(RecordError::NotFound)
        );
    }
    assert!(sessions(&hospital.tree).is_empty());
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn when_no_session_may_be_added_records_are_still_read_and_written() {
    let hospital = hospital().await;
    for number in 0..10 {
        let id = format!("p-{number}");
        hospital
            .store(put(patient(&id, "12345678909")))
            .await
            .unwrap();
        let found = hospital.read(FhirType::Patient, &id).await.unwrap();
        assert_eq!(found.id.as_str(), id);
    }
    assert_eq!(sessions(&hospital.tree).len(), 8);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_change_from_elsewhere_is_seen_by_a_session_that_remembers() {
    let hospital = hospital().await;
    hospital
        .store(put(patient(MARIA, "12345678909")))
        .await
        .unwrap();
    hospital.read(FhirType::Patient, MARIA).await.unwrap();
    let (database, clock) = (hospital.database.database(), hospital.clock.clone());
    let elsewhere = Records::new(database, hospital.vault.clone(), clock);
    let other_node = node(&elsewhere).await;
    let permit = hospital
        .permit(Action::Write, ResourceKind::Bundle, None, None)
        .await;
    let mut changed = patient(MARIA, "12345678909");
    changed["gender"] = json!("female");
    let written = elsewhere
        .transact(permit, hospital.opened().await, parsed(put(changed)))
        .await;
    let (_, open) = written.ok().unwrap();
    hospital
        .audit
        .complete(open, Outcome::Success)
        .await
        .unwrap();
    other_node.shutdown().await;
    let found = hospital.read(FhirType::Patient, MARIA).await.unwrap();
    assert_eq!(
        (found.version, &found.body["gender"]),
        (2, &json!("female"))
    );
    hospital.tree.shutdown().await;
}

/// A store that has one patient, counts what it hands out, and never ends a write.
#[derive(Clone, Default)]
pub(super) struct OnePatient {
    /// How long reading a whole file takes, how many are being read, and how many were at most.
    pub(super) takes: Duration,
    loading: Arc<AtomicUsize>,
    pub(super) most: Arc<AtomicUsize>,
    loads: Arc<AtomicUsize>,
    writing: Arc<Notify>,
    commits: bool,
    /// Whether it refuses to answer about whole files, or does not answer at all.
    pub(super) away: Arc<AtomicUsize>,
}

/// Says at once that it is away.
pub(super) const REFUSES: usize = 1;
/// Says nothing.
pub(super) const STANDS_STILL: usize = 2;

impl OnePatient {
    async fn is_there(&self) -> Result<(), RecordError> {
        match self.away.load(Ordering::SeqCst) {
            0 => Ok(()),
            REFUSES => Err(RecordError::Unavailable),
            _ => std::future::pending().await,
        }
    }
}

fn maria() -> Stored {
    Stored {
        id: ResourceId::parse(MARIA).unwrap(),
        version: 1,
        updated_at: Timestamp::from_micros(0),
        patient: PatientId::parse(MARIA).ok(),
        body: Zeroizing::new(b"{}".to_vec()),
    }
}

impl RecordStore for OnePatient {
    fn load<'a>(
        &'a self,
        _: &'a Scope,
        _: FhirType,
        id: &'a ResourceId,
        known: Option<u64>,
    ) -> Asked<'a, Option<Loaded>> {
        Box::pin(async move {
            if known == Some(1) {
                return Ok(Some(Loaded::Unchanged));
            }
            self.loads.fetch_add(1, Ordering::SeqCst);
            let id = id.clone();
            Ok(Some(Loaded::Newest(Stored { id, ..maria() })))
        })
    }

    fn owner<'a>(
        &'a self,
        _: &'a Scope,
        _: FhirType,
        _: &'a ResourceId,
    ) -> Asked<'a, Option<Option<PatientId>>> {
        Box::pin(async move {
            self.is_there().await?;
            Ok(Some(PatientId::parse(MARIA).ok()))
        })
    }

    fn find<'a>(
        &'a self,
        _: &'a Scope,
        _: FhirType,
        _: &'a str,
        _: &'a str,
    ) -> Asked<'a, Vec<Stored>> {
        Box::pin(async move { Ok(Vec::new()) })
    }

    fn recent<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a PatientId,
        kinds: &'a [FhirType],
        _: usize,
    ) -> Asked<'a, Recent> {
        Box::pin(async move {
            self.is_there().await?;
            if kinds == [FhirType::Observation] && !self.takes.is_zero() {
                let now = self.loading.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(self.takes).await;
                self.loading.fetch_sub(1, Ordering::SeqCst);
            }
            Ok(Recent {
                records: vec![(FhirType::Patient, maria())],
                unreadable: 0,
                cut: false,
            })
        })
    }

    fn stored_since<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a PatientId,
        _: &'a [FhirType],
        _: Timestamp,
    ) -> Asked<'a, Vec<Edition>> {
        Box::pin(async move {
            self.is_there().await?;
            Ok(Vec::new())
        })
    }

    fn store<'a>(
        &'a self,
        _: &'a Scope,
        _: &Transaction,
        _: Timestamp,
        open: &'a Borrowed<OpenEntry>,
    ) -> Asked<'a, Vec<EntryOutcome>> {
        Box::pin(async move {
            if self.commits {
                open.committing();
            }
            self.writing.notify_one();
            std::future::pending().await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_stops_by_itself_and_the_next_read_starts_another() {
    let store = OnePatient::default();
    let loads = Arc::clone(&store.loads);
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let records = Records::with_store(Arc::new(store), clock.clone(), Entropy::system());
    let tree = node(&records).await;
    let read = async || {
        let mut access = testing::access(Action::Read, ResourceKind::Patient, clock.now());
        access.resource = Some(ResourceId::parse(MARIA).unwrap());
        let permit = testing::permit(access).await;
        records
            .read(permit, FhirType::Patient, ResourceId::parse(MARIA).unwrap())
            .await
            .unwrap()
    };
    read().await;
    read().await;
    assert_eq!(
        loads.load(Ordering::SeqCst),
        1,
        "the second read came from memory"
    );
    tokio::time::sleep(IDLE_STOP / 2).await;
    assert_eq!(sessions(&tree).len(), 1);
    tokio::time::sleep(IDLE_STOP).await;
    let live = sessions(&tree);
    assert!(
        live.iter().all(|one| one.state != NodeState::Running),
        "{live:?}"
    );
    read().await;
    assert_eq!(
        loads.load(Ordering::SeqCst),
        2,
        "a new session remembers nothing"
    );
    tree.shutdown().await;
}

#[tokio::test]
async fn a_session_that_dies_in_a_write_gives_the_audit_entry_back() {
    let hospital = hospital().await;
    for (commits, expected) in [
        (false, RecordError::Unavailable),
        (true, RecordError::InDoubt),
    ] {
        let store = OnePatient {
            commits,
            ..OnePatient::default()
        };
        let (own, clock) = (Arc::new(store.clone()), hospital.clock.clone());
        let records = Records::with_store(own, clock, Entropy::system());
        let tree = node(&records).await;
        let permit = hospital
            .permit(Action::Write, ResourceKind::Bundle, None, None)
            .await;
        let open = hospital.opened().await;
        let id = open.id();
        let bundle = parsed(put(temperature("t", MARIA, 36.0)));
        let kill = async {
            store.writing.notified().await;
            tree.kill(&sessions(&tree)[0].path).unwrap();
        };
        let (written, ()) = tokio::join!(records.transact(permit, open, bundle), kill);
        let (error, open) = written.err().unwrap();
        assert_eq!((error, open.id()), (expected, id));
        hospital
            .audit
            .abandon(open, Outcome::Unknown)
            .await
            .unwrap();
        tree.shutdown().await;
    }
    hospital.tree.shutdown().await;
}
