//! What the emergency spool holds, read when somebody asks for the metrics.

use plantao_actors::audit::EmergencySpool;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// The spool, as a collector of the registry.
pub(super) struct SpoolCollector(pub(super) EmergencySpool);

impl fmt::Debug for SpoolCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpoolCollector").finish_non_exhaustive()
    }
}

impl Collector for SpoolCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let waiting = i64::try_from(self.0.waiting()).unwrap_or(i64::MAX);
        let gauges = [
            (
                "plantao_audit_spool_entries",
                "Entries of emergency reads that wait for the trail",
                waiting,
            ),
            (
                "plantao_audit_spool_up",
                "Whether emergency reads could be kept now",
                i64::from(self.0.is_up()),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
