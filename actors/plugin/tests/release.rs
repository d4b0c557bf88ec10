//! Answers that may not leave, through the whole host.

use plantao_schema::access::{Action, Purpose, ResourceKind};
use plantao_schema::phi::Category;
use plantao_schema::plugin::Capability;

use super::guests::{CPF, WITH_CPF, carrying, real, wasm};
use super::ward::{NOON, Ward, plugin};
use crate::plugin::{PluginError, PluginSpec};
use crate::policy::{Permit, testing};

/// Answers this text, whatever it is given.
fn says(text: &str) -> String {
    let bytes = text.len();
    format!(
        r#"(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
           (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
           (import "extism:host/env" "output_set" (func $output (param i64 i64)))
           (memory (export "memory") 1)
           (data (i32.const 0) "{text}")
           (func (export "run") (result i32) (local $block i64) (local $n i64)
             (local.set $block (call $alloc (i64.const {bytes})))
             (loop $l
               (call $store (i64.add (local.get $block) (local.get $n))
                 (i32.load8_u (i32.wrap_i64 (local.get $n))))
               (local.set $n (i64.add (local.get $n) (i64.const 1)))
               (br_if $l (i64.lt_u (local.get $n) (i64.const {bytes}))))
             (call $output (local.get $block) (i64.const {bytes}))
             (i32.const 0))"#
    )
}

async fn permit(purpose: Purpose) -> Permit {
    let mut access = testing::access(Action::Submit, ResourceKind::Content, NOON);
    access.purpose = purpose;
    testing::permit(access).await
}

#[tokio::test]
async fn an_identifier_that_a_guest_makes_up_is_withheld_and_counted() {
    let mut ward = Ward::new();
    ward.write("thief", &wasm(&says(&format!("CPF {CPF}"))));
    ward.write("raw", &wasm(&says(&format!("CPF {CPF}"))));
    ward.start([plugin("thief"), plugin("raw").grant(Capability::PhiRaw)])
        .await;
    let withheld = |plugin: &str| {
        Err(PluginError::Leak {
            plugin: plugin.to_owned(),
            category: Category::Cpf,
        })
    };
    // Also where the very number was in the text: this guest was not shown it.
    for text in ["nada", WITH_CPF] {
        assert_eq!(ward.call("thief", text).await, withheld("thief"));
    }
    assert_eq!(ward.call("raw", "nada").await, withheld("raw"));
    assert!(ward.call("raw", WITH_CPF).await.is_ok());
    assert_eq!(ward.plugins.counts().leaks, 3);
    let said = ward.call("thief", "nada").await.unwrap_err();
    assert!(
        !said.is_crash() && !said.to_string().contains(CPF),
        "{said}"
    );
}

#[tokio::test]
async fn identifiers_come_back_in_care_and_stay_tokens_elsewhere() {
    let mut ward = Ward::new();
    ward.write("echo", &real("echo.wasm"));
    ward.start([PluginSpec::new("echo", "echo.wasm")]).await;
    let call = async |purpose| {
        let permit = permit(purpose).await;
        let answer = ward.plugins.call(permit, "echo", "echo", WITH_CPF).await;
        answer.unwrap()
    };
    let care = call(Purpose::Treatment).await;
    assert_eq!(
        (care.text.as_str(), care.redacted, care.restored),
        (WITH_CPF, true, true)
    );
    for purpose in [Purpose::Operations, Purpose::Publication, Purpose::Research] {
        let other = call(purpose).await;
        assert!(
            !other.restored && other.text.contains("⟦CPF-1⟧"),
            "{}",
            other.text
        );
    }
}

#[tokio::test]
async fn an_answer_that_its_manifest_calls_json_is_json() {
    let declared = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = [\"run\"]\noutput = \"json\"\n";
    let mut ward = Ward::new();
    ward.write("good", &carrying(declared, &says("[1]")));
    ward.write("bad", &carrying(declared, &says("[1")));
    ward.start(["good", "bad"].map(plugin)).await;
    assert_eq!(ward.call("good", "").await.unwrap().text, "[1]");
    let plugin = "bad".to_owned();
    assert_eq!(
        ward.call("bad", "").await,
        Err(PluginError::NotJson { plugin })
    );
}
