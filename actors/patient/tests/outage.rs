//! A watched patient while PostgreSQL stands still, and while a session dies between a commit and
//! its publication.

use super::watching::{grant, maria, pulse, until};
use super::*;
use crate::database::testing::{private_cluster, server_pid};
use crate::database::{Database, DatabaseConfig, Scope, pool_child, server_child};
use crate::entropy::Entropy;
use crate::patient::loan::Borrowed;
use crate::patient::session::Message;
use crate::patient::{Asked, Edition, Loaded, PostgresRecords, Recent, Stored};
use plantao_schema::fhir::EntryOutcome;
use plantao_schema::vitals::VitalSign;
use plantao_supervisors::ChildSpec;
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// The server and every process of it: each of them has a process group of its own.
fn processes(server: Pid) -> Vec<Pid> {
    let pid = server.as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let children = children.split_whitespace();
    let children = children.filter_map(|pid| Pid::from_raw(pid.parse().unwrap()));
    children.chain([server]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_stands_still_the_last_bedside_stays_and_says_so() {
    let cluster = private_cluster("watching-outage");
    let config = DatabaseConfig {
        embedded: Some(cluster.clone()),
        ..DatabaseConfig::embedded(&cluster.state_dir)
    };
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let (database, vault) = (Database::new(), Vault::new());
    let (audit, key_file) = (AuditLog::new(clock.clone()), tempfile::tempdir().unwrap());
    let records = Records::new(database.clone(), vault.clone(), clock.clone());
    let often = Intensity::new(10, Duration::from_secs(10));
    let storage = SupervisorSpec::new(Strategy::RestForOne, often)
        .child(server_child(cluster.clone()))
        .child(pool_child(config.clone(), database.clone()));
    let mut spec = SupervisorSpec::new(Strategy::OneForOne, often)
        .child(ChildSpec::supervisor("storage", storage))
        .child(vault_child(&vault, key_file.path().join("master.key")))
        .child(audit_child(&audit, config, "test"))
        // Not one crash is forgiven.
        .child(records.sessions_child(Intensity::new(0, Duration::from_secs(5)), 8));
    for child in records.directory_children() {
        spec = spec.child(child);
    }
    let tree = Tree::start("hospital", spec).await.unwrap();
    for bundle in [demonstration(), put(pulse("p-1", 1, 81.0))] {
        stored(&records, &audit, &clock, bundle).await.unwrap();
    }
    let mut watching = records.watch(&grant(), &maria()).await.unwrap();
    let all = processes(server_pid(&cluster).unwrap());
    for pid in &all {
        kill_process(*pid, Signal::STOP).unwrap();
    }
    let tenant = Tenant::parse("demo").unwrap();
    let session = records.shared.sessions.live(&tenant, &maria()).unwrap();
    session.cast(Message::LookCameDue).unwrap();
    until(&mut watching, |bedside| bedside.storage_lost).await;
    let rate = |bedside: &crate::patient::Bedside| {
        bedside.chart.latest(VitalSign::HeartRate).unwrap().value
    };
    assert!((rate(&watching.borrow()) - 81.0).abs() < 0.1, "it stays");
    // Whoever comes now is told the same.
    let late = records.watch(&grant(), &maria()).await;
    assert!(late.is_err() || late.unwrap().borrow().storage_lost);
    for pid in &all {
        kill_process(*pid, Signal::CONT).unwrap();
    }
    until(&mut watching, |bedside| !bedside.storage_lost).await;
    let give_up = Instant::now() + Duration::from_secs(30);
    while database.ping().await.is_err() {
        assert!(Instant::now() < give_up, "the database did not come back");
        sleep(Duration::from_millis(5)).await;
    }
    stored(&records, &audit, &clock, put(pulse("p-2", 2, 82.0)))
        .await
        .unwrap();
    until(&mut watching, |bedside| rate(bedside) > 81.5).await;
    tree.shutdown().await;
}

/// PostgreSQL, with a pause between a commit and its announcement on demand.
#[derive(Clone)]
struct Pausing {
    store: Arc<PostgresRecords>,
    pause: Arc<AtomicBool>,
    committed: Arc<Notify>,
}

impl RecordStore for Pausing {
    fn load<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
        known: Option<u64>,
    ) -> Asked<'a, Option<Loaded>> {
        Box::pin(async move { self.store.load(scope, kind, id, known).await })
    }

    fn owner<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
    ) -> Asked<'a, Option<Option<PatientId>>> {
        Box::pin(async move { self.store.owner(scope, kind, id).await })
    }

    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        system: &'a str,
        value: &'a str,
    ) -> Asked<'a, Vec<Stored>> {
        Box::pin(async move { self.store.find(scope, kind, system, value).await })
    }

    fn recent<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        limit: usize,
    ) -> Asked<'a, Recent> {
        Box::pin(async move { self.store.recent(scope, patient, kinds, limit).await })
    }

    fn stored_since<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        since: Timestamp,
    ) -> Asked<'a, Vec<Edition>> {
        Box::pin(async move { self.store.stored_since(scope, patient, kinds, since).await })
    }

    fn store<'a>(
        &'a self,
        scope: &'a Scope,
        bundle: &'a Transaction,
        at: Timestamp,
        open: &'a Borrowed<OpenEntry>,
    ) -> Asked<'a, Vec<EntryOutcome>> {
        Box::pin(async move {
            let outcomes = self.store.store(scope, bundle, at, open).await;
            if self.pause.load(Ordering::SeqCst) {
                self.committed.notify_one();
                std::future::pending::<()>().await;
            }
            outcomes
        })
    }
}

#[tokio::test]
async fn a_reading_whose_session_died_between_commit_and_publication_is_shown() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let store = PostgresRecords::new(hospital.database.database(), hospital.vault.clone());
    let store = Pausing {
        store: Arc::new(store),
        pause: Arc::default(),
        committed: Arc::default(),
    };
    let (audit, clock) = (&hospital.audit, &hospital.clock);
    let records = Records::with_store(Arc::new(store.clone()), clock.clone(), Entropy::system());
    let tree = super::sessions::node(&records).await;
    let mut watching = records.watch(&grant(), &maria()).await.unwrap();
    stored(&records, audit, clock, put(pulse("p-1", 1, 81.0)))
        .await
        .unwrap();
    store.pause.store(true, Ordering::SeqCst);
    let kill = async {
        store.committed.notified().await;
        tree.kill(&super::sessions::sessions(&tree)[0].path)
            .unwrap();
    };
    let bundle = put(pulse("p-2", 2, 82.0));
    let (written, ()) = tokio::join!(stored(&records, audit, clock, bundle), kill);
    assert_eq!(written, Err(RecordError::InDoubt));
    assert!(watching.wait_for(|_| false).await.is_err(), "it is told");
    let watching = records.watch(&grant(), &maria()).await.unwrap();
    let points = watching.borrow().chart.points(VitalSign::HeartRate).len();
    assert_eq!(points, 2);
    tree.shutdown().await;
    hospital.tree.shutdown().await;
}
