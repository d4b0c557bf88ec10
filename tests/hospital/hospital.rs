//! A running hospital: started on free ports, stopped in order, nothing left behind.

use crate::client::{Client, Reply};
use plantao::config::{Config, Flags};
use plantao::identity::{Claims, SigningKey, TokenIssuer};
use plantao::state_dir::StatePaths;
use plantao_actors::clock::WallClock;
use plantao_actors::database::{DatabaseConfig, Login};
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::{PrincipalId, Tenant};
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// The first start makes a cluster; a loaded machine takes its time.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// Longer than the drain timeout and PostgreSQL's stop together.
const STOP_DEADLINE: Duration = Duration::from_secs(45);

/// One hospital and its directory.
pub(crate) struct Hospital {
    pub(crate) door: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) state: PathBuf,
    settings: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    process: Option<Child>,
    _directory: TempDir,
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test.
pub(crate) fn plantao() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plantao"));
    command
        .current_dir(root())
        .env_remove("PLANTAO_CONFIG")
        .env("NO_COLOR", "1");
    command
}

impl Hospital {
    /// A hospital with the demonstration's principals, up and ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with settings (`key=value`) of its own.
    pub(crate) async fn start_with(settings: &[&str]) -> Self {
        let mut hospital = Self::prepared(settings);
        hospital.launch().await;
        hospital
    }

    /// A state directory and addresses, with nothing running.
    pub(crate) fn prepared(settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("plantao-")
            .tempdir()
            .unwrap();
        // The server's own user has to pass through.
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let (door, admin) = (free_address(), free_address());
        let mut all = vec![
            format!("front_door.listen={door}"),
            format!("admin.listen={admin}"),
            format!("plugin_host.dir={}", root().join("plugins/dist").display()),
        ];
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let state = directory.path().join("state");
        Self {
            door,
            admin,
            state,
            settings: all,
            environment: Vec::new(),
            process: None,
            _directory: directory,
        }
    }

    /// A command of the program that speaks to this hospital.
    pub(crate) fn command(&self) -> Command {
        let mut command = plantao();
        command.arg("--state-dir").arg(&self.state);
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        command.envs(self.environment.iter().cloned());
        command
    }

    /// From the next start on, a variable of its environment.
    pub(crate) fn set_env(&mut self, name: &'static str, value: PathBuf) {
        self.environment.push((name, value));
    }

    /// Starts the process and waits until it is ready.
    pub(crate) async fn launch(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let process = self
            .command()
            .args(["run", "--demo"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // A group of its own, as a shell gives it: `stop` interrupts the whole group.
            .process_group(0)
            .spawn()
            .unwrap();
        self.process = Some(process);
        self.until_ready(START_DEADLINE).await;
    }

    fn log_path(&self) -> PathBuf {
        self.state.with_extension("log")
    }

    /// What the process has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// What it has logged since the last look, which ended at that byte.
    pub(crate) fn log_after(&self, from: &mut u64) -> String {
        let mut file = std::fs::File::open(self.log_path()).unwrap();
        file.seek(SeekFrom::Start(*from)).unwrap();
        let mut bytes = Vec::new();
        *from += file.read_to_end(&mut bytes).unwrap() as u64;
        text(&bytes)
    }

    /// Waits until `/readyz` says yes.
    pub(crate) async fn until_ready(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        loop {
            if let Some(Ok(reply)) = self.admin_get("/readyz?verbose").await.map(Ok::<_, ()>)
                && reply.status == 200
            {
                return;
            }
            if let Some(process) = &mut self.process
                && let Some(status) = process.try_wait().unwrap()
            {
                panic!("the hospital ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < end, "not ready in time:\n{}", self.log());
            pause().await;
        }
    }

    /// Reads from the admin listener; `None` while nobody answers.
    pub(crate) async fn admin_get(&self, path: &str) -> Option<Reply> {
        Client::plain(self.admin).await.ok()?.get(path).await.ok()
    }

    /// The live tree.
    pub(crate) async fn tree(&self) -> Value {
        self.admin_get("/v1/supervision").await.unwrap().json()["tree"].clone()
    }

    /// A client of the front door that acts as a demonstration principal.
    pub(crate) async fn as_principal(&self, name: &str) -> Client {
        self.with_token(&self.demo_token(name)).await
    }

    /// A client of the front door with a token of the caller's.
    pub(crate) async fn with_token(&self, token: &str) -> Client {
        let ca = self.paths().ca_certificate();
        let client = Client::tls(self.door, &ca, Some(token)).await.unwrap();
        client.reopening(&ca)
    }

    /// A client of the front door without a credential.
    pub(crate) async fn anonymous(&self) -> Client {
        Client::tls(self.door, &self.paths().ca_certificate(), None)
            .await
            .unwrap()
    }

    pub(crate) fn paths(&self) -> StatePaths {
        StatePaths::find(&self.state).unwrap()
    }

    pub(crate) fn demo_token(&self, name: &str) -> String {
        std::fs::read_to_string(self.paths().demo_token(name))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// A token signed with this hospital's key, its claims changed at will.
    pub(crate) fn token(&self, role: &str, change: impl FnOnce(&mut Claims)) -> String {
        let flags = Flags {
            state_dir: Some(self.state.clone()),
            ..Flags::default()
        };
        let identity = Config::load_from(&flags, Vec::new()).unwrap().identity;
        let issuer = TokenIssuer::new(SigningKey::load(&self.paths()).unwrap(), &identity);
        let subject = PrincipalId::parse("test-principal").unwrap();
        let (tenant, role) = (Tenant::parse("demo").unwrap(), Role::parse(role).unwrap());
        let now = WallClock::system().now();
        let mut claims = Claims::new(subject, tenant, role, now, 3_600).with_multi_factor();
        claims.device = DevicePosture::Managed;
        change(&mut claims);
        issuer.issue(&claims).unwrap()
    }

    /// Runs a command of the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub(crate) async fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{out}{err}",
            output.status
        );
        out
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Whether the process that was started last is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        let process = self.process.as_mut();
        process.is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Kills the runtime as a power cut would.
    pub(crate) async fn kill_nine(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        tokio::task::spawn_blocking(move || process.wait().unwrap())
            .await
            .unwrap();
    }

    /// Stops the runtime as Ctrl-C in a terminal does, which interrupts the whole foreground group,
    /// and waits for its end.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let Some(mut process) = self.process.take() else {
            panic!("not running")
        };
        interrupt_group(process.id());
        let end = Instant::now() + STOP_DEADLINE;
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "does not stop:\n{}", self.log());
            pause().await;
        }
    }

    /// Processes that belong to this hospital's state directory, by their command lines.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let needle = self.state.to_string_lossy().into_owned();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&needle) {
                found.push(pid);
            }
        }
        found
    }

    /// The postmaster of the private cluster.
    pub(crate) fn postmaster(&self) -> u32 {
        let file = self.paths().postgres().join("data/postmaster.pid");
        let file = if file.exists() {
            file
        } else {
            self.paths().postgres().join("postmaster.pid")
        };
        let content = std::fs::read_to_string(&file).unwrap();
        content.lines().next().unwrap().trim().parse().unwrap()
    }

    /// Runs statements as the cluster's superuser, who stands for an attacker with root; gives how
    /// many rows the last one changed.
    pub(crate) async fn as_superuser(&self, statements: &str) -> u64 {
        let config = DatabaseConfig::embedded(&self.state)
            .connection(Login::Owner)
            .unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut changed = 0;
        for message in client.simple_query(statements).await.unwrap() {
            if let SimpleQueryMessage::CommandComplete(rows) = message {
                changed = rows;
            }
        }
        drop(client);
        driver.await.unwrap().unwrap();
        changed
    }

    /// Stops and checks that nothing is left.
    pub(crate) async fn finish(mut self) {
        let status = self.stop().await;
        assert!(status.success(), "{status}:\n{}", self.log());
        assert_eq!(self.processes(), Vec::<u32>::new(), "left behind");
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            if std::thread::panicking() {
                eprintln!("--- log of the hospital ---\n{}", self.log());
            }
            signal(process.id(), "INT");
            let end = Instant::now() + STOP_DEADLINE;
            while process.try_wait().unwrap().is_none() && Instant::now() < end {
                std::thread::yield_now();
            }
            let _gone = process.kill();
            let _reaped = process.wait();
        }
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let _gone = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .status();
}

/// Interrupts a process group.
fn interrupt_group(leader: u32) {
    let _gone = Command::new("kill")
        .args(["-INT", "--", &format!("-{leader}")])
        .status();
}

/// What a poll waits between two looks at a process outside this one.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The node at a path of the tree.
pub(crate) fn node<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    if tree["path"] == path {
        return Some(tree);
    }
    tree["children"]
        .as_array()?
        .iter()
        .find_map(|child| node(child, path))
}
