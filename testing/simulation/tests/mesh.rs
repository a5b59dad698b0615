//! The product's own authenticated mesh, in the deterministic runtime.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use alloy_primitives::{Address, Bytes, TxKind};
use alloy_sol_types::SolCall as _;
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_runtime::{Clock as _, Spawner as _, Supervisor as _, deterministic};
use commonware_utils::NZUsize;
use consensus::validator_key;
use engine::{Config, Peer, Running};
use simulation::{Account, CHAIN_ID, genesis, run};
use system::validators::{ADDRESS, IValidators};
use types::{Genesis, GenesisObserver, Parameters};

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
    let config = Config {
        genesis,
        identity: PrivateKey::from_seed(seed),
        listen: peers(seed + 1).pop().unwrap().address,
        peers: peers(4),
        chain_folder: folder.join(seed.to_string()),
        storage_folder: None,
        windows: engine::Windows::default(),
        report_folder: folder.join(format!("reports-{seed}")),
        chain_options: chain::ChainOptions::default(),
        partition_prefix: format!("node-{seed}"),
        pool: pool::PoolConfig::default(),
        worker_threads: NZUsize!(1),
        cache_pages: NZUsize!(256),
        join: engine::Join::Auto,
        stages: engine::StageTimes::default(),
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

/// Waits until `done`, at most a simulated minute.
async fn until(context: &deterministic::Context, what: &str, done: impl Fn() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        context.sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

#[test]
fn a_stranger_cannot_connect_and_a_registered_observer_can_until_it_is_removed() {
    run(31, |context| async move {
        let mut admin = Account::new(1, CHAIN_ID);
        let parameters = Parameters { peers_max: 8, ..Parameters::default() };
        let genesis = genesis(&[0, 1, 2, 3], parameters, admin.address());
        let folder = tempfile::tempdir().unwrap();
        let mut nodes = Vec::new();
        for seed in 0..4 {
            nodes.push(start(&context, genesis.clone(), seed, folder.path()).await);
        }
        let validator = std::sync::Arc::clone(&nodes[0].ledger);
        until(&context, "block 2", || validator.head().number >= 2).await;

        // The stranger knows everything: genesis file, keys and addresses. It stays outside.
        let path = folder.path().to_owned();
        let (sender, mut observer) = futures::channel::oneshot::channel();
        let _starting = context.child("observer").spawn(move |context| async move {
            let started = start(&context, genesis, 4, &path).await;
            let _ = sender.send(started.ledger.clone());
            started.consensus.await
        });
        context.sleep(Duration::from_secs(30)).await;
        assert!(observer.try_recv().unwrap().is_none(), "nobody may have told it anything");
        assert_eq!(validator.peer_count(), 3);

        let me = peers(5).pop().unwrap();
        let key = alloy_primitives::B256::from(me.key.0);
        // Longer than a storage slot.
        let name = "Regulator R of the free and Hanseatic city".to_string();
        let register = IValidators::setObserverCall {
            key,
            name: name.clone(),
            ip: std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets().into(),
            port: me.address.port(),
        };
        let call = admin.call(TxKind::Call(ADDRESS), Bytes::from(register.abi_encode()));
        validator.submit(call).await.unwrap();
        until(&context, "connected", || validator.peer_count() == 4).await;
        let observer = observer.await.unwrap();
        let height = validator.head().number;
        until(&context, "following", || observer.head().number > height).await;
        assert!(!observer.consensus_status().await.voting);
        assert!(observer.peer_count() >= 3);
        let named = |ledger: &std::sync::Arc<dyn ledger_api::Ledger>| {
            ledger.validator_info(me.key).organisation == name
        };
        until(&context, "named", || named(&validator) && named(&observer)).await;
        let founder = peers(1).pop().unwrap().key;
        assert_eq!(observer.validator_info(founder).organisation, "Organisation 0");

        let remove = IValidators::removeObserverCall { key };
        let call = admin.call(TxKind::Call(ADDRESS), Bytes::from(remove.abi_encode()));
        // What it sends reaches the network through any of its peers.
        let hash = observer.submit(call).await.unwrap();
        let included = || validator.chain().transaction(hash).unwrap().is_some();
        until(&context, "removed", included).await;
        let cut_off = || nodes.iter().all(|node| node.ledger.peer_count() == 3);
        until(&context, "cut off", cut_off).await;
        let height = validator.head().number;
        context.sleep(Duration::from_secs(20)).await;
        assert!(validator.head().number > height, "the ledger goes on");
        assert!(observer.head().number <= height, "and the stranger knows nothing of it");
    });
}

/// Nothing has to be sent on chain for an observer that the genesis file names.
#[test]
fn an_observer_of_the_genesis_file_connects_and_follows() {
    run(32, |context| async move {
        let parameters = Parameters { peers_max: 8, ..Parameters::default() };
        let mut genesis = genesis(&[0, 1, 2, 3], parameters, Address::ZERO);
        let Peer { key, address } = peers(5).pop().unwrap();
        genesis.observers =
            vec![GenesisObserver { organisation: "Regulator R".into(), key, address }];
        let folder = tempfile::tempdir().unwrap();
        let mut nodes = Vec::new();
        for seed in 0..4 {
            nodes.push(start(&context, genesis.clone(), seed, folder.path()).await);
        }
        let observer = start(&context, genesis, 4, folder.path()).await.ledger;
        until(&context, "connected", || nodes.iter().all(|node| node.ledger.peer_count() == 4))
            .await;
        let height = nodes[0].ledger.head().number;
        until(&context, "following", || observer.head().number > height).await;
        assert!(!observer.consensus_status().await.voting);
        let name = || nodes[0].ledger.validator_info(key).organisation;
        until(&context, "its name", || name() == "Regulator R").await;
    });
}
