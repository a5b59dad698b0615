//! A development ledger goes back: what came after never was, and another chain follows.

use alloy_primitives::keccak256;

use super::fixture::{block, check_block, log, open, plain_chain};
use crate::{ChainError, LogFilter, LogLimits};

#[test]
fn what_came_after_never_was_and_another_chain_follows() {
    let directory = tempfile::tempdir().unwrap();
    // More than the store keeps in memory, so that both memory and disk are looked at.
    let blocks = plain_chain(300);
    let store = open(directory.path());
    blocks.iter().for_each(|block| store.append(block).unwrap());
    store.block(5).unwrap();
    store.rewind(400).unwrap();
    assert_eq!(store.head(), Some(299));
    store.rewind(100).unwrap();
    let gone = &blocks[101..];
    let check = |store: &crate::ChainStore| {
        assert_eq!(store.head(), Some(100));
        blocks[..=100].iter().for_each(|block| check_block(store, block));
        for block in gone {
            assert_eq!(store.block(block.block.number()).unwrap(), None);
            assert_eq!(store.number(block.block.hash()).unwrap(), None);
            let hash = keccak256(&block.block.transactions()[0]);
            assert_eq!(store.transaction(hash).unwrap(), None);
        }
        let logs = store.logs(&LogFilter::default(), 0..=300, LogLimits::default()).unwrap();
        assert_eq!(logs.len(), 202);
    };
    check(&store);
    // On the disk as well.
    drop(store);
    let store = open(directory.path());
    store.check_everything().unwrap();
    check(&store);
    let other = block(101, blocks[100].block.hash(), vec![vec![log(9, &[9])]]);
    store.append(&other).unwrap();
    check_block(&store, &other);
    let refused = store.append(&blocks[102]).unwrap_err();
    assert!(matches!(refused, ChainError::WrongParent { height: 102, .. }), "{refused}");
}
