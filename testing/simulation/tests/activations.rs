//! Features of the protocol that begin at a height: a network passes one that it knows, and stops before
//! one that it does not know.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, TxKind};
use simulation::{Account, CHAIN_ID, GOOD, Network, genesis, machine::Machine, run_through_panics};
use types::Parameters;

const MINUTE: Duration = Duration::from_secs(60);
const NODES: [u64; 4] = [0, 1, 2, 3];
const HEIGHT: u64 = 6;
/// Gas of one transaction from Osaka on (EIP-7825).
const OSAKA_CAP: u64 = 1 << 24;

fn parameters(feature: &str) -> Parameters {
    let activations = [(feature.to_owned(), HEIGHT)].into();
    Parameters { heartbeat_ms: 1_000, activations, ..Parameters::default() }
}

#[test]
fn a_network_passes_the_height_from_which_osaka_holds() {
    simulation::run(61, |context| async move {
        let genesis = genesis(&NODES, parameters("osaka"), Address::ZERO);
        let network = Network::start(context, genesis, &NODES).await;
        assert_eq!(network.ledger(0).pool().rules().transaction_gas_max, u64::MAX);
        let mut account = Account::new(1, CHAIN_ID);
        while network.ledger(0).head().number < HEIGHT + 2 {
            let call = account.call(TxKind::Call(Address::ZERO), Bytes::new());
            let hash = network.submit(0, call).await;
            network.succeeded(0, &[hash], MINUTE).await;
        }
        network.reach(&NODES, HEIGHT + 2, MINUTE).await;
        for seed in NODES {
            assert_eq!(network.ledger(seed).pool().rules().transaction_gas_max, OSAKA_CAP);
        }
        network.assert_one_chain(&NODES);
    });
}

#[test]
fn a_network_stops_before_a_feature_that_its_release_does_not_know() {
    run_through_panics(62, |context| async move {
        let genesis = genesis(&NODES, parameters("not-yet-invented"), Address::ZERO);
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, &NODES, Arc::clone(&folder)).await;
        network.link(&[&NODES], GOOD).await;
        let mut heads = Vec::new();
        let mut machines = Vec::new();
        let mut running = Vec::new();
        for seed in NODES {
            let machine = Machine::default();
            let node = network.launch(seed, machine.clone(), None).await.wait().await.unwrap();
            heads.push(Arc::clone(&node.ledger));
            machines.push(machine);
            running.push(node);
        }
        // Heartbeats bring the height; who has its block before ends with the reason.
        for machine in &machines {
            let words = last_words(&network, machine).await;
            assert!(words.contains("UnknownActivation"), "{words}");
            assert!(words.contains("not-yet-invented"), "{words}");
        }
        for ledger in &heads {
            assert_eq!(ledger.head().number, HEIGHT - 1, "nothing is executed by wrong rules");
        }
        drop(heads);
        for node in running {
            node.abort().await;
        }
        network.sleep(Duration::from_secs(1)).await;
        // A start is refused with the same reason.
        let machine = Machine::default();
        let starting = network.launch(0, machine.clone(), None).await;
        let words = last_words(&network, &machine).await;
        assert!(words.contains("does not start") && words.contains("not-yet-invented"), "{words}");
        starting.kill().await;
    });
}

async fn last_words(network: &Network, machine: &Machine) -> String {
    for _ in 0..600 {
        if let Some(words) = machine.panic() {
            return words;
        }
        network.sleep(Duration::from_millis(100)).await;
    }
    panic!("the node goes on beyond what it knows");
}
