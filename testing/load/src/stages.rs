//! Where the nodes' processor time goes, as they tell it themselves: counters
//! `heqi_stage_seconds_total{stage="…"}`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{http::Connection, metrics, network::NodeEntry};

const FAMILY: &str = "heqi_stage_seconds_total";

/// Seconds by stage of one node.
pub type Counters = BTreeMap<String, f64>;

/// Cost of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageCost {
    /// Its name.
    pub stage: String,
    /// Time over all nodes per counted transaction (µs).
    pub us_per_tx: f64,
}

/// Cost of all stages.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stages {
    /// The costliest first.
    pub stages: Vec<StageCost>,
    /// Processor time over all nodes per counted transaction (µs), where it is known.
    pub cpu_us_per_tx: Option<f64>,
    /// What no stage accounts for (µs). Below zero where stages count waiting or overlap.
    pub other_us_per_tx: Option<f64>,
}

/// The counters of each node; nothing from a node that does not answer or has none.
pub async fn scrape(nodes: &[NodeEntry]) -> Vec<Option<Counters>> {
    let mut all = Vec::with_capacity(nodes.len());
    for node in nodes {
        all.push(scrape_one(node).await);
    }
    all
}

async fn scrape_one(node: &NodeEntry) -> Option<Counters> {
    let bytes = Connection::new(&node.rpc).ok()?.get("/metrics").await.ok()?;
    let counters = counters(&String::from_utf8_lossy(&bytes));
    (!counters.is_empty()).then_some(counters)
}

fn counters(text: &str) -> Counters {
    let mut counters = Counters::new();
    for mut metric in metrics::parse(text) {
        if metric.name == FAMILY
            && metric.value.is_finite()
            && let Some(stage) = metric.labels.remove("stage")
        {
            *counters.entry(stage).or_default() += metric.value;
        }
    }
    counters
}

/// What happened between two scrapes; nothing where no node has such counters or nothing was
/// counted.
pub fn between(
    before: &[Option<Counters>],
    after: &[Option<Counters>],
    cpu_us_per_tx: Option<f64>,
    counted: usize,
) -> Option<Stages> {
    let mut seconds = Counters::new();
    for (number, counters) in after.iter().enumerate() {
        let earlier = before.get(number).and_then(Option::as_ref);
        for (stage, value) in counters.iter().flatten() {
            let from = earlier.and_then(|earlier| earlier.get(stage)).copied().unwrap_or(0.0);
            // a node that was started again counts from zero
            let grown = if *value >= from { value - from } else { *value };
            *seconds.entry(stage.clone()).or_default() += grown;
        }
    }
    if seconds.is_empty() || counted == 0 {
        return None;
    }
    let mut stages: Vec<StageCost> = seconds
        .into_iter()
        .map(|(stage, seconds)| StageCost { stage, us_per_tx: seconds * 1e6 / counted as f64 })
        .collect();
    stages.sort_by(|one, other| other.us_per_tx.total_cmp(&one.us_per_tx));
    let known: f64 = stages.iter().map(|stage| stage.us_per_tx).sum();
    let other_us_per_tx = cpu_us_per_tx.map(|total| total - known);
    Some(Stages { stages, cpu_us_per_tx, other_us_per_tx })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{StageCost, between, counters};

    #[test]
    fn stages_are_told_per_transaction_with_the_rest() {
        let before = counters("heqi_stage_seconds_total{stage=\"execute\"} 1\nother_total 9\n");
        let after = counters(
            "heqi_stage_seconds_total{stage=\"execute\"} 3\n\
             heqi_stage_seconds_total{stage=\"recover\"} 0.5\n",
        );
        let found = between(&[Some(before), None], &[Some(after), None], Some(300.0), 10_000);
        let stage = |stage: &str, us_per_tx| StageCost { stage: stage.to_owned(), us_per_tx };
        let found = found.unwrap();
        assert_eq!(found.stages, [stage("execute", 200.0), stage("recover", 50.0)]);
        assert_eq!(found.other_us_per_tx, Some(50.0));
    }

    #[test]
    fn a_node_that_was_started_again_counts_from_zero() {
        let of = |value: f64| {
            Some(counters(&format!("heqi_stage_seconds_total{{stage=\"a\"}} {value}\n")))
        };
        let found = between(&[of(8.0)], &[of(2.0)], None, 1_000_000).unwrap();
        assert_eq!((found.stages[0].us_per_tx, found.other_us_per_tx), (2.0, None));
    }

    #[test]
    fn without_counters_there_is_no_table() {
        assert_eq!(between(&[None], &[None], Some(1.0), 10), None);
        let empty = counters("heqi_chain_height 1\n");
        assert_eq!(between(&[None], &[Some(empty)], Some(1.0), 10), None);
    }
}
