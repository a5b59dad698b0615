//! Every method, in one table.

mod blocks;
mod fees;
mod filters;
mod finality;
mod node;
mod operators;
mod pool;
mod simulation;
mod state;
mod subscriptions;
mod transactions;

use futures::future::BoxFuture;

use crate::{error::RpcError, json_text::JsonText, params::Params, service::Context};

pub use node::syncing_status;
pub use transactions::pending_transaction;

/// How much clients may rely on a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Every Ethereum client needs it.
    Core,
    /// Newer clients use it and fall back without it.
    Modern,
    /// Heqi's own.
    Own,
}

type Handler = for<'a> fn(&'a Context, &'a Params) -> BoxFuture<'a, Result<JsonText, RpcError>>;

/// One method.
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// How much clients may rely on it.
    pub tier: Tier,
    /// Its share of the budget of calls in flight; 1 is a read from memory.
    pub weight: u32,
    /// What it does.
    pub run: Handler,
}

/// Name, tier and weight of a method, for documentation and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its name.
    pub name: &'static str,
    /// How much clients may rely on it.
    pub tier: Tier,
    /// Its share of the budget of calls in flight.
    pub weight: u32,
}

/// All methods that are served.
pub fn method_list() -> impl Iterator<Item = MethodInfo> {
    METHODS.iter().map(|&Method { name, tier, weight, .. }| MethodInfo { name, tier, weight })
}

macro_rules! table {
    ($($tier:ident $weight:literal $name:literal $handler:path;)*) => {
        &[$(Method {
            name: $name,
            tier: Tier::$tier,
            weight: $weight,
            run: |context, params| {
                Box::pin(async move { $handler(context, params).await.map(JsonText::from) })
            },
        }),*]
    };
}

/// The table: tier, weight, name, handler. Whatever is not here is answered with -32601 at once;
/// that includes everything that signs or manages keys (`personal_*`, `eth_sign*`,
/// `eth_sendTransaction`, `admin_*`, `miner_*`), on purpose.
pub static METHODS: &[Method] = table! {
    Core 1 "eth_chainId" node::chain_id;
    Core 1 "net_version" node::net_version;
    Core 1 "web3_clientVersion" node::client_version;
    Core 1 "web3_sha3" node::sha3;
    Core 1 "rpc_modules" node::modules;
    Core 1 "net_listening" node::listening;
    Core 1 "net_peerCount" node::peer_count;
    Core 1 "eth_protocolVersion" node::protocol_version;
    Core 1 "eth_syncing" node::syncing;
    Core 1 "eth_mining" node::mining;
    Core 1 "eth_hashrate" node::hashrate;
    Core 1 "eth_coinbase" node::coinbase;
    Core 1 "eth_accounts" node::accounts;

    Core 1 "eth_blockNumber" blocks::block_number;
    Core 4 "eth_getBlockByNumber" blocks::by_number;
    Core 4 "eth_getBlockByHash" blocks::by_hash;
    Core 2 "eth_getBlockTransactionCountByNumber" blocks::transaction_count_by_number;
    Core 2 "eth_getBlockTransactionCountByHash" blocks::transaction_count_by_hash;
    Core 1 "eth_getUncleCountByBlockNumber" blocks::uncle_count_by_number;
    Core 1 "eth_getUncleCountByBlockHash" blocks::uncle_count_by_hash;
    Core 1 "eth_getUncleByBlockNumberAndIndex" blocks::no_uncle;
    Core 1 "eth_getUncleByBlockHashAndIndex" blocks::no_uncle;
    Modern 20 "eth_getBlockReceipts" blocks::receipts;
    Modern 2 "eth_getHeaderByNumber" blocks::header_by_number;
    Modern 2 "eth_getHeaderByHash" blocks::header_by_hash;

    Core 2 "eth_getTransactionByHash" transactions::by_hash;
    Core 2 "eth_getTransactionByBlockNumberAndIndex" transactions::by_number_and_index;
    Core 2 "eth_getTransactionByBlockHashAndIndex" transactions::by_hash_and_index;
    Core 4 "eth_getTransactionReceipt" transactions::receipt;
    Modern 2 "eth_getRawTransactionByHash" transactions::raw_by_hash;
    Modern 2 "eth_getRawTransactionByBlockNumberAndIndex" transactions::raw_by_number_and_index;
    Modern 2 "eth_getRawTransactionByBlockHashAndIndex" transactions::raw_by_hash_and_index;
    Core 10 "eth_sendRawTransaction" transactions::send_raw;
    Modern 20 "eth_sendRawTransactionSync" transactions::send_raw_sync;

    Core 2 "eth_getBalance" state::balance;
    Core 2 "eth_getCode" state::code;
    Core 2 "eth_getStorageAt" state::storage_at;
    Core 2 "eth_getTransactionCount" state::transaction_count;
    Modern 4 "eth_getAccountInfo" state::account_info;
    Modern 20 "eth_getStorageValues" state::storage_values;
    Modern 1 "eth_getProof" state::proof_not_supported;

    Core 40 "eth_call" simulation::call;
    Core 100 "eth_estimateGas" simulation::estimate_gas;
    Modern 100 "eth_fillTransaction" simulation::fill_transaction;

    Core 1 "eth_gasPrice" fees::gas_price;
    Core 1 "eth_maxPriorityFeePerGas" fees::max_priority_fee;
    Core 20 "eth_feeHistory" fees::history;
    Modern 1 "eth_baseFee" fees::base_fee;
    Modern 1 "eth_blobBaseFee" fees::blob_base_fee;

    Core 100 "eth_getLogs" filters::logs;
    Core 2 "eth_newFilter" filters::new_log_filter;
    Core 2 "eth_newBlockFilter" filters::new_block_filter;
    Core 2 "eth_newPendingTransactionFilter" filters::new_pending_filter;
    Core 50 "eth_getFilterChanges" filters::changes;
    Core 100 "eth_getFilterLogs" filters::filter_logs;
    Core 1 "eth_uninstallFilter" filters::uninstall;
    Core 2 "eth_subscribe" subscriptions::subscribe;
    Core 1 "eth_unsubscribe" subscriptions::unsubscribe;

    Modern 1 "txpool_status" pool::status;

    Own 50 "heqi_getFinalityProof" finality::finality_proof;
    Own 50 "heqi_getStateProof" finality::state_proof;
    Own 10 "heqi_getValidators" finality::validators;
    Own 10 "heqi_consensusState" operators::consensus_state;
    Own 50 "heqi_evidence" operators::evidence;
};
