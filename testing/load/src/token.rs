//! The ERC-20 of `contracts/Token.sol`: deployment, filling of accounts, transfers, balances.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use eyre::{Result, bail, eyre};
use serde::Deserialize;

use crate::{
    accounts::{Account, Call},
    rpc::{Node, ReceiptSummary},
};

/// Gas limit of a transfer. It costs 35,000 to 52,000.
pub const TRANSFER_GAS: u64 = 60_000;
/// Tokens that each account starts with.
pub const START_BALANCE: u64 = 1_000_000;

const DEPLOY_GAS: u64 = 3_000_000;
const MINT_ACCOUNTS: usize = 200;
const MINT_GAS: u64 = 8_000_000;
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(60);
const RECEIPT_PAUSE: Duration = Duration::from_millis(20);

const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
const TOTAL_SUPPLY: &str = "0x18160ddd";

#[derive(Deserialize)]
struct Artefact {
    bytecode: String,
}

/// A deployed token.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Its address.
    pub address: Address,
    chain_id: u64,
}

impl Token {
    /// Deploys the token and gives [`START_BALANCE`] to each account.
    ///
    /// # Errors
    /// Transport, a refusal, or a transaction that fails or is not final within 60 s.
    pub async fn deploy(node: &mut Node, minter: &Account, accounts: &[Account]) -> Result<Self> {
        let chain_id = node.chain_id().await?;
        let artefact: Artefact = serde_json::from_str(include_str!("../contracts/Token.json"))?;
        let mut nonce = node.nonces(&[minter.address]).await?[0];
        let address = minter.address.create(nonce);
        let code = Call { to: TxKind::Create, data: hex::decode(artefact.bytecode)?.into() };
        let created = minter.sign(chain_id, nonce, DEPLOY_GAS, &code)?;
        send(node, &created.raw).await?;
        succeeded(node, created.hash).await?;
        let mut last = None;
        for part in accounts.chunks(MINT_ACCOUNTS) {
            nonce += 1;
            let call = Call { to: TxKind::Call(address), data: mint_many(part) };
            let signed = minter.sign(chain_id, nonce, MINT_GAS, &call)?;
            send(node, &signed.raw).await?;
            last = Some(signed.hash);
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
    pub fn transfer(
        &self,
        from: &Account,
        nonce: u64,
        to: Address,
    ) -> Result<crate::accounts::Signed> {
        let mut data = Vec::with_capacity(68);
        data.extend_from_slice(&TRANSFER);
        data.extend_from_slice(to.into_word().as_slice());
        data.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
        let call = Call { to: TxKind::Call(self.address), data: data.into() };
        from.sign(self.chain_id, nonce, TRANSFER_GAS, &call)
    }

    /// Balances of accounts at the newest block.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn balances(&self, node: &mut Node, accounts: &[Account]) -> Result<Vec<U256>> {
        let data: Vec<String> = accounts
            .iter()
            .map(|account| {
                let word = account.address.into_word();
                format!("{}{}", hex::encode_prefixed(BALANCE_OF), hex::encode(word))
            })
            .collect();
        node.words(self.address, &data).await
    }

    /// Total supply at the newest block.
    ///
    /// # Errors
    /// Transport or a refusal.
    pub async fn supply(&self, node: &mut Node) -> Result<U256> {
        let words = node.words(self.address, &[TOTAL_SUPPLY.to_owned()]).await?;
        words.first().copied().ok_or_else(|| eyre!("no answer"))
    }
}

async fn send(node: &mut Node, raw: &str) -> Result<()> {
    match node.submit(&[raw]).await?.remove(0) {
        Ok(()) => Ok(()),
        Err(refusal) => bail!("refused: {} (code {})", refusal.message, refusal.code),
    }
}

/// Waits for a receipt with status 1.
///
/// # Errors
/// Another status, or none within 60 s.
pub async fn succeeded(node: &mut Node, hash: B256) -> Result<ReceiptSummary> {
    let start = Instant::now();
    while start.elapsed() < RECEIPT_TIMEOUT {
        if let Some(receipt) = node.receipt(hash).await? {
            if receipt.status.to::<u64>() != 1 {
                bail!("transaction {hash} failed");
            }
            return Ok(receipt);
        }
        tokio::time::sleep(RECEIPT_PAUSE).await;
    }
    bail!("transaction {hash} has no receipt after {RECEIPT_TIMEOUT:?}")
}

/// `mintMany(address[],uint256)` (Solidity ABI).
fn mint_many(accounts: &[Account]) -> Bytes {
    let selector = &alloy_primitives::keccak256("mintMany(address[],uint256)")[..4];
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let mut data = Vec::with_capacity(100 + 32 * accounts.len());
    data.extend_from_slice(selector);
    data.extend_from_slice(&word(64));
    data.extend_from_slice(&word(START_BALANCE));
    data.extend_from_slice(&word(accounts.len() as u64));
    for account in accounts {
        data.extend_from_slice(account.address.into_word().as_slice());
    }
    data.into()
}
