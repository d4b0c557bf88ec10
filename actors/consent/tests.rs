//! Consents on a real PostgreSQL, seen through the decisions that rest on them.

mod lost;
mod plans;

use super::{ConsentError, Consents};
use crate::audit::{AuditLog, OpenEntry, audit_child};
use crate::clock::WallClock;
use crate::database::testing::{TestDatabase, TestSession};
use crate::database::{Database, Login, pool_child};
use crate::policy::testing::{self, HERE};
use crate::policy::{Ended, Owned, Permit, PermitError, Policy, Verdict};
use plantao_schema::access::{AccessRequest, Action, ConsentStatus, Purpose, Reason, ResourceKind};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::id::{PatientId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const REVOKED: ConsentStatus = ConsentStatus::Revoked;
const GRANTED: ConsentStatus = ConsentStatus::Granted;
const TREATMENT: Purpose = Purpose::Treatment;

struct Hospital {
    consents: Consents,
    policy: Policy,
    audit: AuditLog,
    clock: WallClock,
    tree: Tree,
    _sessions: Owned<Ended>,
    database: TestDatabase,
}

async fn hospital() -> Hospital {
    let database = TestDatabase::create().await;
    let handle = database.database();
    on(database, handle).await
}

async fn on(database: TestDatabase, handle: Database) -> Hospital {
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let policy = Policy::new(testing::settings()).unwrap();
    let audit = AuditLog::new(clock.clone());
    let sessions = policy.tables().sessions.own();
    let since = policy.tables().sessions.doubts();
    sessions.load(demo(), Ended::new(), since);
    let consents = Consents::new(handle, &policy.tables(), clock.clone());
    let often = Intensity::new(20, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, often)
        .child(crate::policy::child(&policy))
        .child(audit_child(&audit, database.config(), "test"))
        .child(consents.child());
    let tree = Tree::start("t", spec).await.unwrap();
    let hospital = Hospital {
        consents,
        policy,
        audit,
        clock,
        tree,
        _sessions: sessions,
        database,
    };
    let add = "INSERT INTO fhir_resource (tenant, kind, id, version, patient, sealed, key_subject, \
               key_version) \
               VALUES ('demo', 'Patient', 'maria', 1, 'maria', '', 'patient:maria', 1)";
    hospital.session().await.batch_execute(add).await.unwrap();
    hospital
}

fn demo() -> Tenant {
    Tenant::parse("demo").unwrap()
}

fn maria() -> PatientId {
    PatientId::parse("maria").unwrap()
}

/// Connections are tasks: whatever they await must be able to move between threads.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn consents_can_be_awaited_by_any_task<'a>(
    consents: &'a Consents,
    open: OpenEntry,
    (write, read): (Permit, Permit),
    patient: &'a PatientId,
    (policy, tenant): (&'a Policy, &'a Tenant),
) -> [Box<dyn Send + 'a>; 3] {
    [
        Box::new(consents.set(write, open, patient, TREATMENT, REVOKED)),
        Box::new(consents.status(read, patient, TREATMENT)),
        Box::new(policy.ready(tenant)),
    ]
}

impl Hospital {
    async fn session(&self) -> TestSession {
        let session = self.database.session(Login::Application).await;
        let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
        session.batch_execute(declare).await.unwrap();
        session
    }

    async fn count(&self, sql: &str) -> i64 {
        let session = self.session().await;
        session.query_one(sql, &[]).await.unwrap().get(0)
    }

    fn access(&self, action: Action, kind: ResourceKind) -> AccessRequest {
        let mut access = testing::access(action, kind, self.clock.now());
        access.patient = Some(maria());
        access
    }

    async fn permit(&self, action: Action) -> Permit {
        testing::permit(self.access(action, ResourceKind::Consent)).await
    }

    async fn opened(&self) -> OpenEntry {
        let entry = Entry {
            id: Uuid::now_v7(),
            at: self.clock.now(),
            phase: Phase::Opened,
            opens: None,
            severity: Severity::Info,
            tenant: demo(),
            principal: "tester".into(),
            role: "tester".into(),
            action: "write".into(),
            resource_kind: "consent".into(),
            resource_id: None,
            patient: Some("maria".into()),
            purpose: "treatment".into(),
            verdict: "allow".into(),
            score: 90,
            explanation: "test".into(),
            request_id: "test-request".into(),
            outcome: Outcome::Pending,
            plugin: None,
            commitment: None,
        };
        self.audit.open(entry).await.unwrap()
    }

    /// Writes a consent as the front door would.
    async fn set(&self, purpose: Purpose, status: ConsentStatus) -> Result<(), ConsentError> {
        let permit = self.permit(Action::Write).await;
        self.set_with(permit, &maria(), purpose, status).await
    }

    async fn set_with(
        &self,
        permit: Permit,
        patient: &PatientId,
        purpose: Purpose,
        status: ConsentStatus,
    ) -> Result<(), ConsentError> {
        let open = self.opened().await;
        match self
            .consents
            .set(permit, open, patient, purpose, status)
            .await
        {
            Ok(open) => {
                self.audit.complete(open, Outcome::Success).await.unwrap();
                Ok(())
            }
            Err((error, open)) => {
                self.audit.abandon(open, Outcome::Failed).await.unwrap();
                Err(error)
            }
        }
    }

    fn reason(&self) -> Reason {
        let access = self.access(Action::Read, ResourceKind::Patient);
        match self.policy.decide(access, HERE) {
            Verdict::Permit(permit) => permit.decision().reason,
            Verdict::StepUp(refusal) | Verdict::Denial(refusal) => refusal.decision.reason,
        }
    }

    async fn until(&self, wanted: Reason) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.reason() != wanted {
            assert!(Instant::now() < deadline, "still {:?}", self.reason());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn what_a_patient_says_counts_when_its_writing_returns_and_is_kept_with_its_history() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    assert_eq!(hospital.reason(), Reason::Trusted);
    let mut changes = hospital.policy.changes();
    hospital.set(TREATMENT, REVOKED).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(hospital.reason(), Reason::ConsentRevoked);
    assert!(!hospital.policy.consented(&demo(), &maria(), TREATMENT));
    assert!(
        hospital
            .policy
            .consented(&demo(), &maria(), Purpose::Research)
    );

    let read = hospital.permit(Action::Read).await;
    let consent = hospital
        .consents
        .status(read, &maria(), TREATMENT)
        .await
        .unwrap();
    assert_eq!(consent.status, REVOKED);
    assert_eq!(consent.since, Some(hospital.clock.now()));

    hospital.set(TREATMENT, GRANTED).await.unwrap();
    assert_eq!(hospital.reason(), Reason::Trusted);
    assert!(changes.has_changed().unwrap());
    assert_eq!(hospital.count("SELECT count(*) FROM consent").await, 1);
    let history = "SELECT count(*) FROM consent_history WHERE by_principal = 'tester'";
    assert_eq!(hospital.count(history).await, 2);
    let outcomes = "SELECT count(*) FROM audit_completion WHERE outcome = 'success'";
    assert_eq!(hospital.count(outcomes).await, 2);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn nothing_said_is_not_asked_and_cannot_be_written() {
    let hospital = hospital().await;
    let read = hospital.permit(Action::Read).await;
    let consent = hospital
        .consents
        .status(read, &maria(), TREATMENT)
        .await
        .unwrap();
    assert_eq!(
        (consent.status, consent.since),
        (ConsentStatus::NotAsked, None)
    );
    let unsaid = hospital.set(TREATMENT, ConsentStatus::NotAsked).await;
    assert_eq!(unsaid, Err(ConsentError::NotAStatement));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_permit_for_anything_else_changes_nothing_and_the_entry_comes_back() {
    let hospital = hospital().await;
    let other = PatientId::parse("joao").unwrap();
    let write = hospital.permit(Action::Write).await;
    let of_other = hospital.set_with(write, &other, TREATMENT, REVOKED).await;
    assert_eq!(of_other, Err(ConsentError::PermitMismatch));
    let read = hospital.permit(Action::Read).await;
    let by_read = hospital.set_with(read, &maria(), TREATMENT, REVOKED).await;
    assert_eq!(by_read, Err(ConsentError::PermitMismatch));
    let patient = hospital.access(Action::Write, ResourceKind::Patient);
    let patient = testing::permit(patient).await;
    let by_patient = hospital
        .set_with(patient, &maria(), TREATMENT, REVOKED)
        .await;
    assert_eq!(by_patient, Err(ConsentError::PermitMismatch));
    let old = hospital.permit(Action::Write).await;
    hospital.clock.set(old.expires_at());
    let late = hospital.set_with(old, &maria(), TREATMENT, REVOKED).await;
    assert_eq!(late, Err(ConsentError::Permit(PermitError::Expired)));
    assert_eq!(hospital.count("SELECT count(*) FROM consent").await, 0);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_patient_who_is_not_here_has_no_consent_to_change() {
    let hospital = hospital().await;
    let nobody = PatientId::parse("nobody").unwrap();
    let mut access = hospital.access(Action::Write, ResourceKind::Consent);
    access.patient = Some(nobody.clone());
    let permit = testing::permit(access).await;
    let refused = hospital.set_with(permit, &nobody, TREATMENT, REVOKED).await;
    assert_eq!(refused, Err(ConsentError::UnknownPatient));
    assert_eq!(hospital.count("SELECT count(*) FROM consent").await, 0);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_killed_keeper_closes_its_patients_until_its_successor_has_read_what_they_said() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    hospital.set(TREATMENT, REVOKED).await.unwrap();
    for _ in 0..5 {
        let mut changes = hospital.policy.changes();
        hospital.tree.kill("t/consents").unwrap();
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, changes.changed())
            .await
            .unwrap()
            .unwrap();
        let reason = hospital.reason();
        let closed = [Reason::PolicyUnavailable, Reason::ConsentRevoked];
        assert!(closed.contains(&reason), "open for a moment: {reason:?}");
        hospital.until(Reason::ConsentRevoked).await;
    }
    hospital.tree.shutdown().await;
    assert_eq!(hospital.reason(), Reason::PolicyUnavailable);
}

#[tokio::test]
async fn without_a_database_the_keeper_waits_and_only_an_emergency_gets_through() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let handle = Database::new();
    let hospital = on(database, handle.clone()).await;
    assert!(!hospital.policy.ready(&demo()).await);
    assert_eq!(hospital.reason(), Reason::PolicyUnavailable);
    let mut emergency = hospital.access(Action::Read, ResourceKind::Patient);
    emergency.break_glass = Some("cardiac arrest in ward 3".to_owned());
    let verdict = hospital.policy.decide(emergency, HERE);
    assert!(matches!(verdict, Verdict::Permit(_)), "{verdict:?}");
    let refused = hospital.set(TREATMENT, REVOKED).await;
    assert_eq!(refused, Err(ConsentError::Unavailable));

    let often = Intensity::new(5, Duration::from_secs(5));
    let spec =
        SupervisorSpec::new(Strategy::OneForOne, often).child(pool_child(config, handle.clone()));
    let pool = Tree::start("pool", spec).await.unwrap();
    hospital.until(Reason::Trusted).await;
    let restarts: u64 = hospital
        .tree
        .snapshot()
        .children
        .iter()
        .map(|c| c.restarts)
        .sum();
    assert_eq!(restarts, 0, "waiting is not dying");
    hospital.tree.shutdown().await;
    pool.shutdown().await;
}
