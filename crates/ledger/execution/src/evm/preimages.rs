//! Remembering what a run hashes, because Solidity finds the slots of mappings and arrays by
//! hashing one or two words.

use alloy_primitives::U256;
use revm::{
    Database,
    bytecode::opcode,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, instructions,
        interpreter::EthInterpreter,
    },
};

use super::EvmContext;

/// Hashes remembered of one run; later ones are forgotten.
const PREIMAGES_MAX: usize = 128;

/// One or two words and their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preimage {
    pub(crate) first: U256,
    /// `None` where one word was hashed.
    pub(crate) second: Option<U256>,
    pub(crate) hash: U256,
}

/// What the current run hashed.
#[derive(Clone, Debug, Default)]
pub struct Preimages(Vec<Preimage>);

impl Preimages {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn as_slice(&self) -> &[Preimage] {
        &self.0
    }

    fn add(&mut self, bytes: &[u8], hash: U256) {
        let words = bytes.as_chunks::<32>().0;
        let (Some(first), second) = (words.first(), words.get(1)) else {
            return;
        };
        let word = |bytes: &[u8; 32]| U256::from_be_bytes(*bytes);
        self.0.push(Preimage { first: word(first), second: second.map(word), hash });
    }
}

/// The opcode whose instruction is replaced by [`recording`].
pub(super) const KECCAK256: u8 = opcode::KECCAK256;

/// The library's KECCAK256, then a note of what it hashed.
pub(super) fn recording<DB: Database>() -> Instruction<EthInterpreter, EvmContext<DB>> {
    Instruction::new(hash_and_remember::<DB>)
}

fn hash_and_remember<DB: Database>(
    context: InstructionContext<'_, EvmContext<DB>, EthInterpreter>,
) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let stack = &interpreter.stack;
    let (offset, length) = (stack.peek(0), stack.peek(1));
    instructions::system::keccak256(InstructionContext {
        interpreter: &mut *interpreter,
        host: &mut *host,
    })?;
    if let (Ok(offset), Ok(length), Ok(hash)) = (offset, length, interpreter.stack.peek(0))
        && (length == U256::from(32) || length == U256::from(64))
        && host.chain.0.len() < PREIMAGES_MAX
    {
        // The instruction has read there, so both fit and the memory is as long.
        let (offset, length) = (offset.saturating_to(), length.saturating_to());
        host.chain.add(&interpreter.memory.slice_len(offset, length), hash);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, keccak256};

    use super::*;

    #[test]
    fn one_or_two_words_are_remembered() {
        let mut preimages = Preimages::default();
        let bytes = [[1u8; 32], [2; 32]].concat();
        let hash = U256::from_be_bytes(keccak256(&bytes).0);
        preimages.add(&bytes, hash);
        preimages.add(&bytes[..32], hash);
        let word = |byte| U256::from_be_bytes(B256::repeat_byte(byte).0);
        let expected = [
            Preimage { first: word(1), second: Some(word(2)), hash },
            Preimage { first: word(1), second: None, hash },
        ];
        assert_eq!(preimages.as_slice(), expected);
        preimages.clear();
        assert!(preimages.as_slice().is_empty());
    }
}
