//! What the admin of a devnet's validators tells the chain. The admin's key is a public
//! development key, as all accounts of devnets are.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{B256, Bytes, TxKind, hex};
use alloy_sol_types::SolCall;
use crypto::{EthereumKey, Secret};
use serde_json::{Value, json};
use system::validators::{ADDRESS, IValidators};
use types::ValidatorKey;

use super::{
    accounts::account,
    record::{Devnet, Member},
};
use crate::{
    error::{self, CliError},
    http::Url,
    status::quantity,
};

/// Time for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Time until a transaction must be final.
const FINAL_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a receipt is asked for.
const ASK_INTERVAL: Duration = Duration::from_millis(100);
/// Gas of an admin's transaction: a set of a hundred validators fits.
const GAS_LIMIT: u64 = 10_000_000;
/// Above the base fee that `heqi devnet` gives a ledger, in wei; free ledgers charge nothing.
const FEE_WEI: u128 = 2_000_000_000;

/// Speaks for the admin through one node.
pub struct Admin {
    url: Url,
    chain_id: u64,
    folder: String,
}

impl Admin {
    /// Through the node of `member`.
    pub fn new(devnet: &Devnet, member: &Member) -> Self {
        Self {
            url: Url::local(member.rpc_port),
            chain_id: devnet.record.chain_id,
            folder: devnet.folder.display().to_string(),
        }
    }

    /// Registers `member` as an observer, unless it is one with this very address.
    ///
    /// # Errors
    /// The node refuses, or the transaction does not become final.
    pub fn admit(&self, member: &Member) -> Result<(), CliError> {
        let ip = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets().into();
        let wanted = IValidators::Observer {
            key: B256::from(member.key.0),
            name: member.name.clone(),
            ip,
            port: member.p2p_port,
        };
        let known = self.view(IValidators::getObserversCall {})?;
        let is_wanted = |observer: &IValidators::Observer| {
            observer.key == wanted.key && observer.ip == ip && observer.port == wanted.port
        };
        if known.iter().any(is_wanted) {
            return Ok(());
        }
        let IValidators::Observer { key, name, ip, port } = wanted;
        self.send(IValidators::setObserverCall { key, name, ip, port })
    }

    /// Puts a key among the validators of the next epoch, unless it is there.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn promote(&self, key: ValidatorKey) -> Result<(), CliError> {
        let key = B256::from(key.0);
        let mut keys = self.view(IValidators::getNextValidatorsCall {})?;
        if keys.contains(&key) {
            return Ok(());
        }
        keys.push(key);
        self.send(IValidators::setNextValidatorsCall { keys })
    }

    fn view<C: SolCall>(&self, call: C) -> Result<C::Return, CliError> {
        let request = json!({ "to": ADDRESS, "data": hex::encode_prefixed(call.abi_encode()) });
        let answer = self.call("eth_call", json!([request, "latest"]))?;
        let bytes = answer.as_str().and_then(|text| hex::decode(text).ok());
        let decoded = bytes.and_then(|bytes| C::abi_decode_returns(&bytes).ok());
        decoded.ok_or_else(|| self.misunderstood("eth_call"))
    }

    fn send(&self, call: impl SolCall) -> Result<(), CliError> {
        let admin = account("", 0, 0);
        let nonce = self.call("eth_getTransactionCount", json!([admin.address, "pending"]))?;
        let nonce =
            quantity(&nonce).ok_or_else(|| self.misunderstood("eth_getTransactionCount"))?;
        let signed = sign(self.chain_id, nonce, call.abi_encode().into(), &admin.private_key);
        let raw = hex::encode_prefixed(signed);
        let hash = self.call("eth_sendRawTransaction", json!([raw]))?;
        let end = Instant::now() + FINAL_TIME_MAX;
        while Instant::now() < end {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash]))?;
            match receipt["status"].as_str() {
                Some("0x1") => return Ok(()),
                Some(_) => {
                    let cause = format!("the admin's transaction {hash} failed");
                    return Err(CliError::new(error::JOIN, vec![("cause", cause)]));
                }
                None => sleep(ASK_INTERVAL),
            }
        }
        Err(CliError::new(
            error::NOT_FINAL,
            vec![
                ("seconds", FINAL_TIME_MAX.as_secs().to_string()),
                ("missing", "the admin's transaction".into()),
                ("path", self.folder.clone()),
            ],
        ))
    }

    fn call(&self, method: &str, params: Value) -> Result<Value, CliError> {
        self.url.call(method, &params, ANSWER_TIME_MAX)
    }

    fn misunderstood(&self, method: &str) -> CliError {
        let values = vec![("url", self.url.to_string()), ("cause", method.to_string())];
        CliError::new(error::ANSWER, values)
    }
}

fn sign(chain_id: u64, nonce: u64, input: Bytes, private_key: &B256) -> Vec<u8> {
    let key = EthereumKey::from_secret(Secret::new(private_key.0))
        .expect("development keys are in the range of the curve's order");
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: GAS_LIMIT,
        max_fee_per_gas: FEE_WEI,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(ADDRESS),
        input,
        ..TxEip1559::default()
    };
    let signature = key.sign_hash(transaction.signature_hash());
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_admins_transactions_are_the_admins() {
        let admin = account("", 0, 0);
        let signed = sign(7, 3, Bytes::from_static(b"input"), &admin.private_key);
        let decoded = types::Transaction::decode(signed.into()).unwrap();
        assert_eq!((decoded.sender(), decoded.nonce()), (admin.address, 3));
    }
}
