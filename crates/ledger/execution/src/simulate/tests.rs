#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use system::validators::{self, IValidators};

use super::*;
use crate::{
    AccountOverride,
    testing::{
        Chain, MemoryReader, REVERT, STORE, dynamic, forwarder, genesis, hash_of, init_code, key,
        metered,
    },
};

fn simulation(chain: &Chain, state: StateOverrides, block: &BlockOverrides) -> Simulation {
    let environment = chain.environment(chain.number);
    Simulation::new(environment, chain.rules(chain.number), state, block, CALL_GAS_MAX).unwrap()
}

fn state_of(chain: &Chain) -> Arc<MemoryReader> {
    Arc::new(MemoryReader { values: chain.reader.values.clone(), ..Default::default() })
}

fn run(chain: &Chain, request: &CallRequest) -> Result<CallResult, SimulateError> {
    let mut simulation = simulation(chain, StateOverrides::new(), &BlockOverrides::default());
    call(&mut simulation, request, &state_of(chain))
}

fn estimate(chain: &Chain, request: &CallRequest) -> Result<u64, SimulateError> {
    let mut simulation = simulation(chain, StateOverrides::new(), &BlockOverrides::default());
    estimate_gas(&mut simulation, request, &state_of(chain))
}

fn with_code(code: &[u8], request: &CallRequest, chain: &Chain) -> CallResult {
    let pretended = AccountOverride { code: Some(code.to_vec().into()), ..Default::default() };
    let overrides = StateOverrides::from([(request.to.unwrap(), pretended)]);
    let mut simulation = simulation(chain, overrides, &BlockOverrides::default());
    call(&mut simulation, request, &state_of(chain)).unwrap()
}

fn output(result: CallResult) -> Bytes {
    match result {
        CallResult::Success { output, .. } => output,
        other => panic!("{other:?}"),
    }
}

fn word(value: u64) -> Bytes {
    U256::from(value).to_be_bytes::<32>().into()
}

/// Deploys from key 1 (nonce 0).
fn deployed(runtime: &[u8]) -> (Chain, Address) {
    let mut chain = Chain::new(genesis());
    chain.block(vec![key(1).sign(dynamic(0, TxKind::Create, 0, init_code(runtime)))]);
    (chain, key(1).address.create(0))
}

#[test]
fn calls_native_contracts_directly_and_through_bytecode() {
    let (chain, contract) = deployed(&forwarder(0xfa, validators::ADDRESS));
    let data: Bytes = IValidators::validatorCountCall {}.abi_encode().into();
    for to in [validators::ADDRESS, contract] {
        let request = CallRequest { to: Some(to), data: data.clone(), ..Default::default() };
        assert_eq!(output(run(&chain, &request).unwrap()), word(4));
    }
}

#[test]
fn offered_fees_do_not_matter_in_free_mode() {
    let (chain, contract) = deployed(STORE);
    let request = CallRequest {
        from: Some(key(6).address),
        to: Some(contract),
        data: word(1),
        gas_price: Some(u128::MAX),
        ..Default::default()
    };
    assert!(matches!(run(&chain, &request), Ok(CallResult::Success { .. })));
    assert!(estimate(&chain, &request).unwrap() > 40_000);
    let request = CallRequest { value: U256::ONE, ..request };
    let error = run(&chain, &request).unwrap_err().to_string();
    assert!(error.starts_with("insufficient funds for gas * price + value"), "{error}");
}

#[test]
fn metered_calls_without_a_price_need_no_balance_and_with_one_do() {
    let chain = Chain::new(metered(10));
    let base_fee = [0x48, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
    let to = Some(Address::repeat_byte(5));
    let free = CallRequest { from: Some(key(6).address), to, ..Default::default() };
    assert_eq!(output(with_code(&base_fee, &free, &chain)), word(0));
    let poor = CallRequest { gas_price: Some(10), ..free.clone() };
    assert!(matches!(
        run(&chain, &poor),
        Err(SimulateError::Invalid(InvalidTransaction::InsufficientFunds { .. }))
    ));
    let rich = CallRequest { from: Some(key(1).address), gas_price: Some(10), ..free.clone() };
    assert_eq!(output(with_code(&base_fee, &rich, &chain)), word(10));
    let low = CallRequest { max_fee_per_gas: Some(9), ..free.clone() };
    assert!(matches!(
        run(&chain, &low),
        Err(SimulateError::Invalid(InvalidTransaction::FeeCapTooLow { .. }))
    ));
    let both = CallRequest { gas_price: Some(1), max_fee_per_gas: Some(1), ..free };
    assert_eq!(run(&chain, &both), Err(SimulateError::FeeFields));
}

#[test]
fn reverts_and_halts_are_told_apart() {
    let (chain, contract) = deployed(REVERT);
    let request = CallRequest { to: Some(contract), data: word(77), ..Default::default() };
    assert!(matches!(
        run(&chain, &request).unwrap(),
        CallResult::Revert { output, .. } if output == word(77)
    ));
    assert_eq!(estimate(&chain, &request), Err(SimulateError::Reverted { output: word(77) }));
    let endless = [0x5b, 0x5f, 0x56];
    assert!(matches!(
        with_code(&endless, &request, &chain),
        CallResult::Halt { out_of_gas: true, gas_used: CALL_GAS_MAX, .. }
    ));
}

#[test]
fn state_can_be_pretended() {
    let (chain, contract) = deployed(STORE);
    // Returns slots 0 and 1, own balance, number, timestamp, blockhash(number - 1).
    let reader: &[u8] = &[
        0x5f, 0x54, 0x5f, 0x52, 0x60, 0x01, 0x54, 0x60, 0x20, 0x52, 0x47, 0x60, 0x40, 0x52, 0x43,
        0x60, 0x60, 0x52, 0x42, 0x60, 0x80, 0x52, 0x60, 0x01, 0x43, 0x03, 0x40, 0x60, 0xa0, 0x52,
        0x60, 0xc0, 0x5f, 0xf3,
    ];
    let pretended = AccountOverride {
        balance: Some(U256::from(11)),
        code: Some(reader.to_vec().into()),
        state: Some(BTreeMap::from([(U256::ONE, U256::from(22))])),
        ..Default::default()
    };
    let block = BlockOverrides { time: Some(44), ..Default::default() };
    let overrides = StateOverrides::from([(contract, pretended.clone())]);
    let mut simulation = simulation(&chain, overrides, &block);
    let request = CallRequest { to: Some(contract), ..Default::default() };
    let result = output(call(&mut simulation, &request, &state_of(&chain)).unwrap());
    let words: Vec<U256> = result.chunks(32).map(U256::from_be_slice).collect();
    assert_eq!(words[..5], [0, 22, 11, chain.number, 44].map(U256::from));
    assert_eq!(B256::from(words[5]), hash_of(chain.number - 1));
    let both = AccountOverride { state_diff: Some(BTreeMap::new()), ..pretended };
    let environment = chain.environment(chain.number);
    let error = Simulation::new(
        environment,
        chain.rules(2),
        StateOverrides::from([(contract, both)]),
        &block,
        CALL_GAS_MAX,
    )
    .err();
    assert_eq!(error, Some(SimulateError::OverrideFields(contract)));
}

#[test]
fn single_slots_can_be_pretended() {
    let (mut chain, contract) = deployed(STORE);
    chain.block(vec![crate::testing::call(&key(1), 1, contract, word(5))]);
    let reader: &[u8] =
        &[0x5f, 0x54, 0x5f, 0x52, 0x60, 0x01, 0x54, 0x60, 0x20, 0x52, 0x60, 0x40, 0x5f, 0xf3];
    let pretended = AccountOverride {
        code: Some(reader.to_vec().into()),
        state_diff: Some(BTreeMap::from([(U256::ONE, U256::from(22))])),
        ..Default::default()
    };
    let overrides = StateOverrides::from([(contract, pretended)]);
    let mut simulation = simulation(&chain, overrides, &BlockOverrides::default());
    let request = CallRequest { to: Some(contract), ..Default::default() };
    let result = output(call(&mut simulation, &request, &state_of(&chain)).unwrap());
    assert_eq!(result[..], [&word(5)[..], &word(22)].concat());
}

#[test]
fn an_estimate_is_enough_and_not_much_more() {
    let (mut chain, contract) = deployed(STORE);
    let request = CallRequest {
        from: Some(key(3).address),
        to: Some(contract),
        data: word(9),
        ..Default::default()
    };
    let gas = estimate(&chain, &request).unwrap();
    let with_gas = |gas| CallRequest { gas: Some(gas), ..request.clone() };
    assert_eq!(estimate(&chain, &with_gas(30_000)), Err(SimulateError::GasAllowance(30_000)));
    let CallResult::Success { gas_used, .. } = run(&chain, &with_gas(gas)).unwrap() else {
        panic!("the estimate is not enough");
    };
    assert!(gas <= gas_used * 103 / 100, "{gas} for {gas_used}");
    let mut transaction = dynamic(0, TxKind::Call(contract), 0, word(9));
    transaction.gas_limit = gas;
    let block = chain.block(vec![key(3).sign(transaction)]);
    assert!(block.results[0].success);
    assert_eq!(block.results[0].gas_used, gas_used, "simulation and block agree");
}

#[test]
fn a_transfer_needs_exactly_its_gas() {
    let chain = Chain::new(genesis());
    let request = CallRequest {
        from: Some(key(1).address),
        to: Some(Address::repeat_byte(3)),
        value: U256::from(5),
        ..Default::default()
    };
    assert_eq!(estimate(&chain, &request), Ok(21_000));
    let create = CallRequest { to: None, value: U256::ZERO, data: init_code(STORE), ..request };
    let gas = estimate(&chain, &create).unwrap();
    assert!(gas > 53_000 && gas < 80_000, "{gas}");
}

#[test]
fn a_call_that_needs_few_values_runs_once() {
    let chain = Chain::new(genesis());
    // x = sload(1); sload(x)
    let code = [0x60, 0x01, 0x54, 0x54, 0x00];
    let request = CallRequest { to: Some(Address::repeat_byte(8)), ..Default::default() };
    assert_eq!(simulated_runs(&chain, &code, &request), 1);
}

#[test]
fn many_values_are_read_in_few_rounds() {
    let chain = Chain::new(genesis());
    // for (i = 200; i != 0; i--) sload(i)
    let wide: &[u8] =
        &[0x60, 0xc8, 0x5b, 0x80, 0x54, 0x50, 0x60, 0x01, 0x90, 0x03, 0x80, 0x60, 0x02, 0x57, 0x00];
    let request = CallRequest { to: Some(Address::repeat_byte(8)), ..Default::default() };
    let (_, rounds) = counted(wide, &request, &chain);
    assert!(rounds <= FIRST_READS_MAX + 3, "{rounds} rounds");
}

/// Result and number of reads.
fn counted(code: &[u8], request: &CallRequest, chain: &Chain) -> (CallResult, usize) {
    let pretended = AccountOverride { code: Some(code.to_vec().into()), ..Default::default() };
    let overrides = StateOverrides::from([(request.to.unwrap(), pretended)]);
    let mut simulation = simulation(chain, overrides, &BlockOverrides::default());
    let reader = state_of(chain);
    let result = call(&mut simulation, request, &reader).unwrap();
    (result, reader.reads.load(Ordering::Relaxed))
}

#[test]
fn reads_that_depend_on_one_another_are_not_run_again_for_each() {
    let mut chain = Chain::new(genesis());
    // x = 1; do { x = sload(x) } while (x != 0)
    let code = [0x60, 0x01, 0x5b, 0x54, 0x80, 0x60, 0x02, 0x57, 0x00];
    let request = CallRequest { to: Some(Address::repeat_byte(8)), ..Default::default() };
    let links = 20_000;
    chain.reader.values.extend((1..links).map(|slot| {
        let key = StateKey::Storage(request.to.unwrap(), U256::from(slot));
        (key, StateValue::Storage(U256::from(slot + 1)))
    }));
    let (result, reads) = counted(&code, &request, &chain);
    let CallResult::Success { gas_used, .. } = result else { panic!("{result:?}") };
    assert!(gas_used > links * 2_100);
    assert!(reads as u64 >= links, "one for each");
    assert!(simulated_runs(&chain, &code, &request) <= COLLECTING_ROUNDS_MAX + 2);
}

/// How often the call is run until it has a result.
fn simulated_runs(chain: &Chain, code: &[u8], request: &CallRequest) -> usize {
    let pretended = AccountOverride { code: Some(code.to_vec().into()), ..Default::default() };
    let overrides = StateOverrides::from([(request.to.unwrap(), pretended)]);
    let mut simulation = simulation(chain, overrides, &BlockOverrides::default());
    let mut runs = 0;
    let counting = |simulation: &mut Simulation| {
        runs += 1;
        simulation.call(request)
    };
    simulation.drive(&state_of(chain), counting).unwrap();
    runs
}

#[test]
fn a_failure_to_read_is_told_wherever_it_happens() {
    /// Endless slots that lead to one another; fails after some reads.
    struct Failing(AtomicUsize);
    impl BlockingReader for Failing {
        fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
            let left = self
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            left.map_err(|_| StateError::Store("gone".into()))?;
            Ok(keys.iter().map(next_slot).collect())
        }
    }
    fn next_slot(key: &StateKey) -> Option<StateValue> {
        match key {
            StateKey::Storage(_, slot) => Some(StateValue::Storage(*slot + U256::ONE)),
            _ => None,
        }
    }
    let chain = Chain::new(genesis());
    let code = [0x60, 0x01, 0x5b, 0x54, 0x80, 0x60, 0x02, 0x57, 0x00];
    let request = CallRequest { to: Some(Address::repeat_byte(8)), ..Default::default() };
    let collected = FIRST_READS_MAX + COLLECTING_ROUNDS_MAX;
    for reads in [1, 5, FIRST_READS_MAX, FIRST_READS_MAX + 5, collected, collected + 50] {
        let pretended = AccountOverride { code: Some(code.to_vec().into()), ..Default::default() };
        let overrides = StateOverrides::from([(request.to.unwrap(), pretended)]);
        let mut simulation = simulation(&chain, overrides, &BlockOverrides::default());
        let reader = Arc::new(Failing(AtomicUsize::new(reads)));
        let result = call(&mut simulation, &request, &reader);
        assert_eq!(result, Err(SimulateError::State(StateError::Store("gone".into()))), "{reads}");
    }
}

/// Simulated blocks on the state after the chain's head.
fn blocks(chain: &Chain, checks: Checks) -> BlockSimulation<MemoryReader> {
    let rules = chain.rules(chain.number);
    BlockSimulation::new(
        rules.block_hashes.clone(),
        rules.spec,
        state_of(chain),
        crate::trace::Patience::endless(),
        checks,
    )
}

#[test]
fn a_simulated_block_is_the_block_in_both_fee_modes() {
    for file in [genesis(), metered(1)] {
        let mut chain = Chain::new(file);
        chain.block(vec![key(1).sign(dynamic(0, TxKind::Create, 0, init_code(STORE)))]);
        let to = TxKind::Call(key(1).address.create(0));
        let transaction = key(1).sign(dynamic(1, to, 0, word(5)));
        let number = chain.number + 1;
        let block = chain.execute(vec![transaction.clone()], crate::Mode::Verify).unwrap();
        let mut simulation = blocks(&chain, Checks { validation: true, trace_transfers: false });
        let (environment, rules) = (chain.environment(number), chain.rules(number));
        simulation.begin(environment, rules, &StateOverrides::new()).unwrap();
        let outcome = simulation.call(&transaction).unwrap();
        assert!(simulation.end(&[]).unwrap().is_empty());
        let CallResult::Success { gas_used, logs, .. } = outcome.result else {
            panic!("{outcome:?}");
        };
        assert_eq!((gas_used, &logs), (block.gas_used, &block.receipts[0].logs));
        assert_eq!(simulation.diff(), block.diff);
    }
}

#[test]
fn written_values_are_changes_and_credits_come_out_of_nothing() {
    let (chain, contract) = deployed(STORE);
    let poor = Address::repeat_byte(0xc0);
    let mut simulation = blocks(&chain, Checks::default());
    let number = chain.number + 1;
    let written = AccountOverride {
        balance: Some(U256::from(9)),
        state: Some([(U256::from(1), U256::from(2))].into()),
        ..Default::default()
    };
    let overrides = StateOverrides::from([(poor, written), (contract, Default::default())]);
    let (environment, rules) = (chain.environment(number), chain.rules(number));
    simulation.begin(environment, rules, &overrides).unwrap();
    simulation.end(&[(poor, U256::from(3)), (Address::ZERO, U256::ZERO)]).unwrap();
    let diff = simulation.diff();
    let account = diff.changes[&StateKey::Account(poor)].current.clone();
    let Some(StateValue::Account(record)) = account else { panic!("{account:?}") };
    assert_eq!(record.balance, U256::from(12));
    let slot = &diff.changes[&StateKey::Storage(poor, U256::from(1))];
    assert_eq!(slot.current, Some(StateValue::Storage(U256::from(2))));
    assert!(diff.wiped.contains(&poor));
    assert!(!diff.changes.contains_key(&StateKey::Account(contract)), "named, not changed");
    assert!(!diff.changes.contains_key(&StateKey::Account(Address::ZERO)));
}
