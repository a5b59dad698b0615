//! EIP-1283: `SSTORE` priced by what a slot held before the transaction, as the first
//! Constantinople had it. It was withdrawn before it reached mainnet, so the EVM does not know it;
//! its formula is that of EIP-2200 without the gas sentry and with `SLOAD` at 200 gas.

use execution::LedgerEvm;
use revm::{
    Database,
    bytecode::opcode::SSTORE,
    context_interface::cfg::{GasId, GasParams},
    handler::EvmTr as _,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        instructions::host::sstore_with_gas_accounting, interpreter_types::InterpreterTypes,
    },
};

/// What a `SSTORE` costs that changes nothing, or a slot that was changed before.
const NO_OPERATION_GAS: u64 = 200;
/// What the first value of a slot costs.
const SET_GAS: u64 = 20_000;
/// What another value of a slot costs.
const RESET_GAS: u64 = 5_000;

/// Sets the prices that [`install`]'s instruction charges.
pub(super) fn set_prices(gas: &mut GasParams) {
    gas.override_gas([
        (GasId::sstore_static(), NO_OPERATION_GAS),
        (GasId::sstore_set_without_load_cost(), SET_GAS - NO_OPERATION_GAS),
        (GasId::sstore_set_refund(), SET_GAS - NO_OPERATION_GAS),
        (GasId::sstore_reset_without_cold_load_cost(), RESET_GAS - NO_OPERATION_GAS),
        (GasId::sstore_reset_refund(), RESET_GAS - NO_OPERATION_GAS),
    ]);
}

/// Replaces `SSTORE`.
pub(super) fn install<DB: Database>(evm: &mut LedgerEvm<'_, DB>) {
    let (_, instructions, _, _) = evm.all_mut();
    instructions.insert_instruction(SSTORE, Instruction::new(net_metered_sstore), 0);
}

fn net_metered_sstore<I: InterpreterTypes, H: Host + ?Sized>(
    context: InstructionContext<'_, H, I>,
) -> InstructionExecResult {
    sstore_with_gas_accounting(context, |context, _, load| {
        let gas = context.host.gas_params();
        let cost = gas.sstore_dynamic_gas(true, &load.data, false);
        let refund = gas.sstore_refund(true, &load.data);
        if !context.interpreter.gas.record_regular_cost(cost) {
            return Err(InstructionResult::OutOfGas);
        }
        context.interpreter.gas.record_refund(refund);
        Ok(())
    })
}
