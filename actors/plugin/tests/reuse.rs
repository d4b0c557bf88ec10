//! Guests that are kept from call to call, and when they are not; and guests that are counted.

use super::guests::{COUNTER, compiler_child, quick, real, spec, wasm};
use super::ward::{Ward, plugin};
use crate::plugin::kept::CALLS_MAX;
use crate::plugin::{
    Compiler, GuestRuntime, LimitKind, Limits, MeteredBench, PluginError, PluginSpec,
};

/// Counts in memory as `COUNTER` does, and traps, fails, grows or answers no text when it is told
/// to by the first byte of its input.
const MOODY: &str = r#"
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory 1)
  (func (export "run") (result i32) (local $block i64) (local $mood i32)
    (i32.store8 (i32.const 60000) (i32.add (i32.load8_u (i32.const 60000)) (i32.const 1)))
    (local.set $block (call $alloc (i64.const 1)))
    (call $store (local.get $block)
      (i32.add (i32.rem_u (i32.load8_u (i32.const 60000)) (i32.const 10)) (i32.const 48)))
    (if (i64.ne (call $length) (i64.const 0))
      (then (local.set $mood (call $input (i64.const 0)))))
    (if (i32.eq (local.get $mood) (i32.const 116)) (then unreachable))
    (if (i32.eq (local.get $mood) (i32.const 102)) (then (return (i32.const 5))))
    (if (i32.eq (local.get $mood) (i32.const 103))
      (then (drop (memory.grow (i32.const 17)))))
    (if (i32.eq (local.get $mood) (i32.const 98))
      (then (call $store (local.get $block) (i32.const 255))))
    (call $output (local.get $block) (i64.const 1))
    (i32.const 0))"#;

async fn ward(fields: &str) -> Ward {
    let mut ward = Ward::new();
    ward.write("guest", &wasm(fields));
    let limits = Limits::default();
    ward.start([PluginSpec {
        reuse: true,
        instances: 1,
        limits,
        ..plugin("guest")
    }])
    .await;
    ward
}

#[tokio::test]
async fn a_kept_guest_goes_on_where_it_stopped_and_one_that_is_not_begins_anew() {
    let kept = ward(COUNTER).await;
    for expected in ["1", "2", "3"] {
        assert_eq!(kept.call("guest", "").await.unwrap().text, expected);
    }
}

#[tokio::test]
async fn after_anything_but_an_answer_a_kept_guest_is_a_fresh_one() {
    let ward = ward(MOODY).await;
    for mood in ["trap", "failure", "bytes"] {
        assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
        assert_eq!(ward.call("guest", "").await.unwrap().text, "2");
        let failed = ward.call("guest", mood).await.unwrap_err();
        let expected = match mood {
            "trap" => matches!(failed, PluginError::Trapped { .. }),
            "failure" => matches!(failed, PluginError::Failed { code: 5, .. }),
            _ => matches!(failed, PluginError::NotText { at: 0, .. }),
        };
        assert!(expected, "{mood}: {failed:?}");
        assert_eq!(ward.call("guest", "").await.unwrap().text, "1", "{mood}");
        assert_eq!(ward.call("guest", "g").await.unwrap().text, "2");
    }
}

#[tokio::test]
async fn a_kept_guest_that_grew_or_has_served_long_enough_is_renewed() {
    let ward = ward(MOODY).await;
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
    assert_eq!(ward.call("guest", "g").await.unwrap().text, "2");
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
    for call in 1..CALLS_MAX {
        let expected = ((call + 1) % 256 % 10).to_string();
        assert_eq!(
            ward.call("guest", "").await.unwrap().text,
            expected,
            "{call}"
        );
    }
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
}

#[tokio::test]
async fn a_reload_does_not_leave_the_old_guest_at_work() {
    let ward = ward(COUNTER).await;
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
    assert_eq!(ward.call("guest", "").await.unwrap().text, "2");
    ward.plugins.reload("guest").await.unwrap();
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
}

#[tokio::test]
async fn the_host_keeps_nothing_of_a_call_for_a_kept_guest() {
    // Traps when a variable or a block of an earlier call is there; its input is its own.
    let fields = r#"
      (import "extism:host/env" "input_offset" (func $input (result i64)))
      (import "extism:host/env" "input_length" (func $length (result i64)))
      (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
      (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
      (import "extism:host/env" "var_set" (func $set (param i64 i64)))
      (import "extism:host/env" "output_set" (func $output (param i64 i64)))
      (global $last (mut i64) (i64.const 0))
      (func (export "run") (result i32) (local $name i64)
        (local.set $name (call $alloc (i64.const 3)))
        (if (i64.ne (call $get (local.get $name)) (i64.const 0)) (then unreachable))
        (call $set (local.get $name) (call $input))
        (call $output (call $input) (call $length))
        (i32.const 0))"#;
    let ward = ward(fields).await;
    for text in ["primeiro", "segundo", "terceiro"] {
        assert_eq!(ward.call("guest", text).await.unwrap().text, text);
    }
}

#[tokio::test]
async fn instructions_are_the_same_for_the_same_text_and_more_for_more_of_it() {
    let guests = GuestRuntime::start(1).unwrap();
    let bench = MeteredBench::new(guests, Compiler::InProcess).unwrap();
    let usual = spec(Limits::default());
    let piece = bench.load(&usual, real("echo.wasm")).await.unwrap();
    let short = bench.run(&piece, "echo", "texto").await.unwrap();
    let again = bench.run(&piece, "echo", "texto").await.unwrap();
    let long = bench
        .run(&piece, "echo", &"texto ".repeat(100))
        .await
        .unwrap();
    assert_eq!(short.text, "texto");
    assert!(short.instructions > 0 && short.memory_bytes > 0);
    assert_eq!(short.instructions, again.instructions);
    assert!(long.instructions > short.instructions);
}

#[tokio::test]
async fn a_piece_on_the_bench_is_held_to_its_budget() {
    let guests = GuestRuntime::start(1).unwrap();
    let bench = MeteredBench::new(guests, compiler_child()).unwrap();
    // Fuel is looked at where a loop begins again.
    let rounds = r#"(func (export "run") (result i32) (local $n i32)
        (loop $l (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $n) (i32.const 1000)))) (i32.const 0))"#;
    let mut spec = spec(quick());
    let measured = bench.load(&spec, wasm(rounds)).await.unwrap();
    let took = bench.run(&measured, "run", "").await.unwrap().instructions;
    assert!((5_000..20_000).contains(&took), "{took}");
    for (fuel, enough) in [(took + 10, true), (took / 2, false)] {
        spec.limits.fuel = Some(fuel);
        let piece = bench.load(&spec, wasm(rounds)).await.unwrap();
        let answer = bench.run(&piece, "run", "").await;
        let breach = answer.as_ref().err().and_then(PluginError::breach);
        let expected = (!enough).then_some((LimitKind::Fuel, fuel));
        assert_eq!(breach, expected, "{answer:?}");
    }
}
