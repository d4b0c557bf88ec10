//! Data keys that do not unwrap, read when somebody asks for the metrics.

use plantao_actors::vault::Rotations;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// The numbers of the keys, as a collector of the registry.
pub(super) struct KeyCollector(pub(super) Rotations);

impl fmt::Debug for KeyCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCollector").finish_non_exhaustive()
    }
}

impl Collector for KeyCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stuck = self.0.stuck();
        let (name, help) = (
            "plantao_vault_stuck_keys",
            "Data keys that do not unwrap: waited for, or given up",
        );
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (state, count) in [("held", stuck.held), ("given_up", stuck.given_up)] {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}
