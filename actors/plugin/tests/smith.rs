//! Modules nobody thought of: seeded ones of wasm-smith, loaded and run like any other.
//!
//! Whatever a module does, the host answers with an answer or a typed error. `make gallery` runs
//! 10,000, or `MODULES=…` from `SEED=…` on; `make test` runs 500. They come from a program in a
//! workspace of its own, `scripts/smith`, whose binary `PLANTAO_SMITH` names.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::gallery::ABI;
use super::guests::{Bench, COUNTER, spec, wasm};
use crate::plugin::module::GuestModule;
use crate::plugin::{Limits, PluginError};

fn setting(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}

/// The next module and its seed.
fn next(modules: &mut impl Read) -> Option<(u64, Vec<u8>)> {
    let (mut seed, mut length) = ([0; 8], [0; 4]);
    modules.read_exact(&mut seed).ok()?;
    modules.read_exact(&mut length).unwrap();
    let mut module = vec![0; u32::from_le_bytes(length) as usize];
    modules.read_exact(&mut module).unwrap();
    Some((u64::from_le_bytes(seed), module))
}

fn name(answer: &Result<(), PluginError>) -> String {
    match answer {
        Ok(()) => "answered".to_owned(),
        Err(PluginError::Limit { limit, .. }) => format!("passed {}", limit.name()),
        Err(PluginError::Trapped { .. }) => "trapped".to_owned(),
        Err(PluginError::OutOfRange { .. }) => "out of range".to_owned(),
        Err(PluginError::Failed { .. }) => "failed".to_owned(),
        Err(PluginError::NotText { .. }) => "not text".to_owned(),
        Err(PluginError::Module { .. }) => "refused".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "takes its modules from another program: `make gallery`"]
async fn no_module_of_any_shape_harms_the_host() {
    let smith = std::env::var("PLANTAO_SMITH").expect("`make gallery` names the program");
    let (first, count) = (
        setting("PLANTAO_SMITH_SEED", "0"),
        setting("PLANTAO_SMITH_MODULES", "500"),
    );
    let dir = tempfile::tempdir().unwrap();
    let abi = dir.path().join("abi.wat");
    std::fs::write(&abi, format!("(module {ABI})")).unwrap();
    let mut smith = Command::new(smith)
        .args([&first, &count])
        .arg(&abi)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut modules = smith.stdout.take().unwrap();
    let bench = Bench::new();
    let counter = bench.module(&spec(Limits::default()), &wasm(COUNTER));
    let spec = spec(Limits {
        timeout: Duration::from_millis(20),
        memory_bytes: 32 << 20,
        ..Limits::default()
    });
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    while let Some((seed, bytes)) = next(&mut modules) {
        // In a hospital a compiler's panic ends a child process and no more; it is one to know of.
        let compiling = AssertUnwindSafe(|| GuestModule::compile(&bench.engine, &spec, &bytes));
        let compiled = catch_unwind(compiling).unwrap_or_else(|_| panic!("seed {seed}: compiler"));
        let answer = match compiled {
            Ok(module) => {
                let called = bench.call(&module.into(), "run", "texto", &[]).await;
                called.map(drop)
            }
            Err(refused) => Err(refused),
        };
        *ends.entry(name(&answer)).or_default() += 1;
        let answer = bench.call(&counter, "run", "", &[]).await;
        assert_eq!(answer.unwrap().text, "1", "after seed {seed}");
    }
    assert!(smith.wait().unwrap().success());
    println!("{count} modules from seed {first}: {ends:?}");
    let all: u64 = ends.values().sum();
    assert!(all > count.parse::<u64>().unwrap() / 2, "{ends:?}");
    for end in ["answered", "trapped", "refused"] {
        assert!(ends.contains_key(end), "nothing {end}: {ends:?}");
    }
}
