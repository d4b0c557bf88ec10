//! Whoever is asked the same: a program that a test starts and asks through its pipes.
//!
//! Owns the process and what its answers mean in this host's kinds. There are two, `scripts/extism`
//! and `scripts/native`; `make differential` builds them and names them in the environment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Outcome;
use crate::plugin::PluginSpec;
use crate::plugin::log_lines::presentable;

/// What the SDK says of an error that is set and not text.
const NO_TEXT: &str = "unable to load error message from memory";

/// A running peer with at most one plugin loaded.
pub(super) struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    dir: TempDir,
}

impl Peer {
    /// The Extism SDK.
    pub(super) fn extism() -> Self {
        Self::start("PLANTAO_EXTISM")
    }

    /// The plugins' own kit, natively.
    pub(super) fn native() -> Self {
        Self::start("PLANTAO_NATIVE")
    }

    fn start(variable: &str) -> Self {
        let program = std::env::var(variable).expect("`make differential` names it");
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let dir = tempfile::tempdir().unwrap();
        Self {
            child,
            orders,
            answers,
            dir,
        }
    }

    /// Makes a shipped plugin the one that is called.
    pub(super) fn load_shipped(&mut self, plugin: &str) {
        assert_eq!(self.ask(&json!({ "load": { "plugin": plugin } })), "loaded");
    }

    /// Whether it takes the module, with the configuration and limits of this description.
    pub(super) fn load(&mut self, spec: &PluginSpec, bytes: &[u8]) -> bool {
        let wasm = self.dir.path().join("module.wasm");
        std::fs::write(&wasm, bytes).unwrap();
        let answer = self.ask(&json!({ "load": {
            "wasm": wasm,
            "config": spec.config,
            "memory_bytes": spec.limits.memory_bytes,
            "timeout_ms": u64::try_from(spec.limits.timeout.as_millis()).unwrap(),
            "variable_bytes": spec.limits.variable_bytes,
        }}));
        answer == "loaded"
    }

    pub(super) fn call(&mut self, function: &str, input: &[u8]) -> Outcome {
        let input = STANDARD.encode(input);
        let answer = self.ask(&json!({ "call": { "function": function, "input": input } }));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        if answer == "absent" {
            return Outcome::Absent;
        }
        let (kind, content) = answer.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "output" => Outcome::Output(STANDARD.decode(text(content)).unwrap()),
            "failed" => {
                let words = text(&content["text"]);
                let code = i32::try_from(content["code"].as_i64().unwrap()).unwrap();
                let said = Some(words).filter(|words| !words.starts_with(NO_TEXT));
                let text = said.and_then(|words| presentable(words.as_bytes()));
                let text = text.unwrap_or_default();
                Outcome::Failed { code, text }
            }
            "trapped" => Outcome::Trapped(text(content)),
            "stopped" => Outcome::Stopped(text(content)),
            "limit" if content == "memory" => Outcome::Memory,
            "limit" if content == "time" => Outcome::Time,
            _ => panic!("{answer}"),
        }
    }

    fn ask(&mut self, order: &Value) -> Value {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("`{answer}` to {order}: {e}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
