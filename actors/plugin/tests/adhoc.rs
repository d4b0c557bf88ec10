//! Ad hoc.
use super::guests::{Bench, real, spec, wasm};
use super::ward::{Ward, permit, plugin, secs};
use crate::plugin::*;
use plantao_schema::access::ResourceKind;
use std::time::{Duration, Instant};

fn p(mut v: Vec<Duration>) -> String {
    v.sort();
    format!(
        "p50 {:?} p90 {:?} p99 {:?}",
        v[v.len() / 2],
        v[v.len() * 9 / 10],
        v[v.len() * 99 / 100]
    )
}

async fn measure(ward: &Ward, text: &str, what: &str) {
    let (mut whole, mut guest) = (Vec::new(), Vec::new());
    for _ in 0..3000 {
        let permit = permit(ResourceKind::Content, None).await;
        let at = Instant::now();
        let out = ward
            .plugins
            .call(permit, "a", "analyze", text)
            .await
            .unwrap();
        whole.push(at.elapsed());
        guest.push(out.elapsed);
    }
    let hops = whole.iter().zip(&guest).map(|(w, g)| *w - *g).collect();
    println!(
        "{what}: whole {} guest {} hops {}",
        p(whole),
        p(guest),
        p(hops)
    );
}

#[test]
#[ignore]
fn adhoc_speed() {
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let text = include_str!("../../../config/demo/artigo.md").repeat(20);
    let mut end = 4096;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].to_owned();
    let ward = rt.block_on(async {
        let mut ward = Ward::new();
        ward.write("a", &real("lgpd-analyzer.wasm"));
        let one = PluginSpec {
            limits: Limits {
                timeout: secs(5),
                ..Limits::default()
            },
            ..plugin("a")
        };
        ward.start([one.grant(Grant::PhiRaw)]).await;
        ward
    });
    let native: Vec<_> = (0..2000)
        .map(|_| {
            let at = Instant::now();
            std::hint::black_box(
                serde_json::to_string(&plantao_schema::phi::analyze(&text)).unwrap(),
            );
            at.elapsed()
        })
        .collect();
    println!("native {}", p(native));
    for _ in 0..3 {
        rt.block_on(measure(&ward, &text, "block_on "));
    }
    let ward = std::sync::Arc::new(ward);
    for _ in 0..3 {
        let (ward, text) = (ward.clone(), text.clone());
        rt.block_on(async move {
            tokio::spawn(async move { measure(&ward, &text, "in a task").await })
                .await
                .unwrap()
        });
    }
    println!(
        "pagemap {}",
        wasmtime::PoolingAllocationConfig::is_pagemap_scan_available()
    );
}

#[test]
#[ignore]
fn adhoc_compile() {
    let _ = secs(1);
    let bench = Bench::new();
    let add = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(240_000);
    let mem = "(i32.store (i32.const 8) (i32.mul (i32.load (i32.const 4)) (local.get 0)))"
        .repeat(140_000);
    let blocks = "(if (local.get 0) (then (local.set 0 (i32.add (local.get 0) (local.get 1))) (local.set 1 (i32.const 3))))".repeat(95_000);
    let calls = "(local.set 0 (call $f (local.get 0)))".repeat(300_000);
    let many =
        "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))".repeat(190_000);
    for (name, body) in [
        ("adds", add),
        ("memory", mem),
        ("ifs", blocks),
        ("calls", calls),
        ("many", many),
    ] {
        let fields = if name == "many" {
            body
        } else {
            format!(
                "(memory 1) (func $f (export \"run\") (param i32) (result i32) (local i32) {body} (local.get 0))"
            )
        };
        let bytes = wasm(&fields);
        let at = Instant::now();
        let ok = bench.load(&bytes).map(|_| ()).map_err(|e| e.to_string());
        println!(
            "{name}: {} bytes in {:?}: {ok:?}",
            bytes.len(),
            at.elapsed()
        );
    }
    let _ = spec;
}
