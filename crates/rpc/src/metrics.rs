//! Counters for operators. Labels are bounded: unknown methods collapse to `other`.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Label of calls to methods that do not exist.
pub const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    code: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// The metric families of the JSON-RPC server; clones share their values.
#[derive(Clone, Debug)]
pub struct RpcMetrics {
    requests: Family<CallLabels, Counter>,
    seconds: Family<MethodLabel, Histogram, fn() -> Histogram>,
    subscriptions: Family<KindLabel, Gauge>,
}

impl RpcMetrics {
    /// Registers `heqi_rpc_requests_total{method,code}` (code 0 is success),
    /// `heqi_rpc_request_seconds{method}` and `heqi_ws_subscriptions{kind}`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            subscriptions: Family::default(),
        };
        registry.register(
            "heqi_rpc_requests",
            "JSON-RPC calls by method and error code, 0 for success",
            metrics.requests.clone(),
        );
        registry.register(
            "heqi_rpc_request_seconds",
            "Time to answer a JSON-RPC call",
            metrics.seconds.clone(),
        );
        registry.register(
            "heqi_ws_subscriptions",
            "Open WebSocket subscriptions by kind",
            metrics.subscriptions.clone(),
        );
        metrics
    }

    pub(crate) fn called(&self, method: &'static str, code: i64, time: Duration) {
        self.requests.get_or_create(&CallLabels { method, code }).inc();
        self.seconds.get_or_create(&MethodLabel { method }).observe(time.as_secs_f64());
    }

    pub(crate) fn subscribed(&self, kind: &'static str) {
        self.subscriptions.get_or_create(&KindLabel { kind }).inc();
    }

    pub(crate) fn unsubscribed(&self, kind: &'static str) {
        self.subscriptions.get_or_create(&KindLabel { kind }).dec();
    }
}

/// 0.1 ms to 26 s.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 4.0, 10))
}
