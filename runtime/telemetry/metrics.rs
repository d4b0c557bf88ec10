//! Every metric of the runtime, declared in one place and exposed as OpenMetrics.
//!
//! Labels are closed sets. Bucket edges lie exactly on the promised percentiles (12, 38, 67 and
//! 145 ms), so that "how many were slower" is counted and not interpolated.

use std::sync::Arc;
use std::time::Duration;

use super::keys::KeyCollector;
use super::labels::{closed_method, status_class};
use super::live::LiveCollector;
use super::plugins::PluginCollector;
use super::spool::SpoolCollector;
use super::storage::DatabaseCollector;
use plantao_actors::audit::EmergencySpool;
use plantao_actors::database::Database;
use plantao_actors::live::{Live, Pages};
use plantao_actors::plugin::Plugins;
use plantao_actors::vault::Rotations;
use plantao_schema::access::VerdictKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Seconds. The promised percentiles are edges; so are the limits of the API (100 and 500 ms).
const EDGES_S: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.012, 0.025, 0.038, 0.05, 0.067, 0.1, 0.145, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0,
];

/// How a plugin call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginCall {
    /// It answered.
    Answered,
    /// It ran into its time limit.
    TimedOut,
    /// It trapped, ran out of memory, or answered what it must not.
    Failed,
    /// No instance took it.
    Refused,
}

impl PluginCall {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: &'static str,
    status_class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The runtime's metrics. Clones count into the same registry.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    requests: Family<HttpLabels, Counter>,
    request_duration: Family<RouteLabel, Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    handshakes_failed: Counter,
    connections_shed: Family<OutcomeLabel, Counter>,
    decisions: Family<VerdictLabel, Counter>,
    audit_entries: Counter,
    audit_failures: Counter,
    audit_duration: Histogram,
    plugin_calls: Family<OutcomeLabel, Counter>,
    plugin_duration: Histogram,
    actor_restarts: Counter,
    actors_gave_up: Counter,
}

impl Metrics {
    /// All metrics at zero, and those that the parts of the runtime keep themselves.
    pub fn of<P: Pages>(
        live: Live<P>,
        database: Database,
        spool: EmergencySpool,
        plugins: Plugins,
        rotations: Rotations,
    ) -> Self {
        let mut inner = Inner::zero();
        let registry = &mut inner.registry;
        registry.register_collector(Box::new(LiveCollector(live)));
        registry.register_collector(Box::new(DatabaseCollector(database)));
        registry.register_collector(Box::new(SpoolCollector(spool)));
        registry.register_collector(Box::new(PluginCollector(plugins)));
        registry.register_collector(Box::new(KeyCollector(rotations)));
        inner.counted()
    }

    /// All metrics at zero.
    pub fn new() -> Self {
        Inner::zero().counted()
    }

    /// A request was answered. `route` is a pattern such as `/fhir/{type}/{id}`, never a path.
    pub fn request(&self, method: &str, route: &'static str, status: u16, took: Duration) {
        let method = closed_method(method);
        let status_class = status_class(status);
        let labels = HttpLabels {
            method,
            route,
            status_class,
        };
        self.inner.requests.get_or_create(&labels).inc();
        let duration = self
            .inner
            .request_duration
            .get_or_create(&RouteLabel { route });
        duration.observe(took.as_secs_f64());
    }

    /// Requests being served now.
    pub fn in_flight(&self, now: usize) {
        self.inner.in_flight.set(whole(now));
    }

    /// Connections open now.
    pub fn connections(&self, now: usize) {
        self.inner.connections.set(whole(now));
    }

    /// A TLS handshake did not come to its end.
    pub fn handshake_failed(&self) {
        self.inner.handshakes_failed.inc();
    }

    /// A connection was closed before its handshake.
    pub fn connection_shed(&self, outcome: &'static str) {
        let label = OutcomeLabel { outcome };
        self.inner.connections_shed.get_or_create(&label).inc();
    }

    /// The policy decided.
    pub fn decision(&self, verdict: VerdictKind) {
        let label = VerdictLabel {
            verdict: verdict.as_str(),
        };
        self.inner.decisions.get_or_create(&label).inc();
    }

    /// An audit entry is durable.
    pub fn audit_entry(&self) {
        self.inner.audit_entries.inc();
    }

    /// How long an entry waited to be durable.
    pub fn audit_append(&self, took: Duration) {
        self.inner.audit_duration.observe(took.as_secs_f64());
    }

    /// An audit entry could not be made durable, and its request was not answered.
    pub fn audit_failure(&self) {
        self.inner.audit_failures.inc();
    }

    /// A plugin was called.
    pub fn plugin_call(&self, outcome: PluginCall, took: Duration) {
        let label = OutcomeLabel {
            outcome: outcome.as_str(),
        };
        self.inner.plugin_calls.get_or_create(&label).inc();
        self.inner.plugin_duration.observe(took.as_secs_f64());
    }

    /// A supervisor restarted a child.
    pub fn actor_restart(&self) {
        self.inner.actor_restarts.inc();
    }

    /// A supervisor gave up on its children.
    pub fn supervisor_gave_up(&self) {
        self.inner.actors_gave_up.inc();
    }

    /// Everything as OpenMetrics text, or nothing when a value cannot be written.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.inner.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn counted(mut self) -> Metrics {
        self.register();
        let inner = Arc::new(self);
        Metrics { inner }
    }

    fn zero() -> Self {
        Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            handshakes_failed: Counter::default(),
            connections_shed: Family::default(),
            decisions: Family::default(),
            audit_entries: Counter::default(),
            audit_failures: Counter::default(),
            audit_duration: histogram(),
            plugin_calls: Family::default(),
            plugin_duration: histogram(),
            actor_restarts: Counter::default(),
            actors_gave_up: Counter::default(),
        }
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("plantao_build", "The running version", build);
        r.register(
            "plantao_http_requests",
            "Requests answered",
            self.requests.clone(),
        );
        r.register_with_unit(
            "plantao_http_request_duration",
            "From the header read to the reply written",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        r.register(
            "plantao_http_in_flight",
            "Requests being served",
            self.in_flight.clone(),
        );
        r.register(
            "plantao_http_connections",
            "Connections open",
            self.connections.clone(),
        );
        r.register(
            "plantao_tls_handshakes_failed",
            "TLS handshakes that did not come to their end",
            self.handshakes_failed.clone(),
        );
        r.register(
            "plantao_connections_shed",
            "Connections closed before their handshake",
            self.connections_shed.clone(),
        );
        r.register(
            "plantao_decisions",
            "Policy decisions",
            self.decisions.clone(),
        );
        r.register(
            "plantao_audit_entries",
            "Audit entries durable",
            self.audit_entries.clone(),
        );
        r.register(
            "plantao_audit_failures",
            "Audit entries lost",
            self.audit_failures.clone(),
        );
        r.register_with_unit(
            "plantao_audit_append_duration",
            "From the entry handed in to durable",
            Unit::Seconds,
            self.audit_duration.clone(),
        );
        r.register(
            "plantao_plugin_calls",
            "Plugin calls",
            self.plugin_calls.clone(),
        );
        r.register_with_unit(
            "plantao_plugin_call_duration",
            "From the text handed in to the answer",
            Unit::Seconds,
            self.plugin_duration.clone(),
        );
        r.register(
            "plantao_actor_restarts",
            "Children restarted",
            self.actor_restarts.clone(),
        );
        r.register(
            "plantao_supervisors_gave_up",
            "Supervisors that reached their restart intensity",
            self.actors_gave_up.clone(),
        );
    }
}

fn histogram() -> Histogram {
    Histogram::new(EDGES_S)
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promised_percentiles_are_bucket_edges() {
        let metrics = Metrics::new();
        metrics.request("GET", "/fhir/{type}/{id}", 200, Duration::from_millis(12));
        let text = metrics.encode();
        for edge in ["0.012", "0.038", "0.067", "0.145"] {
            assert!(text.contains(&format!("le=\"{edge}\"")), "{edge}\n{text}");
        }
        // An edge counts what lies exactly on it.
        let on_edge = "plantao_http_request_duration_seconds_bucket\
                       {le=\"0.012\",route=\"/fhir/{type}/{id}\"} 1";
        assert!(text.contains(on_edge), "{text}");
    }

    #[test]
    fn names_and_labels_are_the_documented_ones() {
        let metrics = Metrics::new();
        metrics.request("PATCH", "/fhir", 404, Duration::ZERO);
        metrics.decision(VerdictKind::BreakGlass);
        metrics.audit_entry();
        metrics.plugin_call(PluginCall::TimedOut, Duration::from_secs(5));
        metrics.actor_restart();
        let text = metrics.encode();
        for line in [
            "plantao_http_requests_total{method=\"other\",route=\"/fhir\",\
             status_class=\"4xx\"} 1",
            "plantao_decisions_total{verdict=\"break_glass\"} 1",
            "plantao_audit_entries_total 1",
            "plantao_plugin_calls_total{outcome=\"timed_out\"} 1",
            "plantao_actor_restarts_total 1",
            "plantao_build_info{version=",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
