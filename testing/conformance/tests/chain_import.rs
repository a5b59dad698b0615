//! The chain of ethereum/execution-apis, block by block through every fork.

#![allow(clippy::unwrap_used)]

use alloy_primitives::b256;
use conformance::{
    chain::{self, Source},
    vectors,
};

/// Head of the chain, as `headfcu.json` beside it says.
const HEAD: alloy_primitives::B256 =
    b256!("0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7");

fn source() -> Option<Source> {
    let folder = vectors::find(vectors::EXECUTION_APIS).unwrap()?;
    Some(Source::read(&folder.join("tests")).unwrap())
}

#[test]
fn every_block_agrees_with_its_header() {
    let Some(source) = source() else { return };
    let (chain, failure) = chain::import(source);
    assert!(failure.is_none(), "block {}: {:#}", chain.blocks.len(), failure.unwrap());
    assert_eq!(chain.blocks.len(), 55);
    assert_eq!(chain.head().hash, HEAD);

    // What later reads rely on: states follow from one another by the diffs, and the indexes
    // find what they should.
    let mut state = chain.blocks[0].state.clone();
    for (number, block) in chain.blocks.iter().enumerate().skip(1) {
        state.apply(&block.diff).unwrap();
        assert_eq!(state.root(), block.block.header.state_root, "block {number}");
        assert_eq!(chain.block_by_hash(block.hash).unwrap().hash, block.hash);
        for (index, transaction) in block.block.body.transactions.iter().enumerate() {
            let position = chain.transaction_position(*transaction.tx_hash());
            assert_eq!(position, Some((number, index)));
        }
    }
}

/// A test that cannot fail would prove nothing: each kind of damage is found, in its own block.
#[test]
fn damaged_blocks_are_refused() {
    type Damage = fn(&mut alloy_consensus::Block<alloy_consensus::TxEnvelope>);
    let damages: [(usize, &str, Damage); 6] = [
        (54, "state root", |block| block.header.state_root.0[0] ^= 1),
        (1, "receipts root", |block| block.header.receipts_root.0[0] ^= 1),
        (54, "gas used", |block| block.header.gas_used += 1),
        (45, "requests hash", |block| block.header.requests_hash.as_mut().unwrap().0[0] ^= 1),
        (30, "base fee", |block| *block.header.base_fee_per_gas.as_mut().unwrap() += 1),
        (39, "withdrawals root", |block| {
            block.body.withdrawals.as_mut().unwrap()[0].amount += 1;
        }),
    ];
    for (number, reason, damage) in damages {
        let Some(mut source) = source() else { return };
        damage(&mut source.blocks[number - 1]);
        let (chain, failure) = chain::import(source);
        assert_eq!(chain.blocks.len(), number, "{reason}");
        let failure = format!("{:#}", failure.unwrap());
        assert!(failure.contains(reason), "{failure} should name {reason}");
    }
}
