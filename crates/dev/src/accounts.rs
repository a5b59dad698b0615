//! Development accounts: keys derived from a phrase (BIP-39 seed, BIP-32 and BIP-44 path
//! `m/44'/60'/0'/0/index`), as other development nodes do, so that the same phrase gives the same
//! accounts.
//!
//! The phrase is not compared with BIP-39's list of words; whatever it says has accounts.

use alloy_primitives::{Address, B256};
use crypto::{EthereumKey, Secret};
use hmac::{Hmac, Mac as _};
use k256::{
    Scalar, SecretKey,
    elliptic_curve::{PrimeField as _, sec1::ToEncodedPoint as _},
};
use sha2::Sha512;

/// The phrase that Foundry and Hardhat use. Its keys are public.
pub const DEFAULT_MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Accounts of one ledger.
pub const ACCOUNTS_MAX: usize = 1_000;

/// Longest phrase, bytes.
const MNEMONIC_BYTES_MAX: usize = 1_024;
/// Rounds that BIP-39 asks for.
const SEED_ROUNDS: u32 = 2_048;
/// `44'/60'/0'/0`; an apostrophe is the top bit.
const PATH: [u32; 4] = [0x8000_002c, 0x8000_003c, 0x8000_0000, 0];

/// An account with its key.
#[derive(Clone)]
pub struct DevAccount {
    /// Address.
    pub address: Address,
    /// Its key.
    pub key: EthereumKey,
}

/// Why a phrase has no accounts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// No words.
    #[error("the mnemonic phrase is empty")]
    Empty,
    /// Too long.
    #[error("the mnemonic phrase exceeds the limit of {MNEMONIC_BYTES_MAX} bytes")]
    TooLong,
    /// Too many accounts.
    #[error("{0} accounts exceed the limit of {ACCOUNTS_MAX}")]
    TooMany(usize),
    /// A derived number is no key, which happens with a chance of 2^-127.
    #[error("the mnemonic phrase has no key at index {0}")]
    NoKey(usize),
}

/// The first `count` accounts of a phrase.
///
/// # Errors
/// See [`MnemonicError`].
pub fn derive(mnemonic: &str, count: usize) -> Result<Vec<DevAccount>, MnemonicError> {
    if count > ACCOUNTS_MAX {
        return Err(MnemonicError::TooMany(count));
    }
    if mnemonic.len() > MNEMONIC_BYTES_MAX {
        return Err(MnemonicError::TooLong);
    }
    let words: Vec<&str> = mnemonic.split_whitespace().collect();
    if words.is_empty() {
        return Err(MnemonicError::Empty);
    }
    let seed = seed(words.join(" ").as_bytes());
    let mut node = Node::master(&seed).ok_or(MnemonicError::NoKey(0))?;
    for step in PATH {
        node = node.child(step).ok_or(MnemonicError::NoKey(0))?;
    }
    (0..count).map(|index| account(&node, index).ok_or(MnemonicError::NoKey(index))).collect()
}

fn account(parent: &Node, index: usize) -> Option<DevAccount> {
    let child = parent.child(u32::try_from(index).ok()?)?;
    let key = EthereumKey::from_secret(Secret::new(child.key.to_bytes().into())).ok()?;
    Some(DevAccount { address: key.address(), key })
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 64] {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("a key of HMAC has any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// PBKDF2 (RFC 8018) with HMAC-SHA512, salt `mnemonic`, one block of 64 bytes.
fn seed(phrase: &[u8]) -> [u8; 64] {
    let mut round = hmac(phrase, &[b"mnemonic", &1u32.to_be_bytes()]);
    let mut sum = round;
    for _ in 1..SEED_ROUNDS {
        round = hmac(phrase, &[&round]);
        sum.iter_mut().zip(round).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

/// An extended private key of BIP-32.
struct Node {
    key: SecretKey,
    chain_code: [u8; 32],
}

impl Node {
    fn of(key: SecretKey, right: &[u8]) -> Self {
        let mut chain_code = [0; 32];
        chain_code.copy_from_slice(right);
        Self { key, chain_code }
    }

    fn master(seed: &[u8]) -> Option<Self> {
        let hash = hmac(b"Bitcoin seed", &[seed]);
        Some(Self::of(SecretKey::from_slice(&hash[..32]).ok()?, &hash[32..]))
    }

    fn child(&self, index: u32) -> Option<Self> {
        let number = index.to_be_bytes();
        let hash = if index & 0x8000_0000 != 0 {
            hmac(&self.chain_code, &[&[0], &self.key.to_bytes(), &number])
        } else {
            let point = self.key.public_key().to_encoded_point(true);
            hmac(&self.chain_code, &[point.as_bytes(), &number])
        };
        let left = B256::from_slice(&hash[..32]);
        let added = Option::<Scalar>::from(Scalar::from_repr(left.0.into()))?;
        let sum = added + *self.key.to_nonzero_scalar();
        Some(Self::of(SecretKey::from_slice(&sum.to_bytes()).ok()?, &hash[32..]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::{address, b256, hex};

    use super::*;

    /// The accounts that every tutorial of Foundry and Hardhat shows.
    #[test]
    fn the_usual_phrase_has_the_usual_accounts() {
        let accounts = derive(DEFAULT_MNEMONIC, 10).unwrap();
        assert_eq!(accounts.len(), 10);
        assert_eq!(accounts[0].address, address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert_eq!(accounts[9].address, address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"));
        let key = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        assert_eq!(accounts[0].key.secret().expose()[..], key[..]);
    }

    /// The first vector of BIP-39 without passphrase would have another seed: its vectors use
    /// "TREZOR". This one is of BIP-32's own vector 1.
    #[test]
    fn the_master_key_is_bip_32s() {
        let node = Node::master(&hex!("000102030405060708090a0b0c0d0e0f")).unwrap();
        let key = hex!("e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35");
        assert_eq!(node.key.to_bytes()[..], key);
        let hardened = node.child(0x8000_0000).unwrap();
        let key = hex!("edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea");
        assert_eq!(hardened.key.to_bytes()[..], key);
    }

    #[test]
    fn phrases_and_counts_are_bounded() {
        assert_eq!(derive("  ", 1).err(), Some(MnemonicError::Empty));
        assert_eq!(derive(&"a".repeat(2_000), 1).err(), Some(MnemonicError::TooLong));
        assert_eq!(derive("a", 5_000).err(), Some(MnemonicError::TooMany(5_000)));
        let spaced = derive("test  test test test test test test test test test test\njunk", 1);
        assert_eq!(spaced.unwrap()[0].address, derive(DEFAULT_MNEMONIC, 1).unwrap()[0].address);
    }
}
