//! The forks that the state tests name.

use revm::primitives::hardfork::SpecId;

use crate::machine::Rules;

/// The rules of a section of a test file; `None` for a name that Ethereum to Cancun does not have.
pub(super) fn rules(name: &str) -> Option<Rules> {
    Some(match name {
        "Frontier" => Rules::new(SpecId::FRONTIER),
        "Homestead" => Rules::new(SpecId::HOMESTEAD),
        "EIP150" => Rules::new(SpecId::TANGERINE),
        "EIP158" => Rules::new(SpecId::SPURIOUS_DRAGON),
        "Byzantium" => Rules::new(SpecId::BYZANTIUM),
        "Constantinople" => Rules::constantinople(),
        "ConstantinopleFix" => Rules::new(SpecId::PETERSBURG),
        "Istanbul" => Rules::new(SpecId::ISTANBUL),
        "Berlin" => Rules::new(SpecId::BERLIN),
        "London" => Rules::new(SpecId::LONDON),
        "Paris" | "Merge" => Rules::new(SpecId::MERGE),
        "Shanghai" => Rules::new(SpecId::SHANGHAI),
        "Cancun" => Rules::new(SpecId::CANCUN),
        _ => return None,
    })
}
