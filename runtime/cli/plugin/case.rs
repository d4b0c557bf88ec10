//! Cases: what goes into a plugin and what has to come out, from files beside its crate.
//!
//! Refuses a file that it cannot read whole, a field it does not know and an expectation that
//! expects nothing, by the case's name: a case that is skipped is one that never fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plantao_schema::plugin::Capability;
use serde::Deserialize;
use serde_json::Value;

use super::super::error::CliError;
use super::{read, refused};

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) function: String,
    #[serde(default)]
    pub(super) input: String,
    /// A file beside this one, in place of `input`.
    input_file: Option<PathBuf>,
    /// What the operator grants of what is asked for; all of it unless said. With less the plugin
    /// is refused, which is an `error` that a case may expect.
    pub(super) grants: Option<BTreeSet<String>>,
    #[serde(default)]
    pub(super) config: BTreeMap<String, String>,
    pub(super) expect: Expected,
}

/// What has to come out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    pub(super) json: Option<Value>,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    pub(super) log: Option<Vec<String>>,
    /// How many instructions the call may take, the same on every machine.
    pub(super) instructions_max: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// Whether a crate has a folder for cases.
pub(super) fn are_in(dir: &Path) -> bool {
    std::fs::symlink_metadata(dir.join("cases")).is_ok()
}

/// Every case of a crate, by file and in order.
pub(super) fn of(dir: &Path) -> Result<Vec<Case>, CliError> {
    let folder = dir.join("cases");
    let unread = |error: std::io::Error| CliError::Input {
        path: folder.clone(),
        reason: error.to_string(),
    };
    let entries = std::fs::read_dir(&folder).map_err(unread)?;
    let is_cases = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    let entries = entries.map(|entry| entry.map(|entry| entry.path()));
    let files: Result<Vec<PathBuf>, _> = entries.collect();
    let mut files = files.map_err(unread)?;
    files.retain(is_cases);
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        cases.extend(in_file(&file)?);
    }
    if cases.is_empty() {
        let folder = folder.display();
        return Err(refused(format!(
            "no case in `{folder}`: expected [[case]] in a *.toml"
        )));
    }
    Ok(cases)
}

fn in_file(file: &Path) -> Result<Vec<Case>, CliError> {
    let text = read(file)?;
    let cases: Cases = toml::from_str(&text).map_err(|error| {
        refused(format!(
            "`{}`: {}",
            file.display(),
            error.to_string().trim()
        ))
    })?;
    let mut cases = cases.case;
    for case in &mut cases {
        let wrong = |what: &str| {
            refused(format!(
                "`{}`: case `{}`: {what}",
                file.display(),
                case.name
            ))
        };
        let expect = &case.expect;
        let outcomes = [
            expect.json.is_some(),
            expect.output.is_some(),
            expect.error.is_some(),
        ];
        if outcomes.iter().filter(|is_there| **is_there).count() != 1 {
            return Err(wrong("`expect` takes one of `json`, `output` and `error`"));
        }
        if expect.instructions_max.is_some() && expect.error.is_some() {
            return Err(wrong(
                "`instructions_max` is of an answer: not beside `error`",
            ));
        }
        let mut grants = case.grants.iter().flatten();
        if let Some(grant) = grants.find(|grant| grant.parse::<Capability>().is_err()) {
            return Err(wrong(&format!(
                "`grants` has `{grant}`, which is no capability: expected phi:raw, log, clock, \
                 valueset:lookup or config:KEY"
            )));
        }
        if let Some(beside) = &case.input_file {
            if !case.input.is_empty() {
                return Err(wrong("`input` and `input_file` are not given together"));
            }
            let folder = file.parent().unwrap_or(Path::new("."));
            case.input = read(&folder.join(beside))?;
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, text).unwrap();
        in_file(&file).unwrap_err().to_string()
    }

    #[test]
    fn a_case_that_expects_nothing_or_two_things_is_refused_by_its_name() {
        let case = "[[case]]\nname = \"n\"\nfunction = \"f\"\n";
        for expect in ["{}", "{ output = \"a\", error = \"b\" }"] {
            let said = said(&format!("{case}expect = {expect}\n"));
            assert!(said.contains("case `n`: `expect` takes one of"), "{said}");
        }
    }

    #[test]
    fn a_field_that_is_unknown_is_named() {
        let said = said("[[case]]\nname = \"n\"\nfunktion = \"f\"\n");
        assert!(said.contains("funktion"), "{said}");
    }

    #[test]
    fn a_grant_that_is_no_capability_is_named() {
        let case = "[[case]]\nname = \"n\"\nfunction = \"f\"\nexpect = { output = \"a\" }\n";
        for wrong in ["phi:row", "network", "config:"] {
            let said = said(&format!("{case}grants = [\"phi:raw\", \"{wrong}\"]\n"));
            assert!(
                said.contains(&format!("case `n`: `grants` has `{wrong}`")),
                "{said}"
            );
        }
    }
}
