//! The product's own authenticated mesh, in the deterministic runtime.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use alloy_primitives::Address;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_runtime::{Clock as _, Supervisor as _, deterministic};
use commonware_utils::NZUsize;
use consensus::validator_key;
use engine::{Config, Peer, Running};
use simulation::{genesis, run};
use types::{Genesis, Parameters};

fn peers(count: u64) -> Vec<Peer> {
    (0..count)
        .map(|seed| Peer {
            key: validator_key(&PrivateKey::from_seed(seed).public_key()),
            address: format!("127.0.0.1:{}", 3_000 + seed).parse().unwrap(),
        })
        .collect()
}

async fn start(
    context: &deterministic::Context,
    genesis: Genesis,
    seed: u64,
    folder: &std::path::Path,
) -> Running {
    let peers = peers(4);
    let config = Config {
        genesis,
        identity: PrivateKey::from_seed(seed),
        listen: peers[usize::try_from(seed).unwrap()].address,
        peers,
        chain_folder: folder.join(seed.to_string()),
        chain_options: chain::ChainOptions::default(),
        partition_prefix: format!("node-{seed}"),
        pool: pool::PoolConfig::default(),
        worker_threads: NZUsize!(1),
        cache_pages: NZUsize!(256),
        join: engine::Join::Auto,
        allow_private_addresses: true,
    };
    let context = context.child("node").with_attribute("seed", seed);
    engine::start(context, config).await.unwrap()
}

#[test]
fn four_nodes_find_each_other_and_say_who_is_connected() {
    run(29, |context| async move {
        let parameters = Parameters { peers_max: 8, ..Parameters::default() };
        let genesis = genesis(&[0, 1, 2, 3], parameters, Address::ZERO);
        let folder = tempfile::tempdir().unwrap();
        let mut nodes = Vec::new();
        for seed in 0..4 {
            nodes.push(start(&context, genesis.clone(), seed, folder.path()).await);
        }
        while nodes.iter().any(|node| node.ledger.head().number < 2) {
            context.sleep(Duration::from_millis(100)).await;
        }
        for node in &nodes {
            assert_eq!(node.ledger.peer_count(), 3, "{}", (node.metrics)());
            let status = node.ledger.consensus_status().await;
            assert!(status.voting && status.validators.iter().all(|validator| validator.connected));
        }
    });
}
