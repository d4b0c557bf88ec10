//! What the database's watchers know, read when somebody asks for the metrics: connections, space
//! on the disk, the lag of each replica.
//!
//! Replicas are numbered as the configuration names them: an address is no label.

use plantao_actors::database::{Database, Room};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;

/// The numbers of the database, as a collector of the registry.
pub(super) struct DatabaseCollector(pub(super) Database);

impl fmt::Debug for DatabaseCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseCollector").finish_non_exhaustive()
    }
}

impl Collector for DatabaseCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (open, idle) = self.0.connections();
        let space = self.0.space();
        let (name, help) = (
            "plantao_database_connections",
            "Connections of the pool, by state",
        );
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (state, count) in [("busy", open.saturating_sub(idle)), ("idle", idle)] {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&[("state", state)])?)?;
        }
        let (name, help) = (
            "plantao_database_read_only",
            "1 while changes are refused for want of space",
        );
        let gauge = ConstGauge::new(i64::from(space.room != Room::Enough));
        let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        gauge.encode(metric)?;
        if let Some(free) = space.free_bytes {
            let (name, help) = (
                "plantao_database_free",
                "Space that the private cluster has left",
            );
            let gauge = ConstGauge::new(i64::try_from(free).unwrap_or(i64::MAX));
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, Some(&Unit::Bytes), kind)?)?;
        }
        self.replicas(&mut encoder)
    }
}

impl DatabaseCollector {
    fn replicas(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let replicas = self.0.replicas();
        if replicas.is_empty() {
            return Ok(());
        }
        let (name, help) = (
            "plantao_database_replica_lag",
            "How old a replica's answer would be; absent while it cannot be measured",
        );
        let kind = ConstGauge::new(0.0_f64).metric_type();
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
        for (index, replica) in replicas.iter().enumerate() {
            if let Some(lag) = replica.lag {
                let gauge = ConstGauge::new(lag.as_secs_f64());
                gauge.encode(family.encode_family(&[("replica", index + 1)])?)?;
            }
        }
        let (name, help) = (
            "plantao_database_replica_reads",
            "Reads that a replica answered",
        );
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (index, replica) in replicas.iter().enumerate() {
            let counter = ConstCounter::new(replica.reads);
            counter.encode(family.encode_family(&[("replica", index + 1)])?)?;
        }
        Ok(())
    }
}
