//! What holds for a module: its manifest's asks, held against what the operator wrote.
//!
//! Owns [`Terms`], made once when a module is loaded. The operator's limits are caps and the
//! operator's grants are all there is to have: what a manifest asks for within them is what holds,
//! and nothing else of them does. Refuses the module when it asks for more, by name, rather than
//! run it on less: an author who asked for a second did not test what half of one does. A module
//! without a manifest asks for nothing and so has what the operator wrote, with the log and its
//! whole configuration.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plantao_schema::plugin::{Asked, Capability, CapabilityKind, Manifest};

use super::error::{CapabilityRefusal, ImportRefusal, PluginError};
use super::limit_kind::LimitKind;
use super::limits::Limits;
use super::offer::Offer;
use super::spec::PluginSpec;
use crate::clock::WallClock;

/// What this build cannot give to anybody.
const NOT_OFFERED: [CapabilityKind; 1] = [CapabilityKind::KbSearch];

/// The terms under which a module runs.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// What the module declares; nothing when it carries no manifest.
    pub(super) manifest: Option<Manifest>,
    /// Each within its cap.
    pub(super) limits: Limits,
    /// What its guests find when they ask.
    pub(super) offer: Arc<Offer>,
    /// What holds: asked for and granted, or granted where nothing is asked.
    pub(super) capabilities: BTreeSet<Capability>,
}

impl Terms {
    /// The terms of a module that declares this, or its first ask that is not met.
    pub(super) fn agree(
        spec: &PluginSpec,
        manifest: Option<Manifest>,
        clock: &WallClock,
    ) -> Result<Self, PluginError> {
        let offer = |config| {
            let clock = clock.clone();
            Arc::new(Offer { config, clock })
        };
        let Some(manifest) = manifest else {
            return Ok(Self {
                manifest: None,
                limits: spec.limits,
                offer: offer(spec.config.clone()),
                capabilities: spec.grants.clone(),
            });
        };
        let refuse = |capability: &Capability, refusal| PluginError::Capability {
            plugin: spec.name.clone(),
            capability: capability.clone(),
            refusal,
        };
        for asked in &manifest.capabilities {
            if NOT_OFFERED.contains(&asked.kind()) {
                return Err(refuse(asked, CapabilityRefusal::NotOffered));
            }
            if !spec.grants.contains(asked) {
                return Err(refuse(asked, CapabilityRefusal::NotGranted));
            }
        }
        let is_asked = |key: &String| {
            let key = Capability::Config(key.clone());
            manifest.capabilities.contains(&key)
        };
        let mut config = spec.config.clone();
        config.retain(|key, _| is_asked(key));
        Ok(Self {
            limits: limits(spec, &manifest.limits)?,
            offer: offer(config),
            capabilities: manifest.capabilities.clone(),
            manifest: Some(manifest),
        })
    }

    /// Whether an import that needs this is linked.
    pub(super) fn admits(&self, need: CapabilityKind) -> Result<(), ImportRefusal> {
        let free = matches!(need, CapabilityKind::Log | CapabilityKind::Config);
        let has = self.capabilities.iter().any(|held| held.kind() == need);
        match &self.manifest {
            _ if has => Ok(()),
            Some(_) => Err(ImportRefusal::NotAsked(need)),
            None if free => Ok(()),
            None => Err(ImportRefusal::NotGranted(need)),
        }
    }

    /// Whether a function may be called from outside.
    pub(super) fn declares(&self, function: &str) -> bool {
        let manifest = self.manifest.as_ref();
        manifest.is_none_or(|manifest| manifest.functions.contains(function))
    }
}

impl Limits {
    /// The limits that a manifest asks for, where it asks; these where it does not.
    #[must_use]
    pub fn or_asked(self, asked: &Asked) -> Self {
        let bytes = |asked: Option<u64>, usual: usize| {
            asked.map_or(usual, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
        };
        let timeout = asked.timeout_ms.map(Duration::from_millis);
        Self {
            memory_bytes: bytes(asked.memory_bytes, self.memory_bytes),
            timeout: timeout.unwrap_or(self.timeout),
            input_bytes: bytes(asked.input_bytes, self.input_bytes),
            output_bytes: bytes(asked.output_bytes, self.output_bytes),
            table_elements: bytes(asked.table_elements, self.table_elements),
            variable_bytes: bytes(asked.variable_bytes, self.variable_bytes),
            fuel: asked.fuel.or(self.fuel),
        }
    }
}

/// What is asked for, none of it over its cap; the cap where nothing is asked.
fn limits(spec: &PluginSpec, asked: &Asked) -> Result<Limits, PluginError> {
    let caps = &spec.limits;
    let timeout_ms = u64::try_from(caps.timeout.as_millis()).unwrap_or(u64::MAX);
    let pairs = [
        (
            LimitKind::MemoryBytes,
            asked.memory_bytes,
            caps.memory_bytes as u64,
        ),
        (LimitKind::TimeoutMs, asked.timeout_ms, timeout_ms),
        (LimitKind::Fuel, asked.fuel, caps.fuel.unwrap_or(u64::MAX)),
        (
            LimitKind::InputBytes,
            asked.input_bytes,
            caps.input_bytes as u64,
        ),
        (
            LimitKind::OutputBytes,
            asked.output_bytes,
            caps.output_bytes as u64,
        ),
        (
            LimitKind::TableElements,
            asked.table_elements,
            caps.table_elements as u64,
        ),
        (
            LimitKind::VariableBytes,
            asked.variable_bytes,
            caps.variable_bytes as u64,
        ),
    ];
    for (limit, asked, cap) in pairs {
        if let Some(asked) = asked.filter(|asked| *asked > cap) {
            let plugin = spec.name.clone();
            return Err(PluginError::Ask {
                plugin,
                limit,
                asked,
                cap,
            });
        }
    }
    let limits = caps.or_asked(asked);
    // A floor can be missed too: no time, less memory than a page.
    limits.check(&spec.name)?;
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::super::manifest::read_manifest;
    use super::*;

    fn manifest(rest: &str) -> Manifest {
        let head = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = [\"run\"]\n";
        read_manifest(&format!("{head}{rest}")).unwrap()
    }

    fn agreed(spec: &PluginSpec, manifest: Option<Manifest>) -> Result<Terms, PluginError> {
        Terms::agree(spec, manifest, &WallClock::system())
    }

    fn spec(grants: &[&str]) -> PluginSpec {
        let mut spec = PluginSpec::new("guest", "guest.wasm");
        spec.grants = grants.iter().map(|grant| grant.parse().unwrap()).collect();
        let config = [("least", "3"), ("secret", "s")];
        spec.config = config.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        spec
    }

    #[test]
    fn what_is_asked_within_the_caps_is_what_holds() {
        let asks = "[limits]\nmemory_bytes = 1_048_576\ntimeout_ms = 250\nfuel = 7\n";
        let terms = agreed(&spec(&[]), Some(manifest(asks))).unwrap();
        assert_eq!(terms.limits.memory_bytes, 1_048_576);
        assert_eq!(terms.limits.timeout, Duration::from_millis(250));
        assert_eq!(terms.limits.fuel, Some(7));
        assert_eq!(terms.limits.input_bytes, Limits::default().input_bytes);
    }

    #[test]
    fn an_ask_over_its_cap_names_the_limit_the_ask_and_the_cap() {
        let mut spec = spec(&[]);
        spec.limits.fuel = Some(100);
        let usual = Limits::default();
        let cases = [
            (
                "memory_bytes",
                LimitKind::MemoryBytes,
                usual.memory_bytes as u64,
            ),
            ("timeout_ms", LimitKind::TimeoutMs, 5_000),
            ("fuel", LimitKind::Fuel, 100),
            (
                "input_bytes",
                LimitKind::InputBytes,
                usual.input_bytes as u64,
            ),
            (
                "output_bytes",
                LimitKind::OutputBytes,
                usual.output_bytes as u64,
            ),
            ("table_elements", LimitKind::TableElements, 10_000),
            (
                "variable_bytes",
                LimitKind::VariableBytes,
                usual.variable_bytes as u64,
            ),
        ];
        for (field, kind, most) in cases {
            for (value, refused) in [(most, false), (most + 1, true)] {
                let asks = manifest(&format!("[limits]\n{field} = {value}\n"));
                let expected = PluginError::Ask {
                    plugin: "guest".to_owned(),
                    limit: kind,
                    asked: value,
                    cap: most,
                };
                let said = agreed(&spec, Some(asks)).err();
                assert_eq!(said, refused.then_some(expected), "{field}");
            }
        }
        let nothing = agreed(&spec, Some(manifest("[limits]\ntimeout_ms = 0\n")));
        assert!(matches!(
            nothing,
            Err(PluginError::Spec {
                field: "timeout_ms",
                ..
            })
        ));
    }

    #[test]
    fn a_capability_that_is_not_granted_or_not_there_at_all_is_refused_by_name() {
        let refused = |grants: &[&str], asked: &str| {
            let asks = manifest(&format!("capabilities = [\"{asked}\"]\n"));
            match agreed(&spec(grants), Some(asks)) {
                Err(PluginError::Capability {
                    capability,
                    refusal,
                    ..
                }) => {
                    assert_eq!(capability.to_string(), asked);
                    Some(refusal)
                }
                other => other.map(|_| None).unwrap(),
            }
        };
        for asked in ["log", "clock", "valueset:lookup", "phi:raw", "config:least"] {
            assert_eq!(refused(&[], asked), Some(CapabilityRefusal::NotGranted));
            assert_eq!(refused(&[asked], asked), None);
        }
        let key = ["config:secret"];
        assert_eq!(
            refused(&key, "config:least"),
            Some(CapabilityRefusal::NotGranted)
        );
        let search = ["kb:search"];
        assert_eq!(
            refused(&search, "kb:search"),
            Some(CapabilityRefusal::NotOffered)
        );
    }

    #[test]
    fn what_is_granted_and_not_asked_for_does_not_hold() {
        let spec = spec(&["log", "clock", "phi:raw", "config:least", "config:secret"]);
        let asks = manifest("capabilities = [\"log\", \"config:least\"]\n");
        let terms = agreed(&spec, Some(asks)).unwrap();
        assert!(!terms.capabilities.contains(&Capability::PhiRaw));
        assert_eq!(terms.offer.config.keys().collect::<Vec<_>>(), ["least"]);
        assert_eq!(terms.admits(CapabilityKind::Log), Ok(()));
        assert_eq!(terms.admits(CapabilityKind::Config), Ok(()));
        let clock = CapabilityKind::Clock;
        assert_eq!(terms.admits(clock), Err(ImportRefusal::NotAsked(clock)));
        assert!(terms.declares("run") && !terms.declares("walk"));
    }

    #[test]
    fn a_module_that_declares_nothing_has_what_the_operator_wrote() {
        let terms = agreed(&spec(&["phi:raw"]), None).unwrap();
        assert!(terms.capabilities.contains(&Capability::PhiRaw));
        assert_eq!(terms.offer.config.len(), 2);
        assert_eq!(terms.admits(CapabilityKind::Log), Ok(()));
        let clock = CapabilityKind::Clock;
        assert_eq!(terms.admits(clock), Err(ImportRefusal::NotGranted(clock)));
        assert!(terms.declares("anything"));
    }
}
