//! Which precompiled contracts overrides hide or move.

use revm::{
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};

use super::{SimulateError, StateOverrides};
use crate::evm::PrecompilePlaces;

/// An overridden precompiled contract no longer runs at its address, whatever is overridden of it;
/// it runs where it is moved. Where two are moved to one address the higher of them runs.
///
/// # Errors
/// A move of another account, to its own address, or to an account that is overridden too.
pub(crate) fn precompile_places(
    overrides: &StateOverrides,
    spec: SpecId,
) -> Result<PrecompilePlaces, SimulateError> {
    let ethereum = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
    let mut places = PrecompilePlaces::new();
    for (address, pretended) in overrides {
        let precompiled = ethereum.contains(address);
        if precompiled {
            places.insert(*address, None);
        }
        let Some(target) = pretended.move_precompile_to else {
            continue;
        };
        if !precompiled {
            return Err(SimulateError::NotPrecompile(*address));
        }
        if target == *address {
            return Err(SimulateError::MovedToItself(target));
        }
        if overrides.contains_key(&target) {
            return Err(SimulateError::MovedToOverridden(target));
        }
        places.insert(target, Some(*address));
    }
    Ok(places)
}
