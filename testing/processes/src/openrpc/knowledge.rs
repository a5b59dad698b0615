//! What exists on the network that is asked, so that many requests hit something.

use alloy_primitives::{Address, B256, Bytes, TxKind, U64};
use eyre::Result;
use load::{
    accounts::{Account, Call},
    contracts::{send, succeeded},
    rpc::Node,
    token::Token,
};
use serde::Deserialize;
use serde_json::json;

const SEED: u64 = 41;
const HOLDERS: u64 = 20;
const TRANSFER_GAS: u64 = 60_000;

/// Values that the network knows.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Accounts and precompiles.
    pub addresses: Vec<Address>,
    /// A token.
    pub contract: Address,
    /// Blocks and transactions.
    pub hashes: Vec<B256>,
    /// Signed transactions: known ones, one to come.
    pub raw: Vec<String>,
    /// Height of the newest block.
    pub height: u64,
}

#[derive(Deserialize)]
struct Block {
    hash: B256,
    transactions: Vec<B256>,
}

impl Knowledge {
    /// Deploys a token, moves it, and notes what came of it.
    ///
    /// # Errors
    /// Transport, a refusal, or a transaction that fails.
    pub async fn gather(url: &str) -> Result<Self> {
        let mut node = Node::new(url)?;
        let minter = Account::derive(SEED, u64::MAX)?;
        let holders: Vec<Account> =
            (0..HOLDERS).map(|number| Account::derive(SEED, number)).collect::<Result<_>>()?;
        let token = Token::deploy(&mut node, &minter, &holders).await?;
        let chain_id = node.chain_id().await?;
        let mut known = Self::default();
        for (number, holder) in holders.iter().enumerate() {
            let to = holders[(number + 1) % holders.len()].address;
            let signed = token.transfer(holder, 0, to)?;
            send(&mut node, &signed.raw).await?;
            succeeded(&mut node, signed.hash).await?;
            known.hashes.push(signed.hash);
            known.raw.push(signed.raw);
        }
        let call =
            Call { to: TxKind::Call(token.address), data: Bytes::from_static(&[1, 2, 3, 4]) };
        known.raw.push(holders[0].sign(chain_id, 1, TRANSFER_GAS, &call)?.raw);
        known.height = node.height().await?;
        for height in 0..=known.height.min(100) {
            let params = json!([U64::from(height), false]);
            let block: Block = node.call("eth_getBlockByNumber", params).await?;
            known.hashes.push(block.hash);
            known.hashes.extend(block.transactions);
        }
        known.addresses = holders.iter().map(|holder| holder.address).collect();
        known.contract = token.address;
        known.addresses.extend([minter.address, Address::ZERO]);
        known.addresses.extend((1..=17).map(|number| Address::left_padding_from(&[number])));
        Ok(known)
    }
}
