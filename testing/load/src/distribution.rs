//! Percentiles.

use std::time::Duration;

use serde::Serialize;

/// Latencies in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Distribution {
    /// How many.
    pub count: usize,
    /// Half are at most this (ms).
    pub p50_ms: f64,
    /// 99 of 100 are at most this (ms).
    pub p99_ms: f64,
    /// The longest (ms).
    pub max_ms: f64,
}

impl Distribution {
    /// Of no particular order.
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| {
            // nearest rank
            let rank = (share * latencies.len() as f64).ceil() as usize;
            latencies
                .get(rank.saturating_sub(1))
                .map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        Self { count: latencies.len(), p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Distribution;

    #[test]
    fn nearest_rank() {
        let shown = Distribution::of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!((shown.p50_ms, shown.p99_ms, shown.max_ms), (50.0, 99.0, 100.0));
        assert_eq!(Distribution::of(vec![]).count, 0);
    }
}
