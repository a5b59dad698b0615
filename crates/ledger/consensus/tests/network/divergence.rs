//! Nodes that see or claim something else than the others.

use std::time::Duration;

use consensus::orchestrator::OrchestratorError;

use crate::{
    app::{Fault, Script, key},
    cluster::{Cluster, run},
};

const MINUTE: Duration = Duration::from_secs(60);
const ALL: [u64; 4] = [0, 1, 2, 3];

/// A node whose state names other validators than the certified chain stops at the boundary, says
/// why, and does not stop the others; after the repair it goes on from where it stood.
#[test]
fn a_node_whose_state_diverged_stops_instead_of_forking() {
    run(31, |context| async move {
        let script = Script::new(6, &[&ALL, &[1, 2, 3, 4]]);
        let nodes = [0, 1, 2, 3, 4];
        let mut cluster = Cluster::new(context, script.clone(), &nodes).await;
        let diverged = Script::new(6, &[&ALL, &[0, 1, 2, 3, 4]]);
        cluster.ledgers.get_mut(&2).unwrap().state = diverged.clone();
        for seed in nodes {
            cluster.boot(seed).await;
        }
        let error = cluster.stopped(2).await;
        assert_eq!(
            error,
            OrchestratorError::SetMismatch {
                epoch: 1,
                found: diverged.set(1).hash(),
                expected: script.set(1).hash(),
            }
        );
        cluster.reach(&[0, 1, 3, 4], 20, MINUTE).await;

        // Still diverged, so it stops again at start.
        cluster.boot(2).await;
        assert_eq!(cluster.stopped(2).await, error);

        cluster.ledgers.get_mut(&2).unwrap().state = script;
        cluster.boot(2).await;
        let target = cluster.height(1) + 8;
        cluster.reach(&nodes, target, MINUTE).await;
        cluster.assert_one_chain(&nodes, target);
    });
}

#[test]
fn a_proposer_that_names_other_validators_finalizes_nothing() {
    run(32, |context| async move { proposer_fault(context, Fault::WrongSet).await });
}

#[test]
fn a_proposer_an_hour_ahead_finalizes_nothing() {
    run(33, |context| async move { proposer_fault(context, Fault::Future).await });
}

async fn proposer_fault(context: commonware_runtime::deterministic::Context, fault: Fault) {
    let mut cluster = Cluster::new(context, Script::new(6, &[&ALL]), &ALL).await;
    cluster.ledgers.get_mut(&1).unwrap().fault = fault;
    for seed in ALL {
        cluster.boot(seed).await;
    }
    let honest = [0, 2, 3];
    cluster.reach(&honest, 15, Duration::from_secs(180)).await;
    cluster.assert_one_chain(&honest, 15);
    let blocks = cluster.ledgers[&0].blocks.lock().unwrap();
    assert!(blocks.values().all(|block| block.extension().leader != key(1)), "{fault:?}");
    for block in blocks.values().filter(|block| block.number() > 0) {
        let expected = cluster.script.set(cluster.script.epoch_of(block.number() + 1)).hash();
        assert_eq!(block.extension().next_validators_hash, expected);
    }
}
