//! How a consent is looked up: by all of its key, however many there are.

use crate::consent::store;
use crate::database::Login;
use crate::database::testing::TestDatabase;

const FILL: &str = "
    INSERT INTO consent (tenant, patient, purpose, status, at, by_principal)
        SELECT 'north', 'p' || n, 'research', 'granted', now(), 'p'
        FROM generate_series(1, 10000) n;
    ANALYZE";

#[tokio::test]
async fn a_consent_is_found_by_all_of_its_key() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    for fill in ["", FILL] {
        owner.batch_execute(fill).await.unwrap();
        let plan = test.plan_of(&store::GET).await;
        let key = "(tenant = $1) AND (patient = k.patient) AND (purpose = k.purpose)";
        assert!(!plan.contains("Seq Scan") && plan.contains(key), "{plan}");
    }
}
