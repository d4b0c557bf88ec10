//! What guards the trail's partitions, tried hole by hole.

use super::*;
use tokio_postgres::Client;

async fn parts(session: &Client) -> Vec<String> {
    let named = "SELECT part FROM plantao.audit_partitions()";
    let rows = session.query(named, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn refused(session: &Client, way: &str) {
    let refused = session.batch_execute(way).await.expect_err(way);
    let code = refused.code().unwrap_or_else(|| panic!("{way}: {refused}"));
    assert_eq!(code.code(), "42501", "{way}");
}

#[tokio::test]
async fn neither_requests_nor_the_writer_reach_a_partition_past_the_whole() {
    let test = TestDatabase::create().await;
    let application = test.session(Login::Application).await;
    let audit = test.session(Login::Audit).await;
    let owner = test.session(Login::Owner).await;
    let all = parts(&owner).await;
    assert!(
        all.len() > 5 && all.contains(&"audit_entry_stray".to_owned()),
        "{all:?}"
    );
    for session in [&application, &audit] {
        for part in &all {
            for way in [
                "SELECT * FROM plantao.{}",
                "INSERT INTO plantao.{} SELECT * FROM plantao.audit_entry",
                "COPY plantao.{} FROM STDIN",
                "COPY plantao.{} TO STDOUT",
                "UPDATE plantao.{} SET score = 1",
                "DELETE FROM plantao.{}",
                "TRUNCATE plantao.{}",
                "ALTER TABLE plantao.{} DISABLE TRIGGER ALL",
                "ALTER TABLE plantao.{} DISABLE ROW LEVEL SECURITY",
                "ALTER TABLE plantao.audit_entry DETACH PARTITION plantao.{}",
                "DROP TABLE plantao.{}",
                "CREATE POLICY mine ON plantao.{} USING (true)",
                "CREATE RULE mine AS ON INSERT TO plantao.{} DO INSTEAD NOTHING",
            ] {
                refused(session, &way.replace("{}", part)).await;
            }
        }
        for way in [
            "CREATE TABLE plantao.mine PARTITION OF plantao.audit_entry FOR VALUES FROM (1) TO (2)",
            "SELECT plantao.audit_make_partition(0)",
            "SELECT plantao.audit_dress_partition('audit_entry_stray')",
            "TRUNCATE plantao.audit_entry",
            "DELETE FROM plantao.audit_key",
            "UPDATE plantao.audit_key SET at_us = 0",
            "TRUNCATE plantao.audit_key",
            "DELETE FROM plantao.audit_head",
            "TRUNCATE plantao.audit_head",
            "INSERT INTO plantao.audit_archived SELECT * FROM plantao.audit_archived",
            "INSERT INTO plantao.audit_storage (kind, server) VALUES ('native', '')",
            "UPDATE plantao.audit_storage SET kind = 'timescale'",
            "ALTER ROLE plantao_audit SUPERUSER",
        ] {
            refused(session, way).await;
        }
    }
    let requests_only = [
        "SELECT * FROM plantao.audit_head",
        "INSERT INTO plantao.audit_key VALUES (gen_random_uuid(), 0, 't')",
        "INSERT INTO plantao.audit_entry SELECT * FROM plantao.audit_entry",
    ];
    for way in requests_only {
        refused(&application, way).await;
    }
}

#[tokio::test]
async fn not_even_a_superuser_changes_a_partition_by_its_own_name() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    let add = "INSERT INTO audit_entry VALUES ('n/t', 1, gen_random_uuid(), $1, 'single', NULL, \
         'info', 't', 'p', 'r', 'read', 'patient', NULL, NULL, 'treatment', 'allow', 1, '', 'q', \
         'success', NULL, decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'))";
    for (number, at) in ["0", "(extract(epoch FROM now()) * 1000000)::bigint"]
        .iter()
        .enumerate()
    {
        let add = add
            .replace("$1", at)
            .replace("'n/t'", &format!("'n{number}/t'"));
        owner.batch_execute(&add).await.unwrap();
    }
    let held = "SELECT DISTINCT tableoid::regclass::text FROM audit_entry";
    let held = owner.query(held, &[]).await.unwrap();
    assert_eq!(held.len(), 2);
    // A session in replica mode runs no ordinary trigger.
    for mode in ["origin", "replica"] {
        let mode = format!("SET session_replication_role = {mode}");
        owner.batch_execute(&mode).await.unwrap();
        for row in &held {
            let part: String = row.get(0);
            for way in ["UPDATE {} SET score = 2", "DELETE FROM {}", "TRUNCATE {}"] {
                refused(&owner, &way.replace("{}", &part)).await;
            }
        }
        for way in [
            "UPDATE audit_storage SET kind = 'timescale'",
            "DELETE FROM audit_storage",
            "TRUNCATE audit_storage",
            "TRUNCATE audit_archived",
            "TRUNCATE audit_archived_link",
        ] {
            refused(&owner, way).await;
        }
    }
}

#[tokio::test]
async fn a_partition_that_is_named_shows_no_row_to_who_is_bound_by_row_level_security() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    // As if a grant had been given by mistake.
    owner
        .batch_execute("GRANT SELECT, INSERT ON audit_entry_stray TO plantao_app")
        .await
        .unwrap();
    let add = "INSERT INTO audit_entry VALUES ('n/t', 1, gen_random_uuid(), 0, 'single', NULL, \
         'info', 't', 'p', 'r', 'read', 'patient', NULL, NULL, 'treatment', 'allow', 1, '', 'q', \
         'success', NULL, decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'))";
    owner.batch_execute(add).await.unwrap();
    let database = test.database();
    let rows = database
        .read(&scope("t"), "SELECT 1 FROM audit_entry", &[])
        .await;
    assert_eq!(rows.unwrap().len(), 1);
    let rows = database
        .read(&scope("t"), "SELECT 1 FROM audit_entry_stray", &[])
        .await;
    assert!(rows.unwrap().is_empty());
    let application = test.session(Login::Application).await;
    refused(
        &application,
        &add.replace("audit_entry ", "audit_entry_stray "),
    )
    .await;
}

#[tokio::test]
async fn the_storage_is_chosen_once_and_stays() {
    let test = TestDatabase::create().await;
    let found = storage_of(&test.config()).await.unwrap();
    assert_eq!(found.recorded, Some(TrailStorage::Native));
    assert!(!found.is_preloaded && found.installed.is_none());
    test.prepare().await;
    assert_eq!(storage_of(&test.config()).await.unwrap(), found);
    // A trail that was begun in TimescaleDB is not continued without it.
    let owner = test.session(Login::Owner).await;
    let forge = "ALTER TABLE audit_storage DISABLE TRIGGER ALL; \
         UPDATE audit_storage SET kind = 'timescale'";
    owner.batch_execute(forge).await.unwrap();
    let refused = pool::prepare_schema(&test.config()).await.unwrap_err();
    assert!(
        refused.to_string().contains("not moved to another storage"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_table_of_a_session_s_own_never_stands_in_for_the_trail() {
    let test = TestDatabase::create().await;
    for login in [Login::Application, Login::Audit] {
        let session = test.session(login).await;
        let made = "CREATE TEMP TABLE audit_entry (chain text)";
        if let Err(error) = session.batch_execute(made).await {
            let code = error.code().unwrap_or_else(|| panic!("{error}")).code();
            assert_eq!(code, "42501", "{error}");
            continue;
        }
        let named = "SELECT relnamespace::regnamespace::text FROM pg_class \
             WHERE oid = 'audit_entry'::regclass";
        let schema: String = session.query_one(named, &[]).await.unwrap().get(0);
        assert_eq!(schema, "plantao", "{login:?}");
    }
}
