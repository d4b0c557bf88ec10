//! The ladder: every folder at the top is a rung, and dependencies only point down.
//!
//! Asked of cargo itself, so that a dependency added in any Cargo.toml is seen here first.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot read its subject fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the pure rung must not reach, directly or through others: runtimes, sockets, databases,
/// guests, and entropy (a rule gives the same answer wherever it runs).
const IMPURE: [&str; 12] = [
    "async-std",
    "deadpool-postgres",
    "getrandom",
    "hyper",
    "mio",
    "ractor",
    "reqwest",
    "rustls",
    "socket2",
    "tokio",
    "tokio-postgres",
    "wasmtime",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn metadata(manifest: &Path, more: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--manifest-path",
        ])
        .arg(manifest)
        .args(more)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Our own crates that each member of a workspace depends on, development aside.
fn own_dependencies(manifest: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata(manifest, &["--no-deps"]);
    let own = |package: &Value| {
        package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|name| *name == "plantao" || name.starts_with("plantao-"))
            .map(str::to_owned)
            .collect()
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["name"].as_str().unwrap().to_owned(), own(package)))
        .collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn dependencies_point_down_the_ladder() {
    let found = own_dependencies(&root().join("Cargo.toml"));
    let below = [
        ("plantao-supervisors", names([])),
        ("plantao-schema", names([])),
        (
            "plantao-actors",
            names(["plantao-schema", "plantao-supervisors"]),
        ),
        (
            "plantao",
            names(["plantao-actors", "plantao-schema", "plantao-supervisors"]),
        ),
        (
            "plantao-chaos",
            names([
                "plantao",
                "plantao-actors",
                "plantao-schema",
                "plantao-supervisors",
            ]),
        ),
    ];
    let known: BTreeSet<&str> = below.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        members, known,
        "a rung was added or taken away: say here what is below it"
    );
    for (name, allowed) in below {
        let climbs: Vec<_> = found[name].difference(&allowed).collect();
        assert!(climbs.is_empty(), "`{name}` depends upward on {climbs:?}");
    }
}

#[test]
fn plugins_reach_the_schema_through_their_kit_and_the_host_not_at_all() {
    let found = own_dependencies(&root().join("plugins/Cargo.toml"));
    for (name, dependencies) in &found {
        let allowed = match name.as_str() {
            "plantao-plugin-sdk" => names(["plantao-schema"]),
            _ => names(["plantao-plugin-sdk", "plantao-schema"]),
        };
        let climbs: Vec<_> = dependencies.difference(&allowed).collect();
        assert!(climbs.is_empty(), "plugin `{name}` depends on {climbs:?}");
    }
    assert!(
        found.contains_key("plantao-plugin-sdk"),
        "the plugins' kit is gone: {found:?}"
    );
}

#[test]
fn supervisors_know_no_hospital_and_the_schema_no_machine() {
    let metadata = metadata(&root().join("Cargo.toml"), &[]);
    let reached = reach(&metadata, "plantao-supervisors");
    let ours: Vec<_> = reached
        .iter()
        .filter(|name| name.starts_with("plantao"))
        .collect();
    assert_eq!(ours, ["plantao-supervisors"]);
    let reached = reach(&metadata, "plantao-schema");
    let impure: Vec<_> = IMPURE
        .iter()
        .filter(|name| reached.contains(**name))
        .collect();
    assert!(impure.is_empty(), "the schema reaches {impure:?}");
}

/// Every crate that a member is built with, itself included.
fn reach(metadata: &Value, member: &str) -> BTreeSet<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let name_of: BTreeMap<&str, &str> = packages
        .iter()
        .map(|package| {
            (
                package["id"].as_str().unwrap(),
                package["name"].as_str().unwrap(),
            )
        })
        .collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let start = name_of.iter().find(|(_, name)| **name == member).unwrap().0;
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![*start]);
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let here = |kind: &Value| kind["kind"].is_null() && !elsewhere(&kind["target"]);
            if kinds.iter().any(here) {
                waiting.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    seen.into_iter().map(|id| name_of[id].to_owned()).collect()
}

/// A dependency for other systems only, such as Windows or a browser.
fn elsewhere(target: &Value) -> bool {
    target.as_str().is_some_and(|target| {
        target.contains("windows") || target.contains("wasm") || target.contains("wasi")
    })
}

/// The plugins are built on the schema for wasm32: when their build is current, the schema builds
/// there as it stands now.
#[test]
fn the_schema_builds_for_wasm32() {
    let output = Command::new(root().join("scripts/wasm-build"))
        .arg("--check")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n`make plugins` builds it");
    for plugin in ["lgpd-analyzer", "claims-extractor", "echo"] {
        let module = std::fs::read(root().join(format!("plugins/dist/{plugin}.wasm"))).unwrap();
        assert!(
            module.starts_with(b"\0asm"),
            "`{plugin}` is not a WebAssembly module"
        );
    }
}
