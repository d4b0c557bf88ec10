//! Plugins from outside: hostile ones, curious ones, ones that are none.

use crate::hospital::{Hospital, pause, root, text};
use plantao_actors::plugin::COMPILER_COMMAND;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

fn dist(name: &str) -> String {
    root().join("plugins/dist").join(name).display().to_string()
}

/// The module with its manifest under a name that means nothing: one that asks for nothing, and
/// has what the operator grants.
fn undeclared(wasm: &str, folder: &Path) -> String {
    let mut bytes = std::fs::read(wasm).unwrap();
    let name = b"plantao.manifest";
    let mut windows = bytes.windows(name.len());
    let at = windows.position(|window| window == name).unwrap();
    bytes[at..at + name.len()].make_ascii_uppercase();
    let path = folder.join("undeclared.wasm");
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

const CPF: &str = "529.982.247-25";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_without_the_grant_is_shown_no_identifier_and_one_with_it_is() {
    let wasm = dist("echo.wasm");
    let folder = tempfile::tempdir().unwrap();
    let undeclared = undeclared(&wasm, folder.path());
    let (blind, seeing) = (
        format!("plugins.blind.wasm={wasm}"),
        format!("plugins.seeing.wasm={undeclared}"),
    );
    let grants = r#"plugins.seeing.grants=["phi:raw"]"#;
    let hospital = Hospital::start_with(&[&blind, &seeing, grants]).await;
    let client = hospital.as_principal("dev").await;
    let text = format!("O CPF da paciente é {CPF}.");
    let call = async |plugin: &str| {
        let path = format!("/v1/plugins/{plugin}/echo");
        let reply = client
            .post(&path, "text/plain", text.clone())
            .await
            .unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let shown = call("blind").await;
    assert_eq!(shown["redacted"], true);
    assert!(!shown["output"].as_str().unwrap().contains(CPF), "{shown}");
    assert!(
        shown["output"].as_str().unwrap().contains("CPF-1"),
        "{shown}"
    );
    let shown = call("seeing").await;
    assert_eq!(
        (shown["redacted"].clone(), shown["output"].as_str()),
        (false.into(), Some(&*text))
    );
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_times_out_while_its_neighbours_answer() {
    let wasm = format!("plugins.hostile.wasm={}", dist("hostile.wasm"));
    let settings = [
        &*wasm,
        "plugins.hostile.timeout_ms=1500",
        "plugins.hostile.instances=2",
    ];
    let hospital = Hospital::start_with(&settings).await;
    let client = hospital.as_principal("dev").await;
    let spinning = {
        let client = client.clone();
        tokio::spawn(async move {
            client
                .post("/v1/plugins/hostile/spin", "text/plain", "x")
                .await
        })
    };
    let author = hospital.as_principal("autora").await;
    let mut answered = 0;
    while !spinning.is_finished() {
        let reply = author
            .post("/v1/content", "text/plain", "Um texto curto.")
            .await
            .unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        answered += 1;
    }
    assert!(
        answered >= 3,
        "only {answered} calls were answered during the loop"
    );
    let reply = spinning.await.unwrap().unwrap();
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (504, Some("plugin_timeout"))
    );

    for (function, status) in [
        ("trap", 502),
        ("grow", 502),
        ("huge_output", 502),
        ("bad_utf8", 502),
        ("absent", 404),
    ] {
        let path = format!("/v1/plugins/hostile/{function}");
        let reply = client.post(&path, "text/plain", "x").await.unwrap();
        assert_eq!(reply.status, status, "{function}: {}", reply.text());
        assert_eq!(reply.json()["field"], "plugin");
    }
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let listed = client.get("/v1/plugins").await.unwrap().json();
        let up = |plugin: &Value| plugin["instances_up"] == plugin["instances"];
        if listed["plugins"].as_array().unwrap().iter().all(up) {
            break;
        }
        assert!(Instant::now() < end, "instances are not replaced: {listed}");
        pause().await;
    }
    let reply = author
        .post("/v1/content", "text/plain", "Um texto curto.")
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_instance_or_their_supervisor_is_replaced_with_all_its_instances() {
    let hospital = Hospital::start().await;
    let author = hospital.as_principal("autora").await;
    let base = "plantao/plugins/lgpd-analyzer";
    for path in ["instances/instance-0", "instances", "loader"] {
        hospital.must(&["kill", &format!("{base}/{path}")]).await;
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let ready = hospital.admin_get("/readyz?verbose").await.unwrap().text();
            let reply = author
                .post("/v1/content", "text/plain", "Um texto.")
                .await
                .unwrap();
            if ready.contains("2 of 2 instances up") && reply.status == 200 {
                break;
            }
            assert!(
                Instant::now() < end,
                "after `{path}`: {} {ready}",
                reply.text()
            );
            pause().await;
        }
    }
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_plugin_is_reported_and_the_others_run() {
    let wasm = format!(
        "plugins.broken.wasm={}",
        root().join("Cargo.toml").display()
    );
    let hospital = Hospital::start_with(&[&wasm]).await;
    let ready = hospital.admin_get("/readyz?verbose").await.unwrap();
    assert_eq!(ready.status, 200);
    assert!(
        ready.text().contains("not a WebAssembly module"),
        "{}",
        ready.text()
    );
    let listed = hospital.must(&["plugins"]).await;
    assert!(
        listed.contains("broken") && listed.contains("lgpd-analyzer"),
        "{listed}"
    );
    hospital
        .must(&["content", "submit", "config/demo/artigo.md"])
        .await;
    let reload = hospital.run(&["reload", "plugin", "broken"]).await;
    assert!(!reload.status.success());
    assert!(
        text(&reload.stderr).contains("WebAssembly"),
        "{}",
        text(&reload.stderr)
    );
    crate::bad_input::nothing_restarted(&hospital).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_passed_is_counted_and_named_in_the_trail() {
    let wasm = format!("plugins.hostile.wasm={}", dist("hostile.wasm"));
    let hospital = Hospital::start_with(&[&wasm]).await;
    let client = hospital.as_principal("dev").await;
    let path = "/v1/plugins/hostile/grow";
    let reply = client.post(path, "text/plain", "x").await.unwrap();
    assert_eq!(reply.status, 502, "{}", reply.text());
    let metrics = hospital.admin_get("/metrics").await.unwrap().text();
    for line in [
        "plantao_plugin_limit_breaches_total{limit=\"memory_bytes\"} 1",
        "plantao_plugin_limit_breaches_total{limit=\"fuel\"} 0",
        "plantao_plugin_artefacts_refused_total 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let trail = hospital.must(&["audit", "export"]).await;
    let named = "answered plugin_failed; plugin passed memory_bytes 16777216";
    assert!(trail.contains(named), "{trail}");
    hospital.finish().await;
}

/// The shell's standard output under two more numbers: it ends when nobody has any of them.
const WITH_MORE_FILES: &str = r#"exec 7>&1 8>&1; exec "$@" >/dev/null"#;

fn with_more_files(program: &[&str]) -> Child {
    Command::new("sh")
        .args(["-c", WITH_MORE_FILES, "sh"])
        .args(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// All that comes through the files that were handed down, until nobody holds them.
async fn handed_down(child: &mut Child) -> String {
    let mut said = String::new();
    let mut files = child.stdout.take().unwrap();
    let ended = timeout(Duration::from_secs(60), files.read_to_string(&mut said)).await;
    ended
        .expect("a file that was handed down stays open")
        .unwrap();
    said
}

#[tokio::test]
async fn the_compiler_closes_every_file_it_was_handed_before_it_reads_a_module() {
    let mut heir = with_more_files(&["sh", "-c", "echo seven >&7; echo eight >&8"]);
    assert_eq!(handed_down(&mut heir).await, "seven\neight\n");

    let plantao = env!("CARGO_BIN_EXE_plantao");
    let order = ["timed", "1073741824", "10"];
    let mut compiler = with_more_files(&[&[plantao, COMPILER_COMMAND][..], &order].concat());
    // It waits for its module all the while, so it has not simply ended.
    assert_eq!(handed_down(&mut compiler).await, "");
    assert_eq!(compiler.try_wait().unwrap(), None);
    let mut module = compiler.stdin.take().unwrap();
    module.write_all(b"no module").await.unwrap();
    drop(module);
    assert!(compiler.wait().await.unwrap().success());
}
