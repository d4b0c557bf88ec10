//! Checkpoints on their way off the host, where something was in the way and the trail then went
//! quiet.

use super::transparency::{Node, both};
use super::*;
use crate::audit::transparency::check_note;
use std::fs;
use std::path::Path;

const GIVE_UP: Duration = Duration::from_secs(30);

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + GIVE_UP;
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn again(node: Node, folder: &Path) -> Node {
    let Node { test, keys, .. } = node;
    Node::start(test, keys, Some(folder)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_could_not_leave_is_sent_once_the_way_is_free_though_nobody_writes() {
    let folder = tempfile::tempdir().unwrap();
    let chains = folder.path().join("node-1");
    fs::write(&chains, "a file where the folder should be").unwrap();
    let node = Node::start(TestDatabase::create().await, both(), Some(folder.path())).await;
    node.append("north", 2).await;
    assert_eq!(node.signed("north").await.unwrap().size, 2);
    fs::remove_file(&chains).unwrap();
    let newest = chains.join("north/checkpoint");
    until("the checkpoint stays here", || newest.exists()).await;
    let note = fs::read_to_string(&newest).unwrap();
    let checkpoint = check_note(&note, &node.verifiers("north")).unwrap();
    assert_eq!(checkpoint.size, 2);
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_have_left_before_a_crash_is_sent_at_start_and_a_longer_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let newest = folder.path().join("node-1/north/checkpoint");
    let node = Node::start(TestDatabase::create().await, both(), Some(folder.path())).await;
    node.append("north", 2).await;
    node.signed("north").await.unwrap();
    let sent = fs::read_to_string(&newest).unwrap();
    node.tree.shutdown().await;

    fs::remove_file(&newest).unwrap();
    let node = again(node, folder.path()).await;
    until("the newest checkpoint is not sent", || newest.exists()).await;
    assert_eq!(fs::read_to_string(&newest).unwrap(), sent);
    node.tree.shutdown().await;

    // As after a trail that was cut: whoever compares has the longer one still.
    let longer = sent.replacen("\n2\n", "\n9\n", 1);
    assert_ne!(longer, sent);
    fs::write(&newest, &longer).unwrap();
    let node = again(node, folder.path()).await;
    assert_eq!(node.signed("north").await.unwrap().size, 2);
    assert_eq!(fs::read_to_string(&newest).unwrap(), longer);
    node.tree.shutdown().await;
}
