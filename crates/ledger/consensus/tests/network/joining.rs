//! A node that joins by state sync: it has the state at a certified height, and none of the blocks
//! before it, so not the block from which the running epoch's engine started elsewhere.

use std::time::Duration;

use commonware_consensus::types::Height;
use consensus::{Finalization, orchestrator::OrchestratorError};

use crate::{
    app::{Script, key},
    cluster::{Cluster, run},
    node::{Boot, signs},
};

const MINUTE: Duration = Duration::from_secs(60);
const FIRST: [u64; 4] = [0, 1, 2, 3];

/// Runs nodes 0 to 3 beyond `height` and gives node 4 the state there, with a certificate.
async fn prepared(
    context: commonware_runtime::deterministic::Context,
    script: Script,
    height: u64,
) -> (Cluster, u64, Finalization) {
    let mut cluster = Cluster::new(context, script, &[0, 1, 2, 3, 4]).await;
    for seed in FIRST {
        cluster.boot(seed).await;
    }
    cluster.reach(&FIRST, height + 4, MINUTE).await;
    let mut certified = height;
    let floor = loop {
        let marshal = &cluster.nodes[&0].marshal;
        match marshal.get_finalization(Height::new(certified)).await {
            Some(found) => break found,
            None => certified += 1,
        }
    };
    let state = cluster.ledgers[&0].blocks.lock().unwrap().clone();
    let below = state.into_iter().filter(|(number, _)| *number < certified).collect();
    *cluster.ledgers[&4].blocks.lock().unwrap() = below;
    (cluster, certified, floor)
}

#[test]
fn joins_in_the_middle_of_an_epoch_votes_and_restarts() {
    run(41, |context| async move {
        let script = Script::new(20, &[&FIRST, &[1, 2, 3, 4]]);
        let (mut cluster, certified, floor) = prepared(context, script, 24).await;
        assert!((24..39).contains(&certified));
        let joining = Boot { floor: Some(floor.clone()), joined_with: Some(floor.clone()) };
        cluster.boot_with(4, joining).await;
        cluster.reach(&[4], certified + 4, MINUTE).await;
        assert!(signs(&cluster.nodes[&4], 1), "it is a validator of the epoch it joined in");
        assert!(cluster.nodes[&4].marshal.get_block(Height::new(19)).await.is_none());
        assert_eq!(cluster.ledgers[&4].tracked.lock().unwrap()[0].0, 1, "never was in epoch 0");

        // Without the certificate it joined with, it starts from one that it stores.
        cluster.kill(4).await;
        cluster.boot_with(4, Boot { floor: Some(floor), joined_with: None }).await;
        let all = [0, 1, 2, 3, 4];
        cluster.reach(&all, 48, MINUTE).await;
        cluster.assert_one_chain(&all, 48);
        for epoch in [1, 2] {
            assert!(cluster.monitors[&0].voters(epoch).contains(&key(4)), "epoch {epoch}");
        }
    });
}

#[test]
fn joins_at_the_last_block_of_an_epoch() {
    run(42, |context| async move {
        let script = Script::new(12, &[&FIRST, &[1, 2, 3, 4]]);
        let (mut cluster, certified, floor) = prepared(context, script, 23).await;
        assert_eq!(certified, 23, "a boundary has a certificate");
        let joining = Boot { floor: Some(floor.clone()), joined_with: Some(floor) };
        cluster.boot_with(4, joining).await;
        let target = cluster.height(0) + 14;
        cluster.reach(&[0, 1, 2, 3, 4], target, MINUTE).await;
        cluster.assert_one_chain(&[0, 1, 2, 3, 4], target);
    });
}

#[test]
fn a_certificate_that_the_epochs_validators_did_not_sign_starts_nothing() {
    run(43, |context| async move {
        let script = Script::new(20, &[&FIRST, &[1, 2, 3, 4]]);
        let (mut cluster, _, floor) = prepared(context, script, 24).await;
        let mut forged = floor.clone();
        forged.proposal.payload = consensus::Digest::from([1; 32]);
        cluster.boot_with(4, Boot { floor: Some(floor), joined_with: Some(forged) }).await;
        assert_eq!(cluster.stopped(4).await, OrchestratorError::InvalidFloor(1));
    });
}
