//! ad hoc
use super::*;
use crate::database::testing::private_cluster;
use crate::database::{pool_child, server_child};
use plantao_supervisors::ChildSpec;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zz_speed() {
    let mut cluster = private_cluster("audit-speed");
    cluster.settings.retain(|(n, _)| n != "fsync");
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
    load(&log, 32, 50).await;
    for callers in [1, 8, 32, 64, 128, 512, 2048] {
        let each = (if callers < 8 { 1_000 } else { 40_000 / callers }).min(1_500);
        let started = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    for number in 0..each {
                        let tenant = TENANTS[(caller + number) % TENANTS.len()];
                        let at = Instant::now();
                        log.append(entry(tenant)).await.unwrap();
                        times.push(at.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        let took = started.elapsed();
        times.sort();
        eprintln!(
            "callers {callers:5} rate {:8.0}/s p50 {:?} p99 {:?}",
            (callers * each) as f64 / took.as_secs_f64(),
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
    }
    tree.shutdown().await;
}
