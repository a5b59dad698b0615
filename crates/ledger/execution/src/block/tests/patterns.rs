//! Patterns save runs and rounds of reading, and change nothing else.

use alloy_primitives::{Bytes, U256, hex, keccak256};

use super::{super::*, *};
use crate::AccessPatterns;

const TOKEN: Address = Address::repeat_byte(0x70);
/// What each sender has.
const BALANCE: u64 = 1_000;

/// `balance[caller] -= second argument; balance[first argument] += second argument`, reverting where
/// the caller has too little; `balance` is the mapping in slot 3.
const TRANSFER: [u8; 53] = hex!(
    // Memory 0: the caller, memory 32: slot 3; their hash, the value there.
    "335f52 6003602052 60405f20 8054"
    // Where it is less than the second argument, to the revert at 0x31.
    "602435 80821060 3157"
    // The difference is stored, the amount stays on the stack.
    "809103 91909190 55"
    // Memory 0: the first argument; the hash, the value there and the sum.
    "6004355f52 60405f20 8054 91909101 9055 00"
    "5b5f5ffd"
);

fn balance_slot(owner: Address) -> U256 {
    let preimage = [owner.into_word().0, U256::from(3).to_be_bytes()].concat();
    U256::from_be_bytes(keccak256(preimage).0)
}

fn recipient(number: u8) -> Address {
    Address::repeat_byte(number).create(1)
}

fn transfer(from: u8, amount: u64) -> Arc<Transaction> {
    let mut input = hex!("a9059cbb").to_vec();
    input.extend_from_slice(recipient(from).into_word().as_slice());
    input.extend_from_slice(&U256::from(amount).to_be_bytes::<32>());
    call(&key(from), 0, TOKEN, input.into())
}

fn chain_with_token() -> Chain {
    let mut file = genesis();
    let owners = (1..=100).map(|number| balance_slot(key(number).address));
    let storage = owners.map(|slot| (slot, U256::from(BALANCE))).collect();
    let code = Bytes::from_static(&TRANSFER);
    let account = types::AllocatedAccount { code, storage, ..Default::default() };
    file.allocation.insert(TOKEN, account);
    Chain::new(file)
}

struct Executed {
    outcome: BlockOutcome,
    rounds: usize,
    trial_gas: u64,
}

fn execute(chain: &Chain, calls: &[Arc<Transaction>], known: &Arc<AccessPatterns>) -> Executed {
    let mut executor =
        BlockExecutor::new(chain.environment(2), chain.rules(2), calls.to_vec(), Mode::Verify)
            .with_patterns(Arc::clone(known));
    let mut rounds = 0;
    loop {
        match executor.step() {
            Step::NeedState(keys) => {
                rounds += 1;
                for key in keys {
                    executor.provide(key, chain.reader.values.get(&key).cloned());
                }
            }
            Step::Done(outcome) => {
                let trial_gas = executor.progress.tries.gas();
                return Executed { outcome: *outcome, rounds, trial_gas };
            }
            Step::Pause => {}
            Step::NeedSource => panic!("few reads depend on one another"),
            Step::Invalid(invalid) => panic!("{invalid}"),
        }
    }
}

#[test]
fn one_block_of_transfers_teaches_what_the_next_ones_read() {
    let chain = chain_with_token();
    let known = Arc::default();
    let calls: Vec<_> = (1..=50).map(|number| transfer(number, 7)).collect();
    let first = execute(&chain, &calls, &known);
    assert!(first.trial_gas > 0);
    assert!(first.outcome.results.iter().all(|result| result.success));
    let again = execute(&chain, &calls, &known);
    assert_eq!(again.outcome, first.outcome);
    let others: Vec<_> = (51..=100).map(|number| transfer(number, BALANCE)).collect();
    let others = execute(&chain, &others, &known);
    assert!(others.outcome.results.iter().all(|result| result.success));
    let slot = StateKey::Storage(TOKEN, balance_slot(recipient(77)));
    let written = others.outcome.diff.changes[&slot].current.clone();
    assert_eq!(written, Some(StateValue::Storage(U256::from(BALANCE))));
    for known in [again, others] {
        assert_eq!((known.rounds, known.trial_gas), (2, 0));
    }
}

#[test]
fn a_wrong_pattern_costs_reads_and_changes_nothing() {
    let chain = chain_with_token();
    let wrong = Arc::<AccessPatterns>::default();
    // Learned while the contract was another: it touched one slot, found without hashing.
    let mut touched = revm::state::EvmState::default();
    let mut account = revm::state::Account::default();
    account.storage.insert(U256::from(9), Default::default());
    touched.insert(TOKEN, account);
    wrong.learn(&transfer(1, 1), &touched, &[]);
    let calls: Vec<_> = (1..=20).map(|number| transfer(number, 600 * u64::from(number))).collect();
    let with_wrong = execute(&chain, &calls, &wrong);
    let with_none = execute(&chain, &calls, &Arc::default());
    assert_eq!(with_wrong.outcome, with_none.outcome);
    let succeeded = with_none.outcome.results.iter().filter(|result| result.success);
    assert_eq!(succeeded.count(), 1);
    // It has learned better since.
    assert_eq!(execute(&chain, &calls, &wrong).trial_gas, 0);
}
