//! Modules that declare themselves: what the host makes of their asks.

use plantao_schema::plugin::{Capability, CapabilityKind, ManifestError};

use super::guests::{COUNTER, LOOP, carrying};
use super::ward::{Ward, plugin};
use crate::plugin::{
    CapabilityRefusal, ImportRefusal, LimitKind, PluginError, PluginSpec, PluginState,
};

const HEAD: &str = "name = \"a\"\nversion = \"2.1.0\"\nfunctions = [\"run\"]\n";

/// Answers what the key `least` is configured as.
const LEAST: &str = r#"
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "least")
  (func (export "run") (result i32) (local $key i64) (local $n i64) (local $value i64)
    (local.set $key (call $alloc (i64.const 5)))
    (loop $l
      (call $store (i64.add (local.get $key) (local.get $n))
        (i32.load8_u (i32.wrap_i64 (local.get $n))))
      (local.set $n (i64.add (local.get $n) (i64.const 1)))
      (br_if $l (i64.lt_u (local.get $n) (i64.const 5))))
    (local.set $value (call $config (local.get $key)))
    (call $output (local.get $value) (call $length (local.get $value)))
    (i32.const 0))"#;

/// A guest of these fields that declares this beyond its name, and one call of it.
async fn called(
    fields: &str,
    rest: &str,
    change: impl FnOnce(&mut PluginSpec),
) -> Result<String, PluginError> {
    let mut ward = Ward::new();
    ward.write("guest", &carrying(&format!("{HEAD}{rest}"), fields));
    let mut spec = plugin("guest");
    change(&mut spec);
    ward.start([spec]).await;
    ward.call("guest", "").await.map(|answer| answer.text)
}

#[tokio::test]
async fn a_plugin_that_is_not_granted_what_it_asks_for_is_refused_and_listed_so() {
    let mut ward = Ward::new();
    let asks = format!("{HEAD}capabilities = [\"clock\"]\n");
    ward.write("guest", &carrying(&asks, COUNTER));
    ward.start([plugin("guest").grant(Capability::Log)]).await;
    let refused = PluginError::Capability {
        plugin: "guest".to_owned(),
        capability: Capability::Clock,
        refusal: CapabilityRefusal::NotGranted,
    };
    assert_eq!(ward.call("guest", "").await, Err(refused.clone()));
    let status = ward.status("guest");
    assert_eq!(status.state, PluginState::Refused);
    assert_eq!(status.reason, Some(refused.to_string()));
    assert_eq!((status.limits, status.in_force.len()), (None, 0));
}

#[tokio::test]
async fn what_a_plugin_asks_for_and_is_granted_is_listed_and_holds() {
    let mut ward = Ward::new();
    let asks = "capabilities = [\"log\"]\n[limits]\nmemory_bytes = 131_072\n";
    ward.write("guest", &carrying(&format!("{HEAD}{asks}"), COUNTER));
    let spec = plugin("guest").grant(Capability::Log);
    ward.start([spec.grant(Capability::PhiRaw)]).await;
    let answer = ward.call("guest", "").await.unwrap();
    assert!(answer.redacted && answer.text == "1");
    let status = ward.status("guest");
    assert_eq!(status.version.as_deref(), Some("2.1.0"));
    assert_eq!(status.asked, [Capability::Log]);
    assert_eq!(status.grants, [Capability::Log, Capability::PhiRaw]);
    assert_eq!(status.in_force, [Capability::Log]);
    let listed = serde_json::to_value(&status).unwrap();
    assert_eq!(listed["limits"]["memory_bytes"], 131_072);
    assert_eq!(listed["limits"]["timeout_ms"], 300);
}

#[tokio::test]
async fn an_import_that_the_manifest_does_not_ask_for_is_refused_by_name() {
    let imports = [
        ("log_info", "(param i64)", CapabilityKind::Log),
        ("get_log_level", "(result i32)", CapabilityKind::Log),
        (
            "config_get",
            "(param i64) (result i64)",
            CapabilityKind::Config,
        ),
    ];
    for (name, shape, need) in imports {
        let fields = format!(
            r#"(import "extism:host/env" "{name}" (func {shape}))
               (func (export "run") (result i32) (i32.const 0))"#
        );
        let refused = PluginError::Import {
            plugin: "guest".to_owned(),
            import: format!("extism:host/env::{name}"),
            refusal: ImportRefusal::NotAsked(need),
        };
        let answer = called(&fields, "", |spec| {
            let keys = ["log", "config:least"];
            spec.grants = keys.map(|key| key.parse().unwrap()).into();
        });
        assert_eq!(answer.await, Err(refused));
    }
}

#[tokio::test]
async fn a_key_is_read_when_it_is_asked_for_and_granted_and_not_otherwise() {
    let configured = |grants: &'static [&'static str]| {
        move |spec: &mut PluginSpec| {
            spec.grants = grants.iter().map(|grant| grant.parse().unwrap()).collect();
            spec.config.insert("least".to_owned(), "3".to_owned());
        }
    };
    let asks = "capabilities = [\"config:least\"]\n";
    let answer = called(LEAST, asks, configured(&["config:least"])).await;
    assert_eq!(answer, Ok("3".to_owned()));
    let other = "capabilities = [\"config:other\"]\n";
    let answer = called(LEAST, other, configured(&["config:least", "config:other"])).await;
    assert_eq!(answer, Ok(String::new()));
    let refused = called(LEAST, asks, configured(&["config:other"])).await;
    assert!(
        matches!(refused, Err(PluginError::Capability { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn limits_that_are_asked_for_hold_and_none_passes_the_operator_s() {
    let limit = |answer: Result<String, PluginError>| answer.unwrap_err().breach();
    let asked = called(LOOP, "[limits]\ntimeout_ms = 40\n", |_| {}).await;
    assert_eq!(limit(asked), Some((LimitKind::TimeoutMs, 40)));
    // A budget of instructions puts it on the engine that counts them.
    let asked = called(LOOP, "[limits]\nfuel = 10_000\n", |_| {}).await;
    assert_eq!(limit(asked), Some((LimitKind::Fuel, 10_000)));
    let refused = called(LOOP, "[limits]\ntimeout_ms = 301\n", |_| {}).await;
    let expected = PluginError::Ask {
        plugin: "guest".to_owned(),
        limit: LimitKind::TimeoutMs,
        asked: 301,
        cap: 300,
    };
    assert_eq!(refused, Err(expected));
    let small = called(COUNTER, "[limits]\nmemory_bytes = 65_535\n", |_| {}).await;
    assert!(matches!(
        small,
        Err(PluginError::Spec {
            field: "memory_bytes",
            ..
        })
    ));
}

#[tokio::test]
async fn functions_are_those_that_are_declared_and_declared_ones_are_there() {
    let both = format!("{COUNTER} (func (export \"walk\") (result i32) (i32.const 0))");
    let mut ward = Ward::new();
    let walks = HEAD.replace("\"run\"", "\"walk\"");
    ward.write("guest", &carrying(&walks, &both));
    ward.start([plugin("guest")]).await;
    match ward.call("guest", "").await {
        Err(PluginError::NoFunction { function, .. }) => assert_eq!(function, "run"),
        other => panic!("{other:?}"),
    }
    ward.write("guest", &carrying(&walks, COUNTER));
    let missing = PluginError::NotExported {
        plugin: "guest".to_owned(),
        function: "walk".to_owned(),
    };
    assert_eq!(ward.plugins.reload("guest").await, Err(missing));
}

#[tokio::test]
async fn a_manifest_with_a_field_nobody_knows_refuses_its_module() {
    let answer = called(COUNTER, "network = true\n", |_| {}).await;
    match answer {
        Err(PluginError::Manifest {
            error: ManifestError::Unknown { field, .. },
            ..
        }) => assert_eq!(field, "network"),
        other => panic!("{other:?}"),
    }
}
