//! A real server under supervision: started, stopped, killed, orphaned, shared.

use super::orphan::running;
use super::testing::{config_under, own_dir};
use super::*;
use crate::database::{
    Database, DatabaseConfig, DatabaseError, EmbeddedConfig, pool_child, server_child,
};
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);

fn spec(config: &EmbeddedConfig, database: &Database) -> SupervisorSpec {
    let whole = DatabaseConfig {
        embedded: Some(config.clone()),
        ..DatabaseConfig::embedded(&config.state_dir)
    };
    SupervisorSpec::new(
        Strategy::RestForOne,
        Intensity::new(5, Duration::from_secs(10)),
    )
    .child(server_child(config.clone()))
    .child(pool_child(whole, database.clone()))
}

fn data_dir(config: &EmbeddedConfig) -> PathBuf {
    Layout::of(config).unwrap().data_dir
}

async fn answers(database: &Database) -> Duration {
    let started = Instant::now();
    while database.ping().await.is_err() {
        assert!(
            started.elapsed() < PATIENCE,
            "the database did not come back"
        );
        sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

fn is_gone(pid: Pid) -> bool {
    !Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_tree_leaves_no_server_and_the_next_one_finds_its_data() {
    let config = config_under(&own_dir("stop"));
    let database = Database::new();
    let tree = Tree::start("t", spec(&config, &database)).await.unwrap();
    database.ping().await.unwrap();
    let pid = running(&data_dir(&config)).unwrap();
    tree.shutdown().await;
    assert!(is_gone(pid));
    assert_eq!(running(&data_dir(&config)), None);
    assert!(!data_dir(&config).join("postmaster.pid").exists());
    assert_eq!(database.ping().await, Err(DatabaseError::Unavailable));
    let again = Tree::start("t", spec(&config, &database)).await.unwrap();
    database.ping().await.unwrap();
    again.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_back_by_itself() {
    let config = config_under(&own_dir("kill"));
    let database = Database::new();
    let tree = Tree::start("t", spec(&config, &database)).await.unwrap();
    for _ in 0..2 {
        let pid = running(&data_dir(&config)).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        let lost = Instant::now();
        while !is_gone(pid) {
            assert!(
                lost.elapsed() < PATIENCE,
                "the killed server was not reaped"
            );
            sleep(Duration::from_millis(1)).await;
        }
        let took = answers(&database).await;
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert_ne!(running(&data_dir(&config)), Some(pid));
    }
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphan_is_stopped_and_replaced() {
    let config = config_under(&own_dir("orphan"));
    let disk = config.clone();
    let prepared = tokio::task::spawn_blocking(move || cluster::Cluster::prepare(&disk)).await;
    let cluster = prepared.unwrap().unwrap();
    let orphan = server::start(&cluster, &config.settings).await.unwrap();
    let pid = orphan.pid().unwrap();
    drop(cluster.lock);
    let database = Database::new();
    let tree = Tree::start("t", spec(&config, &database)).await.unwrap();
    assert!(orphan.exited().await.contains("exit status: 0"));
    assert!(is_gone(pid));
    database.ping().await.unwrap();
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_tree_on_the_same_state_is_refused_and_harms_nothing() {
    let config = config_under(&own_dir("shared-state"));
    let database = Database::new();
    let tree = Tree::start("t", spec(&config, &database)).await.unwrap();
    let pid = running(&data_dir(&config)).unwrap();
    let refused = Tree::start("u", spec(&config, &Database::new()))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("another plantao is running"),
        "{refused}"
    );
    assert_eq!(running(&data_dir(&config)), Some(pid));
    database.ping().await.unwrap();
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_another_version_is_refused_with_what_to_do() {
    let config = config_under(&own_dir("version"));
    let data_dir = data_dir(&config);
    fs::create_dir_all(&data_dir).unwrap();
    fs::write(data_dir.join("PG_VERSION"), "9\n").unwrap();
    let refused = Tree::start("t", spec(&config, &Database::new()))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("pg_upgrade"), "{refused}");
    assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1);
}
