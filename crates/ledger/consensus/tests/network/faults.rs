//! Crashes, partitions, loss.

use std::time::Duration;

use commonware_p2p::simulated::Link;
use commonware_utils::probability;

use crate::{
    app::{Script, key},
    cluster::{Cluster, GOOD, run},
    node::signs,
};

const MINUTE: Duration = Duration::from_secs(60);
const ALL: [u64; 4] = [0, 1, 2, 3];

#[test]
fn a_killed_node_comes_back_epochs_later_and_votes_again() {
    run(11, |context| async move {
        let mut cluster = Cluster::running(context, Script::new(6, &[&ALL]), &ALL).await;
        cluster.reach(&ALL, 3, MINUTE).await;
        cluster.kill(3).await;
        let stopped_at = cluster.height(3);
        cluster.reach(&[0, 1, 2], 20, MINUTE).await;
        assert!(cluster.height(3) <= stopped_at + 1, "it is dead");
        cluster.boot(3).await;
        let target = cluster.height(0) + 12;
        cluster.reach(&ALL, target, MINUTE).await;
        cluster.assert_one_chain(&ALL, target);
        let epoch = cluster.script.epoch_of(target);
        assert!(cluster.monitors[&0].voters(epoch - 1).contains(&key(3)), "it votes again");
    });
}

#[test]
fn a_node_killed_before_the_boundary_comes_back_as_the_follower_it_has_become() {
    run(12, |context| async move {
        let script = Script::new(6, &[&ALL, &[1, 2, 3, 4]]);
        let mut cluster = Cluster::running(context, script, &[0, 1, 2, 3, 4]).await;
        cluster.reach(&[0], 4, MINUTE).await;
        cluster.kill(0).await;
        cluster.reach(&[1, 2, 3, 4], 14, MINUTE).await;
        cluster.boot(0).await;
        cluster.reach(&[0, 1, 2, 3, 4], 24, MINUTE).await;
        cluster.assert_one_chain(&[0, 1, 2, 3, 4], 24);
        assert!(!signs(&cluster.nodes[&0], 1));
    });
}

/// Kills every node at a random moment around each of several boundaries: mid-epoch, right before,
/// right after. Whatever was final stays, and the chain goes on.
#[test]
fn all_nodes_killed_around_boundaries_go_on() {
    run(13, |context| async move {
        let script = Script::new(6, &[&ALL, &[1, 2, 3, 4]]);
        let nodes = [0, 1, 2, 3, 4];
        let mut cluster = Cluster::running(context, script, &nodes).await;
        for stop in [4, 5, 6, 11, 12] {
            cluster.reach(&[1], stop, MINUTE).await;
            for seed in nodes {
                cluster.kill(seed).await;
            }
            for seed in nodes {
                cluster.boot(seed).await;
            }
        }
        cluster.reach(&nodes, 24, MINUTE).await;
        cluster.assert_one_chain(&nodes, 24);
    });
}

#[test]
fn a_node_that_starts_late_crosses_every_epoch_from_block_0() {
    run(14, |context| async move {
        let script = Script::new(5, &[&ALL, &[1, 2, 3, 5], &[2, 3, 5, 0]]);
        let mut cluster = Cluster::new(context, script, &[0, 1, 2, 3, 4, 5]).await;
        let first = [0, 1, 2, 3, 5];
        for seed in first {
            cluster.boot(seed).await;
        }
        cluster.reach(&first, 22, MINUTE).await;
        cluster.boot(4).await;
        let target = cluster.height(0) + 5;
        cluster.reach(&[4], target, MINUTE).await;
        cluster.assert_one_chain(&[0, 4], target);
        let tracked = cluster.ledgers[&4].tracked.lock().unwrap().clone();
        let epochs: Vec<u64> = tracked.iter().map(|(epoch, _)| *epoch).collect();
        assert_eq!(epochs[..5], [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_split_network_stops_and_goes_on_when_it_heals() {
    run(15, |context| async move {
        let mut cluster = Cluster::running(context, Script::new(6, &[&ALL]), &ALL).await;
        cluster.reach(&ALL, 8, MINUTE).await;
        cluster.link(&[&[0, 1], &[2, 3]], GOOD).await;
        cluster.sleep(1).await;
        let before = ALL.map(|seed| cluster.height(seed)).into_iter().max().unwrap();
        cluster.sleep(30).await;
        let after = ALL.map(|seed| cluster.height(seed)).into_iter().max().unwrap();
        assert_eq!(before, after, "no half has a quorum");
        cluster.link(&[&ALL], GOOD).await;
        cluster.reach(&ALL, after + 15, MINUTE).await;
        cluster.assert_one_chain(&ALL, after + 15);
    });
}

#[test]
fn the_larger_part_goes_on_and_the_smaller_catches_up_over_a_change_of_validators() {
    run(16, |context| async move {
        let script = Script::new(6, &[&ALL, &[1, 2, 3, 4]]);
        let nodes = [0, 1, 2, 3, 4];
        let mut cluster = Cluster::running(context, script, &nodes).await;
        cluster.reach(&nodes, 2, MINUTE).await;
        cluster.link(&[&[0, 1, 2, 4], &[3]], GOOD).await;
        cluster.reach(&[0, 1, 2, 4], 16, Duration::from_secs(120)).await;
        assert!(cluster.height(3) < 6, "it missed the boundary");
        cluster.link(&[&nodes], GOOD).await;
        let target = cluster.height(1) + 8;
        cluster.reach(&nodes, target, MINUTE).await;
        cluster.assert_one_chain(&nodes, target);
    });
}

#[test]
fn progress_continues_while_one_message_in_five_is_lost_and_order_is_broken() {
    let lossy = Link {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(15),
        success_rate: probability!(0.8),
    };
    run(17, |context| async move {
        let script = Script::new(6, &[&ALL, &[1, 2, 3, 4]]);
        let nodes = [0, 1, 2, 3, 4];
        let mut cluster = Cluster::running(context, script, &nodes).await;
        cluster.link(&[&nodes], lossy).await;
        cluster.reach(&nodes, 15, Duration::from_secs(300)).await;
        cluster.link(&[&nodes], GOOD).await;
        let target = cluster.height(1) + 12;
        cluster.reach(&nodes, target, MINUTE).await;
        cluster.assert_one_chain(&nodes, target);
    });
}

#[test]
fn one_absent_validator_of_four_does_not_stop_the_chain() {
    run(18, |context| async move {
        let mut cluster = Cluster::new(context, Script::new(6, &[&ALL]), &ALL).await;
        for seed in [0, 1, 2] {
            cluster.boot(seed).await;
        }
        cluster.reach(&[0, 1, 2], 20, Duration::from_secs(120)).await;
        cluster.assert_one_chain(&[0, 1, 2], 20);
    });
}
