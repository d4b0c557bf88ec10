//! `plantao plugin check`: what a module is, what it asks for, and what the host says to it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use plantao_actors::plugin::Limits;
use plantao_schema::plugin::{CapabilityKind, Manifest};

use super::super::error::CliError;
use super::build::kilobytes;
use super::refused;
use super::subject::Plugin;

/// What each capability lets a plugin call, by its whole name.
const IMPORTS: [(CapabilityKind, &[&str]); 4] = [
    (
        CapabilityKind::Log,
        &[
            "extism:host/env::log_debug",
            "extism:host/env::log_info",
            "extism:host/env::log_warn",
            "extism:host/env::log_error",
            "extism:host/env::log_trace",
        ],
    ),
    (CapabilityKind::Config, &["extism:host/env::config_get"]),
    (
        CapabilityKind::Clock,
        &["extism:host/user::plantao_clock_now_ms"],
    ),
    (
        CapabilityKind::ValuesetLookup,
        &["extism:host/user::plantao_valueset_display"],
    ),
];

pub(super) async fn check(path: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let plugin = Plugin::open(path).await?;
    let told = plugin.told();
    writeln!(
        out,
        "{} {}  {}",
        told.name,
        told.version,
        plugin.path.display()
    )?;
    writeln!(out, "  module        {}", kilobytes(plugin.bytes))?;
    let memory = usize::try_from(plugin.compiled.inspection.memory_bytes).unwrap_or(usize::MAX);
    writeln!(out, "  first memory  {}", kilobytes(memory))?;
    let spec = plugin.spec(&BTreeMap::new());
    limits(&spec.limits, out)?;
    functions(&plugin, &told, out)?;
    writeln!(out, "imports")?;
    for (name, refusal) in &plugin.compiled.inspection.imports {
        match refusal {
            None => writeln!(out, "  ok       {name}")?,
            Some(reason) => writeln!(out, "  REFUSED  {name}: {reason}")?,
        }
    }
    capabilities(&plugin, &told, out)?;
    let mut problems = problems(&plugin, &told);
    if let Err(error) = plugin.workbench.load(&spec, &plugin.compiled) {
        problems.push(error.to_string());
    }
    if problems.is_empty() {
        writeln!(out, "the host takes it")?;
        return Ok(());
    }
    Err(refused(format!(
        "the host would refuse it: {}",
        problems.join("; ")
    )))
}

fn limits(limits: &Limits, out: &mut impl Write) -> Result<(), CliError> {
    let usual = Limits::default();
    let rows = [
        ("memory", limits.memory_bytes, usual.memory_bytes),
        ("input", limits.input_bytes, usual.input_bytes),
        ("output", limits.output_bytes, usual.output_bytes),
    ];
    writeln!(out, "limits")?;
    for (name, asked, usual) in rows {
        let note = if asked > usual {
            "  more than an operator gives unasked"
        } else {
            ""
        };
        writeln!(out, "  {name:<12}  {}{note}", kilobytes(asked))?;
    }
    writeln!(out, "  time          {} ms", limits.timeout.as_millis())?;
    Ok(())
}

fn functions(plugin: &Plugin, told: &Manifest, out: &mut impl Write) -> Result<(), CliError> {
    writeln!(out, "functions")?;
    for name in &plugin.compiled.inspection.functions {
        let note = if told.functions.contains(name) {
            ""
        } else {
            "  exported, not declared"
        };
        writeln!(out, "  {name}{note}")?;
    }
    for name in &plugin.compiled.inspection.others {
        writeln!(
            out,
            "  {name}  cannot be called: it takes parameters or gives back more"
        )?;
    }
    Ok(())
}

fn capabilities(plugin: &Plugin, told: &Manifest, out: &mut impl Write) -> Result<(), CliError> {
    writeln!(out, "capabilities")?;
    if told.capabilities.is_empty() {
        writeln!(out, "  none asked for")?;
    }
    for asked in &told.capabilities {
        let kind = asked.kind();
        let of = IMPORTS.iter().find(|(known, _)| *known == kind);
        let note = match of {
            Some((_, names)) if imported(plugin, names).is_none() => {
                "unused: ask for no more than is needed"
            }
            _ => kind.exposes(),
        };
        writeln!(out, "  {asked}  {note}")?;
    }
    for (known, import) in undeclared(plugin, told) {
        writeln!(out, "  {known}  NOT ASKED FOR, and `{import}` is imported")?;
    }
    if !told.capabilities.is_empty() {
        let asked = told.capabilities.iter().map(|asked| format!("\"{asked}\""));
        let asked: Vec<String> = asked.collect();
        let asked = asked.join(", ");
        writeln!(out, "an operator gives it these with grants = [{asked}]")?;
    }
    Ok(())
}

/// The first of these that the module imports.
fn imported<'a>(plugin: &'a Plugin, names: &[&str]) -> Option<&'a str> {
    let mut imports = plugin.compiled.inspection.imports.iter();
    let found = imports.find(|(import, _)| names.contains(&import.as_str()));
    found.map(|(import, _)| import.as_str())
}

/// Capabilities that a module uses and its manifest does not ask for, each with an import. Without
/// a manifest nothing is asked for and nothing was promised.
fn undeclared<'a>(plugin: &'a Plugin, told: &Manifest) -> Vec<(CapabilityKind, &'a str)> {
    if plugin.declared.is_none() {
        return Vec::new();
    }
    let used = IMPORTS.iter().filter_map(|(known, names)| {
        let is_asked = told.capabilities.iter().any(|asked| asked.kind() == *known);
        let import = imported(plugin, names).filter(|_| !is_asked)?;
        Some((*known, import))
    });
    used.collect()
}

/// What is wrong before the host looks at the code.
fn problems(plugin: &Plugin, told: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for (known, import) in undeclared(plugin, told) {
        problems.push(format!(
            "it imports `{import}` and its manifest does not ask for `{known}`"
        ));
    }
    if let Some(made) = plugin
        .made_from
        .as_ref()
        .filter(|made| made.name != told.name)
    {
        problems.push(format!(
            "the manifest calls it `{}` and Cargo.toml `{}`",
            told.name, made.name
        ));
    }
    problems
}
