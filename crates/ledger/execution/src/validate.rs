//! Checks of a transaction that need no execution: the pool refuses by them, the executor skips
//! or fails by the very same ones, so a transaction that is admitted cannot poison a block.

mod invalid;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use alloy_consensus::Transaction as _;
use alloy_primitives::U256;
use revm::{context_interface::cfg::GasParams, primitives::hardfork::SpecId};
use state::AccountRecord;
use types::{ChainId, FeeMode, Genesis, Transaction, TransactionKind};

pub use invalid::{Disposition, InvalidTransaction};
pub(crate) use refusal::refused_by_evm;

/// Prague's gas table; Osaka's intrinsic gas is the same.
static GAS_PARAMETERS: LazyLock<GasParams> = LazyLock::new(|| GasParams::new_spec(SpecId::PRAGUE));

/// Longest init code of a contract creation, bytes (EIP-3860).
pub const INIT_CODE_BYTES_MAX: usize = revm::primitives::eip3860::MAX_INITCODE_SIZE;

/// The part of the ledger's rules that a transaction can be checked against without state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionRules {
    /// EIP-155 chain id that must be signed.
    pub chain_id: ChainId,
    /// Gas of one block; no transaction may ask for more.
    pub block_gas_limit: u64,
    /// Whether fee fields count.
    pub fee_mode: FeeMode,
    /// Wei per gas that must be offered in metered mode.
    pub base_fee_wei: u64,
    /// Longest init code of a contract creation, bytes; [`INIT_CODE_BYTES_MAX`] but on development
    /// ledgers that lift it.
    pub init_code_bytes_max: usize,
    /// Most gas that one transaction may ask for (EIP-7825, from Osaka on), else no bound.
    pub transaction_gas_max: u64,
}

impl TransactionRules {
    /// The rules that a genesis file fixes for block 1.
    pub fn from_genesis(genesis: &Genesis) -> Self {
        Self::at(genesis, 1)
    }

    /// The rules that a genesis file fixes for the block at `height`.
    pub fn at(genesis: &Genesis, height: u64) -> Self {
        let spec = crate::rules::spec_at(&genesis.parameters, height);
        Self {
            chain_id: genesis.chain_id,
            block_gas_limit: genesis.parameters.block_gas_limit,
            fee_mode: genesis.parameters.fee_mode,
            base_fee_wei: genesis.parameters.base_fee_wei,
            init_code_bytes_max: INIT_CODE_BYTES_MAX,
            transaction_gas_max: crate::rules::transaction_gas_max(spec),
        }
    }
}

/// Checks everything that needs neither state nor execution.
pub fn check_transaction(
    transaction: &Transaction,
    rules: &TransactionRules,
) -> Result<(), InvalidTransaction> {
    check_chain(transaction, rules)?;
    check_fees(transaction, rules)?;
    check_gas(transaction, rules)?;
    let envelope = transaction.envelope();
    if transaction.nonce() == u64::MAX {
        return Err(InvalidTransaction::NonceMaximum);
    }
    let limit = rules.init_code_bytes_max;
    if envelope.is_create() && envelope.input().len() > limit {
        let bytes = envelope.input().len();
        return Err(InvalidTransaction::InitCodeTooLarge { bytes, limit });
    }
    let authorizations = envelope.authorization_list().map_or(0, <[_]>::len);
    if transaction.kind() == TransactionKind::SetCode && authorizations == 0 {
        return Err(InvalidTransaction::EmptyAuthorizationList);
    }
    Ok(())
}

/// Checks against the sender's account at some height: the nonce is not used up, and the balance
/// covers the value (and in metered mode the gas). A nonce ahead of the account is not an error
/// here: the pool queues it.
///
/// Whether the sender has code (EIP-3607, with EIP-7702's exception) is checked by execution,
/// which has the code at hand.
pub fn check_account(
    transaction: &Transaction,
    account: Option<&AccountRecord>,
    rules: &TransactionRules,
) -> Result<(), InvalidTransaction> {
    let account = account.copied().unwrap_or_default();
    if transaction.nonce() < account.nonce {
        return Err(InvalidTransaction::NonceTooLow {
            next: account.nonce,
            nonce: transaction.nonce(),
        });
    }
    let cost = cost_max(transaction, rules);
    if account.balance < cost {
        return Err(InvalidTransaction::InsufficientFunds { balance: account.balance, cost });
    }
    Ok(())
}

/// What the sender must own: the value, in metered mode also the gas limit at the highest fee
/// offered. Saturates at the largest number, which nobody owns.
pub fn cost_max(transaction: &Transaction, rules: &TransactionRules) -> U256 {
    let envelope = transaction.envelope();
    match rules.fee_mode {
        FeeMode::Free => envelope.value(),
        FeeMode::Metered => U256::from(envelope.max_fee_per_gas())
            .saturating_mul(U256::from(envelope.gas_limit()))
            .saturating_add(envelope.value()),
    }
}

/// Gas that a transaction costs before its first operation, and the floor that EIP-7623 sets for
/// its data; the greater of both is the least gas limit.
pub fn intrinsic_gas(transaction: &Transaction) -> (u64, u64) {
    let envelope = transaction.envelope();
    let (accounts, slots) = envelope.access_list().map_or((0, 0), |list| {
        (list.0.len(), list.0.iter().map(|item| item.storage_keys.len()).sum::<usize>())
    });
    let gas = GAS_PARAMETERS.initial_tx_gas(
        envelope.input(),
        envelope.is_create(),
        accounts as u64,
        slots as u64,
        envelope.authorization_list().map_or(0, <[_]>::len) as u64,
        None,
    );
    (gas.initial_total_gas(), gas.floor_gas())
}

fn check_chain(
    transaction: &Transaction,
    rules: &TransactionRules,
) -> Result<(), InvalidTransaction> {
    match transaction.envelope().chain_id() {
        None => Err(InvalidTransaction::NotReplayProtected),
        Some(chain_id) if chain_id != rules.chain_id => {
            Err(InvalidTransaction::ChainId { found: chain_id, expected: rules.chain_id })
        }
        Some(_) => Ok(()),
    }
}

fn check_fees(
    transaction: &Transaction,
    rules: &TransactionRules,
) -> Result<(), InvalidTransaction> {
    let envelope = transaction.envelope();
    let fee_max = envelope.max_fee_per_gas();
    if let Some(tip) = envelope.max_priority_fee_per_gas()
        && tip > fee_max
    {
        return Err(InvalidTransaction::TipAboveFeeCap { tip, fee_max });
    }
    let base_fee = u128::from(rules.base_fee_wei);
    if rules.fee_mode == FeeMode::Metered && fee_max < base_fee {
        return Err(InvalidTransaction::FeeCapTooLow {
            sender: transaction.sender(),
            fee_max,
            base_fee,
        });
    }
    Ok(())
}

fn check_gas(
    transaction: &Transaction,
    rules: &TransactionRules,
) -> Result<(), InvalidTransaction> {
    let gas = transaction.gas_limit();
    if gas > rules.block_gas_limit {
        return Err(InvalidTransaction::ExceedsBlockGasLimit { gas, limit: rules.block_gas_limit });
    }
    if gas > rules.transaction_gas_max {
        return Err(InvalidTransaction::GasLimitTooHigh { gas, limit: rules.transaction_gas_max });
    }
    let (needed, floor) = intrinsic_gas(transaction);
    if gas < needed {
        return Err(InvalidTransaction::IntrinsicGas { gas, needed });
    }
    if gas < floor {
        return Err(InvalidTransaction::FloorDataGas { gas, needed: floor });
    }
    Ok(())
}
