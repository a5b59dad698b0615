//! Development accounts. Their keys are PUBLIC: anybody can derive them, so that tests and
//! documents may rely on them. They have no balance unless asked for; free fees need none.

use alloy_primitives::{Address, B256, U256, keccak256};
use crypto::{EthereumKey, Secret};
use serde::{Deserialize, Serialize};

/// Accounts of each organisation.
pub const ACCOUNTS_PER_ORGANISATION: usize = 3;

/// A development account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Organisation.
    pub org: String,
    /// Address.
    pub address: Address,
    /// Public test key.
    pub private_key: B256,
}

/// Account `number` of organisation `organisation`, both from 0: the key is
/// `keccak256("heqi devnet <organisation> <number>")`.
pub fn account(name: &str, organisation: usize, number: usize) -> Account {
    let private_key = keccak256(format!("heqi devnet {organisation} {number}"));
    let key = EthereumKey::from_secret(Secret::new(private_key.0))
        .expect("a hash is outside of the group order with a chance of 2^-128");
    Account { org: name.into(), address: key.address(), private_key }
}

/// All accounts of these organisations.
pub fn accounts<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Account> {
    let numbered = names.into_iter().enumerate();
    numbered
        .flat_map(|(organisation, name)| {
            (0..ACCOUNTS_PER_ORGANISATION).map(move |number| account(name, organisation, number))
        })
        .collect()
}

/// What `--fund` gives each account: a million ether.
pub fn funded_balance() -> U256 {
    U256::from(1_000_000u64) * U256::from(10u64).pow(U256::from(18u64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_primitives::b256;

    use super::*;

    #[test]
    fn accounts_never_change() {
        let found = accounts(["Bank A", "Supplier B"]);
        assert_eq!(found.len(), 2 * ACCOUNTS_PER_ORGANISATION);
        assert_eq!(found[0].private_key, keccak256("heqi devnet 0 0"));
        assert_eq!(found[3].private_key, keccak256("heqi devnet 1 0"));
        assert_ne!(
            found[0].private_key,
            b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
        );
        let addresses: BTreeSet<Address> = found.iter().map(|account| account.address).collect();
        assert_eq!(addresses.len(), found.len());
    }
}
