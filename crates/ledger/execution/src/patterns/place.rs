//! One value in the state, told by a call's caller and arguments.

use alloy_primitives::{Address, U256, keccak256};
use state::StateKey;

use super::Call;
use crate::evm::Preimage;

/// Hashes inside hashes that are followed: a mapping of mappings of mappings.
const DEPTH_MAX: u8 = 4;
/// A slot so close after a hash belongs to the structure that begins there.
const MEMBERS_MAX: u64 = 16;
/// Arguments looked at.
const ARGUMENTS_MAX: usize = 16;
/// Smaller numbers are slots, members or counters rather than somebody's argument.
const NUMBER_MIN: u64 = 1_000;

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Account(Word),
    Slot { contract: Word, slot: Word },
}

/// A word, told by the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Fixed(U256),
    Caller,
    /// The n-th word after the selector.
    Argument(usize),
    /// keccak256 of one or two words, plus a small number.
    Hash {
        first: Box<Word>,
        second: Option<Box<Word>>,
        member: u64,
    },
}

impl Place {
    /// The place that `key` is for this call and, as far as one can tell, for others.
    pub(super) fn of(key: StateKey, call: &Call<'_>, preimages: &[Preimage]) -> Self {
        let address = |address: Address| Word::named(address.into_word().into(), call);
        match key {
            StateKey::Account(account) => Self::Account(address(account)),
            StateKey::Storage(contract, slot) => Self::Slot {
                contract: address(contract),
                slot: Word::of(slot, call, preimages, DEPTH_MAX),
            },
            // Code goes with its account.
            StateKey::Code(hash) => Self::Account(Word::Fixed(hash.into())),
        }
    }

    /// The key of this place for another call; `None` where the call has no such argument.
    pub(super) fn key(&self, call: &Call<'_>) -> Option<StateKey> {
        let address = |word: &Word| Some(Address::from_word(word.value(call)?.into()));
        Some(match self {
            Self::Account(account) => StateKey::Account(address(account)?),
            Self::Slot { contract, slot } => {
                StateKey::Storage(address(contract)?, slot.value(call)?)
            }
        })
    }
}

impl Word {
    fn of(word: U256, call: &Call<'_>, preimages: &[Preimage], depth: u8) -> Self {
        if depth == 0 || word < U256::from(NUMBER_MIN) {
            return Self::Fixed(word);
        }
        let member = |preimage: &Preimage| {
            let member = word.checked_sub(preimage.hash)?;
            (member < U256::from(MEMBERS_MAX)).then(|| (*preimage, member.saturating_to()))
        };
        if let Some((preimage, member)) = preimages.iter().find_map(member) {
            let inner = |word| Box::new(Self::of(word, call, preimages, depth - 1));
            // A small number is a slot where the mapping is named, an argument where its key is.
            let key = |word| match word < U256::from(NUMBER_MIN) {
                true => Box::new(Self::named(word, call)),
                false => inner(word),
            };
            return Self::Hash {
                first: key(preimage.first),
                second: preimage.second.map(inner),
                member,
            };
        }
        Self::named(word, call)
    }

    /// The caller, an argument, or the word itself.
    fn named(word: U256, call: &Call<'_>) -> Self {
        if word == U256::from_be_bytes(call.caller.into_word().0) {
            return Self::Caller;
        }
        let same = |index: &usize| argument(call, *index) == Some(word);
        (0..ARGUMENTS_MAX).find(same).map_or(Self::Fixed(word), Self::Argument)
    }

    fn value(&self, call: &Call<'_>) -> Option<U256> {
        match self {
            Self::Fixed(word) => Some(*word),
            Self::Caller => Some(U256::from_be_bytes(call.caller.into_word().0)),
            Self::Argument(index) => argument(call, *index),
            Self::Hash { first, second, member } => {
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(&first.value(call)?.to_be_bytes::<32>());
                let length = match second {
                    None => 32,
                    Some(second) => {
                        bytes[32..].copy_from_slice(&second.value(call)?.to_be_bytes::<32>());
                        64
                    }
                };
                let hash = U256::from_be_bytes(keccak256(&bytes[..length]).0);
                Some(hash.wrapping_add(U256::from(*member)))
            }
        }
    }
}

fn argument(call: &Call<'_>, index: usize) -> Option<U256> {
    let bytes = call.input.get(4 + 32 * index..)?.first_chunk::<32>()?;
    Some(U256::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloy_primitives::B256;
    use proptest::prelude::*;

    use super::*;

    fn preimage(first: U256, second: Option<U256>) -> Preimage {
        let mut bytes = first.to_be_bytes::<32>().to_vec();
        bytes.extend(second.iter().flat_map(|word| word.to_be_bytes::<32>()));
        Preimage { first, second, hash: U256::from_be_bytes(keccak256(bytes).0) }
    }

    fn word(address: Address) -> U256 {
        U256::from_be_bytes(address.into_word().0)
    }

    fn input(arguments: &[U256]) -> Vec<u8> {
        let words = arguments.iter().flat_map(|argument| argument.to_be_bytes::<32>());
        [1u8, 2, 3, 4].into_iter().chain(words).collect()
    }

    #[test]
    fn an_allowance_is_found_for_other_owners_and_callers() {
        let contract = Address::repeat_byte(7);
        let slot = |owner, spender| {
            let inner = preimage(word(owner), Some(U256::from(4)));
            let outer = preimage(word(spender), Some(inner.hash));
            ([inner, outer], StateKey::Storage(contract, outer.hash))
        };
        let people = [1, 2, 3, 4].map(Address::repeat_byte);
        let (preimages, key) = slot(people[0], people[1]);
        let arguments = input(&[word(people[0]), U256::from(5)]);
        let call = Call { caller: people[1], input: &arguments };
        let place = Place::of(key, &call, &preimages);
        assert_eq!(place.key(&call), Some(key));
        let arguments = input(&[word(people[2]), U256::from(6)]);
        let call = Call { caller: people[3], input: &arguments };
        assert_eq!(place.key(&call), Some(slot(people[2], people[3]).1));
        let call = Call { caller: people[3], input: &arguments[..35] };
        assert_eq!(place.key(&call), None);
    }

    #[test]
    fn members_of_a_structure_under_a_small_number() {
        let contract = Address::repeat_byte(7);
        let base = |id: u64| preimage(U256::from(id), Some(U256::from(2)));
        let member = |id| StateKey::Storage(contract, base(id).hash + U256::from(3));
        let arguments = input(&[U256::from(5)]);
        let call = Call { caller: Address::ZERO, input: &arguments };
        let place = Place::of(member(5), &call, &[base(5)]);
        let arguments = input(&[U256::from(900)]);
        assert_eq!(
            place.key(&Call { caller: Address::ZERO, input: &arguments }),
            Some(member(900))
        );
    }

    #[test]
    fn accounts_are_told_by_argument() {
        let arguments = input(&[word(BOB)]);
        let call = Call { caller: Address::ZERO, input: &arguments };
        let place = Place::of(StateKey::Account(BOB), &call, &[]);
        assert_eq!(place, Place::Account(Word::Argument(0)));
    }

    const BOB: Address = Address::repeat_byte(0xb0);

    proptest! {
        /// Whatever was hashed and called, the place leads back to the value it was made of.
        #[test]
        fn a_place_leads_back_to_its_key(
            words in prop::collection::vec(0u64..6, 1..20),
            caller in 0u64..6,
            arguments in prop::collection::vec(0u64..6, 0..4),
            pick in any::<prop::sample::Index>(),
            member in 0u64..32,
        ) {
            let mut preimages: Vec<Preimage> = Vec::new();
            for (index, small) in words.iter().enumerate() {
                let earlier = preimages.get(index.wrapping_sub(1)).map(|earlier| earlier.hash);
                let second = earlier.filter(|_| small % 2 == 0).or(Some(U256::from(*small)));
                preimages.push(preimage(U256::from(*small), second.filter(|_| small % 3 != 0)));
            }
            let arguments: Vec<U256> = arguments.into_iter().map(U256::from).collect();
            let arguments = input(&arguments);
            let caller = Address::from_word(B256::from(U256::from(caller)));
            let call = Call { caller, input: &arguments };
            let slot = pick.get(&preimages).hash.wrapping_add(U256::from(member));
            let key = StateKey::Storage(BOB, slot);
            prop_assert_eq!(Place::of(key, &call, &preimages).key(&call), Some(key));
        }
    }
}
