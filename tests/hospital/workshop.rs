//! A plugin's author: the README's chapter as it is written, and what the workshop refuses.
//!
//! Crates are made where the repository's kit is found and built into its plugins' target folder,
//! so that only what is new is compiled.

mod packages;
mod strict;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::hospital::{Hospital, root, text};
use tempfile::TempDir;

/// A folder that looks like the repository to whoever works in it.
struct Shop {
    folder: TempDir,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("plantao-")
            .tempdir()
            .unwrap();
        let inside = |name: &str| folder.path().join(name);
        symlink(root().join("plugins"), inside("plugins")).unwrap();
        std::fs::create_dir_all(inside("target/debug")).unwrap();
        symlink(
            env!("CARGO_BIN_EXE_plantao"),
            inside("target/debug/plantao"),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One line of a shell, as the README has it.
    fn run(&self, line: &str) -> Output {
        Command::new("bash")
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", root().join("plugins/target"))
            .env("NO_COLOR", "1")
            .env_remove("PLANTAO_CONFIG")
            .output()
            .unwrap()
    }

    fn must(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(
            output.status.success(),
            "`{line}`: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// What a command says when it refuses, and with what exit code.
    fn refusal(&self, line: &str) -> (Option<i32>, String) {
        let output = self.run(line);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!output.status.success(), "`{line}`: {said}");
        (output.status.code(), said)
    }
}

/// Commands of a chapter, each with the lines that it is said to print.
fn chapter(title: &str) -> Vec<(String, Vec<String>)> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, chapter) = readme.split_once(&format!("\n## {title}\n")).unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    for block in chapter.split("```").skip(1).step_by(2) {
        for line in block.lines().skip(1) {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push((command.to_owned(), Vec::new())),
                None if line.trim().is_empty() => {}
                None => steps.last_mut().unwrap().1.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Figures differ from machine to machine, and so do the columns behind them.
fn without_figures(line: &str) -> String {
    let mut plain = String::new();
    for word in line.split_whitespace() {
        let is_figure = word.starts_with(|c: char| c.is_ascii_digit());
        let is_unit = ["µs", "ms", "ns"].contains(&word.trim_end_matches([',', ')']));
        match (is_figure, is_unit) {
            (true, _) => plain.push('#'),
            (_, true) => plain.push('u'),
            _ => plain.push_str(word),
        }
        plain.push(' ');
    }
    plain
}

/// Each line that is shown was printed, in the order shown; `…` stands for any that are not.
fn shows(command: &str, shown: &[String], printed: &str) {
    let mut rest = printed.lines().map(without_figures);
    for line in shown.iter().filter(|line| line.trim() != "…") {
        let wanted = without_figures(line);
        assert!(
            rest.any(|printed| printed == wanted),
            "`{command}` does not print `{line}`, but:\n{printed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chapter_for_a_first_plugin_holds_line_by_line() {
    let shop = Shop::open();
    let mut hospital = None;
    let mut steps = 0;
    for (command, shown) in chapter("Write your first plugin") {
        steps += 1;
        if let Some(settings) = command.strip_prefix("target/debug/plantao run --demo --set ") {
            let here = shop.folder.path().display().to_string();
            let setting = settings.replace("$PWD", &here);
            let settings = setting.split(" --set ");
            let settings: Vec<_> = settings.map(|one| one.trim_matches(['"', '\''])).collect();
            hospital = Some(Hospital::start_with(&settings).await);
        } else if let Some(sent) = command.strip_prefix("curl ") {
            let hospital = hospital.as_ref().expect("the node is started first");
            let (_, address) = sent.split_once("https://127.0.0.1:8443").unwrap();
            let (_, body) = sent.split_once("--data '").unwrap();
            let body = body.split('\'').next().unwrap();
            let path = address.split_whitespace().next().unwrap();
            let client = hospital.as_principal("dev").await;
            let reply = client
                .post(path, "text/plain", body.to_owned())
                .await
                .unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            let output = reply.json()["output"].clone();
            let output = output
                .as_str()
                .map_or_else(|| output.to_string(), str::to_owned);
            let shown = shown.concat();
            assert!(
                shown.contains(&output.replace('"', "\\\"")) || shown.contains(&output),
                "{output} is not in {shown}"
            );
        } else {
            shows(&command, &shown, &shop.must(&command));
        }
    }
    assert!(steps >= 6, "only {steps} commands were found");
    hospital.expect("the chapter starts a node").finish().await;
}

#[test]
fn a_new_plugin_is_refused_where_its_name_or_its_folder_is_not_free() {
    let shop = Shop::open();
    let new = "target/debug/plantao plugin new";
    for (name, reason) in [
        ("Reading", "plugin's name is"),
        ("a_b", "plugin's name is"),
        ("../a", "plugin's name is"),
        ("core", "Rust's own"),
        ("match", "Rust's own"),
        ("extism-pdk", "plugins are built with"),
        ("syn", "plugins are built with"),
    ] {
        let (code, said) = shop.refusal(&format!("{new} -- {name}"));
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(!shop.path(name).join("src").exists(), "{name}");
    }
    std::fs::create_dir(shop.path("taken")).unwrap();
    let (code, said) = shop.refusal(&format!("{new} taken"));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("`taken` is there already"), "{said}");
    assert!(
        std::fs::read_dir(shop.path("taken"))
            .unwrap()
            .next()
            .is_none()
    );
    let (_, said) = shop.refusal(&format!(
        "cd /tmp && {}/{new} a",
        shop.folder.path().display()
    ));
    assert!(said.contains("name it with --sdk"), "{said}");
}

/// A crate of this name, whose source or case is changed.
fn changed(shop: &Shop, name: &str, file: &str, from: &str, to: &str) {
    shop.must(&format!("target/debug/plantao plugin new {name}"));
    let path = shop.path(name).join(file);
    let source = std::fs::read_to_string(&path).unwrap();
    assert!(source.contains(from), "{from}");
    std::fs::write(&path, source.replace(from, to)).unwrap();
}

#[test]
fn a_case_that_fails_shows_the_place_and_the_exit_code_tells() {
    let shop = Shop::open();
    changed(
        &shop,
        "off-by-one",
        "cases/first.toml",
        "sentences = 2",
        "sentences = 3",
    );
    let (code, said) = shop.refusal("target/debug/plantao plugin test off-by-one");
    assert_eq!(code, Some(1), "{said}");
    for line in [
        "FAILED  a short text",
        "- /sentences: 3",
        "+ /sentences: 2",
        "1 of 4 cases",
    ] {
        assert!(said.contains(line), "`{line}` is not in {said}");
    }
}

#[test]
fn an_attack_finds_the_plugin_that_traps_and_the_one_that_repeats_identifiers() {
    let shop = Shop::open();
    let traps = "if note.text.contains('\\0') { std::process::abort() }";
    let begin = "    let most = HOST";
    changed(
        &shop,
        "trapper",
        "src/lib.rs",
        begin,
        &format!("    {traps}\n{begin}"),
    );
    let (code, said) = shop.refusal("target/debug/plantao plugin attack trapper");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("BROKE  `analyze` on a NUL: plugin `trapper` trapped"),
        "{said}"
    );
    // One that is shown identifiers, and answers where they are.
    let analyzer = root().join("plugins/dist/lgpd-analyzer.wasm");
    shop.must(&format!(
        "target/debug/plantao plugin attack {}",
        analyzer.display()
    ));
    let raw = "capabilities: [phi:raw, log,";
    changed(&shop, "parrot", "src/lib.rs", "capabilities: [log,", raw);
    let path = shop.path("parrot/src/lib.rs");
    let source = std::fs::read_to_string(&path).unwrap();
    let source = source.replace("text(health)", "bytes(health)");
    let (before, _) = source.split_once("/// What the host asks before").unwrap();
    let repeats = "fn health(text: Vec<u8>) -> Result<Vec<u8>, GuestError> { Ok(text) }";
    std::fs::write(&path, format!("{before}{repeats}")).unwrap();
    let (_, said) = shop.refusal("target/debug/plantao plugin attack parrot");
    let leak = "BROKE  `health` on identifiers: an identifier is in its answer";
    assert!(said.contains(leak), "{said}");
}

#[test]
fn a_budget_that_is_passed_and_one_that_nobody_measures_are_refused() {
    let shop = Shop::open();
    let budget = "hot_p99_us = 50_000";
    changed(
        &shop,
        "too-large",
        "Cargo.toml",
        "module_bytes = 200_000",
        "module_bytes = 10",
    );
    let bench = "target/debug/plantao plugin bench --calls 10";
    let (code, said) = shop.refusal(&format!("{bench} too-large"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("OVER  module_bytes"), "{said}");
    changed(&shop, "unmeasured", "Cargo.toml", budget, "moons = 3");
    let (_, said) = shop.refusal(&format!("{bench} unmeasured"));
    assert!(
        said.contains("budget `moons` is not measured: expected module_bytes"),
        "{said}"
    );
}

#[test]
fn a_crate_that_does_not_compile_shows_the_compiler_s_own_words() {
    let shop = Shop::open();
    changed(
        &shop,
        "thief",
        "src/lib.rs",
        "capabilities: [log,",
        "capabilities: [network, log,",
    );
    let (code, said) = shop.refusal("target/debug/plantao plugin build thief");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("`network` is no capability: expected log"),
        "{said}"
    );
    assert!(said.contains("`thief` does not build"), "{said}");
}

#[test]
fn check_says_what_the_host_refuses_and_what_is_asked_for_and_not_used() {
    let shop = Shop::open();
    changed(
        &shop,
        "greedy",
        "src/lib.rs",
        "[log, config",
        "[log, clock, config",
    );
    let told = shop.must("target/debug/plantao plugin check greedy");
    assert!(told.contains("clock  unused"), "{told}");
    assert!(told.contains("the host takes it"), "{told}");
    let wasi = shop.path("wasi.wasm");
    let import = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#;
    std::fs::write(&wasi, wat::parse_str(import).unwrap()).unwrap();
    let (code, said) = shop.refusal("target/debug/plantao plugin check wasi.wasm");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("REFUSED  wasi_snapshot_preview1::fd_write"),
        "{said}"
    );
    assert!(said.contains("the host would refuse it"), "{said}");
}

/// Where the guest in C is made.
fn in_c(shop: &Shop) -> PathBuf {
    let module = shop.path("words.wasm");
    let source = root().join("plugins/words-c/words.c");
    let output = Command::new("clang")
        .args([
            "--target=wasm32",
            "-O2",
            "-ffreestanding",
            "-nostdlib",
            "-Wl,--no-entry",
            "-o",
        ])
        .args([Path::new(&module), &source])
        .output()
        .expect("clang: `scripts/deps test` installs it");
    assert!(output.status.success(), "{}", text(&output.stderr));
    module
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_in_c_is_checked_called_and_served_like_any_other() {
    let shop = Shop::open();
    let module = in_c(&shop);
    let told = shop.must("target/debug/plantao plugin check words.wasm");
    assert!(
        told.contains("words 0.1.0") && told.contains("the host takes it"),
        "{told}"
    );
    let call = "target/debug/plantao plugin call words.wasm count";
    assert_eq!(shop.must(&format!("{call} 'dor de  cabeça'")), "3\n");
    let (_, said) = shop.refusal(&format!("{call} ' '"));
    assert!(said.contains("answered code 2: a text has words"), "{said}");
    shop.must("target/debug/plantao plugin attack words.wasm");
    let setting = format!("plugins.words.wasm={}", module.display());
    let hospital = Hospital::start_with(&[&setting]).await;
    let client = hospital.as_principal("dev").await;
    let count = client
        .post("/v1/plugins/words/count", "text/plain", "a b c d")
        .await;
    assert_eq!(count.unwrap().json()["output"], "4");
    hospital.finish().await;
}
