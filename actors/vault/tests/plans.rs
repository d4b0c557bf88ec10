//! How keys are looked up: by the index of their subject, however many there are.

use crate::database::Login;
use crate::database::testing::TestDatabase;
use crate::vault::store;

const FILL: &str = "
    INSERT INTO plantao_keys.tenant_key (tenant, version, master, wrapped)
        SELECT 'north', n, '\\x0001020304050607', '\\x00' FROM generate_series(1, 100) n;
    INSERT INTO plantao_keys.data_key (tenant, subject, version, tenant_version, wrapped)
        SELECT 'north', 'patient:p' || n, 1, 1 + n % 100, '\\x00' FROM generate_series(1, 10000) n;
    INSERT INTO plantao_keys.tombstone (tenant, subject, erased_at, reason)
        SELECT tenant, subject, now(), 'test' FROM plantao_keys.data_key;
    ANALYZE";

#[tokio::test]
async fn a_key_is_found_by_its_subject() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    for fill in ["", FILL] {
        owner.batch_execute(fill).await.unwrap();
        let plan = test.plan_of(&store::FIND).await;
        // There is one period, and no index of it.
        let scans = plan.matches("Seq Scan").count();
        assert_eq!(scans, plan.matches("Seq Scan on period").count(), "{plan}");
        for index in ["data_key_pkey", "tenant_key_pkey", "tombstone_pkey"] {
            assert!(plan.contains(&format!("using {index} on")), "{plan}");
        }
        let found = plan.matches("(tenant = $1) AND (subject = k.subject)");
        assert_eq!(found.count(), 2, "{plan}");
    }
}
