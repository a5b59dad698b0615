//! A block run again under a tracer is the block: same gas, same status, same changes.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use serde_json::{Value, json};
use system::validators::{self, IValidators};
use types::Transaction;

use super::*;
use crate::{
    BlockOutcome, CallGate, ChainRules, FrameStart, GateRefusal, Mode,
    simulate::{After, CallRequest, Simulation},
    testing::{
        CHAIN_ID, Chain, MemoryReader, REVERT, STORE, dynamic, forwarder, genesis, init_code, key,
        metered,
    },
};

/// What a tracer takes.
fn tracers() -> Vec<GethTracer> {
    [
        json!({}),
        json!({ "enableMemory": true, "enableReturnData": true }),
        json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } }),
        json!({ "tracer": "prestateTracer" }),
        json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } }),
        json!({ "tracer": "flatCallTracer" }),
        json!({ "tracer": "4byteTracer" }),
        json!({ "tracer": "noopTracer" }),
        json!({ "tracer": "muxTracer", "tracerConfig": {
            "callTracer": {}, "prestateTracer": { "diffMode": true }, "4byteTracer": null,
        } }),
    ]
    .into_iter()
    .map(geth)
    .collect()
}

fn geth(options: Value) -> GethTracer {
    GethTracer::new(serde_json::from_value(options).unwrap()).unwrap()
}

/// Transactions of every kind and fate on contracts deployed before, in one block.
fn mixed(chain: &mut Chain) -> Vec<Arc<Transaction>> {
    let sender = key(1);
    let deploy =
        |nonce, code: &[u8]| sender.sign(dynamic(nonce, TxKind::Create, 0, init_code(code)));
    let store = sender.address.create(0);
    let revert = sender.address.create(1);
    let forward = sender.address.create(2);
    let native = sender.address.create(3);
    let deployed = chain.block(vec![
        deploy(0, STORE),
        deploy(1, REVERT),
        deploy(2, &forwarder(0xf1, revert)),
        deploy(3, &forwarder(0xf1, validators::ADDRESS)),
    ]);
    assert!(deployed.results.iter().all(|result| result.success));
    let word = Bytes::copy_from_slice(B256::with_last_byte(7).as_slice());
    let count: Bytes = IValidators::validatorCountCall {}.abi_encode().into();
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 8,
        gas_price: 1_000,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(0x33)),
        value: U256::from(5),
        input: Bytes::new(),
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 9,
        gas_price: 1_000,
        gas_limit: 200_000,
        to: TxKind::Call(store),
        input: word.clone(),
        ..TxEip2930::default()
    };
    let delegated = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 10,
        gas_limit: 300_000,
        max_fee_per_gas: 1_000,
        max_priority_fee_per_gas: 0,
        to: key(2).address,
        authorization_list: vec![key(2).authorize(store, 0)],
        input: word.clone(),
        ..TxEip7702::default()
    };
    let paid = |nonce, to, input: Bytes| {
        let mut transaction = dynamic(nonce, to, 0, input);
        transaction.max_fee_per_gas = 1_000;
        sender.sign(transaction)
    };
    vec![
        paid(4, TxKind::Call(store), word.clone()),
        paid(5, TxKind::Call(revert), word.clone()),
        paid(6, TxKind::Call(forward), word.clone()),
        paid(7, TxKind::Call(native), count.clone()),
        sender.sign(legacy),
        sender.sign(listed),
        sender.sign(delegated),
        // An invalid instruction takes all gas.
        paid(11, TxKind::Create, Bytes::from_static(&[0xfe])),
        paid(12, TxKind::Call(validators::ADDRESS), count),
        paid(13, TxKind::Create, init_code(STORE)),
        // Precompile: SHA-256.
        paid(14, TxKind::Call(Address::with_last_byte(2)), word),
    ]
}

fn replay(
    chain: &Chain,
    rules: ChainRules,
    transactions: &[Arc<Transaction>],
    patience: Patience,
) -> Replay<MemoryReader> {
    let values = chain.reader.values.clone();
    let reader = Arc::new(MemoryReader { values, ..MemoryReader::default() });
    let environment = chain.environment(chain.number + 1);
    Replay::start(environment, rules, transactions.to_vec(), reader, patience).unwrap()
}

fn compare(index: usize, replayed: Replayed, outcome: &BlockOutcome) {
    let expected = &outcome.results[index];
    assert_eq!(
        (replayed.gas_used, replayed.success),
        (expected.gas_used, expected.success),
        "transaction {index}"
    );
}

fn agrees(chain: &Chain, rules: &ChainRules, transactions: &[Arc<Transaction>]) -> BlockOutcome {
    let environment = chain.environment(chain.number + 1);
    let executor =
        crate::BlockExecutor::new(environment, rules.clone(), transactions.to_vec(), Mode::Verify);
    let driven = crate::drive(executor, &chain.reader, &crate::Here, None);
    let outcome = futures::executor::block_on(driven).unwrap();
    assert_eq!(outcome.results.len(), transactions.len());
    for tracer in tracers() {
        let mut traced = replay(chain, rules.clone(), transactions, Patience::endless());
        for index in 0..transactions.len() {
            let (_, replayed) = traced.trace_next(&tracer, TracePlace::default()).unwrap();
            compare(index, replayed, &outcome);
        }
        assert_eq!(
            traced.trace_next(&tracer, TracePlace::default()).err(),
            Some(TraceError::NoTransaction)
        );
        assert_eq!(traced.into_parts().0.diff(), outcome.diff, "{tracer:?}");
    }
    let every = TraceTypes { frames: true, state: true, machine: true };
    let mut parity = replay(chain, rules.clone(), transactions, Patience::endless());
    let mut plain = replay(chain, rules.clone(), transactions, Patience::endless());
    for index in 0..transactions.len() {
        let tracer = ParityTracer { types: every };
        let (_, replayed) = parity.trace_next(&tracer, TracePlace::default()).unwrap();
        compare(index, replayed, &outcome);
        compare(index, plain.run_next().unwrap(), &outcome);
    }
    assert_eq!(parity.into_parts().0.diff(), outcome.diff);
    assert_eq!(plain.into_parts().0.diff(), outcome.diff);
    outcome
}

#[test]
fn a_traced_block_is_the_block_in_both_fee_modes() {
    for genesis in [genesis(), metered(1)] {
        let mut chain = Chain::new(genesis);
        let transactions = mixed(&mut chain);
        let rules = chain.rules(chain.number + 1);
        let outcome = agrees(&chain, &rules, &transactions);
        let success: Vec<bool> = outcome.results.iter().map(|result| result.success).collect();
        let expected = [true, false, true, true, true, true, true, false, true, true, true];
        assert_eq!(success, expected);
    }
}

/// Lets nobody call the contract that reverts.
#[derive(Debug)]
struct Closed(Address);

impl CallGate for Closed {
    fn check(&self, frame: &FrameStart) -> Result<(), GateRefusal> {
        match frame.target == Some(self.0) {
            true => Err(GateRefusal { output: Bytes::from_static(b"closed") }),
            false => Ok(()),
        }
    }
}

#[test]
fn a_traced_block_asks_the_gate_as_the_block_does() {
    let mut chain = Chain::new(genesis());
    let transactions = mixed(&mut chain);
    let open = chain.rules(chain.number + 1);
    let closed = ChainRules { gate: Arc::new(Closed(key(1).address.create(0))), ..open.clone() };
    let with_gate = agrees(&chain, &closed, &transactions);
    assert!(!with_gate.results[0].success, "the gate refused it");
    assert!(agrees(&chain, &open, &transactions).results[0].success);
    let mut traced = replay(&chain, closed, &transactions, Patience::endless());
    let tracer = geth(json!({ "tracer": "callTracer" }));
    let (trace, _) = traced.trace_next(&tracer, TracePlace::default()).unwrap();
    let trace = serde_json::to_value(&trace).unwrap();
    assert_eq!(trace["error"], "execution reverted");
    assert_eq!(trace["output"], "0x636c6f736564");
}

#[test]
fn traces_show_native_contracts_frames_and_logs() {
    let mut chain = Chain::new(genesis());
    let transactions = mixed(&mut chain);
    let rules = chain.rules(chain.number + 1);
    let mut traced = replay(&chain, rules, &transactions, Patience::endless());
    let tracer = geth(json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } }));
    let mut next = || {
        let (trace, _) = traced.trace_next(&tracer, TracePlace::default()).unwrap();
        serde_json::to_value(&trace).unwrap()
    };
    let stored = next();
    assert_eq!((&stored["type"], &stored["logs"][0]["index"]), (&json!("CALL"), &json!("0x0")));
    assert_eq!(stored["gas"], json!("0xf4240"), "the transaction's limit");
    assert_eq!(next()["error"], "execution reverted");
    let forwarded = next();
    assert_eq!(forwarded["calls"][0]["error"], "execution reverted");
    assert_eq!(forwarded["error"], Value::Null);
    let native = next();
    let inner = &native["calls"][0];
    assert_eq!(inner["to"], format!("{:#x}", validators::ADDRESS));
    assert_eq!(inner["output"], format!("{:#066x}", 4), "four validators");
}

#[test]
fn a_trace_that_is_too_large_or_too_slow_ends_with_the_limit() {
    let mut chain = Chain::new(genesis());
    // JUMPDEST PUSH0 JUMP: runs until the gas is gone.
    let endless = Bytes::from_static(&[0x5b, 0x5f, 0x56]);
    let mut transaction = dynamic(0, TxKind::Create, 0, endless);
    transaction.gas_limit = 10_000_000;
    let transactions = vec![key(1).sign(transaction)];
    let rules = chain.rules(chain.number + 1);
    let result = |options: Value, patience: Patience| {
        let mut traced = replay(&chain, rules.clone(), &transactions, patience);
        traced.trace_next(&geth(options), TracePlace::default()).map(|(_, replayed)| replayed)
    };
    let large = result(json!({}), Patience::endless());
    assert_eq!(large.err(), Some(TraceError::Exceeded(Exceeded::Bytes)));
    let few = result(json!({ "limit": 100 }), Patience::endless()).unwrap();
    assert_eq!(few, Replayed { gas_used: 10_000_000, success: false });
    let calls = result(json!({ "tracer": "callTracer" }), Patience::endless()).unwrap();
    assert_eq!(calls.gas_used, 10_000_000);
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Patient before the transaction, and for the first thousands of its steps.
    let patience =
        Patience::new(move || count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 3);
    let slow = result(json!({ "tracer": "noopTracer" }), patience);
    assert_eq!(slow.err(), Some(TraceError::Exceeded(Exceeded::Time)));
    // The state is as before: the same block runs.
    chain.block(transactions.clone());
}

#[test]
fn tracers_that_are_not_offered_are_refused_by_name() {
    for (options, word) in [
        (json!({ "tracer": "{fault: function() {}}" }), "JavaScript"),
        (json!({ "tracer": "erc7562Tracer" }), "erc7562Tracer"),
        (json!({ "tracer": "callTracer", "tracerConfig": { "withLog": "yes" } }), "config"),
    ] {
        let error = GethTracer::new(serde_json::from_value(options).unwrap()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn traced_calls_follow_one_another_and_list_what_they_touch() {
    let mut chain = Chain::new(genesis());
    let transactions = mixed(&mut chain);
    let store = key(1).address.create(0);
    let values = chain.reader.values.clone();
    let reader = Arc::new(MemoryReader { values, ..MemoryReader::default() });
    let environment = chain.environment(chain.number);
    let rules = chain.rules(chain.number);
    let mut simulation =
        Simulation::new(environment, rules, Default::default(), &Default::default(), 10_000_000)
            .unwrap();
    let word = |byte| Bytes::copy_from_slice(B256::with_last_byte(byte).as_slice());
    let request = CallRequest { to: Some(store), data: word(3), ..CallRequest::default() };
    let tracer = ParityTracer { types: TraceTypes { state: true, ..TraceTypes::default() } };
    let patience = Patience::endless();
    let mut diff = |data, after| {
        let request = CallRequest { data, ..request.clone() };
        let trace = simulation.trace(&request, &tracer, &reader, &patience, after).unwrap();
        let diff = serde_json::to_value(trace.state_diff.unwrap()).unwrap();
        diff[format!("{store:#x}")]["storage"][B256::ZERO.to_string()].clone()
    };
    let changed = |from: u8, to: u8| json!({ "*": { "from": B256::with_last_byte(from), "to": B256::with_last_byte(to) } });
    assert_eq!(diff(word(3), After::Forget), changed(0, 3));
    assert_eq!(diff(word(4), After::Keep), changed(0, 4));
    assert_eq!(diff(word(5), After::Keep), changed(4, 5));
    let tracer = AccessListTracer::default();
    let listing = simulation.trace(&request, &tracer, &reader, &patience, After::Forget).unwrap();
    assert_eq!(listing.list.0.len(), 1);
    assert_eq!((listing.list.0[0].address, listing.error), (store, None));
    assert_eq!(listing.list.0[0].storage_keys, [B256::ZERO]);
    // In the middle of a block a call sees the transactions before it.
    let rules = chain.rules(chain.number + 1);
    let mut running = replay(&chain, rules, &transactions, Patience::endless());
    running.run_next().unwrap();
    let (mut within, reader) =
        Simulation::within(running, Default::default(), &Default::default(), 10_000_000).unwrap();
    let tracer = ParityTracer { types: TraceTypes { state: true, ..TraceTypes::default() } };
    let trace = within.trace(&request, &tracer, &reader, &patience, After::Forget).unwrap();
    let diff = serde_json::to_value(trace.state_diff.unwrap()).unwrap();
    let slot = &diff[format!("{store:#x}")]["storage"][B256::ZERO.to_string()];
    assert_eq!(*slot, changed(7, 3));
}
