//! Receipts and the two tries of a block, as in Ethereum (yellow paper 4.3.1, EIP-2718, EIP-658).

use alloy_consensus::{Eip658Value, Receipt as EthereumReceipt, ReceiptWithBloom, TxReceipt as _};
use alloy_primitives::{B256, Bloom, Bytes, Log};
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
        let receipt = EthereumReceipt {
            status: Eip658Value::Eip658(self.success),
            cumulative_gas_used: self.cumulative_gas_used,
            logs: self.logs.clone(),
        };
        let logs_bloom = receipt.bloom();
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
    let encoded: Vec<Vec<u8>> = receipts.iter().map(Receipt::encoded).collect();
    alloy_trie::root::ordered_trie_root_encoded(&encoded)
}

/// Root of the transactions trie over EIP-2718 encodings.
pub fn transactions_root(transactions: &[Bytes]) -> B256 {
    alloy_trie::root::ordered_trie_root_encoded(transactions)
}
