use std::sync::Arc;

use alloy_primitives::{Bytes, keccak256};
use commonware_parallel::Sequential;
use futures::executor::block_on;
use state::AccountRecord;
use types::limits::TRANSACTION_BYTES_MAX;

use super::fixtures::{Accounts, Offer, free_pool, sender};
use crate::{
    Admission, Admit as _,
    Origin::{Local, Peer},
    PoolConfig, Refusal,
};

fn admission(accounts: Accounts) -> (Arc<crate::Pool>, Admission<Accounts, Sequential>) {
    let pool = Arc::new(free_pool(PoolConfig::default()));
    (Arc::clone(&pool), Admission::new(pool, accounts, Sequential))
}

#[test]
fn a_batch_is_answered_in_order_with_one_read() {
    let accounts = Accounts::default();
    let advanced = AccountRecord { nonce: 4, ..AccountRecord::default() };
    accounts.records.lock().unwrap().insert(sender(2), advanced);
    let (pool, admission) = admission(accounts.clone());
    let good = Offer::new(1, 0).bytes();
    let batch = vec![
        good.clone(),
        Bytes::from_static(&[0x02, 0xff]),
        Offer::new(2, 3).bytes(),
        Offer::new(2, 4).bytes(),
        good.clone(),
        Bytes::new(),
        vec![0x03, 0xc0].into(),
        vec![0xc0; TRANSACTION_BYTES_MAX + 1].into(),
    ];
    let answers = block_on(admission.admit(batch, Local));
    let codes: Vec<Result<_, _>> =
        answers.into_iter().map(|answer| answer.map_err(|refusal| refusal.code())).collect();
    let hash = keccak256(&good);
    let expected = [
        Ok(hash),
        Err("POOL-0014"),
        Err("POOL-0002"),
        Ok(keccak256(Offer::new(2, 4).bytes())),
        Err("POOL-0001"),
        Err("POOL-0010"),
        Err("POOL-0012"),
        Err("POOL-0011"),
    ];
    assert_eq!(codes, expected);
    assert_eq!(*accounts.reads.lock().unwrap(), 1);
    assert_eq!(pool.status().executable, 2);
    let again = block_on(admission.admit(vec![good], Peer));
    assert_eq!(again, [Err(Refusal::AlreadyKnown)]);
    assert_eq!(*accounts.reads.lock().unwrap(), 1, "what is known is not read again");
}

#[test]
fn an_unreadable_state_refuses_and_admits_nothing() {
    let (pool, admission) = admission(Accounts { broken: true, ..Accounts::default() });
    let answers = block_on(admission.admit(vec![Offer::new(1, 0).bytes()], Local));
    assert_eq!(answers[0].as_ref().unwrap_err().code(), "POOL-0008");
    assert_eq!(pool.status(), Default::default());
}

#[test]
fn a_transaction_does_not_keep_the_message_it_came_in() {
    let (pool, admission) = admission(Accounts::default());
    let encoded = Offer::new(1, 0).bytes();
    let mut message = vec![0u8; 1 << 20];
    message[..encoded.len()].copy_from_slice(&encoded);
    let message = Bytes::from(message);
    let slice: Bytes = message.slice(..encoded.len());
    let hash = block_on(admission.admit(vec![slice], Peer)).remove(0).unwrap();
    assert_ne!(pool.get(&hash).unwrap().encoded().as_ptr(), message.as_ptr());
}
