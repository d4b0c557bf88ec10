//! Every host function, given offsets that belong to nothing.

use super::guests::{Bench, quick, spec, wasm};
use crate::plugin::{ImportRefusal, LimitKind, PluginError};

const ENV: &str = "extism:host/env";

/// Offsets of no block: null-ish, inside the first block, at its end, in no slot, all ones.
const WILD: [i64; 6] = [7, (1 << 32) + 1, (1 << 32) + 5, 9 << 32, i64::MIN, -1];

/// Offsets of no byte of the five-byte input.
const BEYOND_INPUT: [i64; 4] = [5, 1 << 32, i64::MIN, -1];

async fn run_with(bench: &Bench, function: &str, ty: &str, call: &str) -> Option<PluginError> {
    let fields = format!(
        r#"(import "{ENV}" "alloc" (func $alloc (param i64) (result i64)))
           (import "{ENV}" "{function}" (func $f {ty}))
           (func (export "run") (result i32) {call} (i32.const 0))"#
    );
    bench.run(&fields).await.err()
}

fn refused(error: Option<&PluginError>, expected: &str) -> bool {
    matches!(error, Some(PluginError::OutOfRange { function, .. }) if *function == expected)
}

#[tokio::test]
async fn an_offset_of_no_block_ends_the_guest_with_the_function_named() {
    let bench = Bench::new();
    let functions = [
        ("free", "(param i64)", "(call $f (i64.const @))"),
        (
            "store_u64",
            "(param i64 i64)",
            "(call $f (i64.const @) (i64.const 1))",
        ),
        (
            "load_u64",
            "(param i64) (result i64)",
            "(drop (call $f (i64.const @)))",
        ),
        (
            "output_set",
            "(param i64 i64)",
            "(call $f (i64.const @) (i64.const 5))",
        ),
        ("error_set", "(param i64)", "(call $f (i64.const @))"),
        (
            "config_get",
            "(param i64) (result i64)",
            "(drop (call $f (i64.const @)))",
        ),
        (
            "var_get",
            "(param i64) (result i64)",
            "(drop (call $f (i64.const @)))",
        ),
        (
            "var_set",
            "(param i64 i64)",
            "(call $f (i64.const @) (i64.const 0))",
        ),
        (
            "var_set",
            "(param i64 i64)",
            "(call $f (call $alloc (i64.const 3)) (i64.const @))",
        ),
        ("log_trace", "(param i64)", "(call $f (i64.const @))"),
        ("log_debug", "(param i64)", "(call $f (i64.const @))"),
        ("log_info", "(param i64)", "(call $f (i64.const @))"),
        ("log_warn", "(param i64)", "(call $f (i64.const @))"),
        ("log_error", "(param i64)", "(call $f (i64.const @))"),
    ];
    for (function, ty, call) in functions {
        for offset in WILD {
            let call = call.replace('@', &offset.to_string());
            let error = run_with(&bench, function, ty, &call).await;
            assert!(
                refused(error.as_ref(), function),
                "{function}({offset}): {error:?}"
            );
        }
    }
    for offset in [0, 7, (1 << 32) + 5, 9 << 32, i64::MIN, -1] {
        for (function, ty, call) in [
            (
                "load_u8",
                "(param i64) (result i32)",
                "(drop (call $f (i64.const @)))",
            ),
            (
                "store_u8",
                "(param i64 i32)",
                "(call $f (i64.const @) (i32.const 1))",
            ),
        ] {
            let call = call.replace('@', &offset.to_string());
            let error = run_with(&bench, function, ty, &call).await;
            assert!(
                refused(error.as_ref(), function),
                "{function}({offset}): {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_offset_beyond_the_input_ends_the_guest() {
    let bench = Bench::new();
    for offset in BEYOND_INPUT {
        let load = format!("(drop (call $f (i64.const {offset})))");
        let ty = "(param i64) (result i32)";
        let error = run_with(&bench, "input_load_u8", ty, &load).await;
        assert!(
            refused(error.as_ref(), "input_load_u8"),
            "{offset}: {error:?}"
        );
        let ty = "(param i64) (result i64)";
        let error = run_with(&bench, "input_load_u64", ty, &load).await;
        assert!(
            refused(error.as_ref(), "input_load_u64"),
            "{offset}: {error:?}"
        );
    }
}

#[tokio::test]
async fn asking_for_the_length_of_no_block_answers_zero() {
    let bench = Bench::new();
    for function in ["length", "length_unsafe"] {
        for offset in WILD {
            let call = format!(
                "(if (i64.ne (call $f (i64.const {offset})) (i64.const 0)) (then unreachable))"
            );
            let error = run_with(&bench, function, "(param i64) (result i64)", &call).await;
            assert_eq!(error, None, "{function}({offset})");
        }
    }
}

#[tokio::test]
async fn nulls_mean_nothing_as_guests_expect() {
    let bench = Bench::new();
    let fields = format!(
        r#"(import "{ENV}" "alloc" (func $alloc (param i64) (result i64)))
           (import "{ENV}" "free" (func $free (param i64)))
           (import "{ENV}" "error_set" (func $error (param i64)))
           (import "{ENV}" "output_set" (func $output (param i64 i64)))
           (import "{ENV}" "log_info" (func $info (param i64)))
           (import "{ENV}" "log_error" (func $fault (param i64)))
           (func (export "run") (result i32)
             (call $free (call $alloc (i64.const 0)))
             (call $error (i64.const 0))
             (call $info (i64.const 0))
             (call $fault (i64.const 0))
             (call $output (i64.const 0) (i64.const 0))
             (i32.const 0))"#
    );
    assert_eq!(bench.run(&fields).await.unwrap().text, "");
}

#[tokio::test]
async fn an_error_that_is_set_is_a_failure_whatever_the_guest_returns() {
    let bench = Bench::new();
    for freed in ["", "(call $free (local.get $b))"] {
        let fields = format!(
            r#"(import "{ENV}" "alloc" (func $alloc (param i64) (result i64)))
               (import "{ENV}" "free" (func $free (param i64)))
               (import "{ENV}" "error_set" (func $error (param i64)))
               (func (export "run") (result i32) (local $b i64)
                 (local.set $b (call $alloc (i64.const 4)))
                 (call $error (local.get $b)) {freed} (i32.const 0))"#
        );
        let answer = bench.run(&fields).await;
        assert!(
            matches!(answer, Err(PluginError::Failed { code: 0, .. })),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn constructors_run_once_before_the_call_under_either_of_their_names() {
    let bench = Bench::new();
    for names in [
        &["__wasm_call_ctors"][..],
        &["_initialize"][..],
        &["__wasm_call_ctors", "_initialize"][..],
    ] {
        let constructors: String = names
            .iter()
            .map(|name| {
                let add = "(global.set $g (i32.add (global.get $g) (i32.const 1)))";
                format!(r#"(func (export "{name}") {add})"#)
            })
            .collect();
        let fields = format!(
            r#"(global $g (mut i32) (i32.const 0)) {constructors}
               (func (export "run") (result i32) (i32.sub (global.get $g) (i32.const 1)))"#
        );
        assert!(bench.run(&fields).await.is_ok(), "{names:?}");
    }
}

#[tokio::test]
async fn variables_and_configuration_are_read_back_within_a_call() {
    let bench = Bench::new();
    // The input is the name; its value is set to the name, read back and answered.
    let fields = format!(
        r#"(import "{ENV}" "input_offset" (func $input (result i64)))
           (import "{ENV}" "length" (func $length (param i64) (result i64)))
           (import "{ENV}" "var_get" (func $get (param i64) (result i64)))
           (import "{ENV}" "var_set" (func $set (param i64 i64)))
           (import "{ENV}" "config_get" (func $config (param i64) (result i64)))
           (import "{ENV}" "output_set" (func $output (param i64 i64)))
           (func (export "variable") (result i32) (local $got i64)
             (if (i64.ne (call $get (call $input)) (i64.const 0)) (then (return (i32.const 2))))
             (call $set (call $input) (call $input))
             (local.set $got (call $get (call $input)))
             (call $output (local.get $got) (call $length (local.get $got)))
             (call $set (call $input) (i64.const 0))
             (if (i64.ne (call $get (call $input)) (i64.const 0)) (then (return (i32.const 3))))
             (i32.const 0))
           (func (export "config") (result i32) (local $got i64)
             (local.set $got (call $config (call $input)))
             (call $output (local.get $got) (call $length (local.get $got)))
             (i32.const 0))"#
    );
    let mut spec = spec(quick());
    spec.config.insert("idioma".to_owned(), "pt-BR".to_owned());
    let module = bench.module(&spec, &wasm(&fields));
    for _ in 0..2 {
        let answer = bench
            .call(&module, "variable", "idioma", &[])
            .await
            .unwrap();
        assert_eq!(answer.text, "idioma");
    }
    assert_eq!(
        bench
            .call(&module, "config", "idioma", &[])
            .await
            .unwrap()
            .text,
        "pt-BR"
    );
    assert_eq!(
        bench
            .call(&module, "config", "outra", &[])
            .await
            .unwrap()
            .text,
        ""
    );
}

#[tokio::test]
async fn variables_are_limited_in_total() {
    let bench = Bench::new();
    let call = "(call $f (call $alloc (i64.const 9)) (call $alloc (i64.const 1048568)))";
    let error = run_with(&bench, "var_set", "(param i64 i64)", call).await;
    let expected = PluginError::Limit {
        plugin: "guest".into(),
        limit: LimitKind::VariableBytes,
        value: 1 << 20,
    };
    assert_eq!(error, Some(expected));
}

#[test]
fn an_import_that_is_not_granted_is_refused_at_load_by_name() {
    let bench = Bench::new();
    let cases = [
        (
            "wasi_snapshot_preview1",
            "fd_write",
            "(func)",
            ImportRefusal::Wasi,
        ),
        (
            ENV,
            "http_request",
            "(func (param i64 i64) (result i64))",
            ImportRefusal::Network,
        ),
        (
            ENV,
            "http_status_code",
            "(func (result i32))",
            ImportRefusal::Network,
        ),
        (
            ENV,
            "http_headers",
            "(func (result i64))",
            ImportRefusal::Network,
        ),
        (ENV, "exec", "(func)", ImportRefusal::Unknown),
        (
            "env",
            "alloc",
            "(func (param i64) (result i64))",
            ImportRefusal::Unknown,
        ),
        (
            ENV,
            "alloc",
            "(func (param i32) (result i64))",
            ImportRefusal::Signature,
        ),
        (ENV, "alloc", "(memory 1)", ImportRefusal::Signature),
    ];
    for (namespace, name, ty, expected) in cases {
        let bytes = wasm(&format!(r#"(import "{namespace}" "{name}" {ty})"#));
        match bench.load(&bytes).err() {
            Some(PluginError::Import {
                plugin,
                import,
                refusal,
            }) => {
                assert_eq!(plugin, "guest");
                assert_eq!(
                    (import, refusal),
                    (format!("{namespace}::{name}"), expected)
                );
            }
            other => panic!("{namespace}::{name}: {other:?}"),
        }
    }
}
