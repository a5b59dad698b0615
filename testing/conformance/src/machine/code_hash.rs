//! `EXTCODEHASH` of an account that [`super::reading`] marks: without code, its hash is that of
//! no code as soon as the account is not empty (EIP-1052).

use alloy_primitives::{Address, KECCAK256_EMPTY, U256};
use execution::LedgerEvm;
use revm::{
    Database,
    bytecode::opcode::EXTCODEHASH,
    handler::EvmTr as _,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult,
        instructions::host::extcodehash,
        interpreter_types::{InterpreterTypes, StackTr as _},
    },
};

/// Replaces `EXTCODEHASH`; its price stays.
pub(super) fn install<DB: Database>(evm: &mut LedgerEvm<'_, DB>) {
    let (_, instructions, _, _) = evm.all_mut();
    instructions.instruction_table_mut()[usize::from(EXTCODEHASH)] = Instruction::new(hash_of_code);
}

fn hash_of_code<I: InterpreterTypes, H: Host + ?Sized>(
    context: InstructionContext<'_, H, I>,
) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let word = interpreter.stack.top().copied().unwrap_or_default();
    extcodehash(InstructionContext { interpreter: &mut *interpreter, host: &mut *host })?;
    let address = Address::from_word(word.into());
    if let Some(hash) = interpreter.stack.top()
        && hash.is_zero()
        && let Ok(account) = host.load_account_info_skip_cold_load(address, false, false)
        && !account.account.is_empty()
    {
        *hash = U256::from_be_bytes(KECCAK256_EMPTY.0);
    }
    Ok(())
}
