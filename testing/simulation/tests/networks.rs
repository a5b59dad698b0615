//! Networks of 4 and 7 under crashes, partitions, loss and delay.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use alloy_primitives::{B256, Bytes, TxKind, hex};
use alloy_sol_types::SolCall as _;
use commonware_p2p::simulated::Link;
use commonware_utils::probability;
use simulation::{Account, GOOD, Network, genesis, run, validator};
use system::validators::IValidators;
use types::Parameters;

const MINUTE: Duration = Duration::from_secs(60);

/// Adds one to slot 0 whenever it is called: `sstore(0, add(sload(0), 1))`.
fn counter() -> Bytes {
    hex!("6009600c60003960096000f3" "600160005401600055" "00").to_vec().into()
}

fn parameters() -> Parameters {
    Parameters { epoch_blocks: 20, ..Parameters::default() }
}

async fn deploy_and_count(network: &Network, account: &mut Account, rounds: u64, via: &[u64]) {
    let create = account.call(TxKind::Create, counter());
    let contract = account.address().create(account.nonce() - 1);
    let hash = network.submit(via[0], create).await;
    network.succeeded(via[0], &[hash], MINUTE).await;
    let mut hashes = Vec::new();
    for round in 0..rounds {
        let node = via[usize::try_from(round).unwrap() % via.len()];
        let call = account.call(TxKind::Call(contract), Bytes::new());
        hashes.push(network.submit(node, call).await);
        network.sleep(Duration::from_millis(50)).await;
    }
    for node in via {
        network.succeeded(*node, &hashes, MINUTE).await;
    }
}

fn four_nodes(seed: u64) -> String {
    run(seed, |context| async move {
        let seeds = [0, 1, 2, 3];
        let mut account = Account::new(1, 90_210);
        let genesis = genesis(&seeds, parameters(), account.address());
        let network = Network::start(context, genesis, &seeds).await;
        network.reach(&seeds, 1, MINUTE).await;
        deploy_and_count(&network, &mut account, 40, &seeds).await;
        network.assert_one_chain(&seeds);
    })
}

#[test]
fn four_nodes_execute_transactions_from_a_zero_balance_and_a_seed_is_a_run() {
    assert_eq!(four_nodes(7), four_nodes(7));
}

#[test]
fn seven_nodes_survive_two_crashes_and_the_crashed_catch_up() {
    run(11, |context| async move {
        let seeds = [0, 1, 2, 3, 4, 5, 6];
        let mut account = Account::new(2, 90_210);
        let genesis = genesis(&seeds, parameters(), account.address());
        let mut network = Network::start(context, genesis, &seeds).await;
        network.reach(&seeds, 2, MINUTE).await;
        network.kill(5).await;
        network.kill(6).await;
        deploy_and_count(&network, &mut account, 20, &[0, 1, 2, 3, 4]).await;
        network.boot(5).await;
        network.boot(6).await;
        let height = network.ledger(0).head().number;
        network.reach(&seeds, height, MINUTE).await;
        assert!(network.assert_one_chain(&seeds) >= height);
    });
}

#[test]
fn a_halved_network_stops_and_goes_on_after_it_heals() {
    run(13, |context| async move {
        let seeds = [0, 1, 2, 3];
        let mut account = Account::new(3, 90_210);
        let genesis = genesis(&seeds, parameters(), account.address());
        let mut network = Network::start(context, genesis, &seeds).await;
        network.reach(&seeds, 2, MINUTE).await;
        network.link(&[&[0, 1], &[2, 3]], GOOD).await;
        network.sleep(Duration::from_secs(5)).await;
        let before: Vec<u64> =
            seeds.iter().map(|seed| network.ledger(*seed).head().number).collect();
        network.sleep(Duration::from_secs(30)).await;
        let after: Vec<u64> =
            seeds.iter().map(|seed| network.ledger(*seed).head().number).collect();
        assert_eq!(before, after, "no half may decide");
        network.link(&[&seeds], GOOD).await;
        deploy_and_count(&network, &mut account, 10, &seeds).await;
        network.assert_one_chain(&seeds);
    });
}

#[test]
fn lossy_and_slow_links_only_slow_it_down() {
    run(17, |context| async move {
        let seeds = [0, 1, 2, 3];
        let mut account = Account::new(4, 90_210);
        let genesis = genesis(&seeds, parameters(), account.address());
        let mut network = Network::start(context, genesis, &seeds).await;
        let bad = Link {
            latency: Duration::from_millis(100),
            jitter: Duration::from_millis(50),
            success_rate: probability!(0.9),
        };
        network.link(&[&seeds], bad).await;
        deploy_and_count(&network, &mut account, 20, &seeds).await;
        network.link(&[&seeds], GOOD).await;
        let height = network.ledger(0).head().number;
        network.reach(&seeds, height, MINUTE).await;
        network.assert_one_chain(&seeds);
    });
}

#[test]
fn all_four_are_killed_at_once_and_lose_nothing_final() {
    run(19, |context| async move {
        let seeds = [0, 1, 2, 3];
        let mut account = Account::new(5, 90_210);
        let genesis = genesis(&seeds, parameters(), account.address());
        let mut network = Network::start(context, genesis, &seeds).await;
        deploy_and_count(&network, &mut account, 20, &seeds).await;
        let hashes: Vec<_> = (0..=network.assert_one_chain(&seeds))
            .map(|number| network.ledger(0).chain().hash(number).unwrap())
            .collect();
        for seed in seeds {
            network.kill(seed).await;
        }
        for seed in seeds {
            network.boot(seed).await;
        }
        let call = account.call(TxKind::Call(account.address().create(0)), Bytes::new());
        let hash = network.submit(2, call).await;
        for seed in seeds {
            network.succeeded(seed, &[hash], MINUTE).await;
        }
        network.assert_one_chain(&seeds);
        for (number, hash) in (0u64..).zip(hashes) {
            assert_eq!(network.ledger(3).chain().hash(number).unwrap(), hash, "block {number}");
        }
    });
}

/// The next set is what the contract says at the last block of an epoch: {0,1,2,3} → {1,2,3,4}.
#[test]
fn validators_change_by_a_transaction_and_the_removed_one_only_follows() {
    run(23, |context| async move {
        let seeds = [0, 1, 2, 3, 4];
        let mut admin = Account::new(6, 90_210);
        let genesis = genesis(&seeds[..4], parameters(), admin.address());
        let mut network = Network::start(context, genesis, &seeds).await;
        network.reach(&seeds, 2, MINUTE).await;
        let keys: Vec<_> = seeds[1..].iter().map(|seed| validator(*seed)).collect();
        let call = IValidators::setNextValidatorsCall {
            keys: keys.iter().map(|key| B256::from(key.0)).collect(),
        };
        let encoded =
            admin.call(TxKind::Call(system::validators::ADDRESS), call.abi_encode().into());
        let hash = network.submit(0, encoded).await;
        network.succeeded(0, &[hash], MINUTE).await;
        // A waiting change fills the epoch, so the boundary comes soon.
        network.reach(&seeds, 20, MINUTE).await;
        let mut expected = keys.clone();
        expected.sort_unstable();
        for seed in seeds {
            let ledger = network.ledger(seed);
            let found = ledger.validators(ledger.head().number).await.unwrap();
            assert_eq!(found.iter().map(|info| info.key).collect::<Vec<_>>(), expected);
        }
        assert!(!network.ledger(0).consensus_status().await.voting);
        assert!(network.ledger(4).consensus_status().await.voting);
        // Without two of the old four the new set still has its quorum: node 4 really votes.
        network.kill(0).await;
        network.kill(1).await;
        deploy_and_count(&network, &mut admin, 5, &[2, 3, 4]).await;
        network.boot(0).await;
        let height = network.ledger(2).head().number;
        network.reach(&[0, 2, 3, 4], height, MINUTE).await;
        network.assert_one_chain(&[0, 2, 3, 4]);
        let proof = network.ledger(4).finality_proof(height - 2).await.unwrap();
        assert!(proof.certificate.signatures.iter().any(|vote| vote.key == validator(4)));
        assert!(proof.certificate.signatures.iter().all(|vote| vote.key != validator(0)));
    });
}
