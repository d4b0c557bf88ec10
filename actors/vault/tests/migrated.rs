//! From a key store as it was before there were tenants' keys, and back.

use super::*;
use crate::vault::master::{Software, random};

const UP: &str = include_str!("../../../schema/migrations/V5__keys.sql");
const DOWN: &str = include_str!("../../../schema/migrations/down/V5__keys.sql");

/// Those that came after, which are taken back before it and made again after it.
const UP_LATER: &str = include_str!("../../../schema/migrations/V8__key_periods.sql");
const DOWN_LATER: &str = include_str!("../../../schema/migrations/down/V8__key_periods.sql");

async fn apply(test: &TestDatabase, sql: &str) {
    let owner = test.session(Login::Owner).await;
    owner.batch_execute("SET ROLE plantao_owner").await.unwrap();
    let whole = format!("BEGIN; {sql}; COMMIT;");
    owner.batch_execute(&whole).await.unwrap();
}

/// Every table, column, index, policy, grant and trigger of both schemas.
async fn shape(test: &TestDatabase) -> Vec<String> {
    let owner = test.session(Login::Owner).await;
    let all = "SELECT concat_ws(' ', 'column', table_schema, table_name, column_name, data_type, \
         is_nullable, column_default) FROM information_schema.columns \
         WHERE table_schema LIKE 'plantao%' UNION ALL \
         SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname LIKE 'plantao%' UNION ALL \
         SELECT concat_ws(' ', 'policy', schemaname, tablename, policyname, roles, qual, \
         with_check) FROM pg_policies WHERE schemaname LIKE 'plantao%' UNION ALL \
         SELECT concat_ws(' ', 'table', relnamespace::regnamespace, relname, relacl, \
         relrowsecurity, relforcerowsecurity) FROM pg_class WHERE relkind = 'r' \
         AND relnamespace::regnamespace::text LIKE 'plantao%' UNION ALL \
         SELECT concat_ws(' ', 'acl', attrelid::regclass, attname, attacl) FROM pg_attribute \
         WHERE attacl IS NOT NULL AND attrelid::regclass::text LIKE '%history' UNION ALL \
         SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
         UNION ALL SELECT concat_ws(' ', 'schema', nspname, nspacl) FROM pg_namespace \
         WHERE nspname LIKE 'plantao%' ORDER BY 1";
    let rows = owner.query(all, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_way_back_undoes_it_exactly_and_nothing_is_lost_on_the_way() {
    let test = TestDatabase::create().await;
    let (database, dir) = (test.database(), tempfile::tempdir().unwrap());
    let scope = Scope::system(tenant("demo"));
    let vault = Vault::new();
    let tree = keeper(&vault, dir.path()).await;
    let maria = patient("maria");
    let key = vault.data_key(&database, &scope, &maria).await.unwrap();
    let sealed = seal(&key, &scope.tenant, "maria", b"body");
    let before = shape(&test).await;
    apply(&test, DOWN_LATER).await;
    apply(&test, DOWN).await;
    let down = shape(&test).await;
    assert!(
        down.iter()
            .all(|line| !line.contains("column plantao_keys")),
        "{down:?}"
    );
    assert!(
        down.iter()
            .any(|line| line.contains("plantao vault_data_key wrapped"))
    );
    apply(&test, UP).await;
    apply(&test, UP_LATER).await;
    assert_eq!(shape(&test).await, before);
    apply(&test, DOWN_LATER).await;
    apply(&test, DOWN).await;
    assert_eq!(shape(&test).await, down);
    apply(&test, UP).await;
    apply(&test, UP_LATER).await;
    let key = vault.data_key(&database, &scope, &maria).await.unwrap();
    let opened = opens(&key, &scope.tenant, "maria", &sealed);
    assert_eq!(opened.unwrap(), b"body");
    tree.shutdown().await;
}

#[tokio::test]
async fn what_the_master_key_itself_wrapped_opens_and_every_rotation_moves_it() {
    let test = TestDatabase::create().await;
    let (database, dir) = (test.database(), tempfile::tempdir().unwrap());
    let (scope, entropy) = (Scope::system(tenant("demo")), Entropy::system());
    let path = dir.path().join("master.key");
    let master = random(&entropy).unwrap();
    std::fs::write(&path, master.as_slice()).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let software = Software::new(&master, &entropy).unwrap();
    let place = Place {
        tenant: "demo".to_owned(),
        subject: "patient:maria".to_owned(),
        version: 1,
    };
    let bytes = random(&entropy).unwrap();
    let wrapped = software.wrap_direct(&place, &bytes);
    // As the program before it left the database.
    apply(&test, DOWN_LATER).await;
    apply(&test, DOWN).await;
    let application = test.session(Login::Application).await;
    let name = "INSERT INTO vault_master_key (name) VALUES ($1)";
    application
        .execute(name, &[&&wrapped[..NAME_BYTES]])
        .await
        .unwrap();
    let declare = "SELECT set_config('plantao.tenant', 'demo', false)";
    application.batch_execute(declare).await.unwrap();
    let add = "INSERT INTO vault_data_key (tenant, subject, version, wrapped) \
         VALUES ('demo', 'patient:maria', 1, $1)";
    application.execute(add, &[&wrapped]).await.unwrap();
    apply(&test, UP).await;
    apply(&test, UP_LATER).await;

    let maria = patient("maria");
    let known = DataKey::new(maria.clone(), 1, &bytes, &entropy, &Incidents::new()).unwrap();
    let sealed = seal(&known, &scope.tenant, "maria", b"body");
    let vault = Vault::new();
    let rotations = Rotations::new(vault.clone(), database.clone());
    let intensity = Intensity::new(3, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
        .child(vault_child(&vault, path))
        .child(rotations.child());
    let tree = Tree::start("t", spec).await.unwrap();
    let opened = async || {
        let key = vault.data_key(&database, &scope, &maria).await.unwrap();
        opens(&key, &scope.tenant, "maria", &sealed)
    };
    assert_eq!(opened().await.unwrap(), b"body");
    let overview = rotations.overview(&scope.tenant).await.unwrap();
    assert_eq!((overview.data_keys, overview.wrapped_directly), (1, 1));
    rotations
        .start(&scope.tenant, &Target::Master)
        .await
        .unwrap();
    assert_eq!(vault.incident().await.kind, IncidentKind::RotationFinished);
    let overview = rotations.overview(&scope.tenant).await.unwrap();
    assert_eq!((overview.data_keys, overview.wrapped_directly), (1, 0));
    assert_ne!(overview.master.unwrap(), wrapped[..NAME_BYTES]);
    assert_eq!(opened().await.unwrap(), b"body");
    tree.shutdown().await;
}
