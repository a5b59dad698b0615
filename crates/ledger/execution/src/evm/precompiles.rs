//! Ethereum's precompiled contracts, some of which a simulation may have moved or hidden.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, map::AddressSet};
use revm::{
    context_interface::ContextTr,
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, InterpreterResult},
    primitives::hardfork::SpecId,
};

/// By address: the precompiled contract that runs there, `None` where one is hidden.
pub(crate) type PrecompilePlaces = BTreeMap<Address, Option<Address>>;

/// The precompiled contracts of a revision at the places where they are.
#[derive(Clone, Debug)]
pub struct LedgerPrecompiles {
    ethereum: EthPrecompiles,
    /// Where it differs from Ethereum; empty outside simulations.
    places: Arc<PrecompilePlaces>,
}

impl LedgerPrecompiles {
    pub(super) fn new(spec: SpecId) -> Self {
        Self { ethereum: EthPrecompiles::new(spec), places: Arc::default() }
    }

    pub(super) fn set_places(&mut self, places: Arc<PrecompilePlaces>) {
        self.places = places;
    }
}

impl<C: ContextTr> PrecompileProvider<C> for LedgerPrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: <C::Cfg as revm::context_interface::Cfg>::Spec) -> bool {
        <EthPrecompiles as PrecompileProvider<C>>::set_spec(&mut self.ethereum, spec)
    }

    fn run(
        &mut self,
        context: &mut C,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        match self.places.get(&inputs.bytecode_address) {
            None => self.ethereum.run(context, inputs),
            Some(None) => Ok(None),
            Some(Some(original)) => {
                let moved = CallInputs { bytecode_address: *original, ..inputs.clone() };
                self.ethereum.run(context, &moved)
            }
        }
    }

    /// Moving changes no price: what is warm stays as the revision has it, as in geth.
    fn warm_addresses(&self) -> &AddressSet {
        self.ethereum.warm_addresses()
    }

    fn contains(&self, address: &Address) -> bool {
        match self.places.get(address) {
            None => self.ethereum.contains(address),
            Some(place) => place.is_some(),
        }
    }
}
