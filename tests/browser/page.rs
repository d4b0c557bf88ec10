//! One tab, and what a person or an instrument does in it.

use crate::browser::devtools;
use crate::hospital::{Hospital, pause, root};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long anything on a page may take to appear, unless a test says less.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Whether the view was closed and says so.
pub(crate) const CLOSED: &str = "return !!document.querySelector('#live #closed:not([hidden])')";

/// Runs before any script of any document: what it records, the page cannot know of.
const INSTRUMENTS: &str = include_str!("instruments.js");

pub(crate) struct Page {
    client: Client,
    driver: SocketAddr,
}

impl Page {
    pub(crate) async fn new(client: Client, driver: SocketAddr) -> Self {
        let source = json!({ "source": INSTRUMENTS });
        let command = "Page.addScriptToEvaluateOnNewDocument";
        devtools(&client, driver, command, source).await;
        Self { client, driver }
    }

    /// Opens an address of the hospital.
    pub(crate) async fn open(&self, hospital: &Hospital, path: &str) {
        let url = format!("https://{}{path}", hospital.door);
        self.client.goto(&url).await.unwrap();
    }

    /// Opens a live page and waits until it is live.
    pub(crate) async fn open_live(&self, hospital: &Hospital, path: &str) {
        self.open(hospital, path).await;
        self.until_live().await;
    }

    pub(crate) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// Gets in as a principal of the demonstration, by the link that the command line prints.
    pub(crate) async fn log_in_by_link(&self, hospital: &Hospital, name: &str) {
        let path = link(hospital, name).await;
        self.open(hospital, &path).await;
        self.click("main form button").await;
        self.until_path(|path| !path.starts_with("/login")).await;
    }

    /// Waits until the page says that what it shows is live.
    pub(crate) async fn until_live(&self) {
        self.until(
            "a live page",
            "return document.documentElement.dataset.conn === 'live'",
        )
        .await;
    }

    pub(crate) async fn until_path(&self, is: impl Fn(&str) -> bool) {
        let end = Instant::now() + DEADLINE;
        loop {
            let path = self.path().await;
            if is(&path) {
                return;
            }
            if Instant::now() > end {
                panic!("stays at {path}: {}", self.body().await);
            }
            pause().await;
        }
    }

    /// Runs a script's body; what it returns comes back.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.run_with(script, vec![]).await
    }

    pub(crate) async fn run_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        let result = self.client.execute(script, arguments).await;
        result.unwrap_or_else(|error| panic!("{error}: {script:.300}"))
    }

    /// Waits until a script returns true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        self.until_with(what, script, vec![], DEADLINE).await;
    }

    pub(crate) async fn until_with(
        &self,
        what: &str,
        script: &str,
        arguments: Vec<Value>,
        deadline: Duration,
    ) {
        let end = Instant::now() + deadline;
        // A navigation under way has no document for a moment.
        while self.client.execute(script, arguments.clone()).await.ok() != Some(json!(true)) {
            if Instant::now() > end {
                panic!(
                    "not in {deadline:?}: {what} at {}\n{}",
                    self.path().await,
                    self.body().await
                );
            }
            pause().await;
        }
    }

    /// Waits until the text of the first element of a selector is as wanted, and gives it.
    pub(crate) async fn wait_text(
        &self,
        selector: &str,
        is: impl Fn(&str) -> bool,
        deadline: Duration,
    ) -> String {
        let end = Instant::now() + deadline;
        loop {
            let text = self.text(selector).await;
            if let Some(text) = &text
                && is(text)
            {
                return text.clone();
            }
            if Instant::now() > end {
                let body = self.body().await;
                panic!("`{selector}` stays {text:?} for {deadline:?}\n{body}");
            }
            pause().await;
        }
    }

    /// The text of the first element of a selector, spaces collapsed.
    pub(crate) async fn text(&self, selector: &str) -> Option<String> {
        let script = "const e = document.querySelector(arguments[0]); \
                      return e && e.textContent.replace(/\\s+/g, ' ').trim()";
        let text = self.client.execute(script, vec![json!(selector)]).await;
        text.ok()?.as_str().map(str::to_owned)
    }

    /// Whether a selector matches anything that is shown.
    pub(crate) async fn shows(&self, selector: &str) -> bool {
        let script = "return [...document.querySelectorAll(arguments[0])]\
                      .some(e => e.checkVisibility({ visibilityProperty: true }))";
        self.run_with(script, vec![json!(selector)]).await == json!(true)
    }

    /// What a person could read on the page, for the message of a failed test.
    pub(crate) async fn body(&self) -> String {
        let text = self
            .client
            .execute("return document.body.innerText", vec![]);
        text.await
            .map_or_else(|error| error.to_string(), |text| text.to_string())
    }

    /// The whole document as markup.
    pub(crate) async fn markup(&self) -> String {
        let markup = self.run("return document.documentElement.outerHTML").await;
        markup.as_str().unwrap().to_owned()
    }

    /// Everything the live connection received in this document, as text.
    pub(crate) async fn received(&self) -> String {
        let received = self.run("return window.__received.join('\\n')").await;
        received.as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await;
        let element = element.unwrap_or_else(|error| panic!("`{selector}`: {error}"));
        element.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.client.find(Locator::Css(selector)).await;
        let element = element.unwrap_or_else(|error| panic!("`{selector}`: {error}"));
        element.send_keys(text).await.unwrap();
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: char) {
        let element = self.client.active_element().await.unwrap();
        element.send_keys(&key.to_string()).await.unwrap();
    }

    /// Keeps a picture of the page.
    pub(crate) async fn screenshot(&self, file: &Path) {
        let png = self.client.screenshot().await.unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }

    /// Prefers a scheme of colours, `light` or `dark`, as a desktop does.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        let features = json!({ "features": [feature] });
        let command = "Emulation.setEmulatedMedia";
        devtools(&self.client, self.driver, command, features).await;
    }

    /// The accessibility rules that the page breaks, each with where.
    pub(crate) async fn violations(&self) -> Vec<String> {
        let path = root().join("target/browser/axe.min.js");
        let axe = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            let path = path.display();
            panic!("`{path}`: {error}: `make test` fetches it (scripts/deps test)")
        });
        self.run(&axe).await;
        let script = "const done = arguments[0];
            axe.run(document, { resultTypes: ['violations'] }).then(
                r => done(r.violations.flatMap(v => v.nodes.map(
                    n => v.id + ' at ' + n.target.join(' ') + ': ' + n.failureSummary))),
                e => done(['axe: ' + e]));";
        let found = self.client.execute_async(script, vec![]).await.unwrap();
        let found = found.as_array().unwrap().iter();
        found.map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// What the browser measured of itself since the document was opened.
    pub(crate) async fn measured(&self) -> Measured {
        let told = self.run("return window.__measured()").await;
        let number = |key: &str| told[key].as_f64();
        Measured {
            lcp_ms: number("lcp").unwrap_or(f64::INFINITY),
            cls: number("cls").unwrap_or(f64::INFINITY),
            first_input_ms: number("fid"),
            inp_ms: number("inp"),
        }
    }

    /// The browser's own clock, ms since the document was opened.
    pub(crate) async fn now_ms(&self) -> f64 {
        self.run("return performance.now()").await.as_f64().unwrap()
    }

    /// A cookie that the browser keeps for the hospital.
    pub(crate) async fn cookie(&self, name: &str) -> fantoccini::cookies::Cookie<'static> {
        self.client.get_named_cookie(name).await.unwrap()
    }

    /// The tab that is looked at.
    pub(crate) async fn tab(&self) -> fantoccini::wd::WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Opens another tab and looks at it.
    pub(crate) async fn new_tab(&self) {
        let made = self.client.new_window(true).await.unwrap();
        self.switch_to(made.handle).await;
    }

    pub(crate) async fn switch_to(&self, tab: fantoccini::wd::WindowHandle) {
        self.client.switch_to_window(tab).await.unwrap();
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}

/// Web vitals, as the web-vitals library defines them.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) lcp_ms: f64,
    pub(crate) cls: f64,
    pub(crate) first_input_ms: Option<f64>,
    pub(crate) inp_ms: Option<f64>,
}

/// The path of a fresh one-time link.
pub(crate) async fn link(hospital: &Hospital, name: &str) -> String {
    let said = hospital.must(&["login", "--as", name]).await;
    let url = said.lines().next().unwrap_or_default();
    let prefix = format!("https://{}", hospital.door);
    let path = url.strip_prefix(&prefix);
    path.unwrap_or_else(|| panic!("not a link: {said}"))
        .to_owned()
}
