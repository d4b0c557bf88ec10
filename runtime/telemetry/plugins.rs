//! What the plugin host counts, read when somebody asks for the metrics: limits passed, modules
//! compiled, machine code taken from the cache or refused there.
//!
//! Labels are the closed list of limits; a plugin's name is none.

use plantao_actors::plugin::Plugins;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;

/// The plugin host, as a collector of the registry.
pub(super) struct PluginCollector(pub(super) Plugins);

impl fmt::Debug for PluginCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginCollector").finish_non_exhaustive()
    }
}

impl Collector for PluginCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.counts();
        let kind = ConstCounter::new(0_u64).metric_type();
        let (name, help) = (
            "plantao_plugin_limit_breaches",
            "Limits that plugins passed, each of which ended a call or refused a module",
        );
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (limit, count) in counts.breaches {
            let counter = ConstCounter::new(count);
            counter.encode(family.encode_family(&[("limit", limit.name())])?)?;
        }
        let counters = [
            (
                "plantao_plugin_compilations",
                "Modules that a compiler worked on",
                counts.compiled,
            ),
            (
                "plantao_plugin_artefacts_loaded",
                "Modules whose machine code came from the cache",
                counts.artefacts_loaded,
            ),
            (
                "plantao_plugin_artefacts_refused",
                "Files of the cache that this host had not put there: incidents",
                counts.artefacts_refused,
            ),
            (
                "plantao_plugin_leaks_withheld",
                "Answers withheld for an identifier that the guest was not shown: incidents",
                counts.leaks,
            ),
        ];
        for (name, help, count) in counters {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}
