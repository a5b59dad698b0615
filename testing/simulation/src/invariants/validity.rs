//! Validity: a final block holds submitted transactions only, each at most once and in the order of
//! its sender's nonces; its header says what its body is; and the state of every node is what the
//! transactions make it, by a model that knows nothing of the EVM.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};
use ledger_api::Ledger;
use state::{StateKey, StateValue};
use types::{Receipt, receipts_root, transactions_root};

use super::{Canonical, Verdict, broken};
use crate::workload::{TOKEN, address_of, expected_slots};

/// Name of the invariant.
pub const NAME: &str = "validity";

/// The header follows from body and receipts.
pub fn header(candidate: &Canonical, epoch_blocks: u64) -> Verdict {
    let (block, receipts) = (&candidate.block, &candidate.receipts);
    let (header, extension) = (block.header(), block.extension());
    let number = block.number();
    let last: Option<&Receipt> = receipts.last();
    let gas_used = last.map_or(0, |receipt| receipt.cumulative_gas_used);
    let checks = [
        ("transactionsRoot", transactions_root(block.transactions()) == header.transactions_root),
        ("receiptsRoot", receipts_root(receipts) == header.receipts_root),
        ("number of receipts", receipts.len() == block.transactions().len()),
        ("gasUsed", gas_used == header.gas_used),
        ("extension.epoch", extension.epoch == number / epoch_blocks || number == 0),
        ("stateRoot", extension.state.state_root() == header.state_root),
        ("extraData", header.extra_data[..] == extension.hash()[..]),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        None => Ok(()),
        Some((field, _)) => {
            let node = candidate.node;
            Err(broken(NAME, format!("{field} of final block {number} is wrong (node {node})")))
        }
    }
}

/// Transactions that became final, by account, and those that may.
#[derive(Clone, Debug, Default)]
pub struct Ledgered {
    /// Number of account and nonce of everything that was given to a node.
    pub submitted: BTreeMap<B256, (u64, u64)>,
    /// Nonces of each account that are final.
    pub sent: BTreeMap<u64, u64>,
    /// Height of each final transaction.
    pub heights: BTreeMap<B256, u64>,
}

impl Ledgered {
    /// Takes in a final block.
    pub fn take(&mut self, candidate: &Canonical) -> Verdict {
        let number = candidate.block.number();
        for (hash, receipt) in candidate.hashes.iter().zip(candidate.receipts.iter()) {
            let Some((account, nonce)) = self.submitted.get(hash) else {
                return Err(broken(NAME, format!("{hash} in block {number} was never submitted")));
            };
            if let Some(before) = self.heights.insert(*hash, number) {
                return Err(broken(NAME, format!("{hash} is in blocks {before} and {number}")));
            }
            let next = self.sent.entry(*account).or_default();
            if *next != *nonce || !receipt.success {
                let detail = format!(
                    "{hash} of account {account} in block {number}: nonce {nonce}, expected \
                     {next}, success {}",
                    receipt.success
                );
                return Err(broken(NAME, detail));
            }
            *next += 1;
        }
        Ok(())
    }
}

/// The state of a node at `height` is what `sent` transactions of each account make it.
pub async fn state(node: u64, ledger: &dyn Ledger, height: u64, sent: &[u64]) -> Verdict {
    let slots = expected_slots(sent);
    let mut keys: Vec<StateKey> =
        slots.keys().map(|slot| StateKey::Storage(TOKEN, *slot)).collect();
    let mut expected: Vec<U256> = slots.values().copied().collect();
    for (index, count) in (0..).zip(sent).filter(|(_, count)| **count > 0) {
        keys.push(StateKey::Account(address_of(index)));
        expected.push(U256::from(*count));
    }
    let values = match ledger.read_state(height, keys.clone()).await {
        Ok(values) => values,
        Err(error) => {
            return Err(broken(NAME, format!("node {node} cannot read its state: {error}")));
        }
    };
    for ((key, value), expected) in keys.iter().zip(values).zip(expected) {
        let found = match value {
            Some(StateValue::Storage(word)) => word,
            Some(StateValue::Account(account)) => U256::from(account.nonce),
            _ => U256::ZERO,
        };
        if found != expected {
            let detail =
                format!("{key:?} at {height} on node {node} is {found}, expected {expected}");
            return Err(broken(NAME, detail));
        }
    }
    Ok(())
}
