//! A node that does not agree with a block says so in a file that is enough to find out why.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, TxKind, hex, keccak256};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_runtime::Clock as _;
use serde_json::Value;
use simulation::{
    Account, CHAIN_ID, GOOD, Network,
    byzantine::{Forged, Forger, Forgery, Tampering},
    genesis,
    machine::Machine,
    run, validator,
};
use types::{Block, Genesis, Namespace, Parameters};

const MINUTE: Duration = Duration::from_secs(60);
const SEEDS: [u64; 4] = [0, 1, 2, 3];
/// The node whose proposals are forged.
const LIAR: u64 = 3;

fn reports(folder: &Path) -> Vec<(String, Value)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().ends_with(".json"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    found.sort_by(|(first, _), (second, _)| first.cmp(second));
    found
}

fn forger(network: &Network, forgery: Forgery, forged: &Forged) -> Arc<Forger> {
    let namespace = Namespace {
        chain_id: CHAIN_ID,
        genesis_hash: network.ledger(0).genesis_hash(),
        ledger_id: 0,
        incarnation: 0,
    };
    let key = PrivateKey::from_seed(LIAR);
    Arc::new(Forger::new(forgery, key, namespace, network.sets.clone(), forged.clone()))
}

/// Runs three honest nodes and a liar until one of the honest has a report about a block with a
/// transaction; answers that report and the genesis file.
async fn lied_to(
    context: commonware_runtime::deterministic::Context,
    forgery: Forgery,
) -> (String, Value, Genesis) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let genesis = genesis(&SEEDS, Parameters::default(), Address::ZERO);
    let mut network = Network::over(context, genesis.clone(), &SEEDS, Arc::clone(&folder)).await;
    network.link(&[&SEEDS], GOOD).await;
    for seed in &SEEDS[..3] {
        network.boot(*seed).await;
    }
    let forged = Forged::default();
    let forger = forger(&network, forgery, &forged);
    let liar = network.launch(LIAR, Machine::default(), Some(Tampering::Proposals(forger))).await;
    let liar = liar.wait().await.unwrap();
    let mut account = Account::new(1, CHAIN_ID);
    let deadline = network.context.current() + MINUTE / 3;
    let (name, report) = loop {
        let call = account.call(TxKind::Call(Address::repeat_byte(7)), Bytes::new());
        network.submit(0, call).await;
        network.sleep(Duration::from_millis(200)).await;
        let found = reports(&folder.path().join("reports-0"));
        let status = network.ledger(0).consensus_status().await;
        assert!(status.divergence_count >= found.len());
        let mut with =
            found.into_iter().filter(|(_, report)| report["blockBytes"].as_u64() > Some(900));
        if let Some(found) = with.next() {
            break found;
        }
        assert!(network.context.current() < deadline, "no report");
    };
    let height = network.ledger(0).head().number;
    network.reach(&SEEDS[..3], height + 5, MINUTE).await;
    network.assert_one_chain(&SEEDS[..3]);
    liar.kill().await;
    (name, report, genesis)
}

/// What every report has, and the block, which must be the one that was refused.
fn check(name: &str, report: &Value, genesis: &Genesis) -> Block {
    let encoded = hex::decode(report["block"].as_str().unwrap()).unwrap();
    assert_eq!(report["blockBytes"], encoded.len());
    let block = Block::decode(&encoded).unwrap();
    assert_eq!(report["hash"], block.hash().to_string());
    assert_eq!(report["height"], block.number());
    let prefix = &hex::encode(block.hash())[..16];
    assert_eq!(name, format!("divergence-{}-{prefix}.json", block.number()));
    assert_eq!(report["kind"], "refused");
    assert_eq!(report["proposer"]["key"], validator(LIAR).to_string());
    assert_eq!(report["proposer"]["organisation"], "Organisation 3");
    assert_eq!(report["node"], validator(0).to_string());
    assert_eq!(report["chainId"], genesis.chain_id);
    assert_eq!(report["rules"]["evm"], "PRAGUE");
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["expected"] != report["found"]);
    block
}

#[test]
fn a_wrong_root_is_reported_with_the_block_and_the_own_results() {
    run(41, |context| async move {
        let (name, report, genesis) = lied_to(context, Forgery::ReceiptsRoot).await;
        let block = check(&name, &report, &genesis);
        assert_eq!(report["field"], "receiptsRoot");
        assert_eq!(report["found"], block.header().receipts_root.to_string());
        let receipts = report["receipts"].as_array().unwrap();
        assert_eq!(receipts.len(), block.transactions().len());
        let first = keccak256(&block.transactions()[0]).to_string();
        assert_eq!(receipts[0]["transactionHash"], first);
        assert_eq!(receipts[0]["success"], true);
        if receipts.len() == 1 {
            assert_eq!(report["transaction"]["hash"], first, "nothing else can be the cause");
        }
    });
}

#[test]
fn an_invalid_transaction_is_named() {
    run(43, |context| async move {
        let (name, report, genesis) = lied_to(context, Forgery::InvalidTransaction).await;
        let block = check(&name, &report, &genesis);
        assert_eq!(report["field"], "execution");
        let last = block.transactions().len() - 1;
        assert_eq!(report["transaction"]["index"], last);
        assert_eq!(
            report["transaction"]["hash"],
            keccak256(&block.transactions()[last]).to_string()
        );
    });
}
