//! `Validators`: who certifies blocks, now and in the next epoch.
//!
//! The contract is the authority on the set: consensus reads it at the last block of an epoch
//! ([`StoredSet`]). Until governance exists one account, fixed at genesis, sets the next set and the
//! observers, which follow without voting ([`StoredObservers`]).

mod interface;
mod observers;
mod stored;
#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, Bytes, U256, address, uint};
use alloy_sol_types::SolCall;
use crypto::check_validator_key;
use native::{
    Context, Failure, NativeContract, decode_call,
    gas::{CALL, WORD, words},
    layout::{Mapping, Seq, Slot, Text},
    native_address,
};
use types::{ValidatorKey, limits::VALIDATORS_MAX};

pub use interface::{IValidators, IValidatorsSystem};
pub use observers::OBSERVER_NAME_BYTES_MAX;
pub use stored::{StoredNames, StoredObserver, StoredObservers, StoredSet};

/// Where the contract lives.
pub const ADDRESS: Address = native_address(1);

/// Caller of the ledger's own calls (EIP-4788 and EIP-2935 use the same).
pub const SYSTEM_ADDRESS: Address = address!("fffffffffffffffffffffffffffffffffffffffe");

/// Version of the layout, in slot 0.
pub const LAYOUT_VERSION: u64 = 1;

/// Gas of checking one key: decompressing a point and multiplying it by the cofactor (about 15 µs;
/// a recovered secp256k1 signature costs 3 000 for about 60 µs).
pub const KEY_CHECK_GAS: u64 = 1_000;

/// Root of the contract's namespace: ERC-7201 of `heqi.storage.Validators`.
pub const ROOT: U256 =
    uint!(0x436fa16c974fff7e83f66733da3c3238be942d1be7271e471666181074c5ae00_U256);

const VERSION: Slot<u64> = Slot::at(U256::ZERO);
const ADMIN: Slot<Address> = Slot::at(at(0));
const EPOCH_LENGTH: Slot<u64> = Slot::at(at(1));
const CURRENT: Seq<B256> = Seq::at(at(2));
/// Empty while no change waits.
const PENDING: Seq<B256> = Seq::at(at(3));
const ORGANISATIONS: Mapping<B256, Text> = Mapping::at(at(4));

/// Slot `offset` of the namespace.
const fn at(offset: u64) -> U256 {
    let [first, second, third, fourth] = *ROOT.as_limbs();
    U256::from_limbs([first + offset, second, third, fourth])
}

/// The contract.
#[derive(Clone, Copy, Debug)]
pub struct Validators;

impl NativeContract for Validators {
    fn address(&self) -> Address {
        ADDRESS
    }

    fn call(&self, context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
        if interface::is_system_call(input) {
            let caller = context.call().caller;
            if caller != SYSTEM_ADDRESS {
                context.charge(CALL)?;
                return Err(Failure::revert(IValidators::NotSystem { caller }));
            }
            let call = decode_call(context, input)?;
            return serve_system(context, call);
        }
        match decode_call::<IValidators::IValidatorsCalls>(context, input)? {
            IValidators::IValidatorsCalls::setNextValidators(call) => {
                set_next(context, call.keys)?;
                Ok(Bytes::new())
            }
            IValidators::IValidatorsCalls::setObserver(call) => {
                observers::set(context, &call)?;
                Ok(Bytes::new())
            }
            IValidators::IValidatorsCalls::removeObserver(call) => {
                observers::remove(context, call.key)?;
                Ok(Bytes::new())
            }
            call => serve_view(context, call),
        }
    }
}

fn serve_view(
    context: &mut Context<'_>,
    call: IValidators::IValidatorsCalls,
) -> Result<Bytes, Failure> {
    use IValidators::{IValidatorsCalls as Calls, *};
    let output = match call {
        Calls::getValidators(_) => getValidatorsCall::abi_encode_returns(&CURRENT.read(context)?),
        Calls::getNextValidators(_) => {
            getNextValidatorsCall::abi_encode_returns(&next_keys(context)?)
        }
        Calls::currentEpoch(_) => currentEpochCall::abi_encode_returns(&current_epoch(context)?),
        Calls::epochLength(_) => epochLengthCall::abi_encode_returns(&EPOCH_LENGTH.get(context)?),
        Calls::validatorCount(_) => {
            validatorCountCall::abi_encode_returns(&U256::from(CURRENT.len(context)?))
        }
        Calls::isValidator(call) => {
            isValidatorCall::abi_encode_returns(&CURRENT.read(context)?.contains(&call.key))
        }
        Calls::organisationOf(call) => {
            organisationOfCall::abi_encode_returns(&organisation(context, call.key)?.get(context)?)
        }
        Calls::admin(_) => adminCall::abi_encode_returns(&ADMIN.get(context)?),
        Calls::getObservers(_) => getObserversCall::abi_encode_returns(&observers::all(context)?),
        Calls::setNextValidators(_) | Calls::setObserver(_) | Calls::removeObserver(_) => {
            return Err(Failure::Revert(Bytes::new()));
        }
    };
    context.charge(words(output.len()) * WORD)?;
    Ok(output.into())
}

fn serve_system(
    context: &mut Context<'_>,
    call: IValidatorsSystem::IValidatorsSystemCalls,
) -> Result<Bytes, Failure> {
    match call {
        IValidatorsSystem::IValidatorsSystemCalls::initialize(call) => initialize(context, call)?,
        IValidatorsSystem::IValidatorsSystemCalls::advanceEpoch(_) => advance_epoch(context)?,
    }
    Ok(Bytes::new())
}

fn initialize(
    context: &mut Context<'_>,
    call: IValidatorsSystem::initializeCall,
) -> Result<(), Failure> {
    if VERSION.get(context)? != 0 || call.keys.len() != call.organisations.len() {
        return Err(Failure::Revert(Bytes::new()));
    }
    for (key, name) in call.keys.iter().zip(&call.organisations) {
        organisation(context, *key)?.set(context, name)?;
    }
    VERSION.set(context, LAYOUT_VERSION)?;
    ADMIN.set(context, call.admin)?;
    EPOCH_LENGTH.set(context, call.epochLength)?;
    let keys = checked_set(context, call.keys)?;
    CURRENT.write(context, &keys)
}

fn advance_epoch(context: &mut Context<'_>) -> Result<(), Failure> {
    let pending = PENDING.read(context)?;
    if pending.is_empty() {
        return Ok(());
    }
    CURRENT.write(context, &pending)?;
    PENDING.write(context, &[])
}

fn set_next(context: &mut Context<'_>, keys: Vec<B256>) -> Result<(), Failure> {
    check_admin(context)?;
    let keys = checked_set(context, keys)?;
    PENDING.write(context, &keys)?;
    let from_epoch = current_epoch(context)?.saturating_add(1);
    context.emit(&IValidators::NextValidatorsSet { fromEpoch: from_epoch, keys })
}

fn check_admin(context: &mut Context<'_>) -> Result<(), Failure> {
    let caller = context.call().caller;
    let admin = ADMIN.get(context)?;
    if caller == admin {
        return Ok(());
    }
    Err(Failure::revert(IValidators::NotAdmin { caller, admin }))
}

/// Sorts the keys; refuses what is no set, and keys with which consensus would stop at the end of
/// the epoch.
fn checked_set(context: &mut Context<'_>, mut keys: Vec<B256>) -> Result<Vec<B256>, Failure> {
    if keys.is_empty() || keys.len() > VALIDATORS_MAX {
        return Err(Failure::revert(IValidators::InvalidCount {
            count: U256::from(keys.len()),
            maximum: U256::from(VALIDATORS_MAX),
        }));
    }
    keys.sort_unstable();
    if keys[0].is_zero() {
        return Err(Failure::revert(IValidators::ZeroKey {}));
    }
    if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::revert(IValidators::DuplicateKey { key: pair[0] }));
    }
    for key in &keys {
        context.charge(KEY_CHECK_GAS)?;
        check_validator_key(&ValidatorKey(key.0))
            .map_err(|_| Failure::revert(IValidators::InvalidKey { key: *key }))?;
    }
    Ok(keys)
}

fn next_keys(context: &mut Context<'_>) -> Result<Vec<B256>, Failure> {
    let pending = PENDING.read(context)?;
    if pending.is_empty() { CURRENT.read(context) } else { Ok(pending) }
}

fn current_epoch(context: &mut Context<'_>) -> Result<u64, Failure> {
    let length = EPOCH_LENGTH.get(context)?;
    Ok(context.block().number.checked_div(length).unwrap_or(0))
}

fn organisation(context: &mut Context<'_>, key: B256) -> Result<Text, Failure> {
    ORGANISATIONS.slot_of(context, key).map(Text::at)
}
