//! Receipts and the two tries of a block, as in Ethereum (yellow paper 4.3.1, EIP-2718, EIP-658).

use std::collections::HashMap;

use alloy_consensus::{Eip658Value, Receipt as EthereumReceipt, ReceiptWithBloom};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Bytes, Log};
use alloy_rlp::{BufMut, Encodable};

/// What a transaction left behind.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// EIP-2718 type of the transaction.
    pub transaction_type: u8,
    /// Whether execution succeeded (EIP-658).
    pub success: bool,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// In the order in which they were written.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Bloom of the addresses and topics.
    pub fn bloom(&self) -> Bloom {
        alloy_primitives::logs_bloom(&self.logs)
    }

    /// EIP-2718 encoding: type byte (none for type 0), then `rlp([status, gas, bloom, logs])`.
    pub fn encoded(&self) -> Vec<u8> {
        self.encoded_with(self.bloom())
    }

    /// As Ethereum encoded receipts before Byzantium: with the state root after the transaction in
    /// place of its success.
    pub fn encoded_with_state(&self, root: B256) -> Vec<u8> {
        self.encoded_as(Eip658Value::PostState(root), self.bloom())
    }

    fn encoded_with(&self, logs_bloom: Bloom) -> Vec<u8> {
        self.encoded_as(Eip658Value::Eip658(self.success), logs_bloom)
    }

    fn encoded_as(&self, status: Eip658Value, logs_bloom: Bloom) -> Vec<u8> {
        let receipt = EthereumReceipt {
            status,
            cumulative_gas_used: self.cumulative_gas_used,
            logs: self.logs.clone(),
        };
        let with_bloom = ReceiptWithBloom { receipt, logs_bloom };
        let mut out = Vec::with_capacity(with_bloom.length() + 1);
        if self.transaction_type != 0 {
            out.put_u8(self.transaction_type);
        }
        with_bloom.encode(&mut out);
        out
    }
}

/// Root of the receipts trie.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    receipts_root_and_bloom(receipts).0
}

/// Root of the receipts trie, and the union of the receipts' blooms.
pub fn receipts_root_and_bloom(receipts: &[Receipt]) -> (B256, Bloom) {
    let mut blooms = BloomParts::default();
    let mut union = Bloom::ZERO;
    let encoded: Vec<Vec<u8>> = receipts
        .iter()
        .map(|receipt| {
            let bloom = blooms.of(&receipt.logs);
            union.accrue_bloom(&bloom);
            receipt.encoded_with(bloom)
        })
        .collect();
    (alloy_trie::root::ordered_trie_root_encoded(&encoded), union)
}

/// Bits of addresses and topics that were hashed before: in one block most logs have the same few
/// addresses and first topics.
#[derive(Default)]
struct BloomParts(HashMap<Item, Bloom>);

#[derive(PartialEq, Eq, Hash)]
enum Item {
    Address(Address),
    Topic(B256),
}

impl BloomParts {
    /// As [`alloy_primitives::logs_bloom`].
    fn of(&mut self, logs: &[Log]) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in logs {
            bloom.accrue_bloom(self.part(Item::Address(log.address)));
            for topic in log.topics() {
                bloom.accrue_bloom(self.part(Item::Topic(*topic)));
            }
        }
        bloom
    }

    fn part(&mut self, item: Item) -> &Bloom {
        self.0.entry(item).or_insert_with_key(|item| {
            let bytes = match item {
                Item::Address(address) => address.as_slice(),
                Item::Topic(topic) => topic.as_slice(),
            };
            let mut part = Bloom::ZERO;
            part.accrue(BloomInput::Raw(bytes));
            part
        })
    }
}

/// Root of the transactions trie over EIP-2718 encodings.
pub fn transactions_root(transactions: &[Bytes]) -> B256 {
    alloy_trie::root::ordered_trie_root_encoded(transactions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bloom_of_a_block_is_that_of_its_logs() {
        let log = |address: u8, topics: &[u8]| {
            let topics = topics.iter().map(|topic| B256::repeat_byte(*topic)).collect();
            Log::new_unchecked(Address::repeat_byte(address), topics, Bytes::new())
        };
        let receipt =
            |logs| Receipt { transaction_type: 2, success: true, cumulative_gas_used: 1, logs };
        let receipts = [
            receipt(vec![log(1, &[2, 3]), log(1, &[2, 4])]),
            receipt(vec![log(5, &[2])]),
            receipt(vec![]),
        ];
        let all = receipts.iter().flat_map(|receipt| &receipt.logs);
        let (root, bloom) = receipts_root_and_bloom(&receipts);
        assert_eq!(bloom, alloy_primitives::logs_bloom(all));
        let encoded: Vec<Vec<u8>> = receipts.iter().map(Receipt::encoded).collect();
        assert_eq!(root, alloy_trie::root::ordered_trie_root_encoded(&encoded));
    }
}
