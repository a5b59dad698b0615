//! The ERC-20 of `contracts/Token.sol`: deployment, minting, transfers, balances.

use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use eyre::{Result, bail, eyre};

use crate::{
    accounts::{Account, Call, Signed},
    contracts::{deploy, send, succeeded},
    holders::Holders,
    rpc::Node,
};

/// Gas limit of a transfer. It costs 35,000 to 52,000.
pub const TRANSFER_GAS: u64 = 60_000;
/// Tokens that each holder starts with.
pub const START_BALANCE: u64 = 1_000_000;
/// Holders without keys that one transaction fills.
pub const RANGE_HOLDERS: u64 = 250;

const MINT_ACCOUNTS: usize = 200;
const MINT_GAS: u64 = 8_000_000;
/// A new slot and its loop cost about 22,700.
const RANGE_HOLDER_GAS: u64 = 24_000;
const RANGE_BASE_GAS: u64 = 100_000;

const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
const TOTAL_SUPPLY: &str = "0x18160ddd";

/// A deployed token.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Its address.
    pub address: Address,
    chain_id: u64,
}

impl Token {
    /// A token that is there already.
    pub const fn at(address: Address, chain_id: u64) -> Self {
        Self { address, chain_id }
    }

    /// Deploys the token and gives [`START_BALANCE`] to each account.
    ///
    /// # Errors
    /// Transport, a refusal, or a transaction that fails or is not final within 60 s.
    pub async fn deploy(node: &mut Node, minter: &Account, accounts: &[Account]) -> Result<Self> {
        let chain_id = node.chain_id().await?;
        let address = deploy(node, minter, include_str!("../contracts/Token.json")).await?;
        let mut nonce = node.nonces(&[minter.address]).await?[0];
        let mut last = None;
        for part in accounts.chunks(MINT_ACCOUNTS) {
            let call = Call { to: TxKind::Call(address), data: mint_many(part) };
            let signed = minter.sign(chain_id, nonce, MINT_GAS, &call)?;
            send(node, &signed.raw).await?;
            last = Some(signed.hash);
            nonce += 1;
        }
        if let Some(hash) = last {
            succeeded(node, hash).await?;
        }
        let token = Self { address, chain_id };
        let expected = U256::from(START_BALANCE) * U256::from(accounts.len());
        let supply = token.supply(node).await?;
        if supply != expected {
            bail!("the supply is {supply} after minting, expected {expected}");
        }
        Ok(token)
    }

    /// A signed transfer of one token unit.
    ///
    /// # Errors
    /// See [`Account::sign`].
    pub fn transfer(&self, from: &Account, nonce: u64, to: Address) -> Result<Signed> {
        let call = Call { to: TxKind::Call(self.address), data: transfer_data(to) };
        from.sign(self.chain_id, nonce, TRANSFER_GAS, &call)
    }

    /// A signed transaction that gives [`START_BALANCE`] to `count` holders without keys.
    ///
    /// # Errors
    /// See [`Account::sign`].
    pub fn mint_range(
        &self,
        from: &Account,
        nonce: u64,
        seed: u64,
        start: u64,
        count: u64,
    ) -> Result<Signed> {
        let data = call_data(
            "mintRange(uint256,uint256,uint256,uint256)",
            &[seed, start, count, START_BALANCE],
        );
        let gas = RANGE_BASE_GAS + RANGE_HOLDER_GAS * count;
        from.sign(self.chain_id, nonce, gas, &Call { to: TxKind::Call(self.address), data })
    }

    /// What `count` holders without keys hold together at the newest block.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn sum_range(
        &self,
        node: &mut Node,
        seed: u64,
        start: u64,
        count: u64,
    ) -> Result<U256> {
        let data = call_data("sumRange(uint256,uint256,uint256)", &[seed, start, count]);
        self.word(node, data.to_string()).await
    }

    /// Balances of accounts at the newest block.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn balances(&self, node: &mut Node, accounts: &[Account]) -> Result<Vec<U256>> {
        let data: Vec<String> =
            accounts.iter().map(|account| balance_of(account.address)).collect();
        node.words(self.address, &data).await
    }

    /// Balances of some of the holders at the newest block.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn held(
        &self,
        node: &mut Node,
        holders: &Holders,
        indexes: &[u64],
    ) -> Result<Vec<U256>> {
        let data: Vec<String> =
            indexes.iter().map(|index| balance_of(holders.address(*index))).collect();
        node.words(self.address, &data).await
    }

    /// Total supply at the newest block.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn supply(&self, node: &mut Node) -> Result<U256> {
        self.word(node, TOTAL_SUPPLY.to_owned()).await
    }

    async fn word(&self, node: &mut Node, data: String) -> Result<U256> {
        let words = node.words(self.address, &[data]).await?;
        words.first().copied().ok_or_else(|| eyre!("no answer"))
    }
}

/// Input of `transfer(to, 1)`.
pub fn transfer_data(to: Address) -> Bytes {
    let mut data = Vec::with_capacity(68);
    data.extend_from_slice(&TRANSFER);
    data.extend_from_slice(to.into_word().as_slice());
    data.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
    data.into()
}

/// Input of `balanceOf(account)`, in hex.
pub fn balance_of(account: Address) -> String {
    format!("{}{}", hex::encode_prefixed(BALANCE_OF), hex::encode(account.into_word()))
}

/// Input of a call whose arguments are all `uint256` (Solidity ABI).
pub fn call_data(signature: &str, arguments: &[u64]) -> Bytes {
    let mut data = keccak256(signature)[..4].to_vec();
    for argument in arguments {
        data.extend_from_slice(&U256::from(*argument).to_be_bytes::<32>());
    }
    data.into()
}

/// `mintMany(address[],uint256)` (Solidity ABI).
fn mint_many(accounts: &[Account]) -> Bytes {
    let offset_of_list = 64;
    let arguments = [offset_of_list, START_BALANCE, accounts.len() as u64];
    let mut data = call_data("mintMany(address[],uint256)", &arguments).to_vec();
    for account in accounts {
        data.extend_from_slice(account.address.into_word().as_slice());
    }
    data.into()
}
