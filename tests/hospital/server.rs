//! PostgreSQL servers of the operator's own, which nobody of ours runs: a primary and its standbys.

use crate::hospital::{free_address, pause, signal, text};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster and its server.
pub(crate) struct Server {
    binaries: PathBuf,
    data: PathBuf,
    pub(crate) port: u16,
    directory: TempDir,
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

fn output(command: &mut Command) -> Output {
    command.current_dir("/").output().unwrap()
}

fn run(command: &mut Command) {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
}

impl Server {
    /// A primary with a login and a database for a hospital.
    pub(crate) fn start() -> Self {
        let server = Self::empty();
        run(as_server(&server.binaries.join("initdb"))
            .args(["-A", "trust", "-U", "admin", "--no-sync", "-D"])
            .arg(&server.data));
        server.launch();
        server.statement("CREATE ROLE hospital LOGIN CREATEROLE");
        server.statement("CREATE DATABASE records OWNER hospital");
        server
    }

    /// A standby of this one, that follows it.
    pub(crate) fn standby(&self) -> Self {
        let standby = Self::empty();
        run(as_server(&self.binaries.join("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args([
                "-U", "admin", "-R", "-X", "stream", "-c", "fast", "-N", "-D",
            ])
            .arg(&standby.data));
        standby.launch();
        standby
    }

    fn empty() -> Self {
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
        Self {
            binaries,
            data,
            port,
            directory,
        }
    }

    fn launch(&self) {
        let place = self.directory.path().display();
        let options = format!("-p {} -h 127.0.0.1 -k {place}", self.port);
        run(as_server(&self.binaries.join("pg_ctl"))
            .args(["-w", "-o", &options, "-l"])
            .arg(self.directory.path().join("log"))
            .arg("-D")
            .arg(&self.data)
            .arg("start"));
    }

    /// What a hospital connects with, when these are its servers.
    pub(crate) fn url(servers: &[&Self]) -> String {
        let host = |server: &&Self| format!("127.0.0.1:{}", server.port);
        let hosts: Vec<String> = servers.iter().map(host).collect();
        format!("postgresql://hospital@{}/records", hosts.join(","))
    }

    /// The settings of a hospital on these servers.
    pub(crate) fn settings(servers: &[&Self]) -> [String; 2] {
        let url = Self::url(servers);
        [
            format!("database.url={url}"),
            format!("database.owner_url={url}"),
        ]
    }

    /// Makes it speak TLS, with this certificate, and take nothing else from a hospital.
    pub(crate) fn encrypt(&self, certificate: &str, key: &str) {
        let give = |name: &str, text: &str| {
            let path = self.data.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            let owner = std::fs::metadata(&self.data).unwrap();
            std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        };
        give("server.crt", certificate);
        give("server.key", key);
        give(
            "pg_hba.conf",
            "local all all trust\nhost all admin 127.0.0.1/32 trust\n\
             hostssl all hospital 127.0.0.1/32 trust\n",
        );
        self.statement("ALTER SYSTEM SET ssl = on");
        self.stop();
        self.launch();
    }

    fn psql(&self, statement: &str) -> Command {
        let mut command = Command::new(self.binaries.join("psql"));
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", "admin", "-d", "postgres", "-qAtc", statement]);
        command
    }

    /// Runs a statement as the server's superuser.
    pub(crate) fn statement(&self, statement: &str) {
        run(&mut self.psql(statement));
    }

    /// Runs statements as a login of the hospital's database.
    pub(crate) fn as_login(&self, user: &str, statements: &str) -> Output {
        let mut command = Command::new(self.binaries.join("psql"));
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", user, "-d", "records", "-v", "ON_ERROR_STOP=1"])
            .args(["-qAtc", statements]);
        output(&mut command)
    }

    /// What a query of one value answers.
    pub(crate) fn value(&self, query: &str) -> String {
        text(&output(&mut self.psql(query)).stdout)
            .trim()
            .to_owned()
    }

    /// Waits until a query of one value answers this.
    pub(crate) async fn until(&self, query: &str, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.value(query);
            if found == wanted {
                return;
            }
            assert!(Instant::now() < end, "{query}: {found}, not {wanted}");
            pause().await;
        }
    }

    /// Makes commits of this primary wait for its standby.
    pub(crate) async fn synchronous(&self) {
        self.statement("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.statement("SELECT pg_reload_conf()");
        self.until("SELECT sync_state FROM pg_stat_replication", "sync")
            .await;
        self.until("SHOW synchronous_standby_names", "*").await;
    }

    /// Makes a standby receive nothing more.
    pub(crate) async fn cut_off(&self) {
        self.statement("ALTER SYSTEM SET primary_conninfo = ''");
        self.statement("SELECT pg_reload_conf()");
        self.until("SELECT count(*) FROM pg_stat_wal_receiver", "0")
            .await;
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        run(as_server(&self.binaries.join("pg_ctl"))
            .args(["-w", "-D"])
            .arg(&self.data)
            .arg("promote"));
    }

    fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    /// Ends every process of it at once.
    pub(crate) fn stop(&self) {
        run(as_server(&self.binaries.join("pg_ctl"))
            .args(["-m", "immediate", "-D"])
            .arg(&self.data)
            .arg("stop"));
    }

    /// Stopped, it puts a copy of its files aside, and goes on.
    pub(crate) fn keep(&self) {
        self.stop_in_order();
        run(as_server(Path::new("cp"))
            .arg("-a")
            .arg(&self.data)
            .arg(self.data.with_extension("kept")));
        self.launch();
    }

    /// Goes on from the copy that it put aside.
    pub(crate) fn take_back(&self) {
        self.stop_in_order();
        run(as_server(Path::new("rm")).arg("-r").arg(&self.data));
        run(as_server(Path::new("mv"))
            .arg(self.data.with_extension("kept"))
            .arg(&self.data));
        self.launch();
    }

    fn stop_in_order(&self) {
        run(as_server(&self.binaries.join("pg_ctl"))
            .args(["-w", "-m", "fast", "-D"])
            .arg(&self.data)
            .arg("stop"));
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&self) {
        self.launch();
    }

    /// Takes its power away.
    pub(crate) fn kill_nine(&self) {
        signal(self.postmaster().expect("it runs"), "KILL");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A killed one is down already.
        let _status = output(
            as_server(&self.binaries.join("pg_ctl"))
                .args(["-m", "immediate", "-D"])
                .arg(&self.data)
                .arg("stop"),
        );
    }
}

/// Whether a process does anything yet: one that has ended and that nobody has asked about does
/// not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, fields)| fields.starts_with('Z'));
    state == Some(false)
}

/// The processes that a process started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        if fields.split_whitespace().nth(1) == Some(&parent.to_string()) {
            found.push(pid);
        }
    }
    found
}
