//! Settings of the JSON-RPC server. Every one has a default that is safe on a loopback address.

use serde::{Deserialize, Serialize};

/// Settings an operator may change; sizes that protect memory stand in [`crate::limits`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpcConfig {
    /// Host names, besides loopback names and IP addresses, under which the server may be called.
    /// Protects against DNS rebinding; `"*"` allows every name. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Browser origins that may call (`https://remix.ethereum.org`); `"*"` allows every origin.
    /// Default: none, which keeps the server closed to web pages of other sites.
    pub cors_origins: Vec<String>,
    /// HTTP requests answered at once; the next one gets 429. Default 1,024.
    pub requests_max: usize,
    /// Open WebSocket connections; the next one gets 429. Default 512.
    pub websockets_max: usize,
    /// Method weights in flight over all requests, where each item of a batch counts with the
    /// weight of its method; beyond it requests get 429. Default 100,000.
    pub weight_max: u32,
    /// Method weights per second that one address may use, 0 for no limit; ten seconds' worth may
    /// come at once. Beyond it requests get 429 and the time to wait. Default 0.
    pub caller_weight_per_second: u32,
    /// Simulations (`eth_call`, `eth_estimateGas`, `eth_fillTransaction`) and log searches that
    /// compute at once. Default 4.
    pub simulations_max: usize,
    /// How long one simulation, with its waiting for a turn, may take, milliseconds. Default 5,000.
    pub simulation_timeout_ms: u64,
    /// Gas one `eth_call` may use. Default 60,000,000.
    pub call_gas_max: u64,
    /// Blocks one `eth_getLogs` may span. Default 100,000.
    pub logs_blocks_max: u64,
    /// Logs one `eth_getLogs` may return. Default 20,000.
    pub logs_results_max: usize,
    /// How long one request, batches included, may take, milliseconds; what remains of a batch is
    /// answered with -32002. Default 30,000.
    pub request_timeout_ms: u64,
    /// How long `eth_sendRawTransactionSync` waits unless told, milliseconds. Default 2,000.
    pub sync_timeout_ms: u64,
    /// Longest wait a caller of `eth_sendRawTransactionSync` may ask for, milliseconds. Default
    /// 20,000.
    pub sync_timeout_ms_max: u64,
    /// Installed filters; the next one is refused. Default 10,000.
    pub filters_max: usize,
    /// A filter that was not polled this long is forgotten, milliseconds. Default 300,000.
    pub filter_idle_ms: u64,
    /// Time between WebSocket pings, milliseconds; a connection silent for two of them is closed.
    /// Default 30,000.
    pub ping_interval_ms: u64,
    /// What `web3_clientVersion` answers.
    pub client_version: String,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            requests_max: 1_024,
            websockets_max: 512,
            weight_max: 100_000,
            caller_weight_per_second: 0,
            simulations_max: 4,
            simulation_timeout_ms: 5_000,
            call_gas_max: 60_000_000,
            logs_blocks_max: 100_000,
            logs_results_max: 20_000,
            request_timeout_ms: 30_000,
            sync_timeout_ms: 2_000,
            sync_timeout_ms_max: 20_000,
            filters_max: 10_000,
            filter_idle_ms: 5 * 60 * 1_000,
            ping_interval_ms: 30_000,
            client_version: concat!("heqi/v", env!("CARGO_PKG_VERSION"), "/rust").to_owned(),
        }
    }
}
