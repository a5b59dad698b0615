//! What holds at a height: EVM rules, fees, limits, native contracts, system calls.
//!
//! [`rules`] is the one place that decides, [`evm_configuration`] the one place that configures
//! revm; conformance suites call the latter with the revision they test.

use std::{collections::BTreeMap, sync::Arc};

use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{B256, U256};
use native::NativeTable;
use revm::{context::CfgEnv, primitives::eip7825};
use types::{ChainId, Feature, FeeMode, Genesis, Parameters};

use crate::{
    AllowAll, BlockEnvironment, CallGate, Payment, TransactionRules, validate::INIT_CODE_BYTES_MAX,
};

pub use revm::primitives::hardfork::SpecId;

/// Where the `BLOCKHASH` operation finds the last 256 hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockHashes {
    /// In the storage of EIP-2935's contract, which every block fills. Heqi's ledgers.
    HistoryContract,
    /// Given from outside: chains whose revision has no such contract.
    Provided(BTreeMap<u64, B256>),
}

/// What happens around the transactions of a block.
#[derive(Clone, Debug, Default)]
pub struct FrameRules {
    /// Present where the block applies the genesis file: at height 1.
    pub genesis: Option<Arc<Genesis>>,
    /// Blocks in an epoch; `None` where no native contract keeps validators.
    pub epoch_blocks: Option<u64>,
    /// Whether EIP-2935's contract is called.
    pub history_call: bool,
    /// Whether EIP-4788's contract is called.
    pub beacon_root_call: bool,
    /// Whether the contracts of EIP-7002 and EIP-7251 are asked for requests at the end. Heqi's
    /// ledgers have no consensus layer that such requests could be for.
    pub request_calls: bool,
}

/// The rules of one height.
#[derive(Clone, Debug)]
pub struct ChainRules {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Revision of the EVM.
    pub spec: SpecId,
    /// Who pays.
    pub fee_mode: FeeMode,
    /// Wei per gas in metered mode, else 0.
    pub base_fee_wei: u64,
    /// Whether the base fee disappears, as on Ethereum. Heqi's ledgers pay it to the beneficiary.
    pub base_fee_burnt: bool,
    /// Gas of one block.
    pub block_gas_limit: u64,
    /// Whether transactions must pass [`check_transaction`](crate::check_transaction), or only
    /// what the revision itself demands (conformance suites of older revisions).
    pub transaction_checks: bool,
    /// Native contracts.
    pub native: NativeTable,
    /// Who may call what.
    pub gate: Arc<dyn CallGate>,
    /// What happens around the transactions.
    pub frame: FrameRules,
    /// Source of `BLOCKHASH`.
    pub block_hashes: BlockHashes,
    /// Blobs of the revision's market; `None` where there are none, as on Heqi's ledgers.
    pub blobs: Option<BlobParams>,
    /// Whether the base fee follows the gas used (EIP-1559). Heqi's ledgers have a fixed one.
    pub base_fee_market: bool,
    /// Wei that a block's beneficiary is given, before the merge.
    pub block_reward: U256,
    /// What a development ledger lets pass; nothing anywhere else.
    pub relaxed: Relaxed,
}

/// Rules that a development ledger may lift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relaxed {
    /// Code and init code of any size (EIP-170, EIP-3860).
    pub code_size: bool,
    /// Accounts with code may send transactions (EIP-3607): impersonated contracts.
    pub sender_code: bool,
}

/// The rules of the block at `height` on the ledger of a genesis file.
pub fn rules(genesis: &Arc<Genesis>, height: u64) -> ChainRules {
    let parameters = &genesis.parameters;
    ChainRules {
        chain_id: genesis.chain_id,
        spec: spec_at(parameters, height),
        fee_mode: parameters.fee_mode,
        base_fee_wei: parameters.base_fee_wei,
        base_fee_burnt: false,
        block_gas_limit: parameters.block_gas_limit,
        transaction_checks: true,
        native: system::native_table(),
        gate: Arc::new(AllowAll),
        frame: FrameRules {
            genesis: (height == 1).then(|| Arc::clone(genesis)),
            epoch_blocks: Some(parameters.epoch_blocks),
            history_call: true,
            beacon_root_call: true,
            request_calls: false,
        },
        block_hashes: BlockHashes::HistoryContract,
        blobs: None,
        base_fee_market: false,
        block_reward: U256::ZERO,
        relaxed: Relaxed::default(),
    }
}

/// Prague at genesis, Osaka where the parameters say so.
pub(crate) fn spec_at(parameters: &Parameters, height: u64) -> SpecId {
    if parameters.is_active(Feature::Osaka, height) { SpecId::OSAKA } else { SpecId::PRAGUE }
}

/// Most gas that one transaction may ask for under a revision (EIP-7825).
pub fn transaction_gas_max(spec: SpecId) -> u64 {
    if spec.is_enabled_in(SpecId::OSAKA) { eip7825::TX_GAS_LIMIT_CAP } else { u64::MAX }
}

impl ChainRules {
    /// Ethereum's own rules of one revision, for conformance suites: fees charged, base fee
    /// burnt, no native contracts, no genesis file, system calls as the revision has them.
    pub fn ethereum(chain_id: ChainId, spec: SpecId, block_hashes: BTreeMap<u64, B256>) -> Self {
        Self {
            chain_id,
            spec,
            fee_mode: FeeMode::Metered,
            base_fee_wei: 0,
            base_fee_burnt: true,
            block_gas_limit: u64::MAX,
            transaction_checks: false,
            native: NativeTable::default(),
            gate: Arc::new(AllowAll),
            frame: FrameRules {
                genesis: None,
                epoch_blocks: None,
                history_call: spec.is_enabled_in(SpecId::PRAGUE),
                beacon_root_call: spec.is_enabled_in(SpecId::CANCUN),
                request_calls: spec.is_enabled_in(SpecId::PRAGUE),
            },
            block_hashes: BlockHashes::Provided(block_hashes),
            blobs: None,
            base_fee_market: spec.is_enabled_in(SpecId::LONDON),
            block_reward: U256::ZERO,
            relaxed: Relaxed::default(),
        }
    }

    /// How transactions of a block are checked and paid for.
    pub(crate) fn payment(&self) -> Payment {
        match self.relaxed.sender_code {
            true => Payment::AnySender,
            false => Payment::Block { base_fee_burnt: self.base_fee_burnt },
        }
    }

    /// The configuration of revm under these rules.
    pub(crate) fn evm_configuration(&self) -> CfgEnv {
        let mut configuration = evm_configuration(self.chain_id, self.spec);
        if self.relaxed.code_size {
            configuration.limit_contract_code_size = Some(usize::MAX);
            configuration.limit_contract_initcode_size = Some(usize::MAX);
        }
        configuration
    }

    /// What transactions of a block are checked against without state.
    pub fn transaction_rules(&self, environment: &BlockEnvironment) -> TransactionRules {
        TransactionRules {
            chain_id: self.chain_id,
            block_gas_limit: environment.gas_limit,
            fee_mode: self.fee_mode,
            base_fee_wei: environment.base_fee,
            init_code_bytes_max: self.init_code_bytes_max(),
            transaction_gas_max: transaction_gas_max(self.spec),
        }
    }

    fn init_code_bytes_max(&self) -> usize {
        if self.relaxed.code_size { usize::MAX } else { INIT_CODE_BYTES_MAX }
    }
}

/// The configuration of revm for a chain id and a revision.
pub fn evm_configuration(chain_id: ChainId, spec: SpecId) -> CfgEnv {
    let mut configuration = CfgEnv::new_with_spec(spec);
    configuration.chain_id = chain_id;
    configuration.tx_chain_id_check = true;
    configuration
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHAIN_ID, genesis, metered};

    #[test]
    fn prague_holds_from_the_start_and_block_one_applies_the_genesis_file() {
        let genesis = Arc::new(genesis());
        for height in [0, 1, 2, u64::MAX] {
            let rules = rules(&genesis, height);
            assert_eq!(rules.spec, SpecId::PRAGUE);
            assert_eq!(rules.frame.genesis.is_some(), height == 1);
            assert_eq!(rules.chain_id, CHAIN_ID);
        }
    }

    #[test]
    fn osaka_holds_from_the_height_in_the_genesis_file_on() {
        let mut genesis = genesis();
        genesis.parameters.activations.insert("osaka".into(), 7);
        let genesis = Arc::new(genesis);
        assert_eq!(rules(&genesis, 6).spec, SpecId::PRAGUE);
        assert_eq!(rules(&genesis, 7).spec, SpecId::OSAKA);
        assert_eq!(rules(&genesis, u64::MAX).spec, SpecId::OSAKA);
        let gas_max = |height| TransactionRules::at(&genesis, height).transaction_gas_max;
        assert_eq!((gas_max(6), gas_max(7)), (u64::MAX, 1 << 24));
    }

    #[test]
    fn fees_follow_the_genesis_file() {
        let free = rules(&Arc::new(genesis()), 2);
        assert_eq!((free.fee_mode, free.base_fee_wei), (FeeMode::Free, 0));
        let metered = rules(&Arc::new(metered(7)), 2);
        assert_eq!((metered.fee_mode, metered.base_fee_wei), (FeeMode::Metered, 7));
        assert!(!metered.base_fee_burnt);
    }

    #[test]
    fn the_configuration_has_the_revisions_gas_and_cap() {
        use revm::context_interface::Cfg as _;
        let prague = evm_configuration(5, SpecId::PRAGUE);
        assert_eq!((prague.chain_id, prague.tx_gas_limit_cap()), (5, u64::MAX));
        let osaka = evm_configuration(5, SpecId::OSAKA);
        assert_eq!(osaka.tx_gas_limit_cap(), 16_777_216);
    }
}
