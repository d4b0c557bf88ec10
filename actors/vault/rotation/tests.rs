//! Rotations of what wraps; of what is sealed they are tested where records are.

use super::*;
use crate::database::Login;
use crate::database::testing::TestDatabase;
use crate::vault::{IncidentKind, KeySubject, RecordBody, vault_child};
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::time::Duration;

mod periods;

const SUBJECTS: usize = 150;

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn patient(number: usize) -> KeySubject {
    KeySubject::Patient(PatientId::parse(&format!("p-{number}")).unwrap())
}

struct World {
    test: TestDatabase,
    dir: tempfile::TempDir,
    scope: Scope,
}

impl World {
    async fn new() -> Self {
        Self {
            test: TestDatabase::create().await,
            dir: tempfile::tempdir().unwrap(),
            scope: Scope::system(tenant("demo")),
        }
    }

    async fn run(&self) -> (Rotations, Tree) {
        let vault = Vault::new();
        let rotations = Rotations::new(vault.clone(), self.test.database());
        let often = Intensity::new(50, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, often)
            .child(vault_child(&vault, self.dir.path().join("master.key")))
            .child(rotations.child());
        (rotations, Tree::start("t", spec).await.unwrap())
    }

    async fn sealed(&self, rotations: &Rotations) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for number in 0..SUBJECTS {
            let (database, subject) = (&rotations.database, patient(number));
            let key = rotations.vault.data_key(database, &self.scope, &subject);
            let sealed = key
                .await
                .unwrap()
                .seal::<RecordBody>(&self.scope.tenant, "r", b"body");
            all.push(sealed.unwrap().as_bytes().to_vec());
        }
        all
    }

    async fn all_open(&self, rotations: &Rotations, sealed: &[Vec<u8>]) {
        for (number, sealed) in sealed.iter().enumerate() {
            let (database, subject) = (&rotations.database, patient(number));
            let key = rotations
                .vault
                .data_key_at(database, &self.scope, &subject, 1)
                .await;
            let opened = key
                .unwrap()
                .open::<RecordBody>(&self.scope.tenant, "r", sealed);
            assert_eq!(&**opened.unwrap(), b"body", "{number}");
        }
    }
}

async fn finished(rotations: &Rotations) {
    let told = rotations.vault.incident().await;
    assert_eq!(told.kind, IncidentKind::RotationFinished);
}

#[tokio::test]
async fn a_new_tenant_key_wraps_every_data_key_and_the_old_one_is_destroyed() {
    let world = World::new().await;
    let (rotations, tree) = world.run().await;
    let none = rotations.start(&world.scope.tenant, &Target::Tenant).await;
    assert_eq!(none, Err(RotationError::Nothing));
    let sealed = world.sealed(&rotations).await;
    let begun = rotations
        .start(&world.scope.tenant, &Target::Tenant)
        .await
        .unwrap();
    assert_eq!((begun.level, begun.total), (Level::Tenant, SUBJECTS as u64));
    finished(&rotations).await;
    let overview = rotations.overview(&world.scope.tenant).await.unwrap();
    assert_eq!((overview.tenant_key, overview.tenant_keys), (Some(2), 1));
    let rotation = overview.rotation.unwrap();
    assert_eq!((rotation.id, rotation.done), (begun.id, SUBJECTS as u64));
    assert!(rotation.finished_at.is_some());
    world.all_open(&rotations, &sealed).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn a_new_master_key_wraps_every_tenants_key_and_survives_a_restart() {
    let world = World::new().await;
    let (rotations, tree) = world.run().await;
    let sealed = world.sealed(&rotations).await;
    let (south, directory) = (Scope::system(tenant("south")), KeySubject::Directory);
    let key = rotations
        .vault
        .data_key(&rotations.database, &south, &directory);
    let of_south = key
        .await
        .unwrap()
        .seal::<RecordBody>(&south.tenant, "r", b"body")
        .unwrap();
    let before = rotations
        .overview(&world.scope.tenant)
        .await
        .unwrap()
        .master;
    rotations
        .start(&world.scope.tenant, &Target::Master)
        .await
        .unwrap();
    finished(&rotations).await;
    let after = rotations.overview(&world.scope.tenant).await.unwrap();
    assert_ne!(after.master, before);
    assert_eq!(after.masters_retiring, 0);
    world.all_open(&rotations, &sealed).await;
    tree.shutdown().await;
    let (rotations, tree) = world.run().await;
    world.all_open(&rotations, &sealed).await;
    let key = rotations
        .vault
        .data_key(&rotations.database, &south, &directory)
        .await
        .unwrap();
    let opened = key.open::<RecordBody>(&south.tenant, "r", of_south.as_bytes());
    assert_eq!(&**opened.unwrap(), b"body");
    tree.shutdown().await;
    // The old file, brought back, is another master key.
    let old = std::fs::read_dir(world.dir.path()).unwrap().flatten();
    let old = old
        .map(|one| one.path())
        .find(|one| one.to_string_lossy().contains("retired-"));
    std::fs::copy(old.unwrap(), world.dir.path().join("master.key")).unwrap();
    let (rotations, tree) = world.run().await;
    let refused = rotations
        .vault
        .data_key(&rotations.database, &south, &directory)
        .await;
    assert_eq!(refused.unwrap_err(), VaultError::OtherMasterKey);
    tree.shutdown().await;
}

#[tokio::test]
async fn one_rotation_at_a_time_and_one_that_is_killed_again_and_again_comes_to_its_end() {
    let world = World::new().await;
    let (rotations, tree) = world.run().await;
    let (tenant, database) = (world.scope.tenant.clone(), &rotations.database);
    let sealed = world.sealed(&rotations).await;
    // One that nobody works on: of an institution without keys.
    let owner = world.test.session(Login::Owner).await;
    let begin = "INSERT INTO plantao_keys.rotation (level, tenant) VALUES ('tenant', 'empty')";
    owner.execute(begin, &[]).await.unwrap();
    for target in [Target::Master, Target::Tenant, Target::AllData] {
        let refused = rotations.start(&tenant, &target).await;
        assert_eq!(refused, Err(RotationError::Busy));
    }
    let end = "UPDATE plantao_keys.rotation SET finished_at = now()";
    owner.execute(end, &[]).await.unwrap();
    let begun = rotations.start(&tenant, &Target::Tenant).await.unwrap();
    for _ in 0..20 {
        // Between two incarnations there is nobody to kill.
        let _down = tree.kill("t/rotator");
        tokio::task::yield_now().await;
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let scope = &world.scope;
    while jobs::get(database, scope, begun.id)
        .await
        .unwrap()
        .is_none_or(|one| one.finished_at.is_none())
    {
        assert!(tokio::time::Instant::now() < deadline, "it does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.all_open(&rotations, &sealed).await;
    let overview = rotations.overview(&tenant).await.unwrap();
    assert_eq!((overview.tenant_key, overview.tenant_keys), (Some(2), 1));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_key_that_does_not_unwrap_stays_and_holds_nothing_up() {
    let world = World::new().await;
    let (rotations, tree) = world.run().await;
    let sealed = world.sealed(&rotations).await;
    let owner = world.test.session(Login::Owner).await;
    let damage = "UPDATE plantao_keys.data_key \
         SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) \
         WHERE subject = 'patient:p-149'";
    assert_eq!(owner.execute(damage, &[]).await.unwrap(), 1);
    rotations
        .start(&world.scope.tenant, &Target::Tenant)
        .await
        .unwrap();
    let told = rotations.vault.incident().await;
    assert_eq!(told.kind, IncidentKind::DecryptionFailed);
    assert!(told.what.contains("1 do not open"), "{}", told.what);
    finished(&rotations).await;
    let overview = rotations.overview(&world.scope.tenant).await.unwrap();
    assert_eq!((overview.tenant_key, overview.tenant_keys), (Some(2), 2));
    let (whole, _damaged) = sealed.split_at(SUBJECTS - 1);
    world.all_open(&rotations, whole).await;
    tree.shutdown().await;
}
