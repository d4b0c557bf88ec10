//! `plantao plugin build`: a crate becomes `dist/NAME.wasm`, with its manifest beside it.
//!
//! The way to a compiler is `scripts/wasm-build`, which this binary carries, so that a plugin
//! outside the repository is built as those inside are. The compiler's words go through untouched.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::super::error::CliError;
use super::subject::Plugin;
use super::{read_bytes, refused, write};

const SCRIPT: &str = include_str!("../../../scripts/wasm-build");
const TARGET: &str = "wasm32-unknown-unknown";

pub(super) async fn build(dir: &Path, out: &mut impl Write) -> Result<(), CliError> {
    if !dir.join("Cargo.toml").is_file() {
        return Err(CliError::Usage {
            text: format!("`{}` is no crate: no Cargo.toml there", dir.display()),
        });
    }
    let plugin = Plugin::open(dir).await?;
    let place = plugin.path.display();
    writeln!(out, "built {place}  {}", kilobytes(plugin.bytes))?;
    match &plugin.declared {
        None => writeln!(
            out,
            "  it carries no manifest: `plugin!` of the kit makes one"
        )?,
        Some(declared) => {
            let list = |items: &mut dyn Iterator<Item = String>| {
                let items: Vec<String> = items.collect();
                if items.is_empty() {
                    "none".to_owned()
                } else {
                    items.join(", ")
                }
            };
            writeln!(out, "  version       {}", declared.version)?;
            writeln!(
                out,
                "  functions     {}",
                list(&mut declared.functions.iter().cloned())
            )?;
            writeln!(
                out,
                "  capabilities  {}",
                list(&mut declared.capabilities.iter().map(ToString::to_string))
            )?;
        }
    }
    writeln!(out, "next: plantao plugin check {}", dir.display())?;
    Ok(())
}

/// Kilobytes of 1,024 bytes, to one place.
pub(super) fn kilobytes(bytes: usize) -> String {
    format!("{}.{} KiB", bytes / 1024, bytes % 1024 * 10 / 1024)
}

/// What cargo knows of a crate.
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) library: String,
    pub(super) root: PathBuf,
    pub(super) target: PathBuf,
    pub(super) has_native: bool,
    /// Budgets by name, from `[package.metadata.plantao.budget]`.
    pub(super) budget: Value,
}

/// Asks cargo about the crate in a folder.
pub(super) fn described(dir: &Path) -> Result<Crate, CliError> {
    let manifest = dir.join("Cargo.toml");
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(dir)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            refused(format!(
                "cargo cannot be run ({error}): see https://rustup.rs"
            ))
        })?;
    let unread = || refused(format!("cargo does not read `{}`", manifest.display()));
    if !output.status.success() {
        return Err(unread());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|_| unread())?;
    let whole = manifest.canonicalize().map_err(|_| unread())?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let is_it = |package: &&Value| {
        let path = package.get("manifest_path").and_then(Value::as_str);
        path.is_some_and(|path| Path::new(path) == whole)
    };
    let package = packages
        .and_then(|all| all.iter().find(is_it))
        .ok_or_else(unread)?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kinds = |target: &Value| target.get("crate_types").cloned().unwrap_or_default();
    let has = |kinds: &Value, kind: &str| {
        kinds
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|one| one == kind))
    };
    let targets = package.get("targets").and_then(Value::as_array);
    let library = targets.and_then(|all| all.iter().find(|target| has(&kinds(target), "cdylib")));
    let library = library.ok_or_else(|| {
        refused(format!(
            "`{}` makes no module: [lib] needs crate-type = [\"cdylib\", \"rlib\"]",
            manifest.display()
        ))
    })?;
    let budget = package.pointer("/metadata/plantao/budget").cloned();
    Ok(Crate {
        name: text(package, "name").ok_or_else(unread)?,
        library: text(library, "name").ok_or_else(unread)?.replace('-', "_"),
        root: text(&metadata, "workspace_root").ok_or_else(unread)?.into(),
        target: text(&metadata, "target_directory")
            .ok_or_else(unread)?
            .into(),
        has_native: has(&kinds(library), "rlib"),
        budget: budget.unwrap_or_default(),
    })
}

/// Builds the crate and answers where its module was put.
pub(super) fn compiled(dir: &Path, described: &Crate) -> Result<PathBuf, CliError> {
    let status = Command::new("bash")
        .args(["-c", SCRIPT, "wasm-build", "--crate"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| refused(format!("bash cannot be run ({error})")))?;
    if !status.success() {
        return Err(refused(format!(
            "`{}` does not build; what is above says why",
            dir.display()
        )));
    }
    let made = described.target.join(TARGET).join("release");
    let bytes = read_bytes(&made.join(format!("{}.wasm", described.library)))?;
    let dist = dir.join("dist");
    std::fs::create_dir_all(&dist)
        .map_err(|error| refused(format!("cannot make `{}`: {error}", dist.display())))?;
    let path = dist.join(format!("{}.wasm", described.name));
    // What is current stays as it is, for whoever looks at its time.
    if std::fs::read(&path).ok().as_deref() != Some(&*bytes) {
        write(&path, &bytes)?;
    }
    Ok(path)
}
