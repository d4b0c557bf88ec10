//! No column can be added without saying whether it is sealed or clear.

use super::*;
use std::collections::BTreeSet;

/// What is clear, and why it may be: kinds, pseudonyms, codes, counts, times, hashes, keys that are
/// themselves wrapped. A name, a number of a document, a text about somebody is none of these.
const CLEAR: &[(&str, &[&str])] = &[
    (
        "plantao.audit_entry",
        &[
            "chain",
            "seq",
            "entry_id",
            "at_us",
            "phase",
            "opens",
            "severity",
            "tenant",
            "principal",
            "role",
            "action",
            "resource_kind",
            "resource_id",
            "patient",
            "purpose",
            "verdict",
            "score",
            "explanation",
            "request_id",
            "outcome",
            "plugin",
            "commitment",
            "prev_hash",
            "hash",
        ],
    ),
    ("plantao.audit_pending", &["chain", "entry_id", "tenant"]),
    (
        "plantao.audit_completion",
        &["tenant", "entry_id", "outcome", "at_us"],
    ),
    (
        "plantao.audit_tile",
        &["chain", "level", "number", "tenant", "hashes"],
    ),
    (
        "plantao.audit_checkpoint",
        &["chain", "tenant", "size", "note", "at_us"],
    ),
    (
        "plantao.audit_seal",
        &["chain", "size", "tenant", "note", "at_us"],
    ),
    (
        "plantao.fhir_resource",
        &[
            "tenant",
            "kind",
            "id",
            "version",
            "patient",
            "key_subject",
            "key_version",
            "updated_at",
            "slow_signs",
        ],
    ),
    (
        "plantao.fhir_resource_history",
        &[
            "tenant",
            "kind",
            "id",
            "version",
            "patient",
            "key_subject",
            "key_version",
            "updated_at",
        ],
    ),
    (
        "plantao.fhir_identifier",
        &["tenant", "kind", "blind", "id"],
    ),
    (
        "plantao.ward_bed",
        &["tenant", "ward", "bed", "patient", "since"],
    ),
    (
        "plantao.consent",
        &[
            "tenant",
            "patient",
            "purpose",
            "status",
            "at",
            "by_principal",
        ],
    ),
    (
        "plantao.consent_history",
        &[
            "tenant",
            "patient",
            "purpose",
            "seq",
            "status",
            "at",
            "by_principal",
        ],
    ),
    (
        "plantao.account",
        &[
            "tenant",
            "principal",
            "role",
            "password_hash",
            "totp_key_version",
            "last_totp_step",
            "failed",
            "locked_until",
            "created_at",
        ],
    ),
    (
        "plantao.audit_opening",
        &["tenant", "entry_id", "key_subject", "key_version"],
    ),
    ("plantao.revoked_session", &["tenant", "session", "until"]),
    (
        "plantao.refinery_schema_history",
        &["version", "name", "applied_on", "checksum"],
    ),
    ("plantao.audit_key", &["entry_id", "at_us", "tenant"]),
    (
        "plantao.audit_head",
        &["chain", "tenant", "first", "seq", "hash", "at_us"],
    ),
    (
        "plantao.audit_archived",
        &[
            "chain", "seq", "tenant", "hash", "edge", "part", "until_us", "file", "sha256", "at_us",
        ],
    ),
    (
        "plantao.audit_archived_link",
        &["chain", "seq", "tenant", "prev_hash", "hash"],
    ),
    (
        "plantao.audit_storage",
        &["one", "kind", "chosen_at", "server", "extension"],
    ),
    ("plantao_keys.master_key", &["name", "state", "created_at"]),
    ("plantao_keys.key_tenant", &["tenant"]),
    (
        "plantao_keys.period",
        &["one", "number", "name", "begun_at"],
    ),
    (
        "plantao_keys.tenant_key",
        &["tenant", "version", "master", "wrapped", "created_at"],
    ),
    (
        "plantao_keys.data_key",
        &[
            "tenant",
            "subject",
            "version",
            "tenant_version",
            "wrapped",
            "created_at",
            "retired_at",
        ],
    ),
    (
        "plantao_keys.tombstone",
        &["tenant", "subject", "erased_at", "reason"],
    ),
    (
        "plantao_keys.rotation",
        &[
            "id",
            "level",
            "tenant",
            "subject",
            "target",
            "done",
            "total",
            "started_at",
            "updated_at",
            "finished_at",
        ],
    ),
];

#[tokio::test]
async fn every_column_there_is_is_sealed_or_known_to_be_clear() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    // Partitions have the columns of what they are a part of.
    let all = "SELECT c.table_schema || '.' || c.table_name, c.column_name, c.data_type::text \
         FROM information_schema.columns c JOIN pg_class t ON t.relname = c.table_name \
         AND t.relnamespace = c.table_schema::text::regnamespace \
         WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema') \
         AND t.relkind IN ('r', 'p') AND NOT t.relispartition";
    let mut sealed: BTreeSet<ColumnName> = SEALED_COLUMNS.into_iter().collect();
    let mut clear: BTreeSet<(&str, &str)> = CLEAR
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| (*table, *column)))
        .collect();
    for row in owner.query(all, &[]).await.unwrap() {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let of = |one: &ColumnName| format!("plantao.{}", one.table) == table;
        let found = sealed.iter().find(|one| of(one) && one.column == column);
        if let Some(found) = found.copied() {
            assert_eq!(kind, "bytea", "{table}.{column}");
            sealed.remove(&found);
            continue;
        }
        let known = clear
            .iter()
            .find(|one| **one == (table.as_str(), column.as_str()));
        let known = known.copied();
        assert!(
            known.is_some_and(|known| clear.remove(&known)),
            "`{table}.{column}` is neither in SEALED_COLUMNS nor known to hold nothing of a person"
        );
    }
    assert_eq!(sealed, BTreeSet::new(), "sealed columns that are not there");
    assert_eq!(clear, BTreeSet::new(), "clear columns that are not there");
}

#[test]
fn the_list_of_sealed_columns_is_that_of_their_types() {
    let of_types = [
        name::<RecordBody>(),
        name::<RecordHistory>(),
        name::<SecondFactor>(),
        name::<CommitmentOpening>(),
    ];
    assert_eq!(SEALED_COLUMNS, of_types);
}

#[tokio::test]
async fn every_table_of_the_key_store_enables_and_forces_row_level_security_for_another_owner() {
    let test = TestDatabase::create().await;
    let session = test.session(Login::Owner).await;
    let tables = "SELECT relname::text, relrowsecurity AND relforcerowsecurity, \
         pg_get_userbyid(relowner)::text FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'plantao_keys'::regnamespace ORDER BY 1";
    let rows = session.query(tables, &[]).await.unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let (table, forced, owner): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
        assert!(forced, "{table}");
        assert_eq!(owner, "plantao_keys", "{table}");
    }
    // Nor does the owner of the records get at the keys, or the writer of the trail.
    let owner = test.session(Login::Owner).await;
    owner.batch_execute("SET ROLE plantao_owner").await.unwrap();
    let audit = test.session(Login::Audit).await;
    let application = test.session(Login::Application).await;
    for (session, statement) in [
        (&owner, "SELECT FROM plantao_keys.data_key"),
        (
            &owner,
            "INSERT INTO plantao_keys.data_key VALUES ('t', 's', 1, NULL, '')",
        ),
        (&audit, "SELECT FROM plantao_keys.data_key"),
        (&application, "DELETE FROM plantao_keys.tombstone"),
        (
            &application,
            "UPDATE plantao_keys.tombstone SET reason = 'x'",
        ),
        (&application, "TRUNCATE plantao_keys.data_key"),
    ] {
        let refused = session.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{statement}");
    }
}
