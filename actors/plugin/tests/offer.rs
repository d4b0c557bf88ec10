//! What a guest asks of its host by name: the time, and what codes are called.

use plantao_schema::plugin::{Capability, CapabilityKind};

use super::guests::{carrying, wasm};
use super::ward::{NOON, Ward, plugin};
use crate::plugin::{ImportRefusal, LimitKind, PluginError, PluginSpec};

const ASKS: &str = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = [\"run\"]\n\
                    capabilities = [\"clock\", \"valueset:lookup\"]\n";

/// Answers the digit 1 when the clock stands where the ward's does, and 0 elsewhere.
fn clock() -> String {
    let noon_ms = NOON.micros() / 1_000;
    format!(
        r#"(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
           (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
           (import "extism:host/env" "output_set" (func $output (param i64 i64)))
           (import "extism:host/user" "plantao_clock_now_ms" (func $now (result i64)))
           (memory (export "memory") 1)
           (func (export "run") (result i32) (local $block i64)
             (local.set $block (call $alloc (i64.const 1)))
             (call $store (local.get $block)
               (i32.add (i32.const 48) (i64.eq (call $now) (i64.const {noon_ms}))))
             (call $output (local.get $block) (i64.const 1))
             (i32.const 0))"#
    )
}

/// Answers what a code of a value set is called, or nothing.
fn lookup(valueset: &str, code: &str) -> String {
    let (set, length) = (valueset.len(), code.len());
    format!(
        r#"(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
           (import "extism:host/env" "length" (func $length (param i64) (result i64)))
           (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
           (import "extism:host/env" "output_set" (func $output (param i64 i64)))
           (import "extism:host/user" "plantao_valueset_display"
             (func $display (param i64 i64) (result i64)))
           (memory (export "memory") 1)
           (data (i32.const 0) "{valueset}{code}")
           (func $block (param $from i64) (param $bytes i64) (result i64)
             (local $block i64) (local $n i64)
             (local.set $block (call $alloc (local.get $bytes)))
             (loop $l
               (call $store (i64.add (local.get $block) (local.get $n))
                 (i32.load8_u (i32.wrap_i64 (i64.add (local.get $from) (local.get $n)))))
               (local.set $n (i64.add (local.get $n) (i64.const 1)))
               (br_if $l (i64.lt_u (local.get $n) (local.get $bytes))))
             (local.get $block))
           (func (export "run") (result i32) (local $name i64)
             (local.set $name (call $display
               (call $block (i64.const 0) (i64.const {set}))
               (call $block (i64.const {set}) (i64.const {length}))))
             (call $output (local.get $name) (call $length (local.get $name)))
             (i32.const 0))"#
    )
}

fn granted(spec: PluginSpec) -> PluginSpec {
    let spec = spec.grant(Capability::Clock);
    spec.grant(Capability::ValuesetLookup)
}

async fn answer(module: &[u8], spec: PluginSpec) -> Result<String, PluginError> {
    let mut ward = Ward::new();
    ward.write("guest", module);
    ward.start([spec]).await;
    ward.call("guest", "").await.map(|answer| answer.text)
}

#[tokio::test]
async fn the_time_is_the_host_s_with_a_manifest_and_without() {
    for module in [carrying(ASKS, &clock()), wasm(&clock())] {
        let told = answer(&module, granted(plugin("guest"))).await;
        assert_eq!(told, Ok("1".to_owned()));
    }
}

#[tokio::test]
async fn a_code_is_called_by_its_name_and_an_unknown_one_by_none() {
    for (set, code, name) in [
        ("observation-status", "entered-in-error", "Entered in Error"),
        (
            "http://hl7.org/fhir/ValueSet/administrative-gender",
            "male",
            "Male",
        ),
        ("observation-status", "finished", ""),
        ("cid-10", "A00", ""),
    ] {
        let module = carrying(ASKS, &lookup(set, code));
        let told = answer(&module, granted(plugin("guest"))).await;
        assert_eq!(told.as_deref(), Ok(name), "{set} {code}");
    }
}

#[tokio::test]
async fn what_is_not_granted_is_not_linked_and_the_import_is_named() {
    let lookup = lookup("a", "b");
    for (fields, name, need) in [
        (&clock(), "plantao_clock_now_ms", CapabilityKind::Clock),
        (
            &lookup,
            "plantao_valueset_display",
            CapabilityKind::ValuesetLookup,
        ),
    ] {
        let refused = |refusal| {
            Err(PluginError::Import {
                plugin: "guest".to_owned(),
                import: format!("extism:host/user::{name}"),
                refusal,
            })
        };
        let none = answer(&wasm(fields), plugin("guest")).await;
        assert_eq!(none, refused(ImportRefusal::NotGranted(need)));
        // Granted by the operator and not asked for by the manifest.
        let silent = ASKS.replace("\"clock\", \"valueset:lookup\"", "");
        let none = answer(&carrying(&silent, fields), granted(plugin("guest"))).await;
        assert_eq!(none, refused(ImportRefusal::NotAsked(need)));
    }
    let other = r#"(import "extism:host/user" "plantao_network" (func)) (func (export "run"))"#;
    let unknown = answer(&wasm(other), granted(plugin("guest"))).await;
    let refusal = ImportRefusal::Unknown;
    assert!(matches!(unknown, Err(PluginError::Import { refusal: r, .. }) if r == refusal));
    let shape = r#"(import "extism:host/user" "plantao_clock_now_ms" (func (result i32)))
                   (func (export "run"))"#;
    let wrong = answer(&wasm(shape), granted(plugin("guest"))).await;
    let refusal = ImportRefusal::Signature;
    assert!(matches!(wrong, Err(PluginError::Import { refusal: r, .. }) if r == refusal));
}

#[tokio::test]
async fn a_guest_that_asks_without_end_meets_its_deadline_and_a_wild_offset_ends_it() {
    let endless = r#"
        (import "extism:host/user" "plantao_clock_now_ms" (func $now (result i64)))
        (func (export "run") (result i32) (loop $l (drop (call $now)) (br $l)) (i32.const 0))"#;
    let stopped = answer(&wasm(endless), granted(plugin("guest"))).await;
    let breach = stopped.as_ref().err().and_then(PluginError::breach);
    assert_eq!(breach, Some((LimitKind::TimeoutMs, 300)), "{stopped:?}");
    let wild = r#"
        (import "extism:host/user" "plantao_valueset_display"
          (func $display (param i64 i64) (result i64)))
        (func (export "run") (result i32)
          (drop (call $display (i64.const 7) (i64.const -1))) (i32.const 0))"#;
    let stopped = answer(&wasm(wild), granted(plugin("guest"))).await;
    let function = "plantao_valueset_display";
    let plugin = "guest".to_owned();
    assert_eq!(stopped, Err(PluginError::OutOfRange { plugin, function }));
}
