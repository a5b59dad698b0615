//! Blocks as Ethereum encodes them: `rlp([header, transactions, ommers, withdrawals])`, the last only
//! since Shanghai (EIP-4895).

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::Bytes;
use alloy_rlp::{Encodable, Header as RlpHeader};
use ledger_api::ChainBlock;
use types::Header;

/// A block of the chain, without what a ledger has beside it.
pub fn block_bytes(block: &ChainBlock) -> Vec<u8> {
    encode(block.header(), block.transactions(), block.ommers(), block.withdrawals())
}

/// A block of its parts.
pub fn encode(
    header: &Header,
    transactions: &[Bytes],
    ommers: &[Header],
    withdrawals: Option<&[Withdrawal]>,
) -> Vec<u8> {
    let mut body = Vec::new();
    header.encode(&mut body);
    list(&transaction_items(transactions), &mut body);
    list(&items(ommers), &mut body);
    if let Some(withdrawals) = withdrawals {
        list(&items(withdrawals), &mut body);
    }
    let mut out = Vec::with_capacity(body.len() + 9);
    list(&body, &mut out);
    out
}

fn list(payload: &[u8], out: &mut Vec<u8>) {
    RlpHeader { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

/// A legacy transaction is a list of its own; typed ones are strings (EIP-2718).
fn transaction_items(transactions: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    for bytes in transactions {
        match bytes.first().is_some_and(|first| *first >= 0xc0) {
            true => out.extend_from_slice(bytes),
            false => bytes.encode(&mut out),
        }
    }
    out
}

fn items(values: &[impl Encodable]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        value.encode(&mut out);
    }
    out
}
