//! Contracts that are as much work as their gas allows, while transfers go through another node.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use eyre::{Result, ensure, eyre};
use load::{
    accounts::{Account, Call},
    rpc::{Node, ReceiptSummary},
};
use serde_json::{Value, json};

use crate::{
    checks::{BAD_WORDS, Checks},
    lifecycle::kept,
    network::{NAMES, Network},
    program::Program,
    traffic::Trickle,
};

/// Gas limit of the attacks: nearly a block's.
const ATTACK_GAS: u64 = 29_900_000;
/// Longest time until an attack is final or every node has dropped it.
const SETTLED_MAX: Duration = Duration::from_secs(60);
/// Gas limit of a deployment.
const DEPLOY_GAS: u64 = 200_000;
/// Slots of the list.
const LINKS: u64 = 8_000;
/// Slots written by one transaction.
const LINKS_PER_FILL: u64 = 1_000;

/// Multiplies a point of bn254 by the largest number until 100,000 gas are left.
const CURVE: &[u8] =
    &hex!("60015f5260026020525f196040525b60405f60605f60075afa50620186a05a11600e5700");
/// Hashes 12,000 bytes until 100,000 gas are left.
const HASH: &[u8] = &hex!("5b612ee05f205f52620186a05a115f5700");
/// Raises a number of 32 bytes to a power of 32 bytes until 100,000 gas are left.
const POWER: &[u8] = &hex!(
    "60205f526020602052602060405260025f19036060525f196080525f1960a0525b5f5f60c05f60055afa50620186a0\
     5a1160205700"
);
/// With a second word n: writes to n slots from the first word on the number of the next slot.
/// Without: follows the slots from the first word on to the end.
const LIST: &[u8] = &hex!(
    "6020358060115750\
     5f355b5480600a5700\
     5b5f355b806001018091559060019003809190601457\
     00"
);

/// All checks of this group.
///
/// # Errors
/// The network does not start or does not answer.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    let network = Network::start(program, "computation", 4).await?;
    let mut attacker = Attacker::new(&network).await?;
    let trickle = Trickle::start(network.url(1), 21);
    for (name, code) in [("hashes", HASH), ("curve points", CURVE), ("modular powers", POWER)] {
        let contract = attacker.deploy(code).await?;
        attacker.settles(name, contract, Bytes::new(), checks).await?;
    }
    let list = attacker.deploy(LIST).await?;
    for start in (1..LINKS).step_by(usize::try_from(LINKS_PER_FILL)?) {
        let receipt = attacker.send(ATTACK_GAS, list, words(start, LINKS_PER_FILL)).await?;
        ensure!(receipt.status.to::<u64>() == 1, "the list could not be written");
    }
    let name = "reads that depend on one another";
    attacker.settles(name, list, words(1, 0), checks).await?;
    let promises = trickle.finish().await?;
    checks.check("transfers go on meanwhile", promises.went_on(), &promises.to_string());
    for (number, name) in NAMES.iter().enumerate() {
        let log = network.log(number);
        let bad = BAD_WORDS.iter().find(|bad| log.contains(**bad));
        checks.check("no defect in the log", bad.is_none(), &format!("{name}, {bad:?}"));
    }
    kept(&network, &[&promises], checks, "nothing final is lost").await
}

fn words(first: u64, second: u64) -> Bytes {
    [U256::from(first), U256::from(second)].map(|word| word.to_be_bytes::<32>()).concat().into()
}

/// Init code that leaves `runtime`.
fn creation(runtime: &[u8]) -> Result<Bytes> {
    let length = u8::try_from(runtime.len())?;
    let mut code = vec![0x60, length, 0x60, 0x0b, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3, 0x00];
    code.extend_from_slice(runtime);
    Ok(code.into())
}

/// One account that deploys and calls, one transaction after the other.
struct Attacker {
    account: Account,
    chain_id: u64,
    nodes: Vec<Node>,
}

impl Attacker {
    async fn new(network: &Network<'_>) -> Result<Self> {
        let nodes: Result<Vec<Node>> =
            (0..NAMES.len()).map(|number| Node::new(&network.url(number))).collect();
        let mut nodes = nodes?;
        let chain_id = nodes[0].chain_id().await?;
        Ok(Self { account: Account::derive(22, 1)?, chain_id, nodes })
    }

    async fn submit(&mut self, gas: u64, to: TxKind, data: Bytes) -> Result<(B256, u64)> {
        let nonce = self.nodes[0].nonces(&[self.account.address]).await?[0];
        let signed = self.account.sign(self.chain_id, nonce, gas, &Call { to, data })?;
        let hash: B256 = self.nodes[0].call("eth_sendRawTransaction", json!([signed.raw])).await?;
        Ok((hash, nonce))
    }

    /// The receipt, or `None` once no node knows the transaction any more.
    async fn settled(&mut self, hash: B256) -> Result<Option<ReceiptSummary>> {
        let end = Instant::now() + SETTLED_MAX;
        while Instant::now() < end {
            if let Some(receipt) = self.nodes[0].receipt(hash).await? {
                return Ok(Some(receipt));
            }
            if !self.known(hash).await? && self.nodes[0].receipt(hash).await?.is_none() {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(eyre!("neither final nor dropped after {SETTLED_MAX:?}"))
    }

    async fn known(&mut self, hash: B256) -> Result<bool> {
        for node in &mut self.nodes {
            let found: Value = node.call("eth_getTransactionByHash", json!([hash])).await?;
            if !found.is_null() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn send(&mut self, gas: u64, to: Address, data: Bytes) -> Result<ReceiptSummary> {
        let (hash, _) = self.submit(gas, TxKind::Call(to), data).await?;
        self.settled(hash).await?.ok_or_else(|| eyre!("{hash} was dropped"))
    }

    async fn deploy(&mut self, runtime: &[u8]) -> Result<Address> {
        let (hash, nonce) = self.submit(DEPLOY_GAS, TxKind::Create, creation(runtime)?).await?;
        let receipt = self.settled(hash).await?.ok_or_else(|| eyre!("{hash} was dropped"))?;
        ensure!(receipt.status.to::<u64>() == 1, "the deployment failed");
        Ok(self.account.address.create(nonce))
    }

    /// The attack becomes final or is dropped, soon, and leaves the account usable.
    async fn settles(
        &mut self,
        name: &str,
        contract: Address,
        data: Bytes,
        checks: &mut Checks,
    ) -> Result<()> {
        let begin = Instant::now();
        let (hash, _) = self.submit(ATTACK_GAS, TxKind::Call(contract), data).await?;
        let settled = self.settled(hash).await;
        let took = begin.elapsed();
        // A run that failed would be no attack.
        let (holds, seen) = match settled {
            Ok(Some(receipt)) => {
                let status = receipt.status.to::<u64>();
                (status == 1, format!("final after {took:.1?}, status {status}"))
            }
            Ok(None) => (true, format!("dropped by all nodes after {took:.1?}")),
            Err(error) => (false, error.to_string()),
        };
        checks.check(&format!("a block full of {name}"), holds, &seen);
        Ok(())
    }
}
