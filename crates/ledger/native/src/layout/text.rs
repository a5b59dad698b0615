//! Strings.

use alloy_primitives::{U256, keccak256};

use crate::{Context, Failure};

/// Longest text, bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 256;

/// `string`: up to 31 bytes in the slot itself with twice the length in the lowest byte, longer
/// ones from `keccak256(slot)` on with twice the length plus one in the slot.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    slot: U256,
}

impl Text {
    /// The string declared at `slot`.
    pub const fn at(slot: U256) -> Self {
        Self { slot }
    }

    /// Reads it; empty where none was written.
    pub fn get(&self, context: &mut Context<'_>) -> Result<String, Failure> {
        let head = context.load(self.slot)?;
        let mut words = Vec::new();
        for slot in self.word_slots(head) {
            words.push(context.load(slot)?);
        }
        Self::decode(head, &words).ok_or_else(|| Failure::reason("stored text is not UTF-8"))
    }

    /// Slots of the words of a text whose own slot holds `head`; none where it fits in that.
    pub fn word_slots(&self, head: U256) -> Vec<U256> {
        let words = if head.bit(0) { long_length(head).div_ceil(32) } else { 0 };
        (0..words).map(|index| self.word_slot(index)).collect()
    }

    /// The text from its own slot's value and those of [`Self::word_slots`]; `None` where it is not
    /// UTF-8.
    pub fn decode(head: U256, words: &[U256]) -> Option<String> {
        let bytes = if head.bit(0) {
            let mut bytes: Vec<u8> =
                words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
            bytes.truncate(long_length(head));
            bytes
        } else {
            let length = usize::from(head.byte(0) / 2).min(31);
            head.to_be_bytes::<32>()[..length].to_vec()
        };
        String::from_utf8(bytes).ok()
    }

    /// Writes it. Rewriting a long text with a shorter one leaves unreachable words behind, so
    /// texts that change need a bound of their own.
    pub fn set(&self, context: &mut Context<'_>, text: &str) -> Result<(), Failure> {
        let bytes = text.as_bytes();
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(Failure::reason("text exceeds 256 bytes"));
        }
        if bytes.len() < 32 {
            let mut word = [0u8; 32];
            word[..bytes.len()].copy_from_slice(bytes);
            let head = U256::from_be_bytes(word) | U256::from(bytes.len() * 2);
            return context.store(self.slot, head);
        }
        for (index, chunk) in bytes.chunks(32).enumerate() {
            let mut word = [0u8; 32];
            word[..chunk.len()].copy_from_slice(chunk);
            context.store(self.word_slot(index), U256::from_be_bytes(word))?;
        }
        context.store(self.slot, U256::from(bytes.len() * 2 + 1))
    }

    fn word_slot(&self, index: usize) -> U256 {
        U256::from_be_bytes(keccak256(self.slot.to_be_bytes::<32>()).0)
            .wrapping_add(U256::from(index))
    }
}

/// Bytes of a text that does not fit in its slot.
fn long_length(head: U256) -> usize {
    usize::try_from(head >> 1usize).unwrap_or(usize::MAX).min(TEXT_BYTES_MAX)
}
