//! What a plugin declares: the manifest that its module carries, as the host takes it.
//!
//! Refuses fields it does not know, by name. The kit's `plugin!` writes it, so that a crate holds
//! it once; a module without one is looked at under the host's defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use plantao_actors::plugin::{Grant, Limits, PluginSpec};
use serde::Deserialize;

/// A manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) functions: BTreeSet<String>,
    #[serde(default)]
    pub(super) capabilities: BTreeSet<String>,
    #[serde(default)]
    limits: Asked,
}

/// Limits that a plugin asks for; the host's defaults for the rest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    memory_bytes: Option<usize>,
    timeout_ms: Option<u64>,
    input_bytes: Option<usize>,
    output_bytes: Option<usize>,
    table_elements: Option<usize>,
    variable_bytes: Option<usize>,
}

impl Declared {
    /// Reads one; the reason is for the author.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    /// What there is to say of a module that says nothing.
    pub(super) fn nothing(name: &str, functions: &BTreeSet<String>) -> Self {
        Self {
            name: name.to_owned(),
            version: "unknown".to_owned(),
            functions: functions.clone(),
            capabilities: BTreeSet::new(),
            limits: Asked::default(),
        }
    }

    /// The limits it runs under.
    pub(super) fn limits(&self) -> Limits {
        let (asked, usual) = (&self.limits, Limits::default());
        Limits {
            memory_bytes: asked.memory_bytes.unwrap_or(usual.memory_bytes),
            timeout: asked
                .timeout_ms
                .map_or(usual.timeout, Duration::from_millis),
            input_bytes: asked.input_bytes.unwrap_or(usual.input_bytes),
            output_bytes: asked.output_bytes.unwrap_or(usual.output_bytes),
            table_elements: asked.table_elements.unwrap_or(usual.table_elements),
            variable_bytes: asked.variable_bytes.unwrap_or(usual.variable_bytes),
            fuel: None,
        }
    }

    /// What the host is told by an operator who grants all that is asked for.
    pub(super) fn spec(&self, config: &BTreeMap<String, String>) -> PluginSpec {
        let mut spec = PluginSpec::new(&self.name, format!("{}.wasm", self.name));
        spec.limits = self.limits();
        spec.config.clone_from(config);
        if self.is_raw() {
            spec.grants.insert(Grant::PhiRaw);
        }
        spec
    }

    /// Whether it asks to be shown text as it came.
    pub(super) fn is_raw(&self) -> bool {
        self.capabilities.contains("phi:raw")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_s_limits_and_rights_reach_the_host_s_description() {
        let text = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = [\"f\", ]\n\
                    capabilities = [\"phi:raw\", ]\n[limits]\ntimeout_ms = 1_500\n";
        let declared = Declared::read(text).unwrap();
        let spec = declared.spec(&BTreeMap::new());
        assert_eq!(spec.limits.timeout, Duration::from_millis(1_500));
        assert_eq!(spec.limits.memory_bytes, Limits::default().memory_bytes);
        assert!(spec.grants.contains(&Grant::PhiRaw));
    }

    #[test]
    fn a_field_that_is_unknown_is_named() {
        let said = Declared::read("name = \"a\"\nnetwork = true\n").unwrap_err();
        assert!(said.contains("`network`"), "{said}");
    }
}
