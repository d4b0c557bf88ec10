//! What the live pages count, read when somebody asks for the metrics.

use plantao_actors::live::{CloseReason, Live, LiveCounts, Pages};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// The counts of the live pages, as a collector of the registry.
pub(super) struct LiveCollector<P>(pub(super) Live<P>);

impl<P> fmt::Debug for LiveCollector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCollector").finish_non_exhaustive()
    }
}

/// One number, what it is called and what it is.
type Reading = (&'static str, &'static str, fn(&LiveCounts) -> u64);

const GAUGES: &[Reading] = &[
    (
        "plantao_live_viewers",
        "WebSockets of live pages",
        LiveCounts::viewers,
    ),
    (
        "plantao_live_topics",
        "Live pages drawn now, one per subject, fields and language",
        LiveCounts::topics,
    ),
];

const COUNTERS: &[Reading] = &[
    (
        "plantao_live_frames_sent",
        "Frames with data written to viewers",
        LiveCounts::frames_sent,
    ),
    (
        "plantao_live_frames_coalesced",
        "Frames that stand for several which a viewer had missed",
        LiveCounts::frames_coalesced,
    ),
    (
        "plantao_live_full_trees",
        "Frames that held a whole page",
        LiveCounts::full_trees,
    ),
    (
        "plantao_live_heartbeats",
        "Heartbeats written to viewers",
        LiveCounts::heartbeats,
    ),
    (
        "plantao_live_disclosures",
        "Audit entries of what viewers were shown",
        LiveCounts::disclosures,
    ),
];

impl<P: Pages> Collector for LiveCollector<P> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.counts();
        for (name, help, read) in GAUGES {
            let gauge = ConstGauge::new(i64::try_from(read(counts)).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        for (name, help, read) in COUNTERS {
            let counter = ConstCounter::new(read(counts));
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let (name, help) = ("plantao_live_closes", "Viewers gone, by reason");
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (reason, count) in counts.closes() {
            let labels = [("reason", CloseReason::as_str(reason))];
            let counter = ConstCounter::new(count);
            counter.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
