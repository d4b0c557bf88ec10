//! A real Chromium and its driver: started on a free port, ended with everything they started.
//!
//! A machine without them fails the tests with a sentence that says what to do: a test that is
//! skipped in silence proves nothing.

use crate::hospital::{Hospital, free_address, pause};
use crate::page::Page;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";
/// A driver alone starts in under a second.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// What the pages are laid out in, CSS pixels.
const WINDOW: (u32, u32) = (1_280, 900);

/// The machine's cores, which the tests of this binary share, and one that measures does not.
static CORES: RwLock<()> = RwLock::const_new(());

enum Cores {
    Shared(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>),
}

/// One driver; every session of it is a browser with a profile of its own.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    directory: TempDir,
    _cores: Cores,
}

impl Browser {
    /// A driver that takes sessions. One for each test: a second would wait for ever behind a
    /// test that waits to be alone.
    pub(crate) async fn start() -> Self {
        Self::on(Cores::Shared(CORES.read().await)).await
    }

    /// The same with no other browser beside it, for a test that measures.
    pub(crate) async fn alone() -> Self {
        Self::on(Cores::Alone(CORES.write().await)).await
    }

    async fn on(cores: Cores) -> Self {
        for program in [CHROMIUM, DRIVER] {
            assert!(
                Path::new(program).exists(),
                "`{program}` is not there: `make test` installs it (scripts/deps test)"
            );
        }
        let directory = tempfile::Builder::new()
            .prefix("plantao-browser-")
            .tempdir()
            .unwrap();
        let address = free_address();
        let driver = Command::new(DRIVER)
            .arg(format!("--port={}", address.port()))
            .args(["--log-level=WARNING", "--disable-build-check"])
            // Crash dumps, caches and sockets stay where they are removed.
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .env("XDG_RUNTIME_DIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let browser = Self {
            driver,
            address,
            directory,
            _cores: cores,
        };
        let end = Instant::now() + START_DEADLINE;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < end, "{DRIVER} does not listen");
            pause().await;
        }
        browser
    }

    /// A browser with nothing in it, that speaks `language`.
    pub(crate) async fn session(&self, language: &str) -> Page {
        let profile = tempfile::tempdir_in(self.directory.path()).unwrap().keep();
        let (width, height) = WINDOW;
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--lang={language}"),
            format!("--accept-lang={language}"),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.display()),
        ];
        let mut capabilities = Capabilities::new();
        capabilities.insert("acceptInsecureCerts".into(), json!(true));
        capabilities.insert(
            "goog:chromeOptions".into(),
            json!({ "binary": CHROMIUM, "args": arguments,
                "prefs": { "intl.accept_languages": language } }),
        );
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://{}", self.address))
            .await
            .unwrap_or_else(|error| panic!("no browser: {error}"));
        Page::new(client, self.address).await
    }

    /// A browser that has opened a one-time link as a principal of the demonstration.
    pub(crate) async fn logged_in(&self, hospital: &Hospital, name: &str, language: &str) -> Page {
        let page = self.session(language).await;
        page.log_in_by_link(hospital, name).await;
        page
    }

    /// Processes that have this browser's directory in their command line.
    fn processes(&self) -> Vec<u32> {
        let needle = self.directory.path().to_string_lossy().into_owned();
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
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver first, so that it starts nothing more; browsers leave its group.
        crate::hospital::signal(self.driver.id(), "KILL");
        let _reaped = self.driver.wait();
        let end = Instant::now() + START_DEADLINE;
        loop {
            let left = self.processes();
            if left.is_empty() || Instant::now() > end {
                return;
            }
            for pid in left {
                crate::hospital::signal(pid, "KILL");
            }
            std::thread::yield_now();
        }
    }
}

/// Sends one command of the DevTools protocol, which the driver takes beside the standard ones.
pub(crate) async fn devtools(
    client: &Client,
    driver: SocketAddr,
    command: &str,
    parameters: Value,
) {
    let session = client.session_id().await.unwrap().unwrap();
    let path = format!("/session/{session}/goog/cdp/execute");
    let body = json!({ "cmd": command, "params": parameters }).to_string();
    let http = crate::client::Client::plain(driver).await.unwrap();
    let reply = http.post(&path, "application/json", body).await.unwrap();
    assert_eq!(reply.status, 200, "{command}: {}", reply.text());
}
