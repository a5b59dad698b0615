//! What holds for a block of a development ledger.

use std::sync::LazyLock;

use alloy_eips::eip2935::HISTORY_STORAGE_CODE;
use alloy_primitives::{B256, keccak256};
use execution::{BlockHashes, ChainRules, HISTORY_ADDRESS, Relaxed, TransactionRules, rules};
use state::{StateKey, StateValue};
use types::{FeeMode, Header};

use crate::{ledger::DevLedger, snapshots::Settings};

/// Hash of the code of EIP-2935's contract.
static HISTORY_CODE_HASH: LazyLock<B256> = LazyLock::new(|| keccak256(&HISTORY_STORAGE_CODE));
/// Blocks whose hashes `BLOCKHASH` finds.
const BLOCK_HASHES_MAX: u64 = 256;

/// Highest gas limit of a block that a user may set.
pub(crate) const GAS_LIMIT_MAX: u64 = types::limits::BLOCK_GAS_LIMIT_MAX;

impl DevLedger {
    /// The rules of a block with these fields. A base fee makes gas cost something, also where the
    /// ledger was started in free mode.
    fn rules_of(&self, height: u64, base_fee_wei: u64, gas_limit: u64) -> ChainRules {
        let charged = self.config.base_fee_wei > 0 || base_fee_wei > 0;
        ChainRules {
            spec: self.config.spec,
            fee_mode: if charged { FeeMode::Metered } else { FeeMode::Free },
            base_fee_wei,
            block_gas_limit: gas_limit,
            relaxed: Relaxed { code_size: self.config.code_size_unlimited, sender_code: true },
            block_hashes: self.block_hashes(height),
            ..rules(&self.genesis, height)
        }
    }

    /// Where the block at `height` finds the hashes of others: in EIP-2935's contract, as on every
    /// ledger; in the chain, where a user put something else in the contract's place.
    fn block_hashes(&self, height: u64) -> BlockHashes {
        let head = self.store.head.get().number;
        let history = StateKey::Account(HISTORY_ADDRESS);
        let contract = self.store.timeline().read(height.min(head), &history).flatten();
        if let Some(StateValue::Account(record)) = contract
            && record.code_hash == *HISTORY_CODE_HASH
        {
            return BlockHashes::HistoryContract;
        }
        let end = height.min(head.saturating_add(1));
        let numbers = end.saturating_sub(BLOCK_HASHES_MAX)..end;
        let hash = |number| self.store.chain.hash(number).ok().flatten().map(|hash| (number, hash));
        BlockHashes::Provided(numbers.filter_map(hash).collect())
    }

    /// The rules of the block at `height`; beyond the head, of the next one.
    pub(crate) fn rules_at(&self, height: u64) -> ChainRules {
        let made = self.store.chain.header(height).ok().flatten();
        match made {
            Some((Header { base_fee_per_gas, gas_limit, .. }, _)) => {
                self.rules_of(height, base_fee_per_gas.unwrap_or_default(), gas_limit)
            }
            None => self.rules_next(height, &self.settings()),
        }
    }

    /// The rules of the next block.
    pub(crate) fn rules_next(&self, height: u64, settings: &Settings) -> ChainRules {
        self.rules_of(height, settings.base_fee_wei, settings.gas_limit)
    }

    /// What the pool checks transactions by.
    pub(crate) fn pool_rules(&self, settings: &Settings) -> TransactionRules {
        let rules = self.rules_next(u64::MAX, settings);
        TransactionRules {
            chain_id: rules.chain_id,
            block_gas_limit: rules.block_gas_limit,
            fee_mode: rules.fee_mode,
            base_fee_wei: rules.base_fee_wei,
            init_code_bytes_max: match rules.relaxed.code_size {
                true => usize::MAX,
                false => execution::validate::INIT_CODE_BYTES_MAX,
            },
            transaction_gas_max: execution::transaction_gas_max(rules.spec),
        }
    }
}
