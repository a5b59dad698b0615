//! Contracts, impersonation and values set directly.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use execution::SpecId;
use ledger_api::{Development as _, DevelopmentError, Edit, Ledger as _};
use state::AccountRecord;

use super::fixture::*;
use crate::DevConfig;

#[test]
fn contracts_run_and_old_heights_keep_their_values() {
    let ledger = ledger();
    let counter = ledger.counter(0);
    for nonce in 1..4 {
        let hash = ledger.sent(0, TxKind::Call(counter), nonce, Bytes::new());
        let (height, receipt) = ledger.receipt(hash).unwrap();
        assert_eq!((height, receipt.success, receipt.logs.len()), (nonce + 2, true, 1));
        assert_eq!(U256::from_be_bytes(receipt.logs[0].topics()[0].0), U256::from(nonce));
    }
    let seen: Vec<u64> = (1..6).map(|height| ledger.slot(height, counter, 0)).collect();
    assert_eq!(seen, [0, 0, 1, 2, 3]);
    let failed = ledger.sent(0, TxKind::Call(counter), 4, Bytes::from_static(&[1]));
    let (_, receipt) = ledger.receipt(failed).unwrap();
    assert_eq!((receipt.success, receipt.logs.len()), (false, 0));
    assert_eq!(ledger.slot(6, counter, 0), 3);
}

#[test]
fn any_account_sends_while_it_is_impersonated_contracts_too() {
    let ledger = ledger();
    let counter = ledger.counter(0);
    let send = |sender: Address| {
        let nonce = ledger.record(sender).map_or(0, |record| record.nonce);
        ledger.send(sender, unsigned(transaction(TxKind::Call(counter), nonce, Bytes::new())))
    };
    for sender in [Address::repeat_byte(0xaa), counter] {
        assert_eq!(send(sender), Err(DevelopmentError::UnknownAccount(sender)));
        ledger.impersonate(sender, true);
        let hash = send(sender).unwrap();
        let (height, receipt) = ledger.receipt(hash).unwrap();
        assert!(receipt.success);
        assert_eq!(ledger.chain().senders(height).unwrap().unwrap()[..], [sender]);
        ledger.impersonate(sender, false);
        assert!(send(sender).is_err());
        ledger.impersonate_all(true);
        assert!(ledger.receipt(send(sender).unwrap()).unwrap().1.success);
        ledger.impersonate_all(false);
    }
    assert_eq!(ledger.slot(ledger.height(), counter, 0), 4);
    // A development account signs.
    let own = ledger.user(3);
    let hash = ledger.send(own, unsigned(transaction(TxKind::Call(counter), 0, Bytes::new())));
    let place = ledger.chain().transaction(hash.unwrap()).unwrap().unwrap();
    let block = ledger.chain().block(place.number).unwrap().unwrap();
    let encoded = block.transactions()[0].clone();
    assert_eq!(types::Transaction::decode(encoded).unwrap().sender(), own);
}

#[test]
fn values_that_are_set_hold_at_once_and_in_blocks_to_come() {
    let ledger = ledger();
    let somebody = Address::repeat_byte(0x5b);
    ledger.edit(somebody, Edit::Balance(U256::from(77))).unwrap();
    ledger.edit(somebody, Edit::Nonce(9)).unwrap();
    ledger.edit(somebody, Edit::Code(COUNTER.into())).unwrap();
    ledger.edit(somebody, Edit::Storage(U256::ZERO, U256::from(41))).unwrap();
    let record = ledger.record(somebody).unwrap();
    assert_eq!((record.balance, record.nonce), (U256::from(77), 9));
    assert_eq!((ledger.height(), ledger.slot(1, somebody, 0)), (1, 41));
    let hash = ledger.sent(0, TxKind::Call(somebody), 0, Bytes::new());
    assert!(ledger.receipt(hash).unwrap().1.success);
    assert_eq!((ledger.slot(1, somebody, 0), ledger.slot(2, somebody, 0)), (41, 42));
    // The nonce of a sender, up and down again.
    for nonce in [100, 3] {
        ledger.edit(ledger.user(0), Edit::Nonce(nonce)).unwrap();
        let hash = ledger.sent(0, TxKind::Call(somebody), nonce, Bytes::new());
        assert!(ledger.receipt(hash).unwrap().1.success);
    }
    assert!(ledger.edit(somebody, Edit::Nonce(u64::MAX)).is_err());
    // Nothing is left of an account without anything.
    let poor = Address::repeat_byte(0x11);
    ledger.edit(poor, Edit::Balance(U256::ONE)).unwrap();
    ledger.edit(poor, Edit::Balance(U256::ZERO)).unwrap();
    assert_eq!(ledger.record(poor), None);
    ledger.edit(poor, Edit::Storage(U256::ONE, U256::ONE)).unwrap();
    assert_eq!(ledger.record(poor), Some(AccountRecord::default()));
}

#[test]
fn large_contracts_are_deployed_where_their_size_is_unlimited() {
    // Returns 30,000 zeros as code: more than EIP-170 allows.
    let init = Bytes::from_static(&alloy_primitives::hex!("6175305ff3"));
    let long_init: Bytes = [&[0x5f, 0x5f, 0xf3][..], &[0; 60_000]].concat().into();
    for unlimited in [false, true] {
        let config = DevConfig { code_size_unlimited: unlimited, ..DevConfig::default() };
        let ledger = start(config);
        let mut large = transaction(TxKind::Create, 0, init.clone());
        large.gas_limit = 10_000_000;
        let hash = ledger.submit_now(ledger.signed(0, large)).unwrap();
        assert_eq!(ledger.receipt(hash).unwrap().1.success, unlimited);
        let mut long = transaction(TxKind::Create, 1, long_init.clone());
        long.gas_limit = 10_000_000;
        let submitted = ledger.submit_now(ledger.signed(0, long));
        assert_eq!(submitted.is_ok(), unlimited, "{submitted:?}");
    }
}

/// Osaka's operation `CLZ` (EIP-7939) is no operation before.
#[test]
fn the_hard_fork_is_the_one_asked_for() {
    for (spec, succeeds) in [(SpecId::PRAGUE, false), (SpecId::OSAKA, true)] {
        let ledger = start(DevConfig { spec, ..DevConfig::default() });
        let hash = ledger.sent(0, TxKind::Create, 0, Bytes::from_static(&[0x5f, 0x1e, 0x00]));
        assert_eq!(ledger.receipt(hash).unwrap().1.success, succeeds, "{spec:?}");
    }
}
