//! Machine code that outlives its host, and what becomes of it when somebody was at it.

use std::fs;
use std::path::{Path, PathBuf};

use super::guests::{COUNTER, LOOP, wasm};
use super::ward::{Ward, plugin};
use crate::entropy::Entropy;
use crate::plugin::{AotCache, LimitKind, Limits, PluginError, PluginSpec};

const ROOM: u64 = 64 * 1024 * 1024;

/// A ward with one plugin, whose machine code is kept here.
async fn ward(kept: &Path, fields: &str, limits: Limits) -> Ward {
    let mut ward = Ward::with(|host, _| {
        let (folder, key) = (kept.join("aot"), kept.join("key"));
        let cache = AotCache::open(&folder, &key, ROOM, &Entropy::system());
        host.cache = Some(cache.unwrap());
    });
    ward.write("guest", &wasm(fields));
    let spec = PluginSpec {
        limits,
        ..plugin("guest")
    };
    ward.start([spec]).await;
    ward
}

/// Compiled, loaded from the cache, refused there.
fn counts(ward: &Ward) -> (u64, u64, u64) {
    let counts = ward.plugins.counts();
    (
        counts.compiled,
        counts.artefacts_loaded,
        counts.artefacts_refused,
    )
}

fn files(kept: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(kept.join("aot")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn answers(ward: &Ward) {
    assert_eq!(ward.call("guest", "").await.unwrap().text, "1");
}

#[tokio::test]
async fn a_restart_loads_machine_code_without_compiling() {
    let kept = tempfile::tempdir().unwrap();
    let first = ward(kept.path(), COUNTER, Limits::default()).await;
    answers(&first).await;
    assert_eq!(counts(&first), (1, 0, 0));
    first.plugins.reload("guest").await.unwrap();
    assert_eq!(counts(&first), (1, 1, 0));
    drop(first);
    let second = ward(kept.path(), COUNTER, Limits::default()).await;
    answers(&second).await;
    assert_eq!(counts(&second), (0, 1, 0));
}

#[tokio::test]
async fn machine_code_somebody_was_at_is_an_incident_and_is_compiled_anew() {
    let kept = tempfile::tempdir().unwrap();
    drop(ward(kept.path(), COUNTER, Limits::default()).await);
    let path = files(kept.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let mut edited = whole.clone();
    let last = edited.len() - 1;
    edited[last] ^= 1;
    for bytes in [edited.as_slice(), &whole[..last], b""] {
        fs::write(&path, bytes).unwrap();
        let ward = ward(kept.path(), COUNTER, Limits::default()).await;
        answers(&ward).await;
        assert_eq!(counts(&ward), (1, 0, 1));
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    fs::write(kept.path().join("key"), [7; 32]).unwrap();
    let ward = ward(kept.path(), COUNTER, Limits::default()).await;
    answers(&ward).await;
    assert_eq!(counts(&ward), (1, 0, 1));
}

#[tokio::test]
async fn machine_code_of_another_module_in_its_place_is_never_run() {
    let kept = tempfile::tempdir().unwrap();
    drop(ward(kept.path(), COUNTER, Limits::default()).await);
    let path = files(kept.path()).remove(0);
    let evil = COUNTER.replace("i32.const 48", "i32.const 64");
    drop(ward(kept.path(), &evil, Limits::default()).await);
    let other = files(kept.path()).into_iter().find(|file| *file != path);
    fs::copy(other.unwrap(), &path).unwrap();
    let ward = ward(kept.path(), COUNTER, Limits::default()).await;
    answers(&ward).await;
    assert_eq!(counts(&ward), (1, 0, 1));
}

#[tokio::test]
async fn machine_code_for_one_engine_is_not_taken_for_the_other() {
    let kept = tempfile::tempdir().unwrap();
    drop(ward(kept.path(), COUNTER, Limits::default()).await);
    let limits = Limits {
        fuel: Some(10_000),
        ..Limits::default()
    };
    let metered = ward(kept.path(), COUNTER, limits).await;
    answers(&metered).await;
    assert_eq!(counts(&metered), (1, 0, 0));
    let files = files(kept.path());
    assert_eq!(files.len(), 2);
    // Each in the place of the other.
    let contents: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    fs::write(&files[0], &contents[1]).unwrap();
    fs::write(&files[1], &contents[0]).unwrap();
    let ward = ward(kept.path(), COUNTER, limits).await;
    answers(&ward).await;
    assert_eq!(counts(&ward), (1, 0, 1));
}

#[tokio::test]
async fn a_budget_of_fuel_ends_a_guest_and_every_breach_is_counted() {
    let kept = tempfile::tempdir().unwrap();
    let limits = Limits {
        fuel: Some(10),
        ..Limits::default()
    };
    let ward = ward(kept.path(), LOOP, limits).await;
    let expected = PluginError::Limit {
        plugin: "guest".to_owned(),
        limit: LimitKind::Fuel,
        value: 10,
    };
    assert_eq!(ward.call("guest", "").await, Err(expected));
    let breaches = ward.plugins.counts().breaches;
    let passed: Vec<_> = breaches.into_iter().filter(|(_, n)| *n > 0).collect();
    assert_eq!(passed, [(LimitKind::Fuel, 1)]);
}
