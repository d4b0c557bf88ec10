//! One guest at a time against the walls of its sandbox.

use plantao_schema::plugin::Capability;
use std::time::{Duration, Instant};

use super::guests::{Bench, COUNTER, CPF, LOOP, TRAP, WITH_CPF, quick, real, spec, wasm};
use crate::plugin::{LimitKind, Limits, PluginError};

const ALLOC: &str = r#"
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))"#;

fn passed(limit: LimitKind, value: u64) -> PluginError {
    PluginError::Limit {
        plugin: "guest".to_owned(),
        limit,
        value,
    }
}

#[tokio::test]
async fn an_endless_loop_is_stopped_at_its_time_and_neighbours_answer_meanwhile() {
    let bench = Bench::new();
    let counter = bench.module(&spec(Limits::default()), &wasm(COUNTER));
    let looping = bench.module(&spec(quick()), &wasm(LOOP));
    let started = Instant::now();
    let neighbours = async {
        let mut answered = 0;
        while started.elapsed() < Duration::from_millis(200) {
            bench.call(&counter, "run", "", &[]).await.unwrap();
            answered += 1;
        }
        answered
    };
    let loops = async {
        tokio::join!(
            bench.call(&looping, "run", "", &[]),
            bench.call(&looping, "run", "", &[]),
            bench.call(&looping, "run", "", &[])
        )
    };
    let (answered, (first, second, third)) = tokio::join!(neighbours, loops);
    for stopped in [first, second, third] {
        assert_eq!(stopped, Err(passed(LimitKind::TimeoutMs, 300)));
    }
    assert!(answered > 0, "the neighbour had no turn");
}

#[tokio::test]
async fn an_endless_loop_before_the_first_call_is_stopped_too() {
    let bench = Bench::new();
    let start = r#"(func $spin (loop $l (br $l))) (start $spin)
                   (func (export "run") (result i32) (i32.const 0))"#;
    assert_eq!(
        bench.run(start).await,
        Err(passed(LimitKind::TimeoutMs, 300))
    );
    let initialize = r#"(func (export "_initialize") (loop $l (br $l)))
                        (func (export "run") (result i32) (i32.const 0))"#;
    assert_eq!(
        bench.run(initialize).await,
        Err(passed(LimitKind::TimeoutMs, 300))
    );
}

#[tokio::test]
async fn memory_grows_to_the_limit_and_not_past_it() {
    let bench = Bench::new();
    let bomb = r#"(memory 1) (func (export "run") (result i32)
        (loop $l (drop (memory.grow (i32.const 16))) (br $l)) (i32.const 0))"#;
    assert_eq!(
        bench.run(bomb).await,
        Err(passed(LimitKind::MemoryBytes, 64 << 20))
    );
    // 64 MiB less the page it starts with, less one for the input's block.
    let within = r#"(memory 1) (func (export "run") (result i32)
        (i32.eq (memory.grow (i32.const 1022)) (i32.const -1)))"#;
    assert!(bench.run(within).await.is_ok());
}

#[tokio::test]
async fn host_blocks_count_as_memory() {
    let bench = Bench::new();
    let blocks = format!(
        r#"{ALLOC} (func (export "run") (result i32)
           (loop $l (drop (call $alloc (i64.const 1048576))) (br $l)) (i32.const 0))"#
    );
    assert_eq!(
        bench.run(&blocks).await,
        Err(passed(LimitKind::MemoryBytes, 64 << 20))
    );
    let huge = format!(
        r#"{ALLOC} (func (export "run") (result i32)
           (drop (call $alloc (i64.const -1))) (i32.const 0))"#
    );
    assert_eq!(
        bench.run(&huge).await,
        Err(passed(LimitKind::MemoryBytes, 64 << 20))
    );
    let tiny = format!(
        r#"{ALLOC} (func (export "run") (result i32)
           (loop $l (drop (call $alloc (i64.const 1))) (br $l)) (i32.const 0))"#
    );
    assert_eq!(
        bench.run(&tiny).await,
        Err(passed(LimitKind::Blocks, 65_536))
    );
}

#[tokio::test]
async fn a_table_grows_to_its_limit_and_not_past_it() {
    let bench = Bench::new();
    let growth = r#"(table 1 funcref) (func (export "run") (result i32)
        (loop $l (drop (table.grow (ref.null func) (i32.const 1000))) (br $l)) (i32.const 0))"#;
    assert_eq!(
        bench.run(growth).await,
        Err(passed(LimitKind::TableElements, 10_000))
    );
}

#[tokio::test]
async fn a_trap_and_a_stack_without_end_are_named() {
    let bench = Bench::new();
    let trapped = PluginError::Trapped {
        plugin: "guest".to_owned(),
        trap: "wasm trap: wasm `unreachable` instruction executed".to_owned(),
    };
    assert_eq!(bench.run(TRAP).await, Err(trapped));
    let deep = r#"(func $f (export "run") (result i32) (i32.add (call $f) (i32.const 1)))"#;
    assert_eq!(
        bench.run(deep).await,
        Err(passed(LimitKind::StackBytes, 512 << 10))
    );
}

#[tokio::test]
async fn an_output_past_its_limit_is_refused() {
    let bench = Bench::new();
    let large = format!(
        r#"{ALLOC} (func (export "run") (result i32)
           (call $output (call $alloc (i64.const 1048577)) (i64.const 1048577)) (i32.const 0))"#
    );
    assert_eq!(
        bench.run(&large).await,
        Err(passed(LimitKind::OutputBytes, 1 << 20))
    );
}

#[tokio::test]
async fn an_input_past_its_limit_never_reaches_the_guest() {
    let bench = Bench::new();
    let limits = Limits {
        input_bytes: 4,
        ..quick()
    };
    let module = bench.module(&spec(limits), &wasm(TRAP));
    let answer = bench.call(&module, "run", "abcde", &[]).await;
    assert_eq!(answer, Err(passed(LimitKind::InputBytes, 4)));
}

#[tokio::test]
async fn an_output_that_is_not_text_is_refused_with_its_place() {
    let bench = Bench::new();
    let bad = format!(
        r#"{ALLOC} (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
           (func (export "run") (result i32) (local $b i64)
             (local.set $b (call $alloc (i64.const 8)))
             (call $store (local.get $b) (i64.const 0x61616161ff616161))
             (call $output (local.get $b) (i64.const 8)) (i32.const 0))"#
    );
    let expected = PluginError::NotText {
        plugin: "guest".to_owned(),
        at: 3,
    };
    assert_eq!(bench.run(&bad).await, Err(expected));
}

#[tokio::test]
async fn an_output_freed_after_it_was_set_is_refused() {
    let bench = Bench::new();
    let freed = format!(
        r#"{ALLOC} (import "extism:host/env" "free" (func $free (param i64)))
           (func (export "run") (result i32) (local $b i64)
             (local.set $b (call $alloc (i64.const 8)))
             (call $output (local.get $b) (i64.const 8))
             (call $free (local.get $b)) (i32.const 0))"#
    );
    let answer = bench.run(&freed).await;
    assert!(
        matches!(answer, Err(PluginError::OutOfRange { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_missing_function_is_named_without_what_a_caller_may_have_hidden_in_it() {
    let bench = Bench::new();
    let module = bench.module(&spec(quick()), &wasm(TRAP));
    for (asked, shown) in [("analyze", true), (CPF, false)] {
        match bench.call(&module, asked, "", &[]).await {
            Err(PluginError::NoFunction { function, .. }) => {
                assert_eq!(function.contains(asked), shown, "{function}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn nothing_of_one_call_is_there_in_the_next() {
    let bench = Bench::new();
    let module = bench.module(&spec(quick()), &wasm(COUNTER));
    for _ in 0..50 {
        assert_eq!(bench.call(&module, "run", "", &[]).await.unwrap().text, "1");
    }
}

#[test]
fn bytes_that_are_no_module_are_refused_with_their_reason() {
    let bench = Bench::new();
    for bytes in [
        b"".as_slice(),
        b"#!/bin/sh",
        b"(module)",
        b"\0asm\x0d\0\x01\0",
    ] {
        let refusal = bench.load(bytes).err();
        assert_eq!(
            refusal,
            Some(PluginError::NotWasm {
                plugin: "guest".to_owned()
            })
        );
    }
    let mut broken = wasm(COUNTER);
    broken.truncate(broken.len() / 2);
    let shared = r#"(memory 1 1 shared)"#;
    let wide = r#"(memory i64 1)"#;
    let several = "(memory 1) (memory 1)";
    let exhausting = "(table 20001 funcref)";
    let others = [shared, wide, several, exhausting].map(wasm);
    for bytes in [vec![broken], others.to_vec()].concat() {
        let refusal = bench.load(&bytes).err();
        assert!(
            matches!(refusal, Some(PluginError::Module { .. })),
            "{refusal:?}"
        );
    }
    let refusal = bench.load(&wasm("(memory 2000)")).err();
    assert_eq!(refusal, Some(passed(LimitKind::MemoryBytes, 64 << 20)));
    let long = wasm(&format!("(func {})", "(nop)".repeat(64 << 10)));
    let refusal = bench.load(&long).err();
    assert_eq!(refusal, Some(passed(LimitKind::FunctionBytes, 64 << 10)));
}

#[tokio::test]
async fn a_real_plugin_sees_identifiers_only_with_the_grant() {
    let bench = Bench::new();
    let module = bench.module(&spec(Limits::default()), &real("echo.wasm"));
    let shown = bench.call(&module, "echo", WITH_CPF, &[]).await.unwrap();
    assert!(
        shown.redacted && !shown.text.contains(CPF),
        "{}",
        shown.text
    );
    assert!(shown.text.contains("em acompanhamento"), "{}", shown.text);
    let shown = bench
        .call(&module, "echo", WITH_CPF, &[Capability::PhiRaw])
        .await
        .unwrap();
    assert!(!shown.redacted);
    assert_eq!(shown.text, WITH_CPF);
}

#[tokio::test]
async fn the_real_hostile_plugin_is_contained() {
    let bench = Bench::new();
    // Under the limits that it asks for, each smaller than what it is given.
    let module = bench.module(&spec(Limits::default()), &real("hostile.wasm"));
    let stop = |function| bench.call(&module, function, "", &[]);
    assert_eq!(stop("spin").await, Err(passed(LimitKind::TimeoutMs, 1_500)));
    assert_eq!(
        stop("grow").await,
        Err(passed(LimitKind::MemoryBytes, 16 << 20))
    );
    assert_eq!(
        stop("huge_output").await,
        Err(passed(LimitKind::MemoryBytes, 16 << 20))
    );
    assert_eq!(
        stop("large_output").await,
        Err(passed(LimitKind::OutputBytes, 64 << 10))
    );
    assert!(matches!(
        stop("trap").await,
        Err(PluginError::Trapped { .. })
    ));
    assert!(matches!(
        stop("bad_utf8").await,
        Err(PluginError::NotText { at: 0, .. })
    ));
}

#[tokio::test]
async fn the_real_analyzer_finds_a_cpf_and_never_repeats_it() {
    let bench = Bench::new();
    let asking = spec(Limits::default());
    let module = bench.module(
        &asking.grant(Capability::PhiRaw),
        &real("lgpd-analyzer.wasm"),
    );
    let found = bench
        .call(&module, "analyze", WITH_CPF, &[Capability::PhiRaw])
        .await
        .unwrap();
    let analysis: serde_json::Value = serde_json::from_str(&found.text).unwrap();
    assert!(analysis.is_object(), "{analysis}");
    assert!(found.text.to_lowercase().contains("cpf"), "{}", found.text);
    assert!(
        !found.text.contains(CPF) && !found.text.contains("52998224725"),
        "{}",
        found.text
    );
}
