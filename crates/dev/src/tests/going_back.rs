//! Snapshots, beginning anew, and taking a state from one ledger to another.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use chain::{LogFilter, LogLimits};
use ledger_api::{BlockPlan, Development as _, Edit, Ledger as _, Mining, NextBlock};

use super::fixture::*;
use crate::{DevConfig, StateBackEnd, clock::machine_time_s};

#[test]
fn what_came_after_a_snapshot_never_was() {
    let ledger = ledger();
    let counter = ledger.counter(0);
    let counted = ledger.sent(0, TxKind::Call(counter), 1, Bytes::new());
    let (height, hash) = (ledger.height(), ledger.head().hash);
    let snapshot = ledger.snapshot().unwrap();
    let rest = || {
        ledger.edit(counter, Edit::Storage(U256::ZERO, U256::from(7))).unwrap();
        let again = ledger.sent(0, TxKind::Call(counter), 2, Bytes::new());
        ledger.mine(BlockPlan { blocks: 200, ..BlockPlan::ONE }).unwrap();
        again
    };
    let gone = rest();
    assert_eq!(ledger.slot(ledger.height(), counter, 0), 8);
    assert_eq!(ledger.revert(snapshot), Ok(true));
    assert_eq!((ledger.height(), ledger.head().hash), (height, hash));
    assert_eq!(ledger.slot(height, counter, 0), 1);
    assert!(ledger.receipt(gone).is_none() && ledger.receipt(counted).is_some());
    assert_eq!(ledger.chain().block(height + 1).unwrap(), None);
    assert_eq!(ledger.chain().head(), Some(height));
    // The same transaction again, with the same nonce: it is in a block again, and its log is found
    // once.
    assert_eq!(rest(), gone);
    let filter = LogFilter { addresses: [counter].into(), ..LogFilter::default() };
    let limits = LogLimits { entries_max: 100, blocks_read_max: 1_000, index_entries_max: 1_000 };
    let logs = ledger.chain().logs(&filter, 0..=ledger.height(), limits).unwrap();
    assert_eq!(logs.len(), 2);
    assert_eq!(ledger.revert(snapshot), Ok(false), "it is used up");
}

#[test]
fn a_snapshot_takes_later_ones_along_and_brings_settings_back() {
    let ledger = start(DevConfig { mining: Mining::OnDemand, ..DevConfig::default() });
    let waiting = ledger.sent(0, TxKind::Call(Address::ZERO), 0, Bytes::new());
    let first = ledger.snapshot().unwrap();
    ledger.mine(BlockPlan::ONE).unwrap();
    let second = ledger.snapshot().unwrap();
    let now = machine_time_s();
    ledger.increase_time(1_000_000).unwrap();
    let fields = NextBlock { gas_limit: Some(2_000_000), ..NextBlock::default() };
    ledger.set_next_block(fields).unwrap();
    ledger.mine(BlockPlan::ONE).unwrap();
    assert!(ledger.timestamp(3) > now + 999_999);
    assert_eq!(ledger.revert(first), Ok(true));
    assert_eq!(ledger.revert(second), Ok(false));
    assert!(ledger.pool().contains(&waiting), "it waits again");
    ledger.mine(BlockPlan::ONE).unwrap();
    assert_eq!(ledger.receipt(waiting).unwrap().0, 2);
    let header = ledger.chain().header(2).unwrap().unwrap().0;
    assert_eq!(header.gas_limit, 60_000_000);
    assert!(header.timestamp < now + 1_000);
}

#[test]
fn a_reset_leads_to_block_one() {
    let ledger = ledger();
    let (first, instance) = (ledger.head(), ledger.info().instance_id);
    ledger.counter(0);
    ledger.set_mining(Mining::OnDemand).unwrap();
    let snapshot = ledger.snapshot().unwrap();
    ledger.reset().unwrap();
    assert_eq!((ledger.head(), ledger.info().mining), (first, Mining::Instant));
    assert_ne!(ledger.info().instance_id, instance);
    assert_eq!(ledger.revert(snapshot), Ok(false));
    ledger.counter(0);
}

#[test]
fn a_dump_is_the_same_state_elsewhere() {
    let ledger = ledger();
    let counter = ledger.counter(0);
    ledger.sent(0, TxKind::Call(counter), 1, Bytes::new());
    let dump = ledger.dump().unwrap();
    let other = start(DevConfig { state: StateBackEnd::MerklePatricia, ..DevConfig::default() });
    other.edit(counter, Edit::Code(Bytes::from_static(&[0]))).unwrap();
    other.edit(counter, Edit::Storage(U256::from(5), U256::from(5))).unwrap();
    other.load(&dump).unwrap();
    assert_eq!(other.height(), 1);
    assert_eq!((other.slot(1, counter, 0), other.slot(1, counter, 5)), (1, 0));
    assert_eq!(other.record(other.user(0)), ledger.record(ledger.user(0)));
    other.sent(0, TxKind::Call(counter), 2, Bytes::new());
    assert_eq!(other.slot(2, counter, 0), 2);
    // Epochs go on, block hashes are found: what belongs to the chain was left alone.
    other.mine(BlockPlan { blocks: 300, ..BlockPlan::ONE }).unwrap();
    for wrong in [&b""[..], b"[]", b"{}", b"{\"accounts\":{\"0x12\":{}}}"] {
        assert!(ledger.load(wrong).is_err(), "{wrong:?}");
    }
}
