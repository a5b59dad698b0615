//! The rhythm of a whole network.

use std::time::Duration;

use commonware_runtime::{Clock as _, deterministic};

use crate::{
    app::Script,
    cluster::{Cluster, run},
};

const MINUTE: Duration = Duration::from_secs(60);
const ALL: [u64; 4] = [0, 1, 2, 3];

/// Four nodes without work, at block 1.
async fn resting(context: deterministic::Context) -> Cluster {
    let mut cluster = Cluster::new(context, Script::new(200, &[&ALL]), &ALL).await;
    *cluster.busy.lock().unwrap() = false;
    for seed in ALL {
        cluster.boot(seed).await;
    }
    cluster.reach(&ALL, 1, Duration::from_secs(2)).await;
    cluster
}

#[test]
fn an_idle_network_builds_block_1_and_then_only_heartbeats() {
    run(21, |context| async move {
        let cluster = resting(context).await;
        cluster.sleep(10).await;
        assert_eq!(cluster.height(0), 1, "nothing to do, nothing built");
        cluster.sleep(36).await;
        let beats = cluster.height(0) - 1;
        assert!((2..=3).contains(&beats), "{beats} heartbeats of 15 s in 46 s");
    });
}

#[test]
fn work_ends_the_hold_at_once() {
    run(22, |context| async move {
        let cluster = resting(context).await;
        cluster.sleep(5).await;
        let before = cluster.height(0);
        *cluster.busy.lock().unwrap() = true;
        cluster.reach(&ALL, before + 1, Duration::from_millis(500)).await;
        *cluster.busy.lock().unwrap() = false;
    });
}

/// Rests of many lengths below a heartbeat, so that work also comes when a proposer has just let
/// its turn pass, and long after the last block.
async fn rests_end_at_once(cluster: Cluster, nodes: &[u64]) {
    for rest_ms in (8_000..12_000).step_by(370) {
        cluster.context.sleep(Duration::from_millis(rest_ms)).await;
        let before = cluster.height(nodes[0]);
        *cluster.busy.lock().unwrap() = true;
        cluster.reach(nodes, before + 1, Duration::from_millis(300)).await;
        *cluster.busy.lock().unwrap() = false;
    }
}

#[test]
fn work_after_a_long_rest_is_final_at_once() {
    run(24, |context| async move {
        let cluster = resting(context).await;
        rests_end_at_once(cluster, &ALL).await;
    });
}

#[test]
fn an_absent_validator_does_not_delay_work_after_a_rest() {
    run(25, |context| async move {
        let mut cluster = resting(context).await;
        cluster.kill(2).await;
        cluster.sleep(10).await;
        rests_end_at_once(cluster, &[0, 1, 3]).await;
    });
}

#[test]
fn blocks_keep_the_minimum_interval_under_load() {
    run(23, |context| async move {
        let cluster = Cluster::running(context, Script::new(200, &[&ALL]), &ALL).await;
        cluster.reach(&ALL, 50, MINUTE).await;
        let blocks = cluster.ledgers[&0].blocks.lock().unwrap();
        let times: Vec<u64> = blocks.values().map(|block| block.time_ms()).collect();
        // Block 1 follows block 0 whenever it likes.
        for pair in times[2..].windows(2) {
            assert!(pair[1] - pair[0] >= 50, "{pair:?}");
        }
        let span = times[49] - times[2];
        assert!(span < 47 * 150, "{span} ms for 47 blocks at an interval of 50 ms");
    });
}
