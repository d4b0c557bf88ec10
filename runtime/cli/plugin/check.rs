//! `plantao plugin check`: what a module is, what it asks for, and what the host says to it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use plantao_actors::plugin::Limits;

use super::super::error::CliError;
use super::build::kilobytes;
use super::declared::Declared;
use super::refused;
use super::subject::Plugin;

/// What each capability lets a plugin call.
const IMPORTS: [(&str, &[&str]); 4] = [
    (
        "log",
        &[
            "log_debug",
            "log_info",
            "log_warn",
            "log_error",
            "log_trace",
        ],
    ),
    ("config:", &["config_get"]),
    ("clock", &["plantao_clock_now_ms"]),
    ("valueset:lookup", &["plantao_valueset_display"]),
];

pub(super) fn check(path: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let plugin = Plugin::open(path)?;
    let told = plugin.told();
    writeln!(
        out,
        "{} {}  {}",
        told.name,
        told.version,
        plugin.path.display()
    )?;
    writeln!(out, "  module        {}", kilobytes(plugin.bytes.len()))?;
    let memory = usize::try_from(plugin.inspection.memory_bytes).unwrap_or(usize::MAX);
    writeln!(out, "  first memory  {}", kilobytes(memory))?;
    limits(&told.limits(), out)?;
    functions(&plugin, &told, out)?;
    writeln!(out, "imports")?;
    for (name, refusal) in &plugin.inspection.imports {
        match refusal {
            None => writeln!(out, "  ok       {name}")?,
            Some(reason) => writeln!(out, "  REFUSED  {name}: {reason}")?,
        }
    }
    capabilities(&plugin, &told, out)?;
    let mut problems = problems(&plugin, &told);
    if let Err(error) = plugin
        .workbench
        .load(&told.spec(&BTreeMap::new()), &plugin.bytes)
    {
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

fn functions(plugin: &Plugin, told: &Declared, out: &mut impl Write) -> Result<(), CliError> {
    writeln!(out, "functions")?;
    for name in &plugin.inspection.functions {
        let note = if told.functions.contains(name) {
            ""
        } else {
            "  exported, not declared"
        };
        writeln!(out, "  {name}{note}")?;
    }
    for name in &plugin.inspection.others {
        writeln!(
            out,
            "  {name}  cannot be called: it takes parameters or gives back more"
        )?;
    }
    Ok(())
}

fn capabilities(plugin: &Plugin, told: &Declared, out: &mut impl Write) -> Result<(), CliError> {
    writeln!(out, "capabilities")?;
    if told.capabilities.is_empty() {
        writeln!(out, "  none asked for")?;
    }
    let imports = |names: &[&str]| {
        let mut imported = plugin.inspection.imports.iter();
        imported.any(|(import, _)| {
            names
                .iter()
                .any(|name| import.ends_with(&format!("::{name}")))
        })
    };
    for asked in &told.capabilities {
        let of = IMPORTS
            .iter()
            .find(|(capability, _)| asked.starts_with(capability));
        let note = match of {
            Some((_, names)) if !imports(names) => "  unused: ask for no more than is needed",
            _ if asked == "phi:raw" => "  is shown identifiers; its log lines are only counted",
            _ => "",
        };
        writeln!(out, "  {asked}{note}")?;
    }
    for (capability, names) in IMPORTS {
        let is_asked = told
            .capabilities
            .iter()
            .any(|asked| asked.starts_with(capability));
        if !is_asked && imports(names) && plugin.declared.is_some() {
            writeln!(out, "  {capability}  is imported and not asked for")?;
        }
    }
    Ok(())
}

/// What is wrong before the host looks at the code.
fn problems(plugin: &Plugin, told: &Declared) -> Vec<String> {
    let missing = told.functions.difference(&plugin.inspection.functions);
    let missing: Vec<String> = missing
        .map(|name| format!("the manifest declares `{name}`, which is no function of the module"))
        .collect();
    let mut problems = missing;
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
