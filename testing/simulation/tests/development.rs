//! The same contract transactions give equal receipts on a development ledger and on four nodes.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, keccak256};
use dev::{DevConfig, DevLedger, StateBackEnd};
use futures::FutureExt as _;
use ledger_api::{Ledger, Mining};
use simulation::{Account, CHAIN_ID, Network, genesis, random::Random, run};
use state::{StateKey, StateValue};
use types::Parameters;

const TRANSACTIONS: usize = 500;
const SENDERS: usize = 4;
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Pieces of programs. None of them asks for anything that a block decides (number, time, hashes):
/// blocks differ. `NN` is a slot, `VV` a byte.
const PIECES: [&str; 10] = [
    // slot += byte
    "60NN5460VV0160NN55",
    // slot = 0
    "5f60NN55",
    // slot = caller xor the first word of the input
    "335f351860NN55",
    // log of two topics (slot, caller) and 32 bytes of data
    "60VV5f523360NN5460205fa2",
    // log without topics, as long as a byte says
    "60VV5fa0",
    // transient storage, then slot
    "60VV60NN5d60NN5c60NN55",
    // keccak256 of memory into slot
    "60VV5f5260205f2060NN55",
    // SHA-256 (precompile 2) of memory into slot
    "60VV5f5260205f60205f60025afa505f5160NN55",
    // creates an empty contract, its address into slot
    "5f5f5ff060NN55",
    // sends nothing to the caller, whether it worked into slot
    "5f5f5f5f5f335af160NN55",
];

/// A program: what ends it early by its input, then random pieces, then its slot 0 as the result.
fn program(random: &mut Random) -> Vec<u8> {
    let mut text = head();
    for _ in 0..random.between(1, 12) {
        let piece = PIECES[random.index(PIECES.len())];
        let slot = format!("{:02x}", random.between(0, 7));
        let byte = format!("{:02x}", random.between(0, 200));
        text.push_str(&piece.replace("NN", &slot).replace("VV", &byte));
    }
    text.push_str("5f545f5260205ff3");
    alloy_primitives::hex::decode(text).unwrap()
}

/// `sstore(0x99, 1)`, then by the last byte of the first word of the input: 1 reverts with the
/// input, 2 loops for ever, 3 is no operation.
fn head() -> String {
    let begin = "6001609955" // sstore(0x99, 1)
        .to_owned()
        + "5f35601f1a"; // byte 31 of the first word
    // Each case: dup, compare, jump over the case unless equal. Offsets follow from the lengths.
    let mut code = alloy_primitives::hex::decode(begin).unwrap();
    for (value, case) in [(1u8, "365f5f37365ffd"), (2, ""), (3, "fe")] {
        let body = match value {
            2 => {
                // JUMPDEST, then back to it.
                let at = u8::try_from(code.len() + 7).unwrap();
                vec![0x5b, 0x60, at, 0x56]
            }
            _ => alloy_primitives::hex::decode(case).unwrap(),
        };
        let after = u8::try_from(code.len() + 7 + body.len()).unwrap();
        code.extend([0x80, 0x60, value, 0x18, 0x60, after, 0x57]);
        code.extend(body);
        code.push(0x5b);
    }
    code.push(0x50);
    alloy_primitives::hex::encode(code)
}

fn creation(code: &[u8]) -> Bytes {
    let [high, low] = u16::try_from(code.len()).unwrap().to_be_bytes();
    [&[0x61, high, low, 0x60, 0x0c, 0x5f, 0x39, 0x61, high, low, 0x5f, 0xf3], code].concat().into()
}

/// Deployments and calls of each sender's own contracts, in the order in which they are sent.
fn transactions(seed: u64) -> Vec<(usize, Bytes)> {
    let mut random = Random::new(seed);
    let mut accounts: Vec<Account> =
        (0..SENDERS as u64).map(|number| Account::new(number, CHAIN_ID)).collect();
    let mut contracts: Vec<Vec<Address>> = vec![Vec::new(); SENDERS];
    let mut sent = Vec::new();
    for _ in 0..TRANSACTIONS {
        let sender = random.index(SENDERS);
        let (account, own) = (&mut accounts[sender], &mut contracts[sender]);
        let encoded = if own.is_empty() || random.chance(15) {
            own.push(account.address().create(account.nonce()));
            account.call(TxKind::Create, creation(&program(&mut random)))
        } else {
            let mut input = keccak256(random.next().to_be_bytes());
            // One in eight ends early.
            input[31] = if random.chance(12) { random.between(1, 3) as u8 } else { 0 };
            let to = *random.pick(own);
            account.call(TxKind::Call(to), input.to_vec().into())
        };
        sent.push((sender, encoded));
    }
    sent
}

/// What a receipt says that does not depend on the block.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    success: bool,
    gas_used: u64,
    logs: Vec<Log>,
    /// Of the transactions that create one: the code at the created address.
    created: Option<Bytes>,
}

async fn outcome(ledger: &dyn Ledger, hash: B256) -> Option<Outcome> {
    let place = ledger.chain().transaction(hash).unwrap()?;
    let receipts = ledger.chain().receipts(place.number).unwrap().unwrap();
    let index = usize::try_from(place.index).unwrap();
    let before = index.checked_sub(1).map_or(0, |index| receipts[index].cumulative_gas_used);
    let receipt = &receipts[index];
    Some(Outcome {
        success: receipt.success,
        gas_used: receipt.cumulative_gas_used - before,
        logs: receipt.logs.clone(),
        created: created(ledger, place.number, index).await,
    })
}

async fn created(ledger: &dyn Ledger, number: u64, index: usize) -> Option<Bytes> {
    let block = ledger.chain().block(number).unwrap().unwrap();
    let transaction = types::Transaction::decode(block.transactions()[index].clone()).unwrap();
    if transaction.envelope().kind() != TxKind::Create {
        return None;
    }
    let address = transaction.sender().create(transaction.nonce());
    let account = value(ledger, number, StateKey::Account(address)).await;
    let Some(StateValue::Account(record)) = account else {
        return Some(Bytes::new());
    };
    match value(ledger, number, StateKey::Code(record.code_hash)).await {
        Some(StateValue::Code(code)) => Some(code),
        _ => Some(Bytes::new()),
    }
}

async fn value(ledger: &dyn Ledger, number: u64, key: StateKey) -> Option<StateValue> {
    ledger.read_state(number, vec![key]).await.unwrap().pop().unwrap()
}

fn on_development_ledger(config: DevConfig, sent: &[(usize, Bytes)]) -> Vec<Outcome> {
    let ledger: Arc<DevLedger> = DevLedger::start(config).unwrap();
    for (_, encoded) in sent {
        ledger.submit(encoded.clone()).now_or_never().unwrap().unwrap();
    }
    if let Some(development) = ledger.development()
        && development.info().mining == Mining::OnDemand
    {
        development
            .mine(ledger_api::BlockPlan { blocks: 20, ..ledger_api::BlockPlan::ONE })
            .unwrap();
    }
    let found = |encoded: &Bytes| outcome(&*ledger, keccak256(encoded)).now_or_never();
    sent.iter().map(|(_, encoded)| found(encoded).unwrap().unwrap()).collect()
}

fn config() -> DevConfig {
    DevConfig { chain_id: CHAIN_ID, predeploys: false, ..DevConfig::default() }
}

#[test]
fn receipts_are_those_of_four_nodes() {
    let sent = transactions(11);
    let instant = on_development_ledger(config(), &sent);
    let failed = instant.iter().filter(|outcome| !outcome.success).count();
    let with_logs = instant.iter().filter(|outcome| !outcome.logs.is_empty()).count();
    println!("{TRANSACTIONS} transactions: {failed} failed, {with_logs} with logs");
    assert!(failed > 20 && with_logs > 100, "the set tells little: {failed} {with_logs}");
    // How blocks are cut, and what they commit to, changes nothing.
    let mpt =
        DevConfig { state: StateBackEnd::MerklePatricia, mining: Mining::OnDemand, ..config() };
    assert_eq!(on_development_ledger(mpt, &sent), instant);
    run(3, |context| async move {
        let seeds = [0, 1, 2, 3];
        let genesis = genesis(&seeds, Parameters::default(), Address::ZERO);
        let network = Network::start(context, genesis, &seeds).await;
        network.reach(&seeds, 1, TEN_MINUTES).await;
        for (sender, encoded) in &sent {
            network.submit(*sender as u64, encoded.clone()).await;
        }
        let ledger = network.ledger(0);
        for ((_, encoded), expected) in sent.iter().zip(&instant) {
            let hash = keccak256(encoded);
            for _ in 0..10_000 {
                if outcome_is_there(&*ledger, hash) {
                    break;
                }
                network.sleep(Duration::from_millis(20)).await;
            }
            let found =
                outcome(&*ledger, hash).await.unwrap_or_else(|| panic!("{hash} is not final"));
            assert_eq!(&found, expected, "{hash}");
        }
        network.assert_one_chain(&seeds);
    });
}

fn outcome_is_there(ledger: &dyn Ledger, hash: B256) -> bool {
    let place = ledger.chain().transaction(hash).unwrap();
    place.is_some_and(|place| place.number <= ledger.head().number)
}
