//! The rules of Ethereum's forks as far as Heqi's own configuration leaves them open.

use revm::{
    context::{BlockEnv, CfgEnv},
    primitives::hardfork::SpecId,
};

/// The rules of a fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// revm's name of the fork.
    pub spec: SpecId,
    /// EIP-1283, which only the first Constantinople had.
    pub(super) net_gas_metering: bool,
    /// Most blobs of one transaction.
    pub blobs_max: Option<u64>,
    /// EIP-4844's update fraction; `None` for the fork's own.
    pub blob_update_fraction: Option<u64>,
}

impl Rules {
    /// The rules of mainnet's fork.
    pub fn new(spec: SpecId) -> Self {
        let blobs_max = (spec == SpecId::CANCUN)
            .then_some(alloy_eips::eip4844::MAX_BLOBS_PER_BLOCK_DENCUN as u64);
        Self { spec, net_gas_metering: false, blobs_max, blob_update_fraction: None }
    }

    /// Constantinople before its repair: Petersburg with EIP-1283.
    pub fn constantinople() -> Self {
        Self { net_gas_metering: true, ..Self::new(SpecId::PETERSBURG) }
    }

    /// Whether blocks come with randomness in place of difficulty.
    pub fn is_merged(&self) -> bool {
        self.spec.is_enabled_in(SpecId::MERGE)
    }

    /// Whether empty accounts vanish when they are touched (EIP-161).
    pub fn removes_empty_accounts(&self) -> bool {
        self.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON)
    }

    /// Sets the price of blob gas that follows from the excess.
    pub fn set_blob_price(&self, block: &mut BlockEnv, excess: u64) {
        // The fraction does not depend on the chain id.
        let fraction = self.configuration(0).blob_base_fee_update_fraction();
        block.set_blob_excess_gas_and_price(excess, fraction);
    }

    /// Heqi's configuration of the EVM, with the blob parameters that Heqi's ledgers do not have.
    pub(crate) fn configuration(&self, chain_id: u64) -> CfgEnv {
        let mut configuration = execution::evm_configuration(chain_id, self.spec);
        configuration.max_blobs_per_tx = self.blobs_max;
        configuration.blob_base_fee_update_fraction = self.blob_update_fraction;
        if self.net_gas_metering {
            super::net_gas_metering::set_prices(&mut configuration.gas_params);
        }
        configuration
    }
}
