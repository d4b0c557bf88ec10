//! What the database refuses, against a real one.

use super::testing::TestDatabase;
use super::*;
use plantao_schema::id::Tenant;
use std::time::Duration;

mod config;
mod trail_guards;

const PUT: &str = "INSERT INTO fhir_resource \
     (tenant, kind, id, version, sealed, key_subject, key_version) \
     VALUES ($1, 'Patient', $2, 1, '\\x00', 'directory', 1)";
const ALL: &str = "SELECT tenant, id FROM fhir_resource ORDER BY id";

fn scope(tenant: &str) -> Scope {
    Scope::system(Tenant::parse(tenant).unwrap())
}

async fn put(database: &Database, tenant: &str, id: &str) -> Result<(), DatabaseError> {
    let transaction = database.begin(&scope(tenant)).await?;
    transaction.execute(PUT, &[&tenant, &id]).await?;
    transaction.commit().await
}

async fn ids(database: &Database, tenant: &str) -> Vec<String> {
    let rows = database.read(&scope(tenant), ALL, &[]).await.unwrap();
    rows.iter().map(|row| row.get(1)).collect()
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_and_no_others() {
    let test = TestDatabase::create().await;
    let database = test.database();
    put(&database, "north", "a").await.unwrap();
    put(&database, "south", "b").await.unwrap();
    assert_eq!(ids(&database, "north").await, ["a"]);
    assert_eq!(ids(&database, "south").await, ["b"]);
    assert!(ids(&database, "east").await.is_empty());
}

#[tokio::test]
async fn a_session_that_names_no_tenant_sees_nothing() {
    let test = TestDatabase::create().await;
    put(&test.database(), "north", "a").await.unwrap();
    let session = test.session(Login::Application).await;
    assert!(session.query(ALL, &[]).await.unwrap().is_empty());
    // Not the owner of the tables either.
    let owner = test.session(Login::Owner).await;
    owner.batch_execute("SET ROLE plantao_owner").await.unwrap();
    assert!(owner.query(ALL, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_tenant_cannot_write_for_another() {
    let test = TestDatabase::create().await;
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    let refused = transaction
        .execute(PUT, &[&"south", &"a"])
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        DatabaseError::Rejected {
            sqlstate: "42501".into()
        }
    );
}

#[tokio::test]
async fn a_pooled_connection_carries_no_tenant_to_the_next_caller() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let named = "SELECT coalesce(current_setting('plantao.tenant', true), '')";
    let rows = database.read(&scope("north"), named, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, String>(0), "north");
    assert_eq!(database.connections().0, 1);
    let other = Scope {
        principal: "p".into(),
        ..scope("south")
    };
    let rows = database.read(&other, named, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, String>(0), "south");
    assert_eq!(database.connections(), (1, 1));
}

#[tokio::test]
async fn whatever_a_principal_is_called_arrives_as_it_is() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let named = "SELECT current_setting('plantao.tenant'), current_setting('plantao.principal'), \
         current_setting('plantao.purpose'), current_setting('transaction_read_only')";
    for principal in [
        "crm:1@norte",
        "",
        "o'brien",
        "a', true), ('x",
        "\\'; COMMIT; --",
        "maçã $1",
    ] {
        let scope = Scope {
            principal: principal.into(),
            ..scope("north")
        };
        let told = |row: &Row| -> Vec<String> { (0..4).map(|index| row.get(index)).collect() };
        let rows = database.read(&scope, named, &[]).await.unwrap();
        assert_eq!(told(&rows[0]), ["north", principal, "operations", "on"]);
        let transaction = database.begin(&scope).await.unwrap();
        let rows = transaction.query(named, &[]).await.unwrap();
        assert_eq!(told(&rows[0]), ["north", principal, "operations", "off"]);
        transaction.rollback().await.unwrap();
    }
    assert_eq!(database.connections(), (1, 1));
}

#[tokio::test]
async fn every_table_enables_and_forces_row_level_security() {
    let test = TestDatabase::create().await;
    let session = test.session(Login::Owner).await;
    let bare = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'plantao'::regnamespace \
         AND NOT (relrowsecurity AND relforcerowsecurity)";
    let rows = session.query(bare, &[]).await.unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["refinery_schema_history"]);
}

#[tokio::test]
async fn nobody_changes_the_audit_trail_not_even_a_superuser() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    let add = "INSERT INTO audit_entry VALUES ('n/t', 1, gen_random_uuid(), 0, 'single', NULL, \
         'info', 't', 'p', 'r', 'read', 'patient', NULL, NULL, 'treatment', 'allow', 1, '', 'q', \
         'success', NULL, decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'))";
    owner.batch_execute(add).await.unwrap();
    let complete = "INSERT INTO audit_completion VALUES ('t', gen_random_uuid(), 'success', 0)";
    owner.batch_execute(complete).await.unwrap();
    let sign = "INSERT INTO audit_checkpoint VALUES ('n/t', 't', 5, 'note', 0); \
         INSERT INTO audit_seal VALUES ('n/t', 5, 't', 'note', 0); \
         INSERT INTO audit_tile VALUES ('n/t', 0, 0, 't', decode(repeat('00', 8192), 'hex'))";
    owner.batch_execute(sign).await.unwrap();
    let application = test.session(Login::Application).await;
    let audit = test.session(Login::Audit).await;
    for change in [
        "UPDATE audit_entry SET score = 100",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "UPDATE audit_completion SET outcome = 'failed'",
        "DELETE FROM audit_completion",
        "TRUNCATE audit_completion",
        "UPDATE audit_tile SET number = 1",
        "DELETE FROM audit_tile",
        "TRUNCATE audit_tile",
        "UPDATE audit_seal SET note = ''",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal",
        "UPDATE audit_checkpoint SET size = 4",
        "UPDATE audit_checkpoint SET chain = 'n/u', size = 6",
        "DELETE FROM audit_checkpoint",
        "TRUNCATE audit_checkpoint",
    ] {
        for session in [&owner, &application, &audit] {
            let refused = session.batch_execute(change).await.unwrap_err();
            assert_eq!(refused.code().unwrap().code(), "42501", "{change}");
        }
    }
    owner
        .batch_execute("SET session_replication_role = replica")
        .await
        .unwrap();
    assert!(
        owner
            .batch_execute("DELETE FROM audit_entry")
            .await
            .is_err()
    );
    assert!(application.batch_execute(add).await.is_err());
}

#[tokio::test]
async fn neither_requests_nor_the_writer_get_past_what_guards_the_trail() {
    let test = TestDatabase::create().await;
    let application = test.session(Login::Application).await;
    let audit = test.session(Login::Audit).await;
    for way in [
        "ALTER TABLE plantao.audit_entry DISABLE TRIGGER ALL",
        "ALTER TABLE plantao.audit_entry DISABLE ROW LEVEL SECURITY",
        "DROP TRIGGER audit_entry_is_append_only ON plantao.audit_entry",
        "CREATE OR REPLACE FUNCTION plantao.audit_is_append_only() RETURNS trigger \
         LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "SET session_replication_role = replica",
        "SET ROLE plantao_owner",
        "DROP TABLE plantao.audit_entry CASCADE",
        "ALTER TABLE plantao.audit_entry RENAME TO gone",
        // A table of the same name in front of it.
        "CREATE TABLE plantao.audit_entry_2 ()",
        "CREATE SCHEMA elsewhere",
        "SET search_path = elsewhere, plantao; DELETE FROM audit_entry",
    ] {
        for session in [&application, &audit] {
            let refused = session.batch_execute(way).await.unwrap_err();
            assert_eq!(refused.code().unwrap().code(), "42501", "{way}");
        }
    }
    // The trail's own writer alone adds to it.
    let copy = "COPY plantao.audit_entry FROM STDIN";
    let refused = application.batch_execute(copy).await.unwrap_err();
    assert!(
        matches!(refused.code().unwrap().code(), "42501" | "0A000"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_change_of_a_record_keeps_what_was_there() {
    let test = TestDatabase::create().await;
    let database = test.database();
    put(&database, "north", "a").await.unwrap();
    let transaction = database.begin(&scope("north")).await.unwrap();
    let change = "UPDATE fhir_resource SET version = 2, sealed = '\\x01' WHERE id = 'a'";
    assert_eq!(transaction.execute(change, &[]).await.unwrap(), 1);
    transaction.commit().await.unwrap();
    let history = "SELECT version, sealed FROM fhir_resource_history";
    let rows = database.read(&scope("north"), history, &[]).await.unwrap();
    assert_eq!(
        (rows[0].get::<_, i64>(0), rows[0].get::<_, Vec<u8>>(1)),
        (1, vec![0])
    );
}

#[tokio::test]
async fn a_dropped_transaction_leaves_neither_a_row_nor_its_connection() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let transaction = database.begin(&scope("north")).await.unwrap();
    transaction.execute(PUT, &[&"north", &"a"]).await.unwrap();
    drop(transaction);
    assert_eq!(database.connections(), (0, 0));
    assert!(ids(&database, "north").await.is_empty());
}

#[tokio::test]
async fn a_read_that_is_given_up_costs_its_connection() {
    let test = TestDatabase::create().await;
    let database = test.database();
    assert!(ids(&database, "north").await.is_empty());
    assert_eq!(database.connections(), (1, 1));
    let place = scope("north");
    let slow = database.read(&place, "SELECT pg_sleep(60)", &[]);
    let given_up = tokio::time::timeout(Duration::from_millis(50), slow).await;
    assert!(given_up.is_err(), "it was answered");
    assert_eq!(database.connections(), (0, 0));
    assert!(ids(&database, "north").await.is_empty());
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_unavailable_and_its_session_dropped() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let transaction = database.begin(&scope("north")).await.unwrap();
    let read_only = "SET TRANSACTION READ ONLY";
    transaction.execute(read_only, &[]).await.unwrap();
    let refused = transaction.execute(PUT, &[&"north", &"a"]).await;
    assert_eq!(refused, Err(DatabaseError::Unavailable));
    transaction.rollback().await.unwrap();
    assert_eq!(database.connections(), (0, 0));
    put(&database, "north", "a").await.unwrap();
}

#[tokio::test]
async fn what_a_principal_wrote_is_noted_only_where_replicas_are() {
    let test = TestDatabase::create().await;
    put(&test.database(), "north", "a").await.unwrap();
    assert!(test.database().marks().is_none());
    let database = test.replicated(1);
    put(&database, "north", "b").await.unwrap();
    let marks = database.marks().unwrap();
    let wrote = marks.of(&scope("north"));
    let end = database.end_of_log().await.unwrap();
    assert!(wrote > Lsn::default() && wrote <= end, "{wrote} of {end}");
    assert_eq!(marks.of(&scope("south")), Lsn::default());
    // The one replica is not there: the primary answers.
    let rows = database.read_at(&scope("north"), None, ALL, &[]).await;
    assert_eq!(rows.unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_statement_cannot_be_committed() {
    let test = TestDatabase::create().await;
    let database = test.database();
    put(&database, "north", "a").await.unwrap();
    let transaction = database.begin(&scope("north")).await.unwrap();
    transaction.execute(PUT, &[&"north", &"b"]).await.unwrap();
    let twice = transaction
        .execute(PUT, &[&"north", &"a"])
        .await
        .unwrap_err();
    assert_eq!(
        twice,
        DatabaseError::Conflict {
            constraint: "fhir_resource_pkey".into()
        }
    );
    assert_eq!(transaction.commit().await, Err(DatabaseError::Aborted));
    assert_eq!(ids(&database, "north").await, ["a"]);
    assert_eq!(database.connections(), (1, 1));
}

#[tokio::test]
async fn many_rows_travel_in_one_flight() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let names: Vec<String> = (0..100).map(|number| format!("p{number:03}")).collect();
    let sets: Vec<Vec<&(dyn ToSql + Sync)>> = names
        .iter()
        .map(|name| vec![&"north" as &(dyn ToSql + Sync), name])
        .collect();
    let transaction = database.begin(&scope("north")).await.unwrap();
    assert_eq!(transaction.execute_each(PUT, &sets).await.unwrap(), 100);
    transaction.commit().await.unwrap();
    assert_eq!(ids(&database, "north").await, names);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled_and_said_so() {
    let test = TestDatabase::create().await;
    let transaction = test.database().begin(&scope("north")).await.unwrap();
    transaction
        .execute("SET LOCAL statement_timeout = 20", &[])
        .await
        .unwrap();
    let slow = transaction
        .query("SELECT pg_sleep(60)", &[])
        .await
        .unwrap_err();
    assert!(matches!(slow, DatabaseError::Timeout { .. }), "{slow}");
    assert!(slow.is_unavailable());
}

#[tokio::test]
async fn a_handle_without_a_pool_is_unavailable_and_so_is_one_whose_pool_died() {
    assert_eq!(
        Database::new().ping().await,
        Err(DatabaseError::Unavailable)
    );
    let mut test = TestDatabase::create().await;
    let database = test.database();
    database.ping().await.unwrap();
    test.lose_pool();
    let read = database.read(&scope("north"), ALL, &[]).await.unwrap_err();
    assert!(read.is_unavailable(), "{read}");
}

#[tokio::test]
async fn a_killed_backend_costs_one_answer_and_the_next_is_right() {
    let test = TestDatabase::create().await;
    let database = test.database();
    put(&database, "north", "a").await.unwrap();
    let transaction = database.begin(&scope("north")).await.unwrap();
    let owner = test.session(Login::Owner).await;
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE usename = 'plantao_app' AND datname = current_database()";
    owner.query(end, &[]).await.unwrap();
    let lost = transaction.query(ALL, &[]).await.unwrap_err();
    assert_eq!(lost, DatabaseError::Unavailable);
    drop(transaction);
    assert_eq!(ids(&database, "north").await, ["a"]);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_an_equal_one_left_alone() {
    let test = TestDatabase::create().await;
    pool::prepare_schema(&test.config()).await.unwrap();
    let owner = test.session(Login::Owner).await;
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
         VALUES (999, 'from_the_future', '2030-01-01T00:00:00Z', '1')";
    owner.batch_execute(newer).await.unwrap();
    let refused = pool::prepare_schema(&test.config()).await.unwrap_err();
    let newer = matches!(
        refused,
        PoolError::Migration(MigrationError::Newer { found: 999, .. })
    );
    assert!(newer, "{refused}");
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

#[tokio::test]
async fn a_released_migration_that_was_edited_is_refused() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    owner
        .batch_execute("UPDATE refinery_schema_history SET checksum = '1'")
        .await
        .unwrap();
    let refused = pool::prepare_schema(&test.config()).await.unwrap_err();
    assert!(
        matches!(refused, PoolError::Migration(MigrationError::Failed { .. })),
        "{refused}"
    );
}
