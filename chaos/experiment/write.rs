//! Writes experiments: as the file that reads as the same one, and as a test that plays it.

use super::{Experiment, VERSION};
use crate::fault::Fault;
use crate::invariant::Invariant;
use std::fmt::{self, Write};

impl Experiment {
    /// The file that reads as this experiment. What is as by default is left out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Nothing can go wrong when writing to a text.
        let _ = self.write_toml(&mut text);
        text
    }

    /// The text of a test that plays this experiment, for a crate that depends on this one. What
    /// cannot stand in a function's name becomes `_`.
    #[must_use]
    pub fn to_rust_test(&self, name: &str) -> String {
        let toml = self.to_toml();
        let name = function_name(name);
        let fence = fence(&toml);
        format!(
            "#[test]\n\
             fn {name}() {{\n    \
                 const EXPERIMENT: &str = r{fence}\"\n{toml}\"{fence};\n    \
                 let outcome = plantao_chaos::sim::play_text(EXPERIMENT).unwrap();\n    \
                 assert!(outcome.held(), \"{{outcome}}\");\n\
             }}\n"
        )
    }

    fn write_toml(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "version = {VERSION}")?;
        writeln!(to, "title = {}", quoted(&self.title))?;
        if let Some(title) = &self.title_pt {
            writeln!(to, "title_pt = {}", quoted(title))?;
        }
        let seed = self.schedule.seed;
        match i64::try_from(seed) {
            Ok(seed) => writeln!(to, "seed = {seed}")?,
            Err(_) => writeln!(to, "seed = \"{seed:#x}\"")?,
        }
        writeln!(to, "requests = {}", self.schedule.requests)?;
        writeln!(to, "viewers = {}", self.schedule.viewers)?;
        if self.invariants.len() < Invariant::ALL.len() {
            writeln!(to, "invariants = [")?;
            for invariant in &self.invariants {
                writeln!(to, "    \"{invariant}\",")?;
            }
            writeln!(to, "]")?;
        }
        for fault in &self.schedule.faults {
            write_fault(fault, to)?;
        }
        Ok(())
    }
}

fn write_fault(fault: &Fault, to: &mut String) -> fmt::Result {
    writeln!(to, "\n[[fault]]")?;
    writeln!(to, "at_ms = {}", fault.at.as_millis())?;
    writeln!(to, "kind = \"{}\"", fault.kind)?;
    if let Some(target) = &fault.target {
        writeln!(to, "target = {}", quoted(&target.to_string()))?;
    }
    if !fault.span.is_zero() {
        writeln!(to, "span_ms = {}", fault.span.as_millis())?;
    }
    if fault.count != 1 {
        writeln!(to, "count = {}", fault.count)?;
    }
    if let Some(state) = fault.state {
        writeln!(to, "state = \"{state}\"")?;
    }
    if let Some(failpoint) = &fault.failpoint {
        writeln!(to, "failpoint = {}", quoted(failpoint))?;
    }
    Ok(())
}

/// A TOML basic string: on one line, whatever is in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => quoted.extend(['\\', one]),
            one if one.is_control() || turns_text(one) => {
                // Nothing can go wrong when writing to a text.
                let _ = write!(quoted, "\\u{:04x}", u32::from(one));
            }
            one => quoted.push(one),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether it changes the direction of what follows: compilers refuse that within a text.
fn turns_text(one: char) -> bool {
    matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// As many `#` as a raw string needs so that nothing in `text` ends it.
fn fence(text: &str) -> String {
    let mut fence = String::from("#");
    while text.contains(&format!("\"{fence}")) {
        fence.push('#');
    }
    fence
}

/// A name that is no keyword either: those have no `_` between letters.
fn function_name(name: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric();
    let plain = |one: char| {
        let one = one.to_ascii_lowercase();
        if is_plain(one) { one } else { '_' }
    };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches('_');
    if name.contains('_') && name.starts_with(|one: char| one.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("experiment_{name}")
    }
}
