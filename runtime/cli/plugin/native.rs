//! The native build of a plugin, as the measure of what the sandbox costs.
//!
//! Makes a program around the crate's library that calls the same functions on the same inputs, in
//! the crate's own target folder. Where the crate has no library it says so and measures nothing.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::error::CliError;
use super::build::Crate;
use super::case::Case;
use super::subject::Plugin;
use super::{read, refused, write};

const RUNNER: &str = "\
//! Calls a plugin natively and prints how long each call took, in nanoseconds.
fn main() {
    let mut given = std::env::args().skip(1);
    let calls = given.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let given: Vec<String> = given.collect();
    let cases: Vec<(&str, Vec<u8>)> = given
        .chunks_exact(2)
        .map(|pair| (pair[0].as_str(), std::fs::read(&pair[1]).unwrap_or_default()))
        .collect();
    for (function, input) in cases.iter().cycle().take(calls) {
        println!(\"{}\", subject::PLUGIN.timed_ns(function, input));
    }
}
";

/// How long each native call took, sorted; or why there is none.
pub(super) fn measured(
    plugin: &Plugin,
    cases: &[Case],
    calls: u32,
) -> Result<Result<Vec<Duration>, &'static str>, CliError> {
    let (Some(dir), Some(made)) = (&plugin.dir, &plugin.made_from) else {
        return Ok(Err("a module alone has no native build"));
    };
    if !made.has_native {
        return Ok(Err("[lib] has no crate-type \"rlib\""));
    }
    if plugin.declared.is_none() {
        return Ok(Err(
            "without the kit's `plugin!` there is nothing to call natively",
        ));
    }
    let folder = made.target.join("plantao-native").join(&made.name);
    prepare(&folder, dir, made)?;
    let mut run = Command::new("cargo");
    run.args(["run", "--release", "--quiet", "--offline", "--target-dir"])
        .arg(made.target.join("plantao-native/target"))
        .arg("--")
        .arg(calls.to_string())
        .current_dir(&folder)
        .stderr(Stdio::inherit());
    for (number, case) in cases.iter().enumerate() {
        let file = format!("input-{number}");
        write(&folder.join(&file), case.input.as_bytes())?;
        run.arg(&case.function).arg(file);
    }
    let output = run
        .output()
        .map_err(|error| refused(format!("cargo cannot be run ({error})")))?;
    if !output.status.success() {
        return Ok(Err("the native build failed; what is above says why"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut taken: Vec<Duration> = text
        .lines()
        .filter_map(|line| line.parse().ok().map(Duration::from_nanos))
        .collect();
    taken.sort_unstable();
    Ok(if taken.is_empty() {
        Err("the native build answered nothing")
    } else {
        Ok(taken)
    })
}

fn prepare(folder: &Path, dir: &Path, made: &Crate) -> Result<(), CliError> {
    std::fs::create_dir_all(folder.join("src"))
        .map_err(|error| refused(format!("cannot make `{}`: {error}", folder.display())))?;
    let whole = dir.canonicalize().map_err(|error| CliError::Input {
        path: dir.into(),
        reason: error.to_string(),
    })?;
    let mut manifest = String::from(
        "[package]\nname = \"plantao-native\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [workspace]\n[dependencies]\n",
    );
    // Writing to a string does not fail.
    let _ = writeln!(
        manifest,
        "subject = {{ package = \"{}\", path = \"{}\" }}\n\
         [profile.release]\nopt-level = 3\nlto = true\ncodegen-units = 1",
        made.name,
        whole.display()
    );
    write(&folder.join("Cargo.toml"), manifest.as_bytes())?;
    write(&folder.join("src/main.rs"), RUNNER.as_bytes())?;
    let locked = read(&made.root.join("Cargo.lock"))?;
    let entry = format!(
        "\n[[package]]\nname = \"plantao-native\"\nversion = \"0.0.0\"\ndependencies = [\n \
         \"{}\",\n]\n",
        made.name
    );
    write(
        &folder.join("Cargo.lock"),
        format!("{locked}{entry}").as_bytes(),
    )
}
