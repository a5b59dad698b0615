//! Token holders: the first ones have keys and send, the others only receive. Those who only receive
//! follow from a number, in Solidity as well as here, so that ten million of them need no memory.

use alloy_primitives::{Address, U256, keccak256};
use eyre::Result;

use crate::accounts::Account;

/// Most holders of a token.
pub const HOLDERS_MAX: u64 = 10_000_000;

/// Everybody who holds tokens.
pub struct Holders {
    /// Those with keys: holders 0 to `senders.len() - 1`.
    pub senders: Vec<Account>,
    /// All of them.
    pub total: u64,
    /// Where keys and addresses follow from.
    pub seed: u64,
}

impl Holders {
    /// `total` holders of which `senders` have keys.
    ///
    /// # Errors
    /// See [`Account::derive`].
    pub fn new(total: u64, senders: u64, seed: u64) -> Result<Self> {
        let senders =
            (0..senders.min(total)).map(|n| Account::derive(seed, n)).collect::<Result<_>>()?;
        Ok(Self { senders, total, seed })
    }

    /// Address of holder `index`.
    pub fn address(&self, index: u64) -> Address {
        match self.senders.get(index as usize) {
            Some(account) => account.address,
            None => receiver(self.seed, index),
        }
    }

    /// How many have no key.
    pub fn receivers(&self) -> u64 {
        self.total - self.senders.len() as u64
    }
}

/// Address of a holder without a key: `holder` of `contracts/Token.sol`.
pub fn receiver(seed: u64, index: u64) -> Address {
    let mut text = [0; 64];
    text[..32].copy_from_slice(&U256::from(seed).to_be_bytes::<32>());
    text[32..].copy_from_slice(&U256::from(index).to_be_bytes::<32>());
    Address::from_word(keccak256(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::address;

    use super::{Holders, receiver};

    #[test]
    fn senders_come_first_and_receivers_follow_from_their_number() {
        let holders = Holders::new(5, 2, 7).unwrap();
        assert_eq!((holders.senders.len(), holders.receivers()), (2, 3));
        assert_eq!(holders.address(1), holders.senders[1].address);
        assert_eq!(holders.address(4), receiver(7, 4));
        assert_eq!(Holders::new(3, 10, 7).unwrap().receivers(), 0);
    }

    #[test]
    fn a_receiver_is_the_hash_that_solidity_computes() {
        // keccak256 of 64 zero bytes, the first inner node of every empty keccak Merkle tree
        assert_eq!(receiver(0, 0), address!("3f17f1962b36e491b30a40b2405849e597ba5fb5"));
    }
}
