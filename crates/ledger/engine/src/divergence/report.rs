//! What a report says.

use std::sync::Arc;

use alloy_primitives::{B256, hex, keccak256};
use execution::rules;
use serde_json::{Value, json};
use types::{Genesis, Receipt, ValidatorKey};

use super::Divergence;
use crate::verifying::Refused;

/// Version of the report's form.
const FORMAT: u64 = 1;

/// How far the block got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This node did not vote for it.
    Refused,
    /// The others certified it.
    Final,
}

impl Kind {
    /// Stable word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Final => "final",
        }
    }
}

/// What all reports of a node have in common.
pub(super) struct Origin {
    pub(super) genesis: Arc<Genesis>,
    pub(super) genesis_hash: B256,
    pub(super) own_key: ValidatorKey,
}

impl Origin {
    /// The report as JSON text, of about twice the block's size.
    pub(super) fn report(&self, divergence: &Divergence) -> String {
        let block = divergence.block.block();
        let (header, extension) = (block.header(), block.extension());
        let rule = divergence.refused.rule();
        let (field, expected, found) = difference(rule);
        let index = transaction_index(rule, block.transactions().len());
        let encoded = alloy_rlp::encode(block);
        let report = json!({
            "format": FORMAT,
            "kind": divergence.kind.name(),
            "node": self.own_key.to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "seenMillis": divergence.seen_ms,
            "chainId": self.genesis.chain_id,
            "genesisHash": self.genesis_hash,
            "rules": self.rules(header.number),
            "height": header.number,
            "hash": block.hash(),
            "parentHash": header.parent_hash,
            "epoch": extension.epoch,
            "view": extension.view,
            "timeMillis": extension.time_ms,
            "proposer": {
                "key": extension.leader.to_string(),
                "organisation": self.organisation(extension.leader),
            },
            "field": field,
            "expected": expected,
            "found": found,
            "transaction": index.and_then(|index| transaction(index, block.transactions())),
            "receipts": receipts(divergence.refused.receipts(), block.transactions()),
            "blockBytes": encoded.len(),
            "block": hex::encode_prefixed(&encoded),
        });
        report.to_string()
    }

    fn rules(&self, height: u64) -> Value {
        let rules = rules(&self.genesis, height);
        json!({
            "evm": format!("{:?}", rules.spec),
            "feeMode": format!("{:?}", rules.fee_mode).to_lowercase(),
            "blockGasLimit": rules.block_gas_limit,
            "epochBlocks": self.genesis.parameters.epoch_blocks,
        })
    }

    fn organisation(&self, key: ValidatorKey) -> Option<&str> {
        let known = self.genesis.validators.iter().find(|validator| validator.key == key);
        known.map(|validator| validator.organisation.as_str())
    }
}

/// The first field that differs, what this node has for it, what the block has.
fn difference(rule: &Refused) -> (&'static str, String, String) {
    match rule {
        Refused::Field { field, expected, found } => (field, expected.clone(), found.clone()),
        Refused::Transaction { .. } => ("transactions", "well formed".into(), rule.to_string()),
        Refused::Execute(_) => ("execution", "valid".into(), rule.to_string()),
        Refused::Apply(_) => ("state", "applied".into(), rule.to_string()),
        Refused::Executed { rule, .. } => difference(rule),
    }
}

/// Which transaction it is, where that can be told: a block names the root of its receipts only, so
/// that a difference of results has a culprit where there is no other.
fn transaction_index(rule: &Refused, count: usize) -> Option<usize> {
    use execution::{DriveError, InvalidBlock};
    match rule {
        Refused::Transaction { index, .. } => Some(*index),
        Refused::Execute(DriveError::Invalid(
            InvalidBlock::Transaction { index, .. } | InvalidBlock::Gas { index, .. },
        )) => Some(*index),
        Refused::Executed { rule, .. } => transaction_index(rule, count),
        Refused::Field { field: "gasUsed" | "receiptsRoot" | "logsBloom", .. } if count == 1 => {
            Some(0)
        }
        _ => None,
    }
}

fn transaction(index: usize, encoded: &[alloy_primitives::Bytes]) -> Option<Value> {
    let hash = keccak256(encoded.get(index)?);
    Some(json!({ "index": index, "hash": hash }))
}

/// This node's receipts, short: two nodes' reports, or a report and another node's receipts, show
/// the first transaction whose results differ.
fn receipts(receipts: &[Receipt], encoded: &[alloy_primitives::Bytes]) -> Value {
    let rows = receipts.iter().zip(encoded).map(|(receipt, transaction)| {
        json!({
            "transactionHash": keccak256(transaction),
            "success": receipt.success,
            "cumulativeGasUsed": receipt.cumulative_gas_used,
            "logs": receipt.logs.len(),
            "receiptHash": keccak256(receipt.encoded()),
        })
    });
    rows.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::Bytes;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use consensus::{ConsensusBlock, validator_key};
    use state::qmdb::empty_commitment;
    use types::{Extension, GenesisValidator, Header, Parameters, Profile};

    use super::*;
    use crate::divergence::Divergences;

    fn genesis() -> Arc<Genesis> {
        let key = validator_key(&PrivateKey::from_seed(1).public_key());
        Arc::new(Genesis {
            format: 1,
            chain_id: 7,
            ledger_id: 0,
            profile: Profile::Dev,
            time_ms: 1,
            parameters: Parameters::default(),
            validators: vec![GenesisValidator { organisation: "Bank A".into(), key }],
            observers: Vec::new(),
            validator_admin: alloy_primitives::Address::ZERO,
            predeploys: false,
            allocation: Default::default(),
        })
    }

    fn divergence(genesis: &Genesis, transactions: &[Bytes]) -> Divergence {
        let parent = genesis.block(empty_commitment()).unwrap();
        let leader = genesis.validators[0].key;
        let extension =
            Extension { leader, genesis_commitment: None, ..parent.extension().clone() };
        let header = Header { parent_hash: parent.hash(), number: 1, ..parent.header().clone() };
        let block = types::Block::new(header, extension, transactions.to_vec());
        let rule = Refused::Field { field: "gasUsed", expected: "1".into(), found: "2".into() };
        let receipt = Receipt {
            transaction_type: 2,
            success: false,
            cumulative_gas_used: 1,
            logs: Vec::new(),
        };
        let receipts = Arc::new(vec![receipt; transactions.len()]);
        Divergence {
            kind: Kind::Final,
            block: ConsensusBlock::new(block).unwrap(),
            refused: Refused::Executed { rule: Box::new(rule), receipts },
            seen_ms: 5,
        }
    }

    #[test]
    fn a_final_block_is_reported_at_once_under_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis();
        let own_key = genesis.validators[0].key;
        let reports = folder.path().join("reports");
        let new = || Divergences::new(genesis.clone(), B256::ZERO, own_key, reports.clone());
        let (divergences, _waiting) = new();
        let transaction = Bytes::from_static(b"not looked at");
        let divergence = divergence(&genesis, std::slice::from_ref(&transaction));
        let hash = divergence.block.hash();
        let strategy = commonware_parallel::Rayon::new(commonware_utils::NZUsize!(1)).unwrap();
        futures::executor::block_on(divergences.stopping(divergence, &strategy));
        assert_eq!((divergences.kept(), new().0.kept()), (1, 1), "a restart finds it");
        let name = format!("divergence-1-{}-final.json", &hex::encode(hash)[..16]);
        let text = std::fs::read_to_string(reports.join(name)).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["kind"], "final");
        assert_eq!(report["field"], "gasUsed");
        assert_eq!((&report["expected"], &report["found"]), (&json!("1"), &json!("2")));
        assert_eq!(report["transaction"]["hash"], keccak256(&transaction).to_string());
        assert_eq!(report["receipts"][0]["success"], false);
        assert_eq!(report["proposer"]["organisation"], "Bank A");
    }

    #[test]
    fn of_several_transactions_none_is_accused_without_a_reason() {
        let genesis = genesis();
        let two = [Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let origin = Origin {
            own_key: genesis.validators[0].key,
            genesis_hash: B256::ZERO,
            genesis: genesis.clone(),
        };
        let text = origin.report(&divergence(&genesis, &two));
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["transaction"], Value::Null);
        assert_eq!(report["receipts"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_liar_cannot_make_a_node_hold_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis();
        let own_key = genesis.validators[0].key;
        let (divergences, mut waiting) =
            Divergences::new(genesis.clone(), B256::ZERO, own_key, folder.path().join("reports"));
        for _ in 0..100 {
            let Divergence { block, refused, .. } = divergence(&genesis, &[]);
            divergences.refused(&block, refused, 5);
        }
        let mut held = 0;
        while waiting.try_recv().is_ok() {
            held += 1;
        }
        assert!((1..=4).contains(&held), "{held}");
    }
}
