//! From one table to partitions and back, with entries in it.

use super::keeping::{JANUARY_US, count, dated, keeper, parts};
use super::transparency::{Node, both};
use super::*;

const DOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/migrations/down");

/// The version of the partitions.
const PARTITIONED: u32 = 6;

/// The ways back to before the partitions, the newest first.
fn ways_back() -> Vec<String> {
    let mut ways: Vec<(u32, String)> = Vec::new();
    for file in std::fs::read_dir(DOWN).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let version = name.trim_start_matches('V').split("__").next().unwrap();
        let version = version.parse().unwrap();
        if version >= PARTITIONED {
            ways.push((version, std::fs::read_to_string(&path).unwrap()));
        }
    }
    ways.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    ways.into_iter().map(|(_, sql)| sql).collect()
}

async fn go_back(test: &TestDatabase) -> Result<(), tokio_postgres::Error> {
    let owner = test.session(Login::Owner).await;
    let back = format!(
        "SET ROLE plantao_owner; BEGIN; {} \
         DELETE FROM refinery_schema_history WHERE version >= {PARTITIONED}; COMMIT",
        ways_back().concat()
    );
    owner.batch_execute(&back).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_a_trail_with_entries_keeps_its_chains_and_their_proofs() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    let receipts = node.append("north", 300).await;
    node.append("south", 3).await;
    let (north, south) = (node.signed("north").await, node.signed("south").await);
    let whole = verified(&node.test.database(), "north").await;
    let Node {
        test, keys, tree, ..
    } = node;
    tree.shutdown().await;

    go_back(&test).await.unwrap();
    let plain = "pg_class WHERE oid = 'audit_entry'::regclass AND relkind = 'r'";
    assert_eq!(count(&test, plain).await, 1);
    assert_eq!(count(&test, "audit_entry").await, 303);
    test.prepare().await;
    assert_eq!(count(&test, plain).await, 0);
    let before = "audit_entry_before".to_owned();
    assert!(parts(&test).await.contains(&before));
    assert_eq!(count(&test, &before).await, 303);
    assert_eq!(count(&test, "audit_key").await, 303);

    let node = Node::start(test, keys, None).await;
    assert_eq!(verified(&node.test.database(), "north").await, whole);
    assert_eq!(node.signed("north").await, north);
    assert_eq!(node.signed("south").await, south);
    let proof = node.prove("north", receipts[7].entry()).await.unwrap();
    proof.check(&node.verifiers("north")).unwrap();
    // It goes on, and a retry of what was written before is known.
    let again = node.audit.append(whole[299].entry.clone()).await.unwrap();
    assert_eq!(again.seq(), 300);
    assert_eq!(node.append("north", 1).await[0].seq(), 301);
    assert_eq!(node.signed("north").await.unwrap().size, 301);
    assert!(node.log.broken().is_empty());
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_way_back_once_a_part_was_archived() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    node.audit.append(dated("north", JANUARY_US)).await.unwrap();
    node.signed("north").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    keeper(&node.test, Some(folder.path()))
        .look()
        .await
        .unwrap();
    let refused = go_back(&node.test).await.unwrap_err();
    let said = refused.as_db_error().unwrap().message().to_owned();
    assert!(said.contains("archived"), "{said}");
    node.tree.shutdown().await;
}

#[tokio::test]
async fn a_writer_that_is_not_allowed_to_copy_inserts() {
    let test = TestDatabase::create().await;
    let owner = test.session(Login::Owner).await;
    // A member has the rights of the role, and not its exemption from row-level security.
    let member = "DROP ROLE IF EXISTS plantao_test_member; \
         CREATE ROLE plantao_test_member IN ROLE plantao_audit; SET ROLE plantao_test_member";
    owner.batch_execute(member).await.unwrap();
    assert!(store::prepare_copy(&owner).await.unwrap().is_none());
    let insert = store::prepare_insert(&owner).await.unwrap();
    let entries: Vec<Entry> = (0..200).map(|_| entry("north")).collect();
    let rows = batch::Batch::chain("node-1", &batch::Heads::new(), &entries).rows;
    store::insert(&owner, &insert, &rows).await.unwrap();
    assert_eq!(verified(&test.database(), "north").await, rows);
    owner
        .batch_execute("RESET ROLE; DROP ROLE plantao_test_member")
        .await
        .unwrap();
}
