//! JSON-RPC 2.0 over [`Connection`], single and in batches.

use alloy_primitives::{Address, B256, U64, U256};
use eyre::{Context, Result, bail, eyre};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use crate::http::Connection;

/// An error that the node answered with.
#[derive(Clone, Debug, Deserialize)]
pub struct Refusal {
    /// JSON-RPC code.
    pub code: i64,
    /// Text.
    pub message: String,
}

#[derive(Deserialize)]
struct Answer<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Refusal>,
}

/// What a block's receipts tell about one transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptSummary {
    /// Transaction.
    pub transaction_hash: B256,
    /// Block.
    pub block_hash: B256,
    /// Height.
    pub block_number: U64,
    /// 1 when the transaction succeeded.
    pub status: U64,
}

/// What has to be equal on all nodes at one height.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BlockSummary {
    /// Height.
    pub number: U64,
    /// Hash of the header.
    pub hash: B256,
    /// State root.
    pub state_root: B256,
    /// Receipts root.
    pub receipts_root: B256,
}

/// One node's JSON-RPC.
pub struct Node {
    connection: Connection,
}

impl Node {
    /// Does not connect yet.
    ///
    /// # Errors
    /// The address is not of the form `http://host:port`.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { connection: Connection::new(url)? })
    }

    /// One call whose error answer is an `Err`.
    ///
    /// # Errors
    /// Transport, refusal, or a result of another type.
    pub async fn call<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> Result<T> {
        match self.try_call(method, params).await? {
            Ok(result) => Ok(result),
            Err(refusal) => bail!("{method}: {} (code {})", refusal.message, refusal.code),
        }
    }

    /// One call whose error answer is an inner `Err`.
    ///
    /// # Errors
    /// Transport, or a result of another type.
    pub async fn try_call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<std::result::Result<T, Refusal>> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let bytes = self.connection.post(&serde_json::to_vec(&body)?).await?;
        let answer: Answer<'_> = serde_json::from_slice(&bytes).wrap_err("JSON-RPC answer")?;
        if let Some(refusal) = answer.error {
            return Ok(Err(refusal));
        }
        let raw = answer.result.map_or("null", RawValue::get);
        Ok(Ok(serde_json::from_str(raw).wrap_err_with(|| format!("result of {method}"))?))
    }

    /// One call whose result is not looked at: the length of the answer (bytes).
    ///
    /// # Errors
    /// Transport, a refusal, or no result.
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<usize> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let bytes = self.connection.post(&serde_json::to_vec(&body)?).await?;
        let answer: Answer<'_> = serde_json::from_slice(&bytes).wrap_err("JSON-RPC answer")?;
        if let Some(refusal) = answer.error {
            bail!("{method}: {} (code {})", refusal.message, refusal.code);
        }
        answer.result.map(|_| bytes.len()).ok_or_else(|| eyre!("{method}: no result"))
    }

    /// Many calls of one method in one batch; answers in the order of the parameters.
    ///
    /// # Errors
    /// Transport, a missing or refused item, or a result of another type.
    pub async fn batch<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &[Value],
    ) -> Result<Vec<T>> {
        let calls: Vec<Value> = params
            .iter()
            .enumerate()
            .map(|(id, params)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .collect();
        let bytes = self.connection.post(&serde_json::to_vec(&calls)?).await?;
        let answers: Vec<Answer<'_>> = serde_json::from_slice(&bytes).wrap_err("batch answer")?;
        let mut results: Vec<Option<T>> = params.iter().map(|_| None).collect();
        for answer in answers {
            if let Some(refusal) = answer.error {
                bail!("{method} in a batch: {} (code {})", refusal.message, refusal.code);
            }
            let id = answer.id.ok_or_else(|| eyre!("an answer without id"))? as usize;
            let slot = results.get_mut(id).ok_or_else(|| eyre!("an answer with a foreign id"))?;
            *slot = Some(serde_json::from_str(answer.result.map_or("null", RawValue::get))?);
        }
        results.into_iter().map(|r| r.ok_or_else(|| eyre!("an answer is missing"))).collect()
    }

    /// Submits signed transactions: one plain call, or one batch. The outcome of each, in order.
    ///
    /// # Errors
    /// Transport: what happened to the transactions is unknown then.
    pub async fn submit(
        &mut self,
        signed: &[&str],
    ) -> Result<Vec<std::result::Result<(), Refusal>>> {
        let mut body = String::with_capacity(signed.iter().map(|raw| raw.len() + 96).sum());
        let single = signed.len() == 1;
        for (id, raw) in signed.iter().enumerate() {
            body.push(if id == 0 { '[' } else { ',' });
            body.push_str(&format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{raw}"]}}"#
            ));
        }
        let body = if single {
            &body[1..]
        } else {
            body.push(']');
            &body
        };
        let bytes = self.connection.post(body.as_bytes()).await?;
        let answers: Vec<Answer<'_>> = if single {
            vec![serde_json::from_slice(&bytes).wrap_err("JSON-RPC answer")?]
        } else {
            serde_json::from_slice(&bytes).wrap_err("batch answer")?
        };
        if answers.len() != signed.len() {
            bail!("{} answers to {} transactions", answers.len(), signed.len());
        }
        Ok(answers.into_iter().map(|answer| answer.error.map_or(Ok(()), Err)).collect())
    }

    /// Height of the newest block.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn height(&mut self) -> Result<u64> {
        Ok(self.call::<U64>("eth_blockNumber", json!([])).await?.to())
    }

    /// Chain id.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn chain_id(&mut self) -> Result<u64> {
        Ok(self.call::<U64>("eth_chainId", json!([])).await?.to())
    }

    /// Receipts of a block; `None` while there is no such block.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn block_receipts(&mut self, height: u64) -> Result<Option<Vec<ReceiptSummary>>> {
        let params = json!([format!("{height:#x}")]);
        match self.try_call("eth_getBlockReceipts", params).await? {
            Ok(receipts) => Ok(receipts),
            // some nodes answer an error instead of null for a block of the future
            Err(refusal) if refusal.code == -32001 || refusal.message.contains("not found") => {
                Ok(None)
            }
            Err(refusal) => bail!("eth_getBlockReceipts: {}", refusal.message),
        }
    }

    /// Receipt of a transaction; `None` while it is not final.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn receipt(&mut self, hash: B256) -> Result<Option<ReceiptSummary>> {
        self.call("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Nonce that the next transaction of each account has to carry, pending ones included.
    ///
    /// # Errors
    /// See [`Self::batch`].
    pub async fn nonces(&mut self, accounts: &[Address]) -> Result<Vec<u64>> {
        let mut nonces = Vec::with_capacity(accounts.len());
        for part in accounts.chunks(BATCH_ITEMS) {
            let params: Vec<Value> =
                part.iter().map(|account| json!([account, "pending"])).collect();
            let answers: Vec<U64> = self.batch("eth_getTransactionCount", &params).await?;
            nonces.extend(answers.into_iter().map(|nonce| nonce.to::<u64>()));
        }
        Ok(nonces)
    }

    /// Results of many `eth_call`s to one contract, each a 32 byte word.
    ///
    /// # Errors
    /// See [`Self::batch`].
    pub async fn words(&mut self, contract: Address, data: &[String]) -> Result<Vec<U256>> {
        let mut words = Vec::with_capacity(data.len());
        for part in data.chunks(BATCH_ITEMS) {
            let params: Vec<Value> = part
                .iter()
                .map(|data| json!([{ "to": contract, "data": data }, "latest"]))
                .collect();
            words.extend(self.batch::<U256>("eth_call", &params).await?);
        }
        Ok(words)
    }
}

/// Items of one batch when reading.
pub const BATCH_ITEMS: usize = 1000;
