//! Getting in and out: a link that works once, a password with a second factor, and an end that is
//! one everywhere.

use crate::browser::Browser;
use crate::hospital::Hospital;
use crate::page::{Page, link};
use crate::ward;
use http::Method;
use std::io::Write;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};
use totp_rs::Totp;

const PASSWORD: &str = "correct horse battery staple";
/// Seconds that one code is good for.
const STEP_S: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_logs_in_once_and_looking_at_it_does_not_use_it_up() {
    let hospital = Hospital::start().await;
    let browser = Browser::start().await;
    let path = link(&hospital, "medica").await;
    // A mail scanner or a preview opens links: it finds a page with a button.
    let scanner = hospital.anonymous().await;
    for _ in 0..3 {
        let reply = scanner.get(&path).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.header("set-cookie").is_empty());
    }
    let page = browser.session("pt-BR").await;
    page.open(&hospital, &path).await;
    page.click("main form button").await;
    page.until_path(|path| path == "/wards").await;
    let other = browser.session("pt-BR").await;
    other.open(&hospital, &path).await;
    other.click("main form button").await;
    other
        .until(
            "a refusal",
            "return !!document.querySelector('[role=alert]')",
        )
        .await;
    other.open(&hospital, "/wards").await;
    other.until_path(|path| path == "/login").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_and_a_code_log_in_and_each_alone_does_not() {
    let hospital = Hospital::start().await;
    let _feed = ward::fill(&hospital, 1).await;
    let totp = account(&hospital, "dra-ana").await;
    let browser = Browser::start().await;
    let page = browser.session("pt-BR").await;
    page.open(&hospital, "/login").await;
    enter(&page, "dra-ana", "a wrong password", &code(&totp)).await;
    page.until(
        "a refusal",
        "return !!document.querySelector('[role=alert]')",
    )
    .await;
    enter(&page, "dra-ana", PASSWORD, "000000").await;
    page.until(
        "a refusal",
        "return !!document.querySelector('[role=alert]')",
    )
    .await;
    let used = code(&totp);
    enter(&page, "dra-ana", PASSWORD, &used).await;
    page.until_path(|path| path == "/wards").await;
    page.open_live(&hospital, "/wards/uti").await;
    // A code seen over a shoulder is worth nothing once it was used.
    let other = browser.session("pt-BR").await;
    other.open(&hospital, "/login").await;
    enter(&other, "dra-ana", PASSWORD, &used).await;
    other
        .until(
            "a refusal",
            "return !!document.querySelector('[role=alert]')",
        )
        .await;
    assert_eq!(other.path().await, "/login");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_ends_the_session_in_every_tab_and_for_every_copy_of_its_cookie() {
    let hospital = Hospital::start().await;
    let _feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    let cookie = page.cookie("__Host-plantao").await;
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.secure(), Some(true));
    assert_eq!(cookie.path(), Some("/"));
    let script = page.run("return document.cookie").await;
    assert_eq!(script.as_str(), Some(""), "a script cannot read it");
    page.open_live(&hospital, "/wards/uti").await;
    let stolen = format!("{}={}", cookie.name(), cookie.value());
    let thief = hospital.anonymous().await;
    let headers = [("cookie", stolen.as_str())];
    let look = async || {
        let reply = thief.send(Method::GET, "/wards/uti", &headers, "".into());
        reply.await.unwrap().status
    };
    assert_eq!(look().await, 200);
    let first = page.tab().await;
    page.new_tab().await;
    page.open(&hospital, "/wards").await;
    page.click("form[action='/logout'] button").await;
    page.until_path(|path| path == "/login").await;
    assert_ne!(look().await, 200, "a copy of the cookie is still believed");
    page.switch_to(first).await;
    page.until_path(|path| path == "/login").await;
    hospital.finish().await;
}

/// Makes an account as an operator at the machine does, and gives its authenticator.
async fn account(hospital: &Hospital, name: &str) -> Totp {
    let mut command = hospital.command();
    command.args(["account", "add", name, "--role", "physician"]);
    command.args(["--password-file", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{PASSWORD}").unwrap();
    drop(stdin);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap();
    let said = crate::hospital::text(&output.stdout);
    let error = crate::hospital::text(&output.stderr);
    assert!(output.status.success(), "{said}{error}");
    assert!(said.contains('█'), "a code to scan");
    let uri = said.lines().find(|line| line.starts_with("otpauth://"));
    Totp::from_url(uri.unwrap_or_else(|| panic!("no address in {said}"))).unwrap()
}

/// The code of now; a moment before it changes, that of the next step, which is as good.
fn code(totp: &Totp) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_s = now_s.as_secs();
    let at_s = if now_s % STEP_S > STEP_S - 5 {
        now_s + 5
    } else {
        now_s
    };
    totp.generate(at_s).to_string()
}

async fn enter(page: &Page, name: &str, password: &str, code: &str) {
    page.run(
        "document.querySelectorAll('main form input').forEach(i => { \
              if (i.type !== 'hidden') i.value = ''; })",
    )
    .await;
    page.fill("input[name=name]", name).await;
    page.fill("input[name=password]", password).await;
    page.fill("input[name=code]", code).await;
    page.click("main form button").await;
}
