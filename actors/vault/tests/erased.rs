//! Whoever is erased stays erased: in caches, after a restart, and when a restored copy brings the
//! key back.

use super::*;
use crate::audit::{AuditLog, OpenEntry, audit_child};
use crate::clock::WallClock;
use crate::database::Database;
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::time::Timestamp;
use std::path::Path;
use uuid::Uuid;

const AT: Timestamp = Timestamp::from_micros(1_763_800_000_000_000);

struct World {
    test: TestDatabase,
    dir: tempfile::TempDir,
    scope: Scope,
}

/// One run of a node.
struct Run {
    vault: Vault,
    rotations: Rotations,
    audit: AuditLog,
    tree: Tree,
}

impl World {
    async fn new() -> Self {
        Self {
            test: TestDatabase::create().await,
            dir: tempfile::tempdir().unwrap(),
            scope: Scope::system(tenant("demo")),
        }
    }

    fn database(&self) -> Database {
        self.test.database()
    }

    async fn run(&self) -> Run {
        self.run_in(self.dir.path()).await
    }

    async fn run_in(&self, dir: &Path) -> Run {
        let vault = Vault::new().with_tombstones(dir.join("tombstones.log"));
        let rotations = Rotations::new(vault.clone(), self.database());
        let audit = AuditLog::new(WallClock::manual(AT));
        let intensity = Intensity::new(3, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
            .child(vault_child(&vault, self.dir.path().join("master.key")))
            .child(rotations.child())
            .child(audit_child(&audit, self.test.config(), "test"));
        Run {
            vault,
            rotations,
            audit,
            tree: Tree::start("t", spec).await.unwrap(),
        }
    }

    async fn count(&self, from: &str) -> i64 {
        let owner = self.test.session(Login::Owner).await;
        let count = format!("SELECT count(*) FROM plantao_keys.{from}");
        owner.query_one(&count, &[]).await.unwrap().get(0)
    }

    async fn until_no_key_of(&self, subject: &str) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self
            .count(&format!("data_key WHERE subject = '{subject}'"))
            .await
            > 0
        {
            assert!(tokio::time::Instant::now() < deadline, "the key stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Run {
    async fn open(&self) -> OpenEntry {
        let entry = Entry {
            id: Uuid::now_v7(),
            at: AT,
            phase: Phase::Opened,
            opens: None,
            severity: Severity::Critical,
            tenant: tenant("demo"),
            principal: "tester".into(),
            role: "tester".into(),
            action: "operate".into(),
            resource_kind: "patient".into(),
            resource_id: None,
            patient: None,
            purpose: "operations".into(),
            verdict: "allow".into(),
            score: 0,
            explanation: "test".into(),
            request_id: "test".into(),
            outcome: Outcome::Pending,
            plugin: None,
            commitment: None,
        };
        self.audit.open(entry).await.unwrap()
    }

    async fn erase(&self, world: &World, id: &str) -> Result<Erasure, ErasureError> {
        let open = self.open().await;
        let (patient, reason) = (
            PatientId::parse(id).unwrap(),
            ErasureReason::parse("lgpd_art18").unwrap(),
        );
        let database = world.database();
        let erased = self
            .vault
            .erase(&database, &world.scope, &patient, &reason, AT, &open);
        erased.await
    }
}

#[tokio::test]
async fn an_erased_key_is_gone_for_good_and_no_other_is_touched() {
    let world = World::new().await;
    let run = world.run().await;
    let database = world.database();
    let (maria, joao) = (patient("maria"), patient("joao"));
    for subject in [&maria, &joao] {
        run.vault
            .data_key(&database, &world.scope, subject)
            .await
            .unwrap();
    }
    let erased = run.erase(&world, "maria").await.unwrap();
    assert_eq!(erased.keys, 1);
    for _ in 0..2 {
        let newest = run.vault.data_key(&database, &world.scope, &maria).await;
        assert_eq!(newest.unwrap_err(), VaultError::Erased);
        let first = run
            .vault
            .data_key_at(&database, &world.scope, &maria, 1)
            .await;
        assert_eq!(first.unwrap_err(), VaultError::Erased);
    }
    run.vault
        .data_key(&database, &world.scope, &joao)
        .await
        .unwrap();
    assert_eq!(run.erase(&world, "maria").await, Err(ErasureError::Already));
    assert_eq!(
        run.erase(&world, "nobody").await,
        Err(ErasureError::Unknown)
    );
    assert_eq!(world.count("tombstone").await, 1, "of nobody there is none");
    let file = std::fs::read_to_string(world.dir.path().join("tombstones.log")).unwrap();
    assert_eq!(
        file,
        "v1\t1763800000000000\tdemo\tpatient:maria\tlgpd_art18\n"
    );
    run.tree.shutdown().await;
}

#[tokio::test]
async fn a_restored_copy_of_the_key_store_does_not_bring_anybody_back() {
    let world = World::new().await;
    let run = world.run().await;
    let (database, maria) = (world.database(), patient("maria"));
    run.vault
        .data_key(&database, &world.scope, &maria)
        .await
        .unwrap();
    let owner = world.test.session(Login::Owner).await;
    let copy = "CREATE TABLE public.copy AS SELECT * FROM plantao_keys.data_key";
    owner.batch_execute(copy).await.unwrap();
    run.erase(&world, "maria").await.unwrap();
    run.tree.shutdown().await;
    // As an old backup would: the key is back, and nothing in the database tells of the erasure.
    let restore = "DELETE FROM plantao_keys.tombstone; DELETE FROM plantao_keys.data_key; \
         INSERT INTO plantao_keys.data_key SELECT * FROM public.copy";
    owner.batch_execute(restore).await.unwrap();
    let subject = "patient:maria";
    assert_eq!(
        world
            .count("data_key WHERE subject = 'patient:maria'")
            .await,
        1
    );
    let run = world.run().await;
    let opened = run
        .vault
        .data_key_at(&database, &world.scope, &maria, 1)
        .await;
    assert_eq!(opened.unwrap_err(), VaultError::Erased);
    world.until_no_key_of(subject).await;
    assert_eq!(world.count("tombstone").await, 1, "replayed");
    let told = run.vault.incident().await;
    assert_eq!(told.kind, IncidentKind::ErasedKeyReturned);
    let made = run.vault.data_key(&database, &world.scope, &maria).await;
    assert_eq!(made.unwrap_err(), VaultError::Erased);
    run.tree.shutdown().await;
}

#[tokio::test]
async fn a_key_that_comes_back_under_a_running_system_is_not_opened_either() {
    let world = World::new().await;
    let run = world.run().await;
    let (database, maria) = (world.database(), patient("maria"));
    run.vault
        .data_key(&database, &world.scope, &maria)
        .await
        .unwrap();
    let owner = world.test.session(Login::Owner).await;
    let copy = "CREATE TABLE public.copy AS SELECT * FROM plantao_keys.data_key";
    owner.batch_execute(copy).await.unwrap();
    run.erase(&world, "maria").await.unwrap();
    let restore = "INSERT INTO plantao_keys.data_key \
         SELECT * FROM public.copy WHERE subject = 'patient:maria'";
    owner.batch_execute(restore).await.unwrap();
    let opened = run
        .vault
        .data_key_at(&database, &world.scope, &maria, 1)
        .await;
    assert_eq!(opened.unwrap_err(), VaultError::Erased);
    run.tree.shutdown().await;
}

#[tokio::test]
async fn what_another_node_erased_is_in_this_nodes_file_after_its_next_start() {
    let world = World::new().await;
    let run = world.run().await;
    let (database, maria) = (world.database(), patient("maria"));
    run.vault
        .data_key(&database, &world.scope, &maria)
        .await
        .unwrap();
    run.erase(&world, "maria").await.unwrap();
    run.tree.shutdown().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let run = world.run_in(elsewhere.path()).await;
    let refused = run.vault.data_key(&database, &world.scope, &maria).await;
    assert_eq!(refused.unwrap_err(), VaultError::Erased);
    let file = elsewhere.path().join("tombstones.log");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains("patient:maria")) {
        assert!(tokio::time::Instant::now() < deadline, "not written");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    run.tree.shutdown().await;
}

#[tokio::test]
async fn an_erasure_that_cannot_be_written_outside_of_the_database_says_so_and_holds() {
    let world = World::new().await;
    let blocked = tempfile::tempdir().unwrap();
    let run = world.run_in(blocked.path()).await;
    let (database, maria) = (world.database(), patient("maria"));
    run.vault
        .data_key(&database, &world.scope, &maria)
        .await
        .unwrap();
    std::fs::create_dir(blocked.path().join("tombstones.log")).unwrap();
    assert_eq!(
        run.erase(&world, "maria").await,
        Err(ErasureError::Unwritten)
    );
    let refused = run.vault.data_key(&database, &world.scope, &maria).await;
    assert_eq!(refused.unwrap_err(), VaultError::Erased);
    assert_eq!(
        run.vault.incident().await.kind,
        IncidentKind::TombstoneUnwritten
    );
    let overview = run.rotations.overview(&world.scope.tenant).await.unwrap();
    assert_eq!((overview.erased, overview.data_keys), (1, 0));
    run.tree.shutdown().await;
}

#[tokio::test]
async fn a_rotation_whose_process_ends_right_after_it_began_is_known_to_have_begun() {
    let world = World::new().await;
    let run = world.run().await;
    let (database, of_demo) = (world.database(), &world.scope.tenant);
    let maria = patient("maria");
    let key = run.vault.data_key(&database, &world.scope, &maria);
    key.await.unwrap();
    let (begun, refused) = (run.open().await, run.open().await);
    let rotations = &run.rotations;
    rotations
        .start_for(of_demo, &Target::Tenant, &begun)
        .await
        .unwrap();
    let none = Target::Patient(PatientId::parse("nobody").unwrap());
    let error = rotations.start_for(of_demo, &none, &refused).await;
    assert!(error.is_err());
    run.tree.shutdown().await;
    // A new process, which has nothing in hand.
    let again = world.run().await;
    let owner = world.test.session(Login::Owner).await;
    let outcome = async |open: &OpenEntry| -> Option<String> {
        let of = "SELECT outcome FROM plantao.audit_entry WHERE opens = $1";
        let row = owner.query(of, &[&open.id()]).await.unwrap();
        row.first().map(|row| row.get(0))
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while outcome(&begun).await.is_none() || outcome(&refused).await.is_none() {
        assert!(tokio::time::Instant::now() < deadline, "they stay open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(outcome(&begun).await.as_deref(), Some("success"));
    assert_eq!(outcome(&refused).await.as_deref(), Some("unknown"));
    again.tree.shutdown().await;
    drop((begun, refused));
}
