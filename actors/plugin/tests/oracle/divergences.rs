//! Every way in which this host means to differ from the Extism SDK, with a guest that shows it.
//!
//! Owns the table. A row is what the guest does, what comes of it here and what there. One that no
//! longer holds on either side fails, so that the table stays true when the SDK changes.

use super::guest::PRELUDE;
use super::{Hosts, Outcome, patient};
use crate::plugin::tests::guests::{spec, wasm};
use crate::plugin::{Limits, PluginError};

/// One deliberate difference: of functions called with `abcdefgh`.
struct Row {
    /// What this host does, and why.
    because: &'static str,
    /// What the guest does.
    body: &'static str,
    here: fn() -> Outcome,
    there: fn() -> Outcome,
}

fn text(text: &str) -> Outcome {
    Outcome::Output(text.as_bytes().to_vec())
}

fn failed(code: i32) -> Outcome {
    let text = String::new();
    Outcome::Failed { code, text }
}

fn stopped(function: &str) -> Outcome {
    Outcome::Stopped(function.to_owned())
}

/// Guests have a local `$b`, and answer code 0 where their body answers none.
const ROWS: [Row; 15] = [
    Row {
        because: "an offset outside the input stops the guest: a silent 0 hides a defect",
        body: "(drop (call $input_load_u8 (i64.const 8)))",
        here: || stopped("input_load_u8"),
        there: || text(""),
    },
    Row {
        because: "an offset of no block stops the guest: there it reads whatever is there",
        body: "(drop (call $load_u8 (i64.const -1)))",
        here: || stopped("load_u8"),
        there: || text(""),
    },
    Row {
        because: "and so does a write to none",
        body: "(call $store_u8 (i64.const -1) (i32.const 1))",
        here: || stopped("store_u8"),
        there: || text(""),
    },
    Row {
        because: "freeing twice stops the guest: the second time it may be another's block",
        body: "(local.set $b (call $alloc (i64.const 4)))
               (call $free (local.get $b)) (call $free (local.get $b))",
        here: || stopped("free"),
        there: || text(""),
    },
    Row {
        because: "a key stays the guest's until it frees it: a guest may ask with it again",
        body: "(local.set $b (call $filled (i64.const 4) (i32.const 120)))
               (drop (call $config_get (local.get $b)))
               (return (i32.wrap_i64 (call $length (local.get $b))))",
        here: || failed(4),
        there: || text(""),
    },
    Row {
        because: "and so does a line of the log",
        body: "(local.set $b (call $filled (i64.const 4) (i32.const 120)))
               (call $log_info (local.get $b))
               (return (i32.wrap_i64 (call $length (local.get $b))))",
        here: || failed(4),
        there: || text(""),
    },
    Row {
        because: "a line of no block stops the guest, whether anybody listens or not",
        body: "(call $log_info (i64.const -1))",
        here: || stopped("log_info"),
        there: || text(""),
    },
    Row {
        because: "null is no name: there it is the empty one",
        body: "(drop (call $var_get (i64.const 0)))",
        here: || stopped("var_get"),
        there: || text(""),
    },
    Row {
        because: "a variable's name is bytes: there it has to be text",
        body: "(call $var_set (call $filled (i64.const 2) (i32.const 255))
                 (call $filled (i64.const 2) (i32.const 120)))",
        here: || text(""),
        there: || stopped("invalid utf-8 sequence of 1 bytes from index 0"),
    },
    Row {
        because: "what variables hold is a limit with a name, and each costs 64 bytes more, not 48",
        body: "(call $var_set (call $alloc (i64.const 9)) (call $alloc (i64.const 1048568)))",
        here: || Outcome::Variables,
        there: || stopped("Variable store is full"),
    },
    Row {
        because: "an error that is set is one, though its words were freed",
        body: "(local.set $b (call $filled (i64.const 4) (i32.const 120)))
               (call $error_set (local.get $b)) (call $free (local.get $b))",
        here: || failed(0),
        there: || text(""),
    },
    Row {
        because: "an output that was freed is none: there it is read from where it was",
        body: "(local.set $b (call $filled (i64.const 4) (i32.const 120)))
               (call $output_set (local.get $b) (i64.const 4)) (call $free (local.get $b))",
        here: || stopped("output_set"),
        there: || text("xxxx"),
    },
    Row {
        because: "null of no length takes an output back, as it does an error",
        body: "(call $output_set (call $filled (i64.const 4) (i32.const 120)) (i64.const 4))
               (call $output_set (i64.const 0) (i64.const 0))",
        here: || text(""),
        there: || text("xxxx"),
    },
    Row {
        because: "an answer has to be text: those who read it take no bytes",
        body: "(call $output_set (call $filled (i64.const 2) (i32.const 255)) (i64.const 2))",
        here: || Outcome::NotText(0),
        there: || Outcome::Output(vec![255, 255]),
    },
    Row {
        because: "an answer has a limit of its own: there only memory has one",
        body: "(call $output_set (call $alloc (i64.const 5000)) (i64.const 5000))",
        here: || Outcome::TooLong,
        there: || Outcome::Output(vec![0; 5_000]),
    },
];

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn each_difference_is_as_the_table_says_on_both_sides() {
    let mut hosts = Hosts::start();
    let mut fields = PRELUDE.to_owned();
    for (number, row) in ROWS.iter().enumerate() {
        let body = row.body;
        fields += &format!(
            r#"(func (export "row{number}") (result i32) (local $b i64) {body} (i32.const 0))"#
        );
    }
    let limits = Limits {
        output_bytes: 4_096,
        ..patient()
    };
    hosts.load(&spec(limits), &wasm(&fields));
    for (number, row) in ROWS.iter().enumerate() {
        let function = format!("row{number}");
        let here = hosts.here(&function, "abcdefgh", &[]).await;
        assert_eq!(here, (row.here)(), "here: {}", row.because);
        let there = hosts.there(&function, "abcdefgh");
        assert_eq!(there, (row.there)(), "there: {}", row.because);
    }
}

/// A module that is refused here and loaded there; what it imports or exports is the difference.
#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn what_is_refused_at_load_is_taken_there_and_fails_when_it_is_called() {
    let mut hosts = Hosts::start();
    let network = wasm(
        r#"(import "extism:host/env" "http_request" (func $f (param i64 i64) (result i64)))
           (func (export "run") (result i32)
             (i32.wrap_i64 (call $f (i64.const 0) (i64.const 0))))"#,
    );
    let refused = hosts.bench.load(&network).err();
    assert!(
        matches!(refused, Some(PluginError::Import { .. })),
        "{refused:?}"
    );
    assert!(hosts.extism.load(&spec(patient()), &network));
    assert!(matches!(hosts.there("run", ""), Outcome::Stopped(_)));

    let collected = wasm(r#"(type $s (struct)) (func (export "run") (param (ref $s)))"#);
    let refused = hosts.bench.load(&collected).err();
    assert!(
        matches!(refused, Some(PluginError::Module { .. })),
        "{refused:?}"
    );
    assert!(hosts.extism.load(&spec(patient()), &collected));

    let system = wasm(r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#);
    let refused = hosts.bench.load(&system).err();
    assert!(
        matches!(refused, Some(PluginError::Import { .. })),
        "{refused:?}"
    );
    assert!(
        !hosts.extism.load(&spec(patient()), &system),
        "refused on both"
    );
}

/// Shapes of functions that are no plugin's: this host does not call them.
#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn a_function_of_another_shape_is_absent_here_and_a_failure_there() {
    let mut hosts = Hosts::start();
    hosts.load_plain(&wasm(
        r#"(func (export "long") (result i64) (i64.const 0))
           (func (export "nothing")) (func (export "code") (result i32) (i32.const 7))"#,
    ));
    assert_eq!(hosts.here("long", "", &[]).await, Outcome::Absent);
    assert_eq!(hosts.there("long", ""), failed(-1));
    hosts.agree("nothing", "").await;
    hosts.agree("code", "").await;
}
