//! A records folder at work: real PostgreSQL, real vault, real audit trail, under a real tree.

mod card;
mod consent;
mod contents;
mod keys;
mod outage;
mod plans;
mod refusals;
mod sessions;
mod slow;
mod storage;
mod watching;

use super::{RecordError, RecordStore, Records, TransactionOutcome};
use crate::audit::{AuditLog, OpenEntry, audit_child};
use crate::clock::WallClock;
use crate::database::testing::{TestDatabase, TestSession};
use crate::database::{Login, Row};
use crate::policy::{Permit, testing};
use crate::vault::{Vault, vault_child};
use plantao_schema::access::{Action, ResourceKind};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::fhir::{self, FhirType, Transaction};
use plantao_schema::id::{PatientId, ResourceId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

pub(super) const MARIA: &str = "maria-exemplo";

/// Everything that records need, and the records.
pub(super) struct Hospital {
    pub(super) records: Records,
    pub(super) audit: AuditLog,
    pub(super) vault: Vault,
    pub(super) clock: WallClock,
    pub(super) tree: Tree,
    pub(super) database: TestDatabase,
    _key_file: tempfile::TempDir,
}

pub(super) async fn hospital() -> Hospital {
    let database = TestDatabase::create().await;
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let (vault, audit) = (Vault::new(), AuditLog::new(clock.clone()));
    let key_file = tempfile::tempdir().unwrap();
    let records = Records::new(database.database(), vault.clone(), clock.clone());
    let often = Intensity::new(20, Duration::from_secs(5));
    let mut spec = SupervisorSpec::new(Strategy::OneForOne, often)
        .child(vault_child(&vault, key_file.path().join("master.key")))
        .child(audit_child(&audit, database.config(), "test"))
        .child(records.sessions_child(often, 8));
    for child in records.directory_children() {
        spec = spec.child(child);
    }
    let tree = Tree::start("hospital", spec).await.unwrap();
    Hospital {
        records,
        audit,
        vault,
        clock,
        tree,
        database,
        _key_file: key_file,
    }
}

impl Hospital {
    pub(super) async fn permit(
        &self,
        action: Action,
        kind: ResourceKind,
        id: Option<&str>,
        patient: Option<&str>,
    ) -> Permit {
        let mut access = testing::access(action, kind, self.clock.now());
        access.resource = id.map(|id| ResourceId::parse(id).unwrap());
        access.patient = patient.map(|id| PatientId::parse(id).unwrap());
        testing::permit(access).await
    }

    pub(super) async fn read(&self, kind: FhirType, id: &str) -> Result<super::Found, RecordError> {
        let on = super::resource_kind(kind);
        let permit = self.permit(Action::Read, on, Some(id), None).await;
        self.records
            .read(permit, kind, ResourceId::parse(id).unwrap())
            .await
    }

    pub(super) async fn opened(&self) -> OpenEntry {
        opened(&self.audit, &self.clock).await
    }

    /// Stores a bundle as the front door would, completion or abandonment included.
    pub(super) async fn store(&self, bundle: Value) -> Result<TransactionOutcome, RecordError> {
        stored(&self.records, &self.audit, &self.clock, bundle).await
    }

    pub(super) async fn store_with(
        &self,
        permit: Permit,
        bundle: Transaction,
    ) -> Result<TransactionOutcome, RecordError> {
        let open = self.opened().await;
        settled(
            &self.audit,
            self.records.transact(permit, open, bundle).await,
        )
        .await
    }

    /// Rows as they lie in the database, of the one tenant there is.
    pub(super) async fn rows(&self, sql: &str) -> Vec<Row> {
        self.session().await.query(sql, &[]).await.unwrap()
    }

    pub(super) async fn session(&self) -> TestSession {
        let session = self.database.session(Login::Application).await;
        let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
        session.batch_execute(declare).await.unwrap();
        session
    }

    pub(super) async fn count(&self, table: &str) -> i64 {
        self.rows(&format!("SELECT count(*) FROM {table}")).await[0].get(0)
    }
}

pub(super) async fn opened(audit: &AuditLog, clock: &WallClock) -> OpenEntry {
    audit.open(announced(clock)).await.unwrap()
}

fn announced(clock: &WallClock) -> Entry {
    Entry {
        id: Uuid::now_v7(),
        at: clock.now(),
        phase: Phase::Opened,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse("demo").unwrap(),
        principal: "tester".into(),
        role: "tester".into(),
        action: "write".into(),
        resource_kind: "bundle".into(),
        resource_id: None,
        patient: None,
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 90,
        explanation: "test".into(),
        request_id: "test-request".into(),
        outcome: Outcome::Pending,
        plugin: None,
        commitment: None,
    }
}

/// Stores a bundle through any records, as the front door would.
pub(super) async fn stored(
    records: &Records,
    audit: &AuditLog,
    clock: &WallClock,
    bundle: Value,
) -> Result<TransactionOutcome, RecordError> {
    let access = testing::access(Action::Write, ResourceKind::Bundle, clock.now());
    let permit = testing::permit(access).await;
    let open = opened(audit, clock).await;
    settled(audit, records.transact(permit, open, parsed(bundle)).await).await
}

type Transacted = Result<(TransactionOutcome, OpenEntry), (RecordError, OpenEntry)>;

async fn settled(
    audit: &AuditLog,
    transacted: Transacted,
) -> Result<TransactionOutcome, RecordError> {
    match transacted {
        Ok((outcome, open)) => {
            audit.complete(open, Outcome::Success).await.unwrap();
            Ok(outcome)
        }
        Err((error, open)) => {
            audit.abandon(open, Outcome::Failed).await.unwrap();
            Err(error)
        }
    }
}

pub(super) fn demonstration() -> Value {
    fhir::parse_json(include_bytes!("../../../config/demo/bundle.json")).unwrap()
}

pub(super) fn parsed(bundle: Value) -> Transaction {
    let id = || ResourceId::parse(&Uuid::new_v4().to_string()).unwrap();
    let mut new_id = || Ok::<_, Vec<fhir::Issue>>(id());
    fhir::parse_bundle(bundle, &mut new_id).unwrap()
}

/// A bundle of one PUT.
pub(super) fn put(resource: Value) -> Value {
    let kind = resource["resourceType"].as_str().unwrap();
    let url = format!("{kind}/{}", resource["id"].as_str().unwrap());
    json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{ "resource": resource, "request": { "method": "PUT", "url": url } }],
    })
}

pub(super) fn patient(id: &str, cpf: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "identifier": [{ "system": fhir::CPF_SYSTEM, "value": cpf }],
        "name": [{ "family": "Fictício", "given": [id] }],
    })
}

pub(super) fn temperature(id: &str, patient: &str, value: f64) -> Value {
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": { "text": "Temperatura" },
        "subject": { "reference": format!("Patient/{patient}") },
        "valueQuantity": { "value": value },
    })
}
