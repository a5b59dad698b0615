//! Deploying a contract that is compiled into this program, and waiting for receipts.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, TxKind, hex};
use eyre::{Result, bail};
use serde::Deserialize;

use crate::{
    accounts::{Account, Call},
    rpc::{Node, ReceiptSummary},
};

const DEPLOY_GAS: u64 = 3_000_000;
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(60);
const RECEIPT_PAUSE: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
struct Artefact {
    bytecode: String,
}

/// Deploys the contract of an artefact (`contracts/*.json`) and waits for it.
///
/// # Errors
/// Transport, a refusal, or a creation that fails or is not final within 60 s.
pub async fn deploy(node: &mut Node, from: &Account, artefact: &str) -> Result<Address> {
    let chain_id = node.chain_id().await?;
    let artefact: Artefact = serde_json::from_str(artefact)?;
    let nonce = node.nonces(&[from.address]).await?[0];
    let code = Call { to: TxKind::Create, data: hex::decode(artefact.bytecode)?.into() };
    let created = from.sign(chain_id, nonce, DEPLOY_GAS, &code)?;
    send(node, &created.raw).await?;
    succeeded(node, created.hash).await?;
    Ok(from.address.create(nonce))
}

/// Submits one transaction.
///
/// # Errors
/// Transport or a refusal.
pub async fn send(node: &mut Node, raw: &str) -> Result<()> {
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
