//! The kit's own test host beside this one: what an author's `cargo test` sees, a hospital gets.

use plantao_schema::plugin::Capability;

use super::peer::Peer;
use super::shipped::{edges, request, samples, shipped};
use super::{Outcome, patient, shown, told};
use crate::plugin::Limits;
use crate::plugin::tests::guests::{Bench, spec};

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn a_plugin_answers_its_author_s_tests_what_it_answers_a_hospital() {
    let bench = Bench::new();
    let mut native = Peer::native();
    // The kit's host has no limits: a text of a megabyte may pass those that are shipped.
    let limits = Limits {
        memory_bytes: 512 << 20,
        ..patient()
    };
    let plugins = [
        ("echo", &["echo", "analyze"][..]),
        ("lgpd-analyzer", &["analyze", "health", "consent_form"][..]),
        ("claims-extractor", &["extract", "health"][..]),
    ];
    let drafts: Vec<String> = samples().iter().map(|text| request(text)).collect();
    let texts: Vec<String> = samples().into_iter().chain(edges()).collect();
    for (plugin, functions) in plugins {
        native.load_shipped(plugin);
        let module = bench.module(&spec(limits), &shipped(&format!("{plugin}.wasm")));
        for function in functions {
            let drafts = drafts.iter().filter(|_| *function == "consent_form");
            for text in texts.iter().chain(drafts) {
                let called = bench
                    .call(&module, function, text, &[Capability::PhiRaw])
                    .await;
                let here = Outcome::of(called.map(|answer| answer.text));
                let there = native
                    .call(function, text.as_bytes())
                    .into_text()
                    .wordless();
                assert!(
                    here == there,
                    "`{plugin}` `{function}` of {}: here {}, there {}",
                    shown(text.as_bytes()),
                    told(&here),
                    told(&there)
                );
            }
        }
        assert_eq!(native.call("absent", b""), Outcome::Absent);
    }
}

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn an_error_says_the_same_to_both() {
    let bench = Bench::new();
    let mut native = Peer::native();
    native.load_shipped("lgpd-analyzer");
    let module = bench.module(&spec(patient()), &shipped("lgpd-analyzer.wasm"));
    for text in ["", "x", "[1,", "{\"text\": 7}", "null", "{}"] {
        let called = bench.call(&module, "consent_form", text, &[]).await;
        let here = Outcome::of(called.map(|answer| answer.text));
        assert_eq!(
            here,
            native.call("consent_form", text.as_bytes()).into_text(),
            "`{text}`"
        );
    }
}
