//! Who lies where, on a real PostgreSQL: placed, moved and freed, across restarts and tenants.

use super::*;
use crate::audit::{AuditLog, OpenEntry, audit_child};
use crate::clock::WallClock;
use crate::database::Login;
use crate::database::testing::TestDatabase;
use crate::policy::{Permit, PermitError, Policy, ViewGrant, testing};
use plantao_schema::access::{Action, Fields, ResourceKind};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::id::{BedId, PatientId, ResourceId, Tenant, WardId};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(30);

struct Hospital {
    wards: Wards,
    audit: AuditLog,
    clock: WallClock,
    tree: Tree,
    database: TestDatabase,
}

async fn hospital() -> Hospital {
    let database = TestDatabase::create().await;
    let clock = WallClock::manual(Timestamp::from_micros(1_763_800_000_000_000));
    let audit = AuditLog::new(clock.clone());
    let wards = Wards::new(database.database(), clock.clone());
    let often = Intensity::new(20, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, often)
        .child(audit_child(&audit, database.config(), "test"))
        .child(wards.child());
    let tree = Tree::start("hospital", spec).await.unwrap();
    let hospital = Hospital {
        wards,
        audit,
        clock,
        tree,
        database,
    };
    let session = hospital.database.session(Login::Application).await;
    let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
    session.batch_execute(declare).await.unwrap();
    let add = "INSERT INTO fhir_resource \
         (tenant, kind, id, version, patient, sealed, key_subject, key_version) \
         VALUES ('demo', 'Patient', $1, 1, $1, '\\x00', 'patient', 1)";
    for id in ["maria", "joao"] {
        session.execute(add, &[&id]).await.unwrap();
    }
    hospital
}

fn ward(name: &str) -> WardId {
    WardId::parse(name).unwrap()
}

fn patient(id: &str) -> PatientId {
    PatientId::parse(id).unwrap()
}

fn grant() -> ViewGrant {
    testing::grant(None, Fields::default())
}

impl Hospital {
    async fn permit(&self, name: &str) -> Permit {
        let kind = ResourceKind::Ward;
        let mut access = testing::access(Action::Write, kind, self.clock.now());
        access.resource = Some(ResourceId::parse(name).unwrap());
        testing::permit(access).await
    }

    async fn opened(&self) -> OpenEntry {
        let entry = Entry {
            id: Uuid::now_v7(),
            at: self.clock.now(),
            phase: Phase::Opened,
            opens: None,
            severity: Severity::Info,
            tenant: Tenant::parse("demo").unwrap(),
            principal: "tester".into(),
            role: "tester".into(),
            action: "write".into(),
            resource_kind: "ward".into(),
            resource_id: None,
            patient: None,
            purpose: "operations".into(),
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

    async fn place(&self, name: &str, bed: &str, who: Option<&str>) -> Result<(), WardError> {
        let permit = self.permit(name).await;
        self.place_with(permit, name, bed, who).await
    }

    async fn place_with(
        &self,
        permit: Permit,
        name: &str,
        bed: &str,
        who: Option<&str>,
    ) -> Result<(), WardError> {
        let (open, bed) = (self.opened().await, BedId::parse(bed).unwrap());
        let who = who.map(patient);
        let placed = self.wards.place(permit, open, ward(name), bed, who).await;
        match placed {
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

    /// The beds of a ward in one line.
    async fn beds(&self, name: &str) -> String {
        let beds = self.wards.beds(&grant(), &ward(name)).await.unwrap();
        let beds = beds.borrow().clone();
        line(&beds)
    }

    async fn completions(&self) -> i64 {
        let session = self.database.session(Login::Application).await;
        let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
        session.batch_execute(declare).await.unwrap();
        let count = "SELECT count(*) FROM audit_completion WHERE outcome = 'success'";
        session.query_one(count, &[]).await.unwrap().get(0)
    }
}

fn line(beds: &[Bed]) -> String {
    let bed = |one: &Bed| {
        let patient = one.patient.as_ref().map_or("-", |patient| patient.as_str());
        format!("{}:{patient}", one.bed)
    };
    beds.iter().map(bed).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_patient_is_placed_moved_and_let_go() {
    let hospital = hospital().await;
    hospital.place("uti", "02", Some("maria")).await.unwrap();
    hospital.place("uti", "01", Some("joao")).await.unwrap();
    assert_eq!(hospital.beds("uti").await, "01:joao 02:maria");
    hospital.place("semi", "a", Some("maria")).await.unwrap();
    assert_eq!(hospital.beds("uti").await, "01:joao 02:-");
    assert_eq!(hospital.beds("semi").await, "a:maria");
    hospital.place("uti", "01", None).await.unwrap();
    assert_eq!(hospital.beds("uti").await, "01:- 02:-");
    let wards = hospital.wards.list(&grant()).await.unwrap();
    assert_eq!(wards, [ward("semi"), ward("uti")]);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn everybody_who_looks_at_a_ward_sees_a_transfer_at_once() {
    let hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    hospital.place("semi", "a", Some("joao")).await.unwrap();
    let uti = hospital.wards.beds(&grant(), &ward("uti")).await.unwrap();
    let semi = hospital.wards.beds(&grant(), &ward("semi")).await.unwrap();
    hospital.place("semi", "b", Some("maria")).await.unwrap();
    assert_eq!(line(&uti.borrow()), "01:-");
    assert_eq!(line(&semi.borrow()), "a:joao b:maria");
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_placement_completes_its_audit_entry_in_the_same_transaction() {
    let hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    // As it is already: nothing changes, and the entry is complete all the same.
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    assert_eq!(hospital.completions().await, 2);
    let refused = hospital.place("uti", "02", Some("nobody")).await;
    assert_eq!(refused, Err(WardError::UnknownPatient));
    assert_eq!(hospital.completions().await, 2);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_refused_placement_changes_nothing() {
    let hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    let taken = hospital.place("uti", "01", Some("joao")).await;
    assert_eq!(taken, Err(WardError::Occupied));
    let unknown = hospital.place("uti", "02", Some("nobody")).await;
    assert_eq!(unknown, Err(WardError::UnknownPatient));
    let missing = hospital.place("uti", "03", None).await;
    assert_eq!(missing, Err(WardError::NotFound));
    let other_ward = hospital.permit("semi").await;
    let refused = hospital.place_with(other_ward, "uti", "02", Some("joao"));
    assert_eq!(refused.await, Err(WardError::PermitMismatch));
    let mut access = testing::access(Action::Write, ResourceKind::Ward, hospital.clock.now());
    access.resource = Some(ResourceId::parse("uti").unwrap());
    access.patient = Some(patient("maria"));
    let for_maria = testing::permit(access).await;
    let refused = hospital.place_with(for_maria, "uti", "02", Some("joao"));
    assert_eq!(refused.await, Err(WardError::PermitMismatch));
    let late = hospital.permit("uti").await;
    hospital.clock.set(late.expires_at());
    let refused = hospital.place_with(late, "uti", "02", Some("joao"));
    assert_eq!(refused.await, Err(WardError::Permit(PermitError::Expired)));
    assert_eq!(hospital.beds("uti").await, "01:maria");
    let nowhere = hospital.wards.beds(&grant(), &ward("nowhere")).await;
    assert_eq!(nowhere.err(), Some(WardError::NotFound));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_board_that_is_killed_comes_back_with_the_same_beds() {
    let hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    let board = hospital.tree.snapshot().children;
    let board = board.iter().find(|one| one.id == "ward_board").unwrap();
    for round in 0..3 {
        let mut beds = hospital.wards.beds(&grant(), &ward("uti")).await.unwrap();
        assert_eq!(line(&beds.borrow_and_update()), "01:maria", "{round}");
        hospital.tree.kill(&board.path).unwrap();
        let told = timeout(SOON, beds.changed()).await;
        assert!(told.unwrap().is_err(), "it is told that the board is gone");
    }
    hospital.place("uti", "02", Some("joao")).await.unwrap();
    assert_eq!(hospital.beds("uti").await, "01:maria 02:joao");
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn what_another_node_placed_is_shown_within_seconds() {
    let hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    let mut beds = hospital.wards.beds(&grant(), &ward("uti")).await.unwrap();
    // A node whose board knows nothing of this one's.
    let elsewhere = Wards::new(hospital.database.database(), hospital.clock.clone());
    let (permit, open) = (hospital.permit("uti").await, hospital.opened().await);
    let (bed, who) = (BedId::parse("02").unwrap(), Some(patient("joao")));
    let placed = elsewhere.place(permit, open, ward("uti"), bed, who).await;
    let open = placed.map_err(|(error, _)| error).unwrap();
    hospital
        .audit
        .complete(open, Outcome::Success)
        .await
        .unwrap();
    let shown = beds.wait_for(|beds| line(beds) == "01:maria 02:joao");
    assert!(timeout(SOON, shown).await.unwrap().is_ok());
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn transfers_across_each_other_all_end_and_nobody_lies_in_two_beds() {
    let hospital = hospital().await;
    let moves = (0..24).map(|turn| {
        let hospital = &hospital;
        let (name, bed) = if turn % 2 == 0 {
            ("uti", "01")
        } else {
            ("semi", "a")
        };
        let who = if turn % 3 == 0 { "maria" } else { "joao" };
        async move { hospital.place(name, bed, Some(who)).await }
    });
    for placed in futures_util::future::join_all(moves).await {
        assert!(
            matches!(placed, Ok(()) | Err(WardError::Occupied)),
            "{placed:?}"
        );
    }
    let beds = format!(
        "{} {}",
        hospital.beds("uti").await,
        hospital.beds("semi").await
    );
    assert!(beds.matches("maria").count() <= 1, "{beds}");
    assert!(beds.matches("joao").count() <= 1, "{beds}");
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn another_tenant_has_other_wards() {
    let hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    let policy = Policy::new(testing::settings()).unwrap();
    let kind = ResourceKind::Ward;
    let mut access = testing::access(Action::Write, kind, hospital.clock.now());
    access.principal.tenant = Tenant::parse("other").unwrap();
    access.resource = Some(ResourceId::parse("uti").unwrap());
    let permit = testing::permit(access).await;
    let theirs = policy.view(&permit);
    assert_eq!(theirs.tenant().as_str(), "other");
    let beds = hospital.wards.beds(&theirs, &ward("uti")).await;
    assert_eq!(beds.err(), Some(WardError::NotFound));
    assert!(hospital.wards.list(&theirs).await.unwrap().is_empty());
    // Their patient of the same pseudonym does not exist.
    let refused = hospital.place_with(permit, "uti", "01", Some("maria"));
    assert_eq!(refused.await, Err(WardError::UnknownPatient));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn without_a_database_the_answer_is_unavailable_and_the_entry_comes_back() {
    let mut hospital = hospital().await;
    hospital.place("uti", "01", Some("maria")).await.unwrap();
    let seen = hospital.wards.beds(&grant(), &ward("uti")).await.unwrap();
    hospital.database.lose_pool();
    let refused = hospital.place("uti", "01", None).await;
    assert_eq!(refused, Err(WardError::Unavailable));
    let unseen = hospital.wards.beds(&grant(), &ward("semi")).await;
    assert_eq!(unseen.err(), Some(WardError::Unavailable));
    assert_eq!(line(&seen.borrow()), "01:maria", "it stays");
    assert_eq!(hospital.beds("uti").await, "01:maria");
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_ward_that_cannot_be_read_is_shown_as_lost_and_costs_no_other() {
    let hospital = hospital().await;
    hospital.place("a", "01", Some("maria")).await.unwrap();
    hospital.place("b", "01", Some("joao")).await.unwrap();
    let mut broken = hospital.wards.beds(&grant(), &ward("a")).await.unwrap();
    let mut sound = hospital.wards.beds(&grant(), &ward("b")).await.unwrap();
    // A bed's name that this program cannot read, put there by another.
    let table = hospital.database.session(Login::Application).await;
    let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
    table.batch_execute(declare).await.unwrap();
    let damage = "INSERT INTO ward_bed (tenant, ward, bed, patient, since) \
         VALUES ('demo', 'a', 'NOT A BED', NULL, now()), ('demo', 'b', '02', NULL, now())";
    table.batch_execute(damage).await.unwrap();
    let told = timeout(SOON, broken.changed()).await;
    assert!(told.unwrap().is_err(), "its channel closes");
    let shown = sound.wait_for(|beds| line(beds) == "01:joao 02:-");
    assert!(timeout(SOON, shown).await.unwrap().is_ok());
    let again = hospital.wards.beds(&grant(), &ward("a")).await;
    assert_eq!(again.err(), Some(WardError::Internal));
    let repair = "DELETE FROM ward_bed WHERE bed = 'NOT A BED'";
    table.batch_execute(repair).await.unwrap();
    assert_eq!(hospital.beds("a").await, "01:maria");
    hospital.tree.shutdown().await;
}
