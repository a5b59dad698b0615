//! What calls of one function read, told by caller and arguments.
//!
//! A token transfer reads the balances of the caller and of the first argument: slots that only
//! running it shows. A call that missed values teaches its *pattern*; the calls of the same
//! function in later blocks have their values read before they run. A pattern that is wrong costs a
//! needless read: which values are loaded early never changes what a transaction does, so nodes may
//! know different patterns.

mod place;

use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::{Address, map::HashMap};
use revm::state::EvmState;
use state::StateKey;
use types::Transaction;

use crate::evm::Preimage;
use place::Place;

/// Functions whose patterns are known at a time; beyond it all are forgotten and learned anew.
const PATTERNS_MAX: usize = 4_096;
/// Values that one pattern names.
const PLACES_MAX: usize = 64;

/// A contract and four bytes of call data; fewer bytes are filled up with zeros.
type Function = (Address, [u8; 4]);

/// Patterns of the functions called so far. Shared by whatever executes blocks.
#[derive(Debug, Default)]
pub struct AccessPatterns(Mutex<HashMap<Function, Arc<[Place]>>>);

/// A call as a pattern sees it.
#[derive(Clone, Copy)]
struct Call<'a> {
    caller: Address,
    input: &'a [u8],
}

impl AccessPatterns {
    /// Adds what `transaction` will likely read.
    pub(crate) fn predict(&self, transaction: &Transaction, keys: &mut Vec<StateKey>) {
        let Some((function, call)) = function(transaction) else {
            return;
        };
        let known = self.known().get(&function).cloned();
        let places = known.iter().flat_map(|places| places.iter());
        keys.extend(places.filter_map(|place| place.key(&call)));
    }

    /// Learns from a transaction that ran: what it touched, and what it hashed to find it.
    pub(crate) fn learn(
        &self,
        transaction: &Transaction,
        touched: &EvmState,
        preimages: &[Preimage],
    ) {
        let Some((function, call)) = function(transaction) else {
            return;
        };
        let mut keys: Vec<StateKey> = touched_keys(touched).collect();
        keys.sort_unstable();
        let place = |key| Place::of(key, &call, preimages);
        let places: Arc<[Place]> = keys.into_iter().take(PLACES_MAX).map(place).collect();
        let mut known = self.known();
        if known.len() >= PATTERNS_MAX && !known.contains_key(&function) {
            known.clear();
        }
        known.insert(function, places);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Function, Arc<[Place]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn function(transaction: &Transaction) -> Option<(Function, Call<'_>)> {
    use alloy_consensus::Transaction as _;
    let envelope = transaction.envelope();
    let contract = envelope.to()?;
    let input = envelope.input();
    let mut selector = [0; 4];
    let bytes = input.len().min(4);
    selector[..bytes].copy_from_slice(&input[..bytes]);
    Some(((contract, selector), Call { caller: transaction.sender(), input }))
}

fn touched_keys(touched: &EvmState) -> impl Iterator<Item = StateKey> {
    touched.iter().flat_map(|(address, account)| {
        let slots = account.storage.keys().map(|slot| StateKey::Storage(*address, *slot));
        slots.chain([StateKey::Account(*address)])
    })
}
