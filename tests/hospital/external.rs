//! A PostgreSQL of the operator's own: no superuser, no private cluster.

use crate::hospital::{Hospital, free_address, text};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A cluster that nobody of ours runs.
struct Server {
    binaries: PathBuf,
    data: PathBuf,
    port: u16,
    _directory: TempDir,
}

/// A command as whoever PostgreSQL lets run it.
fn as_server(program: &Path) -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn run(command: &mut Command) {
    let output = command.current_dir("/").output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("plantao-external-")
            .tempdir()
            .unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .unwrap()
            .flatten()
            .map(|version| version.path().join("bin"))
            .collect();
        versions.sort();
        let binaries = versions.pop().expect("PostgreSQL: `make deps` installs it");
        let (data, port) = (directory.path().join("data"), free_address().port());
        run(as_server(&binaries.join("initdb"))
            .args(["-A", "trust", "-U", "admin", "--no-sync", "-D"])
            .arg(&data));
        let options = format!("-p {port} -h 127.0.0.1 -k {}", directory.path().display());
        run(as_server(&binaries.join("pg_ctl"))
            .args(["-w", "-o", &options, "-l"])
            .arg(directory.path().join("log"))
            .arg("-D")
            .arg(&data)
            .arg("start"));
        Self {
            binaries,
            data,
            port,
            _directory: directory,
        }
    }

    fn statement(&self, statement: &str) {
        run(Command::new(self.binaries.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", "admin", "-d", "postgres", "-qc", statement]));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        run(as_server(&self.binaries.join("pg_ctl"))
            .args(["-m", "immediate", "-D"])
            .arg(&self.data)
            .arg("stop"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_given_by_url_serves_the_walk_without_a_superuser() {
    let server = Server::start();
    server.statement("CREATE ROLE hospital LOGIN CREATEROLE");
    server.statement("CREATE DATABASE records OWNER hospital");
    let url = format!("postgresql://hospital@127.0.0.1:{}/records", server.port);
    let (app, owner) = (
        format!("database.url={url}"),
        format!("database.owner_url={url}"),
    );
    let hospital = Hospital::start_with(&[&app, &owner]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital
        .must(&["content", "submit", "config/demo/artigo.md"])
        .await;
    hospital.must(&["audit", "verify"]).await;
    assert!(
        !hospital.paths().postgres().exists(),
        "no private cluster is made"
    );
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_a_database_that_cannot_be_read_exits_78() {
    let url = "database.url=http://nowhere";
    let hospital = Hospital::prepared(&[url, "database.owner_url=http://nowhere"]);
    let output = hospital.run(&["run"]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("database.url"),
        "{}",
        text(&output.stderr)
    );
}
