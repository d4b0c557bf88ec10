//! What an operator says about a plugin: its file, its grants, its limits and its width.
//!
//! Owns [`PluginSpec`]: the most that a plugin may have. Refuses names that could not stand in a
//! path of the tree and widths that make no sense. Exists so that everything is checked before an
//! actor is started.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use plantao_schema::plugin::{Capability, Manifest};

use super::error::PluginError;
use super::limits::Limits;

/// The name is a path segment of the supervision tree and a label of metrics.
const NAME_MAX_BYTES: usize = 48;
/// More instances than this of one plugin never helped a machine: each is a running guest.
const INSTANCES_MAX: usize = 64;
/// A longer queue is waited in for longer than a caller waits.
const QUEUE_MAX: usize = 4_096;

/// One plugin, as configured.
#[derive(Clone, Debug)]
pub struct PluginSpec {
    /// How callers and the tree call it: `a-z`, `0-9` and `-`.
    pub name: String,
    /// The module, relative to the host's plugin directory.
    pub wasm: PathBuf,
    /// What it may do beyond computing on redacted text. A manifest that asks for more is refused;
    /// what is granted and not asked for does not hold.
    ///
    /// With `phi:raw` it is shown text as it came, identifiers included. Only what has to find
    /// identifiers needs it. Its log lines are then counted and not logged, and of its errors
    /// only the code is passed on: words of a guest that saw everything could say anything.
    pub grants: BTreeSet<Capability>,
    /// How much one call may use: caps of what a manifest may ask for, and what holds where it asks
    /// for nothing.
    pub limits: Limits,
    /// How many calls run at once; each has an actor of its own.
    pub instances: usize,
    /// How many more calls may wait for an instance.
    pub queue: usize,
    /// Whether a guest may take one call after the other, which saves making a fresh one. What it
    /// leaves in its memory is there in the next call: only for plugins whose texts are nobody's.
    pub reuse: bool,
    /// What the guest reads through `config_get`. Never PHI: it is the operator's text.
    pub config: BTreeMap<String, String>,
}

impl PluginSpec {
    /// A plugin with no grants, default limits, two instances and 64 places to wait.
    #[must_use]
    pub fn new(name: impl Into<String>, wasm: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            wasm: wasm.into(),
            grants: BTreeSet::new(),
            limits: Limits::default(),
            instances: 2,
            queue: 64,
            reuse: false,
            config: BTreeMap::new(),
        }
    }

    /// A plugin whose operator grants all that its manifest asks for.
    #[must_use]
    pub fn granting(manifest: &Manifest) -> Self {
        let mut spec = Self::new(&manifest.name, format!("{}.wasm", manifest.name));
        spec.grants.clone_from(&manifest.capabilities);
        spec.limits = spec.limits.or_asked(&manifest.limits);
        spec
    }

    /// The same plugin with one grant more.
    #[must_use]
    pub fn grant(mut self, grant: Capability) -> Self {
        self.grants.insert(grant);
        self
    }

    /// Checks the description without touching the file.
    ///
    /// # Errors
    /// [`PluginError::Spec`] naming the first field that is not acceptable.
    pub fn check(&self) -> Result<(), PluginError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let named = !self.name.is_empty()
            && self.name.len() <= NAME_MAX_BYTES
            && self.name.bytes().all(plain);
        if !named {
            return Err(self.refuse("name", "is not 1 to 48 characters of a-z, 0-9 and `-`"));
        }
        if self.wasm.as_os_str().is_empty() {
            return Err(self.refuse("wasm", "is empty: expected a file"));
        }
        if !(1..=INSTANCES_MAX).contains(&self.instances) {
            return Err(self.refuse("instances", "is out of range: expected 1 to 64"));
        }
        if self.queue > QUEUE_MAX {
            return Err(self.refuse("queue", "is out of range: expected 0 to 4096"));
        }
        if self.reuse && self.grants.contains(&Capability::PhiRaw) {
            let reason =
                "is not for a plugin with `phi:raw`: a text would be there in the next call";
            return Err(self.refuse("reuse", reason));
        }
        self.limits.check(&self.name)
    }

    pub(super) fn refuse(&self, field: &'static str, reason: &str) -> PluginError {
        PluginError::Spec {
            plugin: self.name.clone(),
            field,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_out_of_range_names_its_field() {
        let good = PluginSpec::new("lgpd-analyzer", "a.wasm");
        assert_eq!(good.check(), Ok(()));
        let cases = [
            ("name", PluginSpec::new("a/b", "a.wasm")),
            ("name", PluginSpec::new("", "a.wasm")),
            ("wasm", PluginSpec::new("a", "")),
            (
                "instances",
                PluginSpec {
                    instances: 0,
                    ..good.clone()
                },
            ),
            (
                "instances",
                PluginSpec {
                    instances: 65,
                    ..good.clone()
                },
            ),
            (
                "reuse",
                PluginSpec {
                    reuse: true,
                    ..good.clone().grant(Capability::PhiRaw)
                },
            ),
            (
                "queue",
                PluginSpec {
                    queue: 4_097,
                    ..good.clone()
                },
            ),
        ];
        for (expected, spec) in cases {
            assert!(
                matches!(spec.check(), Err(PluginError::Spec { field, .. }) if field == expected),
                "{expected}"
            );
        }
    }
}
