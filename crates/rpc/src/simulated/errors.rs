//! The error codes of `eth_simulateV1` in execution-apis.

use execution::{InvalidTransaction, simulate::SimulateError};

use crate::{
    error::{RpcError, code},
    simulate::failed,
};

/// Why a call could not be a transaction, or why there is no result at all.
pub fn refused(error: SimulateError) -> RpcError {
    match error {
        SimulateError::Invalid(invalid) => {
            RpcError::new(code_of(&invalid), format!("err: {invalid}"))
        }
        SimulateError::Environment(said) => RpcError::new(code::INTERNAL, said),
        other => failed(other),
    }
}

fn code_of(invalid: &InvalidTransaction) -> i64 {
    match invalid {
        InvalidTransaction::NonceTooLow { .. } => code::NONCE_TOO_LOW,
        InvalidTransaction::NonceTooHigh { .. } => code::NONCE_TOO_HIGH,
        InvalidTransaction::FeeCapTooLow { .. } => code::FEE_TOO_LOW,
        InvalidTransaction::IntrinsicGas { .. } | InvalidTransaction::FloorDataGas { .. } => {
            code::INTRINSIC_GAS
        }
        InvalidTransaction::InsufficientFunds { .. } => code::INSUFFICIENT_FUNDS,
        InvalidTransaction::InitCodeTooLarge { .. } => code::INIT_CODE,
        InvalidTransaction::TipAboveFeeCap { .. } => code::INVALID_PARAMS,
        _ => code::INTERNAL,
    }
}
