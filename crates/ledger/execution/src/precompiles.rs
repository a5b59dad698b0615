//! Ethereum's precompiled contracts of a revision, with the names of EIP-7910.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use revm::{
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};

/// Names and addresses, ordered by name.
pub fn precompiles(spec: SpecId) -> BTreeMap<String, Address> {
    let all = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
    // Collected into an ordered map, so the order of the addresses does not matter.
    let named = all.addresses().filter_map(|address| {
        let precompile = all.get(address)?;
        Some((precompile.id().name().to_owned(), *address))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prague_has_seventeen_and_osaka_one_more() {
        let prague = precompiles(SpecId::PRAGUE);
        assert_eq!(prague.len(), 17);
        assert_eq!(prague.get("ECREC"), Some(&Address::with_last_byte(1)));
        assert_eq!(prague.get("BLS12_MAP_FP2_TO_G2"), Some(&Address::with_last_byte(0x11)));
        assert_eq!(precompiles(SpecId::OSAKA).len(), 18);
    }
}
