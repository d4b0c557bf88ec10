//! What guests say, in log lines and in errors, and how much of it anybody reads.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use plantao_schema::plugin::Capability;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::guests::{Bench, CPF, WITH_CPF, call, quick, spec, wasm};
use crate::plugin::PluginError;
use crate::plugin::executor::run;

/// Says its whole input in three lines and as its error.
const TALKATIVE: &str = r#"
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "log_info" (func $info (param i64)))
  (import "extism:host/env" "log_warn" (func $warn (param i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (func (export "run") (result i32)
    (call $info (call $input)) (call $warn (call $input)) (call $warn (call $input))
    (call $error (call $input)) (i32.const 7))"#;

/// Everything that was logged on this thread, one text per event.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Subscriber for Heard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let ours = event.metadata().target().contains("plugin::log_lines");
        let mut text = Text(String::new());
        event.record(&mut text);
        if ours {
            self.0.lock().unwrap().push(text.0);
        }
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

async fn talk(text: &str, grants: &[Capability]) -> (Vec<String>, PluginError) {
    let bench = Bench::new();
    let module = bench.module(&spec(quick()), &wasm(TALKATIVE));
    let heard = Heard::default();
    let listening = tracing::subscriber::set_default(heard.clone());
    let failed = run(call(&module, "run", text, grants)).await.unwrap_err();
    drop(listening);
    let lines = heard.0.lock().unwrap().clone();
    (lines, failed)
}

#[tokio::test]
async fn words_of_a_guest_come_without_identifiers() {
    let (lines, failed) = talk(WITH_CPF, &[]).await;
    assert!(matches!(failed, PluginError::Failed { code: 7, .. }));
    assert!(!failed.is_crash());
    assert_eq!(lines.len(), 3, "{lines:?}");
    for said in lines.iter().chain([&failed.to_string()]) {
        assert!(
            said.contains("acompanhamento") && !said.contains(CPF),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_guest_that_saw_everything_is_counted_and_not_heard() {
    // A bare name and its base64 are nothing that redaction knows.
    for text in [WITH_CPF, "Fulana Sicrana", "RnVsYW5hIFNpY3JhbmE="] {
        let (lines, failed) = talk(text, &[Capability::PhiRaw]).await;
        let counted = "message=guest lines counted plugin=\"guest\" \
                       trace=0 debug=0 info=1 warn=2 error=0 ";
        assert_eq!(lines, [counted]);
        let (plugin, message) = ("guest".to_owned(), String::new());
        let code = 7;
        assert_eq!(failed.to_string(), "plugin `guest` answered code 7");
        let expected = PluginError::Failed {
            plugin,
            code,
            message,
        };
        assert_eq!(failed, expected);
    }
}
