//! The trail through crashes of the server and of its writer.

use super::*;
use crate::database::testing::{private_cluster, server_pid};
use crate::database::{pool_child, server_child};
use plantao_supervisors::ChildSpec;
use rustix::process::{Signal, kill_process};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_and_doubles_nothing_that_was_acknowledged() {
    let cluster = private_cluster("audit-crash");
    let config = DatabaseConfig {
        embedded: Some(cluster.clone()),
        ..DatabaseConfig::embedded(&cluster.state_dir)
    };
    let (database, log) = (Database::new(), AuditLog::new(clock()));
    let intensity = Intensity::new(10, Duration::from_secs(10));
    let storage = SupervisorSpec::new(Strategy::RestForOne, intensity)
        .child(server_child(cluster.clone()))
        .child(pool_child(config.clone(), database.clone()));
    let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
        .child(ChildSpec::supervisor("storage", storage))
        .child(audit_child(&log, config, "node-1"));
    let tree = Tree::start("t", spec).await.unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let loading = tokio::spawn({
        let (log, done) = (log.clone(), Arc::clone(&done));
        async move { load_counted(&log, 24, 100, &done).await }
    });
    for many in [800, 1_600] {
        // Among commits.
        until_done(&done, many, &loading).await;
        if let Some(pid) = server_pid(&cluster) {
            kill_process(pid, Signal::KILL).unwrap();
        }
    }
    let receipts = loading.await.unwrap();
    let give_up = Instant::now() + Duration::from_secs(60);
    while database.ping().await.is_err() {
        assert!(Instant::now() < give_up, "the database did not come back");
        sleep(Duration::from_millis(5)).await;
    }
    assert_exactly(&database, &receipts).await;
    tree.shutdown().await;
}
