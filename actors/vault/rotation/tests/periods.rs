//! Periods end, by themselves or when told, and what a copy of before holds opens nothing then.

use super::*;

const COPY: &str = "CREATE TABLE public.tenants AS SELECT * FROM plantao_keys.tenant_key; \
     CREATE TABLE public.keys AS SELECT * FROM plantao_keys.data_key";

/// What a restored copy of the database would have in place of the keys of now.
const BRING_BACK: &str = "DELETE FROM plantao_keys.data_key; DELETE FROM plantao_keys.tenant_key; \
     INSERT INTO plantao_keys.tenant_key SELECT * FROM public.tenants; \
     INSERT INTO plantao_keys.data_key SELECT * FROM public.keys";

impl World {
    /// A node with periods that last so long, and its key files in a folder of its own.
    async fn node(&self, folder: &str, lasts: Duration) -> (Rotations, Tree) {
        self.node_waiting(folder, lasts, LONG).await
    }

    /// The same, which gives a key up after so long.
    async fn node_waiting(
        &self,
        folder: &str,
        lasts: Duration,
        waits: Duration,
    ) -> (Rotations, Tree) {
        let folder = self.dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let vault = Vault::new().with_periods(folder.join("period.key"));
        let rotations = Rotations::new(vault.clone(), self.test.database());
        let rotations = rotations.with_periods_of(lasts).waiting_for(waits);
        let often = Intensity::new(50, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, often)
            .child(vault_child(&vault, self.dir.path().join("master.key")))
            .child(rotations.child());
        (rotations, Tree::start("t", spec).await.unwrap())
    }

    fn period_file(&self, folder: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join(folder).join("period.key")).unwrap()
    }

    /// Returns once a node has forgotten every period before the present one.
    async fn settled(&self, folder: &str, before: &[u8]) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.period_file(folder) == before {
            assert!(
                tokio::time::Instant::now() < deadline,
                "it is not forgotten"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

const LONG: Duration = Duration::from_hours(24);

#[tokio::test]
async fn an_old_copy_of_the_key_store_opens_nothing_once_its_period_is_over() {
    let world = World::new().await;
    let (rotations, tree) = world.node("one", LONG).await;
    let sealed = world.sealed(&rotations).await;
    let owner = world.test.session(Login::Owner).await;
    owner.batch_execute(COPY).await.unwrap();
    let first = world.period_file("one");
    // Another node joins, with a copy of the file.
    std::fs::create_dir(world.dir.path().join("two")).unwrap();
    std::fs::write(world.dir.path().join("two/period.key"), &first).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.dir.path().join("two/period.key"), mode).unwrap();

    let tenant = &world.scope.tenant;
    rotations.start(tenant, &Target::Period).await.unwrap();
    finished(&rotations).await;
    world.settled("one", &first).await;
    let overview = rotations.overview(tenant).await.unwrap();
    assert_eq!(overview.period.unwrap().0, 2);
    assert_eq!((overview.tenant_key, overview.tenant_keys), (Some(2), 1));
    world.all_open(&rotations, &sealed).await;
    let (other, other_tree) = world.node("two", LONG).await;
    world.all_open(&other, &sealed).await;
    world.settled("two", &first).await;
    assert_eq!(world.period_file("two"), world.period_file("one"));
    other_tree.shutdown().await;

    // The master key is the same, and every row of the copy is there.
    owner.batch_execute(BRING_BACK).await.unwrap();
    for number in 0..3 {
        let (database, subject) = (&rotations.database, patient(number));
        let key = rotations
            .vault
            .data_key_at(database, &world.scope, &subject, 1);
        assert_eq!(key.await.unwrap_err(), VaultError::OtherPeriodKey);
    }
    // With the key of its period it would: that is why nobody may keep one.
    std::fs::write(world.dir.path().join("one/period.key"), &first).unwrap();
    tree.shutdown().await;
    let (rotations, tree) = world.node("one", LONG).await;
    world.all_open(&rotations, &sealed).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn a_period_ends_by_itself_and_keys_of_before_there_were_any_get_one() {
    let world = World::new().await;
    let (rotations, tree) = world.run().await;
    let sealed = world.sealed(&rotations).await;
    tree.shutdown().await;
    let (rotations, tree) = world.node("one", LONG).await;
    finished(&rotations).await;
    let tenant = &world.scope.tenant;
    let overview = rotations.overview(tenant).await.unwrap();
    assert_eq!(overview.period.unwrap().0, 1);
    assert_eq!((overview.tenant_key, overview.tenant_keys), (Some(2), 1));
    world.all_open(&rotations, &sealed).await;
    let first = world.period_file("one");
    tree.shutdown().await;

    let owner = world.test.session(Login::Owner).await;
    let age = "UPDATE plantao_keys.period SET begun_at = now() - interval '25 hours'";
    owner.execute(age, &[]).await.unwrap();
    let (rotations, tree) = world.node("one", LONG).await;
    finished(&rotations).await;
    world.settled("one", &first).await;
    let overview = rotations.overview(tenant).await.unwrap();
    assert_eq!(overview.period.unwrap().0, 2);
    world.all_open(&rotations, &sealed).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn a_node_without_the_file_of_the_others_makes_no_keys_and_no_period() {
    let world = World::new().await;
    let (rotations, tree) = world.node("one", LONG).await;
    let sealed = world.sealed(&rotations).await;
    let (other, other_tree) = world.node("two", LONG).await;
    let (south, one) = (Scope::system(tenant("south")), patient(1));
    let (store, of_demo) = (&other.database, &world.scope);
    let new = other.vault.data_key(store, &south, &one).await;
    assert_eq!(new.unwrap_err(), VaultError::OtherPeriodKey);
    let old = other.vault.data_key_at(store, of_demo, &one, 1).await;
    assert_eq!(old.unwrap_err(), VaultError::OtherPeriodKey);
    let turned = other.start(&world.scope.tenant, &Target::Period).await;
    assert_eq!(
        turned.unwrap_err(),
        RotationError::Vault(VaultError::OtherPeriodKey)
    );
    assert!(!world.dir.path().join("two/period.key").exists());
    other_tree.shutdown().await;
    world.all_open(&rotations, &sealed).await;
    tree.shutdown().await;
}

const DAMAGE: &str = "UPDATE plantao_keys.data_key \
     SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) \
     WHERE subject = 'patient:p-149'";

const DAMAGE_WRAPPER: &str = "UPDATE plantao_keys.tenant_key \
     SET wrapped = set_byte(wrapped, 40, get_byte(wrapped, 40) # 1) WHERE version = 1";

/// Returns once a node has looked, and found so many keys waited for and given up.
async fn until_stuck(rotations: &Rotations, held: u64, given_up: u64) -> StuckKeys {
    let mut looks = rotations.stuck.subscribe();
    let found = looks.wait_for(|found| (found.held, found.given_up) == (held, given_up));
    let found = tokio::time::timeout(Duration::from_secs(20), found).await;
    found.unwrap().unwrap().clone()
}

/// Returns once so many rotations more have come to their end, whatever else is told.
async fn finished_beside_others(rotations: &Rotations, mut many: usize) {
    while many > 0 {
        let told = tokio::time::timeout(Duration::from_secs(20), rotations.vault.incident()).await;
        many -= usize::from(told.unwrap().kind == IncidentKind::RotationFinished);
    }
}

#[tokio::test]
async fn a_key_that_does_not_unwrap_holds_its_period_for_as_long_as_it_may_be_mended() {
    let world = World::new().await;
    let (rotations, tree) = world.node("one", LONG).await;
    let sealed = world.sealed(&rotations).await;
    let first = world.period_file("one");
    let owner = world.test.session(Login::Owner).await;
    assert_eq!(owner.execute(DAMAGE, &[]).await.unwrap(), 1);
    let tenant = &world.scope.tenant;
    rotations.start(tenant, &Target::Period).await.unwrap();
    let found = until_stuck(&rotations, 1, 0).await;
    assert_eq!(
        found.places,
        ["tenant demo: a patient key, version 1, under version 1 of the tenant's"]
    );
    // Another period changes nothing in how long it is waited for.
    rotations.start(tenant, &Target::Period).await.unwrap();
    finished_beside_others(&rotations, 2).await;
    until_stuck(&rotations, 1, 0).await;
    assert_eq!(world.period_file("one"), first, "it may still be mended");
    tree.shutdown().await;

    let (rotations, tree) = world.node_waiting("one", LONG, Duration::ZERO).await;
    let found = until_stuck(&rotations, 0, 1).await;
    assert_eq!(
        found.places,
        ["tenant demo: a patient key, version 1, given up"]
    );
    world.settled("one", &first).await;
    let overview = rotations.overview(tenant).await.unwrap();
    assert_eq!((overview.tenant_key, overview.tenant_keys), (Some(3), 1));
    let (whole, _damaged) = sealed.split_at(SUBJECTS - 1);
    world.all_open(&rotations, whole).await;
    // The master key does not wait for it.
    rotations.start(tenant, &Target::Master).await.unwrap();
    finished_beside_others(&rotations, 1).await;
    let overview = rotations.overview(tenant).await.unwrap();
    assert_eq!(
        (overview.masters_retiring, overview.wrapped_directly),
        (0, 0)
    );
    tree.shutdown().await;
}

#[tokio::test]
async fn nothing_is_given_up_where_the_tenants_own_key_does_not_open() {
    let world = World::new().await;
    let (rotations, tree) = world.node("one", LONG).await;
    world.sealed(&rotations).await;
    let first = world.period_file("one");
    tree.shutdown().await;
    let owner = world.test.session(Login::Owner).await;
    assert_eq!(owner.execute(DAMAGE_WRAPPER, &[]).await.unwrap(), 1);
    let (rotations, tree) = world.node_waiting("one", LONG, Duration::ZERO).await;
    let tenant = &world.scope.tenant;
    rotations.start(tenant, &Target::Period).await.unwrap();
    let all = u64::try_from(SUBJECTS).unwrap();
    let found = until_stuck(&rotations, all, 0).await;
    assert!(found.places.len() < SUBJECTS, "the first of them are named");
    assert_eq!(world.period_file("one"), first);
    tree.shutdown().await;
}
