//! What the runtime says of itself: logs for people and machines, metrics for Prometheus.
//!
//! Refused: PHI in either. Logs carry pseudonymous identifiers and never a panic's payload, which
//! may quote its input; metric labels are closed sets, so that nobody's name becomes a time series.

mod keys;
mod labels;
mod live;
mod logs;
mod metrics;
mod plugins;
mod spool;
mod storage;

pub(crate) use self::logs::filter;
pub use self::logs::{LogError, init};
pub use self::metrics::{Metrics, PluginCall};
