//! What whoever watches a patient sees: everything that was committed, whatever died meanwhile.

use super::*;
use crate::entropy::Entropy;
use crate::patient::session::Message;
use crate::patient::{Bedside, IDLE_STOP};
use crate::policy::ViewGrant;
use plantao_schema::access::Fields;
use plantao_schema::vitals::{self, Chart, Reading, VitalSign};
use plantao_supervisors::{NodeState, Snapshot};
use std::sync::Arc;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(30);

pub(super) type Watching = Receiver<Arc<Bedside>>;

pub(super) fn maria() -> PatientId {
    PatientId::parse(MARIA).unwrap()
}

pub(super) fn grant() -> ViewGrant {
    testing::grant(None, Fields::default())
}

/// An Observation of one heart rate, `second` seconds after the beginning.
pub(super) fn pulse(id: &str, second: i64, value: f64) -> Value {
    let at = Timestamp::from_micros(1_763_799_000_000_000).plus_seconds(second);
    let sign = VitalSign::HeartRate;
    vitals::observation(&maria(), id, &[Reading { sign, value, at }])
}

fn rates(chart: &Chart) -> Vec<f64> {
    let points = chart.points(VitalSign::HeartRate);
    points.map(|reading| reading.value).collect()
}

/// Waits until what is watched is as wanted.
pub(super) async fn until(watching: &mut Watching, wanted: impl Fn(&Bedside) -> bool) {
    let seen = timeout(SOON, watching.wait_for(|bedside| wanted(bedside))).await;
    seen.expect("in time").expect("a live session");
}

impl Hospital {
    pub(super) async fn watch(&self) -> Watching {
        self.records.watch(&grant(), &maria()).await.unwrap()
    }

    fn session_of_maria(&self) -> Snapshot {
        let tree = self.tree.snapshot();
        let sessions = tree.children.into_iter().find(|one| one.id == "sessions");
        sessions.unwrap().children.into_iter().next().unwrap()
    }

    fn look_now(&self) {
        let tenant = Tenant::parse("demo").unwrap();
        let session = self.records.shared.sessions.live(&tenant, &maria());
        session.unwrap().cast(Message::LookCameDue).unwrap();
    }
}

/// The same records as another node has them, and that node.
async fn elsewhere(hospital: &Hospital) -> (Records, Tree) {
    let (database, clock) = (hospital.database.database(), hospital.clock.clone());
    let records = Records::new(database, hospital.vault.clone(), clock);
    let often = Intensity::new(20, Duration::from_secs(5));
    let mut spec = SupervisorSpec::new(Strategy::OneForOne, often);
    spec = spec.child(records.sessions_child(often, 8));
    let tree = Tree::start("elsewhere", spec).await.unwrap();
    (records, tree)
}

#[tokio::test]
async fn an_idle_patient_is_watched_with_everything_that_was_stored_before() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let mut bundle = put(pulse("p-1", 1, 81.0));
    let allergy = json!({
        "resourceType": "AllergyIntolerance",
        "id": "a-1",
        "clinicalStatus": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
            "code": "active",
        }] },
        "criticality": "high",
        "code": { "text": "Penicilina" },
        "patient": { "reference": format!("Patient/{MARIA}") },
    });
    let allergy = put(allergy)["entry"][0].clone();
    bundle["entry"].as_array_mut().unwrap().push(allergy);
    hospital.store(bundle).await.unwrap();
    let watching = hospital.watch().await;
    let bedside = watching.borrow().clone();
    assert_eq!(rates(&bedside.chart), [81.0]);
    assert!(bedside.name.as_deref().unwrap().starts_with("Maria"));
    assert_eq!(bedside.birth_date.as_deref(), Some("1984-02-29"));
    assert_eq!(bedside.card.allergies.len(), 1, "{:?}", bedside.card);
    assert_eq!((bedside.unreadable, bedside.storage_lost), (0, false));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_committed_reading_reaches_whoever_watches_once_for_each_moment() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let (mut one, mut other) = (hospital.watch().await, hospital.watch().await);
    let before = one.borrow_and_update().revision;
    hospital.store(put(pulse("p-1", 1, 81.0))).await.unwrap();
    hospital.store(put(pulse("p-2", 2, 82.0))).await.unwrap();
    // The same value of the same moment, under another id.
    hospital.store(put(pulse("p-3", 2, 82.0))).await.unwrap();
    hospital.store(put(pulse("p-4", 4, 84.0))).await.unwrap();
    for watching in [&mut one, &mut other] {
        until(watching, |bedside| rates(&bedside.chart).len() == 3).await;
        assert_eq!(rates(&watching.borrow().chart), [81.0, 82.0, 84.0]);
        assert_eq!(watching.borrow().revision, before + 3);
    }
    assert!(Arc::ptr_eq(&one.borrow(), &other.borrow()));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_session_killed_in_mid_stream_is_rebuilt_with_the_same_chart() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let mut watching = hospital.watch().await;
    let path = hospital.session_of_maria().path;
    for second in 0..24 {
        if second % 6 == 3 {
            hospital.tree.kill(&path).unwrap();
        }
        let value = 80.0 + f64::from(i32::try_from(second).unwrap());
        let id = format!("p-{second}");
        let bundle = || put(pulse(&id, second, value));
        // Killed with the write in hand, its outcome is a fault or in doubt: it is sent again.
        let sent = async { while hospital.store(bundle()).await.is_err() {} };
        timeout(SOON, sent).await.expect("in time");
        if watching.has_changed().is_err() {
            watching = hospital.watch().await;
        }
    }
    until(&mut watching, |bedside| rates(&bedside.chart).len() == 24).await;
    let (other, node) = elsewhere(&hospital).await;
    let rebuilt = other.watch(&grant(), &maria()).await.unwrap();
    assert!(watching.borrow().chart == rebuilt.borrow().chart);
    assert_eq!(watching.borrow().card, rebuilt.borrow().card);
    node.shutdown().await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_bundle_over_several_files_reaches_each_session_that_is_watched() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let mut watching = hospital.watch().await;
    let mut bundle = put(pulse("p-1", 1, 81.0));
    let other = put(patient("joao-exemplo", "52998224725"));
    let entries = bundle["entry"].as_array_mut().unwrap();
    entries.push(other["entry"][0].clone());
    hospital.store(bundle).await.unwrap();
    until(&mut watching, |bedside| rates(&bedside.chart) == [81.0]).await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_correction_takes_the_place_of_what_it_corrects_and_an_error_goes() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    for (id, second) in [("p-1", 1), ("p-2", 2)] {
        hospital.store(put(pulse(id, second, 180.0))).await.unwrap();
    }
    let mut watching = hospital.watch().await;
    assert_eq!(rates(&watching.borrow().chart), [180.0, 180.0]);
    hospital.store(put(pulse("p-1", 1, 81.0))).await.unwrap();
    until(&mut watching, |bedside| {
        rates(&bedside.chart) == [81.0, 180.0]
    })
    .await;
    let mut wrong = pulse("p-2", 2, 180.0);
    wrong["status"] = "entered-in-error".into();
    hospital.store(put(wrong)).await.unwrap();
    until(&mut watching, |bedside| rates(&bedside.chart) == [81.0]).await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn what_another_node_stored_is_shown_at_the_next_look() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let mut watching = hospital.watch().await;
    let (other, node) = elsewhere(&hospital).await;
    let (audit, clock) = (&hospital.audit, &hospital.clock);
    let written = stored(&other, audit, clock, put(pulse("p-1", 1, 81.0))).await;
    written.unwrap();
    assert!(rates(&watching.borrow().chart).is_empty());
    hospital.look_now();
    until(&mut watching, |bedside| rates(&bedside.chart) == [81.0]).await;
    node.shutdown().await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn one_damaged_record_is_counted_and_hides_no_other() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    for (id, second) in [("p-1", 1), ("p-2", 2)] {
        hospital.store(put(pulse(id, second, 80.0))).await.unwrap();
    }
    let session = hospital.session().await;
    let damage = "UPDATE fhir_resource \
         SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE id = 'p-1'";
    assert_eq!(session.execute(damage, &[]).await.unwrap(), 1);
    let bedside = hospital.watch().await.borrow().clone();
    assert_eq!((rates(&bedside.chart).len(), bedside.unreadable), (1, 1));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn only_a_patient_who_exists_and_is_in_the_grant_is_watched() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let nobody = PatientId::parse("nobody").unwrap();
    let only_nobody = testing::grant(Some(nobody.clone()), Fields::default());
    let watch = async |grant: &ViewGrant, patient: &PatientId| {
        hospital.records.watch(grant, patient).await.err()
    };
    let outside = watch(&only_nobody, &maria()).await;
    assert_eq!(outside, Some(RecordError::PermitMismatch));
    let unknown = watch(&grant(), &nobody).await;
    assert_eq!(unknown, Some(RecordError::NotFound));
    let sessions = hospital.tree.snapshot().children;
    let sessions = sessions.iter().find(|one| one.id == "sessions").unwrap();
    assert!(sessions.children.is_empty(), "no session was started");
    let mine = testing::grant(Some(maria()), Fields::default());
    assert_eq!(watch(&mine, &maria()).await, None);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn fifty_readings_a_second_are_all_shown_and_read_nothing_again() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let mut watching = hospital.watch().await;
    let started = Instant::now();
    for second in 0..50 {
        let id = format!("p-{second}");
        hospital.store(put(pulse(&id, second, 80.0))).await.unwrap();
    }
    until(&mut watching, |bedside| rates(&bedside.chart).len() == 50).await;
    // Before it is due to look by itself, which a loaded machine may fail to do in time.
    for _ in 0..3 {
        hospital.look_now();
    }
    hospital.read(FhirType::Patient, MARIA).await.unwrap();
    let revision = watching.borrow().revision;
    let early = started.elapsed() < Duration::from_secs(9);
    // A rebuild is a revision too: one for each reading leaves none for it.
    assert!(revision == 50 || !early, "{revision}");
    hospital.tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_is_idle_only_when_nobody_watches() {
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let store = Arc::new(super::sessions::OnePatient::default());
    let records = Records::with_store(store, clock, Entropy::system());
    let tree = super::sessions::node(&records).await;
    let watching = records.watch(&grant(), &maria()).await.unwrap();
    tokio::time::sleep(3 * IDLE_STOP).await;
    assert!(watching.has_changed().is_ok(), "still watched");
    drop(watching);
    tokio::time::sleep(2 * IDLE_STOP).await;
    let live = super::sessions::sessions(&tree);
    let running = |one: &Snapshot| one.state == NodeState::Running;
    assert!(!live.iter().any(running), "{live:?}");
    let watching = records.watch(&grant(), &maria()).await.unwrap();
    assert!(watching.has_changed().is_ok(), "found again");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_ward_that_is_opened_loads_its_patients_a_few_at_a_time() {
    let mut store = super::sessions::OnePatient::default();
    store.takes = Duration::from_millis(100);
    let most = Arc::clone(&store.most);
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let records = Records::with_store(Arc::new(store), clock, Entropy::system());
    let often = Intensity::new(1, Duration::from_secs(5));
    let sessions = records.sessions_child(often, 100);
    let spec = SupervisorSpec::new(Strategy::OneForOne, often).child(sessions);
    let tree = Tree::start("node", spec).await.unwrap();
    let grant = grant();
    let all = (0..60).map(|number| {
        let (records, grant) = (&records, &grant);
        let patient = PatientId::parse(&format!("p-{number}")).unwrap();
        async move { records.watch(grant, &patient).await }
    });
    let watching = futures_util::future::join_all(all).await;
    assert!(watching.iter().all(Result::is_ok));
    assert_eq!(most.load(std::sync::atomic::Ordering::SeqCst), 8);
    // Who is watched already is joined without a turn.
    let began = Instant::now();
    let first = PatientId::parse("p-0").unwrap();
    records.watch(&grant, &first).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    tree.shutdown().await;
}
