//! Observers: nodes that follow and serve without voting. The list says whose connections the
//! nodes accept besides the validators'; it acts as soon as its block is final.

use alloy_primitives::{B256, FixedBytes, U256};
use crypto::check_validator_key;
use native::{
    Context, Failure,
    layout::{Mapping, Seq, Slot},
};
use types::{ValidatorKey, limits::OBSERVERS_MAX};

use super::{IValidators, KEY_CHECK_GAS, at, check_admin, organisation};

/// Longest name of an observer, bytes of UTF-8. It may change, so that it has a bound of its own.
pub const OBSERVER_NAME_BYTES_MAX: usize = 64;

pub(super) const KEYS: Seq<B256> = Seq::at(at(5));
/// IPv6 (or IPv4-mapped) address times 2^16 plus port.
pub(super) const ADDRESSES: Mapping<B256, U256> = Mapping::at(at(6));
/// Counts the changes of the list.
pub(super) const CHANGES: Slot<u64> = Slot::at(at(7));

/// Bits of the port in an address's word.
const PORT_BITS: usize = 16;

/// Adds an observer, or changes the name and address of one.
pub(super) fn set(
    context: &mut Context<'_>,
    call: &IValidators::setObserverCall,
) -> Result<(), Failure> {
    check_admin(context)?;
    let IValidators::setObserverCall { key, name, ip, port } = call;
    if key.is_zero() {
        return Err(Failure::revert(IValidators::ZeroKey {}));
    }
    context.charge(KEY_CHECK_GAS)?;
    check_validator_key(&ValidatorKey(key.0))
        .map_err(|_| Failure::revert(IValidators::InvalidKey { key: *key }))?;
    if name.is_empty() || name.len() > OBSERVER_NAME_BYTES_MAX {
        return Err(Failure::revert(IValidators::InvalidName {
            bytes_: U256::from(name.len()),
            maximum: U256::from(OBSERVER_NAME_BYTES_MAX),
        }));
    }
    if ip.is_zero() || *port == 0 {
        return Err(Failure::revert(IValidators::InvalidAddress {}));
    }
    let mut keys = KEYS.read(context)?;
    if !keys.contains(key) {
        if keys.len() >= OBSERVERS_MAX {
            let maximum = U256::from(OBSERVERS_MAX);
            return Err(Failure::revert(IValidators::TooManyObservers { maximum }));
        }
        keys.push(*key);
        KEYS.write(context, &keys)?;
    }
    organisation(context, *key)?.set(context, name)?;
    ADDRESSES.set(context, *key, address_word(*ip, *port))?;
    changed(context)?;
    let (key, name, ip, port) = (*key, name.clone(), *ip, *port);
    context.emit(&IValidators::ObserverSet { key, name, ip, port })
}

/// Removes an observer. Its name stays known, because it may be a validator's as well.
pub(super) fn remove(context: &mut Context<'_>, key: B256) -> Result<(), Failure> {
    check_admin(context)?;
    let mut keys = KEYS.read(context)?;
    let Some(index) = keys.iter().position(|found| *found == key) else {
        return Err(Failure::revert(IValidators::UnknownObserver { key }));
    };
    keys.remove(index);
    KEYS.write(context, &keys)?;
    ADDRESSES.set(context, key, U256::ZERO)?;
    changed(context)?;
    context.emit(&IValidators::ObserverRemoved { key })
}

/// All observers, in the order in which they were added.
pub(super) fn all(context: &mut Context<'_>) -> Result<Vec<IValidators::Observer>, Failure> {
    let keys = KEYS.read(context)?;
    keys.into_iter()
        .map(|key| {
            let (ip, port) = address_of_word(ADDRESSES.get(context, key)?);
            let name = organisation(context, key)?.get(context)?;
            Ok(IValidators::Observer { key, name, ip, port })
        })
        .collect()
}

fn changed(context: &mut Context<'_>) -> Result<(), Failure> {
    let changes = CHANGES.get(context)?;
    CHANGES.set(context, changes.saturating_add(1))
}

fn address_word(ip: FixedBytes<16>, port: u16) -> U256 {
    (U256::from_be_slice(ip.as_slice()) << PORT_BITS) | U256::from(port)
}

/// IP address and port of an address's word.
pub(super) fn address_of_word(word: U256) -> (FixedBytes<16>, u16) {
    let bytes = word.to_be_bytes::<32>();
    (FixedBytes::from_slice(&bytes[14..30]), u16::from_be_bytes([bytes[30], bytes[31]]))
}
