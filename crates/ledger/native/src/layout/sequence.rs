//! Dynamic arrays.

use std::marker::PhantomData;

use alloy_primitives::{U256, keccak256};

use super::{Slot, Word};
use crate::{Context, Failure};

/// `T[]` with one item per slot.
#[derive(Clone, Copy, Debug)]
pub struct Seq<T> {
    slot: U256,
    kind: PhantomData<T>,
}

impl<T: Word> Seq<T> {
    /// The array declared at `slot`.
    pub const fn at(slot: U256) -> Self {
        Self { slot, kind: PhantomData }
    }

    /// Slot that holds the length.
    pub const fn slot(&self) -> U256 {
        self.slot
    }

    /// Slot of item `index`: `keccak256(slot) + index`.
    pub fn item_slot(&self, index: u64) -> U256 {
        U256::from_be_bytes(keccak256(self.slot.to_be_bytes::<32>()).0)
            .wrapping_add(U256::from(index))
    }

    /// Number of items.
    pub fn len(&self, context: &mut Context<'_>) -> Result<u64, Failure> {
        Slot::at(self.slot).get(context)
    }

    /// Item `index`; zero beyond the end.
    pub fn get(&self, context: &mut Context<'_>, index: u64) -> Result<T, Failure> {
        Slot::at(self.item_slot(index)).get(context)
    }

    /// All items. The contract bounds their number when it writes.
    pub fn read(&self, context: &mut Context<'_>) -> Result<Vec<T>, Failure> {
        let length = self.len(context)?;
        let mut items = Vec::new();
        for index in 0..length {
            items.push(self.get(context, index)?);
        }
        Ok(items)
    }

    /// Replaces all items; slots beyond the new end are cleared.
    pub fn write(&self, context: &mut Context<'_>, items: &[T]) -> Result<(), Failure> {
        let before = self.len(context)?;
        let after = items.len() as u64;
        for (index, item) in (0u64..).zip(items) {
            Slot::at(self.item_slot(index)).set(context, *item)?;
        }
        for index in after..before {
            Slot::at(self.item_slot(index)).set(context, U256::ZERO)?;
        }
        Slot::at(self.slot).set(context, after)
    }
}
