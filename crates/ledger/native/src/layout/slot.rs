//! Single values and mappings.

use std::marker::PhantomData;

use alloy_primitives::{Address, B256, U256};

use crate::{Context, Failure};

/// A type that fills one slot as Solidity stores it.
pub trait Word: Copy {
    /// The slot's 32 bytes as a number.
    fn to_word(self) -> U256;
    /// Reverse of [`Self::to_word`]; bits that the type does not have are ignored.
    fn from_word(word: U256) -> Self;
}

impl Word for U256 {
    fn to_word(self) -> U256 {
        self
    }
    fn from_word(word: U256) -> Self {
        word
    }
}

impl Word for u64 {
    fn to_word(self) -> U256 {
        U256::from(self)
    }
    fn from_word(word: U256) -> Self {
        word.as_limbs()[0]
    }
}

impl Word for bool {
    fn to_word(self) -> U256 {
        U256::from(u8::from(self))
    }
    fn from_word(word: U256) -> Self {
        word.byte(0) != 0
    }
}

impl Word for Address {
    fn to_word(self) -> U256 {
        U256::from_be_bytes(self.into_word().0)
    }
    fn from_word(word: U256) -> Self {
        Self::from_word(B256::from(word))
    }
}

impl Word for B256 {
    fn to_word(self) -> U256 {
        U256::from_be_bytes(self.0)
    }
    fn from_word(word: U256) -> Self {
        Self::from(word)
    }
}

/// One value in one slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot<T> {
    slot: U256,
    kind: PhantomData<T>,
}

impl<T: Word> Slot<T> {
    /// The value at `slot`.
    pub const fn at(slot: U256) -> Self {
        Self { slot, kind: PhantomData }
    }

    /// Number of the slot.
    pub const fn slot(&self) -> U256 {
        self.slot
    }

    /// Reads it.
    pub fn get(&self, context: &mut Context<'_>) -> Result<T, Failure> {
        context.load(self.slot).map(T::from_word)
    }

    /// Writes it.
    pub fn set(&self, context: &mut Context<'_>, value: T) -> Result<(), Failure> {
        context.store(self.slot, value.to_word())
    }
}

/// `mapping(K => V)`.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<K, V> {
    slot: U256,
    kind: PhantomData<(K, V)>,
}

impl<K: Word, V> Mapping<K, V> {
    /// The mapping declared at `slot`.
    pub const fn at(slot: U256) -> Self {
        Self { slot, kind: PhantomData }
    }

    /// Slot at which the mapping is declared; it holds nothing.
    pub const fn slot(&self) -> U256 {
        self.slot
    }

    /// Slot where the value of `key` begins: `keccak256(key . slot)`.
    pub fn slot_of(&self, context: &mut Context<'_>, key: K) -> Result<U256, Failure> {
        let mut bytes = [0u8; 64];
        bytes[..32].copy_from_slice(&key.to_word().to_be_bytes::<32>());
        bytes[32..].copy_from_slice(&self.slot.to_be_bytes::<32>());
        Ok(U256::from_be_bytes(context.hash(&bytes)?.0))
    }
}

impl<K: Word, V: Word> Mapping<K, V> {
    /// Reads the value of `key`, zero where none was written.
    pub fn get(&self, context: &mut Context<'_>, key: K) -> Result<V, Failure> {
        let slot = self.slot_of(context, key)?;
        Slot::at(slot).get(context)
    }

    /// Writes the value of `key`.
    pub fn set(&self, context: &mut Context<'_>, key: K, value: V) -> Result<(), Failure> {
        let slot = self.slot_of(context, key)?;
        Slot::at(slot).set(context, value)
    }
}
