//! The contract of the stores: whatever is asked of a twin and of PostgreSQL, both answer alike.
//!
//! Each file asks one store the same questions through its own trait, drawn from a seed and fixed,
//! and compares every answer: values, refusals and what is read back. Ids, times and audit entries
//! are handed in, so that nothing of an answer has to be left out; rows of which no order is
//! promised are sorted. What simulated days prove about the hospital stands on this.

mod consents;
mod keys;
mod log;
mod log_ins;
mod records;
mod spool;
mod trail;
mod wards;

use super::{Disk, TwinRecords, TwinTrail};
use crate::sim::Recorder;
use fastrand::Rng;
use futures_util::future::{join, join_all};
use plantao_actors::audit::{AuditLog, Completion, OpenEntry, TrailStore, audit_child};
use plantao_actors::clock::WallClock;
use plantao_actors::database::testing::TestDatabase;
use plantao_actors::database::{Login, Scope};
use plantao_actors::patient::{Loan, PostgresRecords, RecordStore};
use plantao_actors::vault::{MasterKeySource, Vault, vault_child};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::fhir::{self, BundleKind, Method};
use plantao_schema::id::{PatientId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// When it all happens.
const AT: Timestamp = Timestamp::from_micros(1_763_800_000_000_000);

/// Everybody who is a patient of `north` and of `south`.
const PATIENTS: [&str; 3] = ["maria", "joao", "rita"];

/// A disk and a database, and what both their stores are handed.
struct Both {
    disk: Disk,
    database: TestDatabase,
    vault: Vault,
    audit: AuditLog,
    rng: Rng,
    tree: Tree,
}

impl Both {
    async fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clock = WallClock::manual(AT);
        let (vault, audit) = (Vault::new(), AuditLog::new(clock));
        // Entries are opened in a trail apart: what is compared is what the stores make of them.
        let trail: Arc<dyn TrailStore> = Arc::new(TwinTrail(
            Disk::new(rng.fork(), None, Recorder::default()).prompt(),
        ));
        let once = Intensity::new(1, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, once)
            .child(vault_child(&vault, MasterKeySource::held([7; 32])))
            .child(audit_child(&audit, trail, "apart"));
        Self {
            disk: Disk::new(rng.fork(), None, Recorder::default()).prompt(),
            database: TestDatabase::create().await,
            vault,
            audit,
            rng,
            tree: Tree::start("contract", spec).await.unwrap(),
        }
    }

    /// The same with everybody admitted in two institutions.
    async fn with_patients(seed: u64) -> Self {
        let mut both = Self::new(seed).await;
        for tenant in ["north", "south"] {
            let patients = PATIENTS.map(|id| json!({ "resourceType": "Patient", "id": id }));
            let loan = Loan::new(both.open(tenant).await);
            let open = loan.borrow().unwrap();
            let (bundle, scope) = (bundle(&patients), scope(tenant));
            let (twin, real) = both.records();
            let stored = agree(
                &"everybody is admitted",
                twin.store(&scope, &bundle, AT, &open),
                real.store(&scope, &bundle, AT, &open),
            );
            assert_eq!(stored.await.unwrap().len(), PATIENTS.len());
        }
        both
    }

    fn records(&self) -> (Box<dyn RecordStore>, Box<dyn RecordStore>) {
        let real = PostgresRecords::new(self.database.database(), self.vault.clone());
        (
            Box::new(TwinRecords::open(self.disk.clone())),
            Box::new(real),
        )
    }

    /// An entry that stands for a change of both.
    async fn open(&mut self, tenant: &str) -> OpenEntry {
        let id = self.id();
        self.open_as(tenant, id).await
    }

    async fn open_as(&self, tenant: &str, id: Uuid) -> OpenEntry {
        let opening = entry(tenant, id, Phase::Opened);
        self.audit.open(opening).await.unwrap()
    }

    /// So many of them, by turns of both institutions.
    async fn open_many(&mut self, count: usize) -> Vec<(&'static str, OpenEntry)> {
        let ids: Vec<Uuid> = (0..count).map(|_| self.id()).collect();
        let tenants = ["north", "south"].into_iter().cycle();
        let opens = tenants.zip(ids).map(async |(tenant, id)| {
            let open = self.open_as(tenant, id).await;
            (tenant, open)
        });
        join_all(opens).await
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(self.rng.u128(..))
    }

    /// What changes recorded of themselves is the same on both sides.
    async fn recorded_alike(&self) {
        let session = self.database.session(Login::Audit).await;
        let all = "SELECT tenant, entry_id, outcome, at_us FROM audit_completion";
        let mut real: Vec<Completion> = Vec::new();
        for row in session.query(all, &[]).await.unwrap() {
            real.push(Completion {
                tenant: tenant(row.get(0)),
                entry: row.get(1),
                outcome: Outcome::from_name(row.get(2)).unwrap(),
                at: Timestamp::from_micros(row.get(3)),
            });
        }
        real.sort_by_key(|one| one.entry);
        let twin = self
            .disk
            .inspect(|tables| tables.completions.values().cloned().collect::<Vec<_>>());
        assert_eq!(twin, real, "what changes recorded of themselves");
    }

    async fn end(self) {
        self.tree.shutdown().await;
    }
}

/// The one answer of both; `what` was asked.
async fn agree<T: PartialEq + Debug>(
    what: &(impl Debug + ?Sized),
    twin: impl Future<Output = T>,
    real: impl Future<Output = T>,
) -> T {
    let (twin, real) = join(twin, real).await;
    assert_eq!(twin, real, "the twin and PostgreSQL on {what:?}");
    real
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn patient(id: &str) -> PatientId {
    PatientId::parse(id).unwrap()
}

fn scope(name: &str) -> Scope {
    Scope::system(tenant(name))
}

fn entry(name: &str, id: Uuid, phase: Phase) -> Entry {
    Entry {
        id,
        at: AT,
        phase,
        opens: None,
        severity: Severity::Info,
        tenant: tenant(name),
        principal: "medica".into(),
        role: "physician".into(),
        action: "write".into(),
        resource_kind: "patient".into(),
        resource_id: Some("maria".into()),
        patient: None,
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 88,
        explanation: "device 25/25".into(),
        request_id: "r".into(),
        outcome: Outcome::Pending,
        plugin: None,
        commitment: None,
    }
}

/// A transaction of resources as they are; one that an address would name twice is in it twice.
fn bundle(resources: &[Value]) -> fhir::Transaction {
    let entry = |resource: &Value| fhir::Entry::Store {
        method: Method::Update,
        resource: fhir::parse_resource(resource.clone()).unwrap(),
    };
    fhir::Transaction {
        kind: BundleKind::Transaction,
        entries: resources.iter().map(entry).collect(),
    }
}
