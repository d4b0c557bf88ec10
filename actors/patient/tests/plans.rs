//! How records are looked up by their keys: by an index and all of the key, however many there are,
//! and on the day before the first is stored as well.

use crate::database::testing::TestDatabase;
use crate::database::{Login, PointQuery};
use crate::patient::{contents, postgres};

const FILL: &str = "
    INSERT INTO fhir_resource (tenant, kind, id, version, patient, sealed, key_subject, key_version)
        SELECT 'north', 'Patient', 'r' || n, 2, 'r' || n, '\\x00', 'patient:r' || n, 1
        FROM generate_series(1, 10000) n;
    INSERT INTO fhir_resource_history
        (tenant, kind, id, version, patient, sealed, key_subject, key_version, updated_at)
        SELECT tenant, kind, id, 1, patient, sealed, key_subject, key_version, updated_at
        FROM fhir_resource;
    INSERT INTO fhir_identifier (tenant, kind, blind, id)
        SELECT tenant, kind, sha256(id::bytea), id FROM fhir_resource;
    INSERT INTO audit_opening (tenant, entry_id, sealed, key_subject, key_version)
        SELECT tenant, gen_random_uuid(), sealed, key_subject, key_version FROM fhir_resource;
    INSERT INTO plantao_keys.tombstone (tenant, subject, erased_at, reason)
        SELECT tenant, key_subject, now(), 'test' FROM fhir_resource;
    ANALYZE";

const RESOURCE: &str = "(tenant = $1) AND (kind = k.kind) AND (id = k.id)";

async fn goes_by(test: &TestDatabase, query: &PointQuery, conditions: &[&str]) {
    let plan = test.plan_of(query).await;
    assert!(!plan.contains("Seq Scan"), "{plan}");
    for condition in conditions {
        assert!(plan.contains(condition), "{condition}\n{plan}");
    }
}

#[tokio::test]
async fn records_are_found_by_all_of_their_key() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    for fill in ["", FILL] {
        owner.batch_execute(fill).await.unwrap();
        let erased = "(tenant = $1) AND (subject = f.key_subject)";
        goes_by(&test, &postgres::LOAD, &[RESOURCE, erased]).await;
        goes_by(&test, &postgres::OWNER, &[RESOURCE]).await;
        let blind = "(tenant = $1) AND (kind = k.kind) AND (blind >= k.blind) \
            AND (blind <= k.blind)";
        let of_blind = "(tenant = $1) AND (kind = i.kind) AND (id = i.id)";
        goes_by(&test, &postgres::FIND, &[blind, of_blind]).await;
        let older = format!("{RESOURCE} AND (version = k.version)");
        goes_by(&test, &contents::EDITION, &[RESOURCE, &older]).await;
        let opening = "(tenant = $1) AND (entry_id >= k.entry) AND (entry_id <= k.entry)";
        goes_by(&test, &contents::FIND, &[opening]).await;
    }
}
