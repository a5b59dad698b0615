//! A server on a port of its own, a plain HTTP client, and accounts that sign.

use std::{net::SocketAddr, sync::Arc};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use chain::ChainOptions;
use k256::ecdsa::SigningKey;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use types::FeeMode;

use super::ledger::{CHAIN_ID, TestLedger, genesis};
use crate::{RpcConfig, RpcMetrics, router_until};

pub struct Account(SigningKey);

impl Account {
    pub fn number(number: u8) -> Self {
        Self(SigningKey::from_slice(&[number; 32]).unwrap())
    }

    pub fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    pub fn signature(&self, hash: B256) -> Signature {
        let (signature, recovery) = self.0.sign_prehash_recoverable(hash.as_slice()).unwrap();
        let number = |bytes: &[u8]| U256::from_be_slice(bytes);
        let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
        Signature::new(number(&r), number(&s), recovery.is_y_odd())
    }

    pub fn sign<T: SignableTransaction<Signature>>(&self, transaction: T) -> String
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signature(transaction.signature_hash());
        let envelope: TxEnvelope = transaction.into_signed(signature).into();
        Bytes::from(envelope.encoded_2718()).to_string()
    }

    /// A call with EIP-1559 fees of 1 wei, as Foundry offers them.
    pub fn call(&self, nonce: u64, to: Address, input: &[u8]) -> String {
        self.sign(modern(nonce, to, input))
    }

    /// Creates a contract with this code, of at most 255 bytes.
    pub fn deploy(&self, nonce: u64, code: &[u8]) -> String {
        let length = u8::try_from(code.len()).unwrap();
        let copy = [0x60, length, 0x60, 0x0c, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3, 0x00, 0x00];
        let mut transaction = modern(nonce, Address::ZERO, &[&copy[..], code].concat());
        transaction.gas_limit = 1_000_000;
        transaction.max_fee_per_gas = 5_000;
        transaction.to = TxKind::Create;
        self.sign(transaction)
    }
}

pub fn modern(nonce: u64, to: Address, input: &[u8]) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 1,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        value: U256::ZERO,
        access_list: Default::default(),
        input: Bytes::copy_from_slice(input),
    }
}

pub fn legacy(nonce: u64, to: Address, value: u64) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: 0,
        gas_limit: 21_000,
        to: TxKind::Call(to),
        value: U256::from(value),
        input: Bytes::new(),
    }
}

/// The account with a balance.
pub fn rich() -> Account {
    Account::number(1)
}

pub fn poor() -> Account {
    Account::number(2)
}

pub struct Server {
    pub address: SocketAddr,
    pub ledger: Arc<TestLedger>,
    pub registry: Registry,
    pub stop: watch::Sender<bool>,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {} {}", self.head, String::from_utf8_lossy(&self.body))
        })
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(FeeMode::Free, |_| {}).await
    }

    pub async fn with(fee_mode: FeeMode, change: impl FnOnce(&mut RpcConfig)) -> Self {
        let ledger = TestLedger::start(genesis(fee_mode, rich().address())).await;
        let mut config = RpcConfig::default();
        change(&mut config);
        Self::serve(ledger, config).await
    }

    /// Over a ledger whose bodies below the newest `blocks` are deleted.
    pub async fn retaining(blocks: u64) -> Self {
        let options = ChainOptions { retained_blocks: Some(blocks), ..ChainOptions::default() };
        Self::with_chain(options).await
    }

    /// Over a ledger whose chain store has these settings.
    pub async fn with_chain(options: ChainOptions) -> Self {
        let genesis = genesis(FeeMode::Free, rich().address());
        Self::serve(TestLedger::start_with(genesis, options).await, RpcConfig::default()).await
    }

    pub async fn serve(ledger: Arc<TestLedger>, config: RpcConfig) -> Self {
        Self::serve_behind(ledger, config, |router| router).await
    }

    /// As a host would that adds something to the router.
    pub async fn serve_behind(
        ledger: Arc<TestLedger>,
        config: RpcConfig,
        host: impl FnOnce(axum::Router) -> axum::Router,
    ) -> Self {
        let mut registry = Registry::default();
        let metrics = RpcMetrics::register(&mut registry);
        let (stop, stopping) = watch::channel(false);
        let router = host(router_until(ledger.clone(), config, metrics, stopping));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, ledger, registry, stop }
    }

    /// Sends bytes as they are and reads until the server closes.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may refuse before it has read everything.
        let _ = stream.write_all(request).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("no answer");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// A request with more header lines, each ending in `\r\n`.
    pub async fn request(&self, method: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} / HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    pub async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        let headers = "host: localhost\r\ncontent-type: application/json\r\n";
        self.request("POST", headers, body.as_ref()).await
    }

    pub async fn answer(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.post(body.to_string()).await;
        assert_eq!(answer.status, 200, "{method}: JSON-RPC answers come with HTTP 200");
        answer.json()
    }

    pub async fn ok(&self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params.clone()).await;
        let result = answer.get("result");
        result.unwrap_or_else(|| panic!("{method} {params}: {answer}")).clone()
    }

    /// Code and message of an error that must come.
    pub async fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.answer(method, params.clone()).await;
        let error = answer.get("error").unwrap_or_else(|| panic!("{method} {params}: {answer}"));
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }

    pub async fn send(&self, raw: String) -> String {
        self.ok("eth_sendRawTransaction", json!([raw])).await.as_str().unwrap().to_owned()
    }

    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}
