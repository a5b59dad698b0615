//! Execution: EVM rules, native contracts, block frame, fees, simulated calls.
//!
//! One executor serves three callers: building a block, verifying one, simulating a call. None of
//! it does I/O: it asks for values of the state by name and is given them ([`BlockExecutor`],
//! [`simulate`]), so it runs on any thread pool and in any runtime, and always the same way.

mod block;
mod block_state;
mod drive;
mod environment;
mod evm;
pub mod fees;
mod gate;
mod halt;
mod loading;
mod patterns;
mod precompiles;
pub mod predeploys;
mod rules;
pub mod simulate;
mod system_contracts;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod validate;

pub use block::{
    BlockExecutor, BlockOutcome, BuildLimits, InvalidBlock, Mode, PREDEPLOY_GAS, Rejected,
    SYSTEM_CALL_GAS, Step, TransactionResult, VALIDATORS_CALL_GAS, check_genesis,
};
pub use block_state::{AccountOverride, BlockState, Missing, ValueSource};
pub use drive::{BuildTime, DriveError, Here, Workers, drive};
pub use environment::{BLOB_BASE_FEE_MIN, BlockEnvironment};
pub use evm::{EvmContext, LedgerEvm, LedgerPrecompiles, Payment, Preimages};
pub use fees::effective_gas_price;
pub use gate::{AllowAll, CallGate, FrameKind, FrameStart, GateRefusal};
pub use patterns::AccessPatterns;
pub use precompiles::precompiles;
pub use rules::{
    BlockHashes, ChainRules, FrameRules, Relaxed, SpecId, evm_configuration, rules,
    transaction_gas_max,
};
pub use system_contracts::{BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS};
pub use validate::{
    Disposition, InvalidTransaction, TransactionRules, check_account, check_transaction,
};
