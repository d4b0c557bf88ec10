//! A FHIR read with its policy decision and its durable audit entry, beside bare PostgreSQL.
//!
//! The peer is `pgbench` on the same cluster in the same run: what a plain application would ask
//! of the database for the same read, one SELECT of the sealed body and one audit row, committed.
//! It opens no TLS, decides nothing, chains nothing and unseals nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::indexing_slicing, dead_code)]

#[path = "../tests/hospital/client.rs"]
mod client;
#[path = "../tests/hospital/hospital.rs"]
mod hospital;
mod support;

use hospital::Hospital;
use plantao_actors::database::{DatabaseConfig, Login};
use std::process::Command;
use support::wrk;

const PGBENCH: &str = "/usr/lib/postgresql/15/bin/pgbench";
const ROUNDS: usize = 3;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
}

async fn compare() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let token = format!("Authorization: Bearer {}", hospital.demo_token("medica"));
    println!("FHIR read of one patient, decided and audited durably, 32 connections");
    let mut ours: f64 = 0.0;
    for _ in 0..ROUNDS {
        let load = wrk(
            hospital.door,
            "/fhir/Patient/maria-exemplo",
            std::slice::from_ref(&token),
        );
        let rate = load.answered / load.seconds;
        println!(
            "  front door             {rate:>7.0}/s  p50 {:.2} ms  p99 {:.2} ms",
            load.p50_ms, load.p99_ms
        );
        ours = ours.max(rate);
    }
    if !support::is_there(PGBENCH) {
        println!("  pgbench is not installed: `make bench` installs PostgreSQL 15");
    } else {
        let peer = pgbench(&hospital).await;
        println!("  pgbench, bare          {peer:>7.0}/s  SELECT + INSERT + COMMIT");
        println!(
            "  the front door reaches {:.2}x of bare PostgreSQL",
            ours / peer
        );
    }
    let verified = hospital.must(&["audit", "verify"]).await;
    println!("  {}", verified.lines().next().unwrap_or_default());
    hospital.finish().await;
}

async fn pgbench(hospital: &Hospital) -> f64 {
    hospital
        .as_superuser(
            "CREATE TABLE plantao.bench_audit (id bigserial PRIMARY KEY, at timestamptz \
             DEFAULT now(), who text, what text, explanation text)",
        )
        .await;
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("read.sql");
    let statements = "BEGIN;\n\
        SELECT sealed FROM plantao.fhir_resource \
        WHERE tenant = 'demo' AND kind = 'Patient' AND id = 'maria-exemplo';\n\
        INSERT INTO plantao.bench_audit (who, what, explanation) \
        VALUES ('medica', 'read patient/maria-exemplo', repeat('x', 200));\n\
        COMMIT;\n";
    std::fs::write(&script, statements).unwrap();
    let config = DatabaseConfig::embedded(&hospital.state)
        .connection(Login::Owner)
        .unwrap();
    let socket = match config.get_hosts() {
        [tokio_postgres::config::Host::Unix(path), ..] => path.clone(),
        other => panic!("not a socket: {other:?}"),
    };
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        let output = Command::new(PGBENCH)
            .args([
                "-n", "-M", "prepared", "-c", "32", "-j", "2", "-T", "5", "-f",
            ])
            .arg(&script)
            .arg("-h")
            .arg(&socket)
            .args(["-U", config.get_user().unwrap()])
            .arg(config.get_dbname().unwrap())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let tps = text
            .lines()
            .find_map(|line| line.strip_prefix("tps = "))
            .and_then(|rest| rest.split(' ').next())
            .and_then(|number| number.parse::<f64>().ok());
        let tps =
            tps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        best = best.max(tps);
    }
    best
}
