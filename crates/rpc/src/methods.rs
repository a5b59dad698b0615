//! Every method, in one table.

mod access_list;
mod blocks;
mod configuration;
mod debug;
mod dev;
mod fees;
mod filters;
mod finality;
mod heights;
mod node;
mod operators;
mod ots;
mod ots_search;
mod pool;
mod proof;
mod raw;
mod simulated;
mod simulation;
mod snapshot;
mod state;
mod storage_range;
mod subscriptions;
mod trace;
mod trace_filter;
mod transactions;

use futures::future::BoxFuture;

use crate::{error::RpcError, json_text::JsonText, params::Params, service::Context};

pub use blocks::decoded;
pub use finality::finality_proof_of;
pub use node::syncing_status;
pub use trace::TextList;
pub use transactions::pending_transaction;

/// How much clients may rely on a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Every Ethereum client needs it.
    Core,
    /// Newer clients use it and fall back without it.
    Modern,
    /// Debuggers, explorers and indexers that look inside transactions use it.
    Trace,
    /// Only development ledgers answer it.
    Development,
    /// Heqi's own.
    Own,
}

/// What a call costs the node, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Answers from memory.
    Memory,
    /// Reads blocks, receipts or logs from the chain store.
    Chain,
    /// Reads values of the state at a height.
    State,
    /// Runs the EVM on the state of a height, in a bounded number of turns.
    Execution,
    /// Runs a block again from its parent's state, in turns of its own.
    Replay,
    /// Reads this node's pool, or gives it a transaction.
    Pool,
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
    /// What it reads.
    pub reads: Reads,
    /// What it does.
    pub run: Handler,
}

/// Name, tier, weight and read class of a method, for documentation and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its name.
    pub name: &'static str,
    /// How much clients may rely on it.
    pub tier: Tier,
    /// Its share of the budget of calls in flight.
    pub weight: u32,
    /// What it reads.
    pub reads: Reads,
}

/// All methods that are served.
pub fn method_list() -> impl Iterator<Item = MethodInfo> {
    METHODS.iter().map(|&Method { name, tier, weight, reads, .. }| MethodInfo {
        name,
        tier,
        weight,
        reads,
    })
}

macro_rules! table {
    ($($tier:ident $weight:literal $reads:ident $name:literal $handler:path;)*) => {
        &[$(Method {
            name: $name,
            tier: Tier::$tier,
            weight: $weight,
            reads: Reads::$reads,
            run: |context, params| {
                Box::pin(async move { $handler(context, params).await.map(JsonText::from) })
            },
        }),*]
    };
}

/// Families of methods that are known and never offered on a network, each with the reason. They are
/// answered with -32601 like everything that is not in the table; a development ledger offers some.
pub static NEVER_OFFERED: &[(&str, &str)] = &[
    ("personal_", KEYS),
    ("eth_sign", KEYS),
    ("eth_sendTransaction", KEYS),
    ("account_", KEYS),
    ("admin_", "a node is managed by its configuration and by transactions"),
    ("miner_", "blocks are made by the validators' agreement"),
    ("eth_getWork", "blocks are made by the validators' agreement"),
    ("eth_submitWork", "blocks are made by the validators' agreement"),
    ("eth_submitHashrate", "blocks are made by the validators' agreement"),
    ("engine_", "consensus is built in"),
    ("testing_", "not on a real ledger"),
    ("evm_", "only a development node can do that"),
    ("hardhat_", "only a development node can do that"),
    ("anvil_", "only a development node can do that"),
];

const KEYS: &str = "nodes hold no keys of users; sign in the wallet and use eth_sendRawTransaction";

/// Why a method is never offered, where it is known.
pub fn never_offered(name: &str) -> Option<&'static str> {
    NEVER_OFFERED.iter().find(|(family, _)| name.starts_with(family)).map(|(_, why)| *why)
}

/// The table: tier, weight, what it reads, name, handler. Whatever is not here is answered with
/// -32601 at once; that includes what is [never offered](NEVER_OFFERED), and the rows of
/// [`Tier::Development`] but on development ledgers.
pub static METHODS: &[Method] = table! {
    Core 1 Memory "eth_chainId" node::chain_id;
    Core 1 Memory "net_version" node::net_version;
    Core 1 Memory "web3_clientVersion" node::client_version;
    Core 1 Memory "web3_sha3" node::sha3;
    Core 1 Memory "rpc_modules" node::modules;
    Core 1 Memory "net_listening" node::listening;
    Core 1 Memory "net_peerCount" node::peer_count;
    Core 1 Memory "eth_protocolVersion" node::protocol_version;
    Core 1 Memory "eth_syncing" node::syncing;
    Core 1 Memory "eth_mining" node::mining;
    Core 1 Memory "eth_hashrate" node::hashrate;
    Core 1 Memory "eth_coinbase" node::coinbase;
    Core 1 Memory "eth_accounts" dev::accounts;
    Modern 1 Memory "eth_config" configuration::config;
    Modern 1 Chain "eth_capabilities" configuration::capabilities;

    Core 1 Memory "eth_blockNumber" blocks::block_number;
    Core 4 Chain "eth_getBlockByNumber" blocks::by_number;
    Core 4 Chain "eth_getBlockByHash" blocks::by_hash;
    Core 2 Chain "eth_getBlockTransactionCountByNumber" blocks::transaction_count_by_number;
    Core 2 Chain "eth_getBlockTransactionCountByHash" blocks::transaction_count_by_hash;
    Core 1 Chain "eth_getUncleCountByBlockNumber" blocks::uncle_count_by_number;
    Core 1 Chain "eth_getUncleCountByBlockHash" blocks::uncle_count_by_hash;
    Core 1 Memory "eth_getUncleByBlockNumberAndIndex" blocks::no_uncle;
    Core 1 Memory "eth_getUncleByBlockHashAndIndex" blocks::no_uncle;
    Modern 20 Chain "eth_getBlockReceipts" blocks::receipts;
    Modern 2 Chain "eth_getHeaderByNumber" blocks::header_by_number;
    Modern 2 Chain "eth_getHeaderByHash" blocks::header_by_hash;

    Core 2 Chain "eth_getTransactionByHash" transactions::by_hash;
    Core 2 Chain "eth_getTransactionByBlockNumberAndIndex" transactions::by_number_and_index;
    Core 2 Chain "eth_getTransactionByBlockHashAndIndex" transactions::by_hash_and_index;
    Core 4 Chain "eth_getTransactionReceipt" transactions::receipt;
    Modern 2 Chain "eth_getRawTransactionByHash" transactions::raw_by_hash;
    Modern 2 Chain "eth_getRawTransactionByBlockNumberAndIndex" transactions::raw_by_number_and_index;
    Modern 2 Chain "eth_getRawTransactionByBlockHashAndIndex" transactions::raw_by_hash_and_index;
    Core 10 Pool "eth_sendRawTransaction" transactions::send_raw;
    Modern 20 Pool "eth_sendRawTransactionSync" transactions::send_raw_sync;

    Core 2 State "eth_getBalance" state::balance;
    Core 2 State "eth_getCode" state::code;
    Core 2 State "eth_getStorageAt" state::storage_at;
    Core 2 State "eth_getTransactionCount" state::transaction_count;
    Modern 4 State "eth_getAccountInfo" state::account_info;
    Modern 20 State "eth_getStorageValues" state::storage_values;
    Modern 50 State "eth_getProof" proof::account;

    Core 40 Execution "eth_call" simulation::call;
    Core 100 Execution "eth_estimateGas" simulation::estimate_gas;
    Modern 100 Execution "eth_fillTransaction" simulation::fill_transaction;
    Modern 200 Execution "eth_createAccessList" access_list::create;
    Modern 1000 Execution "eth_simulateV1" simulated::simulate;

    Core 1 Memory "eth_gasPrice" fees::gas_price;
    Core 1 Memory "eth_maxPriorityFeePerGas" fees::max_priority_fee;
    Core 20 Chain "eth_feeHistory" fees::history;
    Modern 1 Chain "eth_baseFee" fees::base_fee;
    Modern 1 Chain "eth_blobBaseFee" fees::next_blob_base_fee;

    Core 100 Chain "eth_getLogs" filters::logs;
    Core 2 Memory "eth_newFilter" filters::new_log_filter;
    Core 2 Memory "eth_newBlockFilter" filters::new_block_filter;
    Core 2 Memory "eth_newPendingTransactionFilter" filters::new_pending_filter;
    Core 50 Chain "eth_getFilterChanges" filters::changes;
    Core 100 Chain "eth_getFilterLogs" filters::filter_logs;
    Core 1 Memory "eth_uninstallFilter" filters::uninstall;
    Core 2 Memory "eth_subscribe" subscriptions::subscribe;
    Core 1 Memory "eth_unsubscribe" subscriptions::unsubscribe;

    Modern 1 Pool "txpool_status" pool::status;
    Modern 100 Pool "txpool_content" pool::content;
    Modern 50 Pool "txpool_inspect" pool::inspect;
    Modern 20 Pool "txpool_contentFrom" pool::content_from;

    Trace 500 Replay "debug_traceTransaction" debug::trace_transaction;
    Trace 1000 Replay "debug_traceBlockByNumber" debug::trace_block_by_number;
    Trace 1000 Replay "debug_traceBlockByHash" debug::trace_block_by_hash;
    Trace 500 Replay "debug_traceCall" debug::trace_call;
    Trace 2 Chain "debug_getRawHeader" raw::header;
    Trace 10 Chain "debug_getRawBlock" raw::block;
    Trace 2 Chain "debug_getRawTransaction" transactions::raw_by_hash;
    Trace 20 Chain "debug_getRawReceipts" raw::receipts;
    Trace 500 Replay "debug_storageRangeAt" storage_range::at;

    Trace 1000 Replay "trace_block" trace::block;
    Trace 500 Replay "trace_transaction" trace::transaction;
    Trace 500 Replay "trace_get" trace::get;
    Trace 500 Replay "trace_call" trace::call;
    Trace 1000 Replay "trace_callMany" trace::call_many;
    Trace 500 Replay "trace_rawTransaction" trace::raw_transaction;
    Trace 500 Replay "trace_replayTransaction" trace::replay_transaction;
    Trace 1000 Replay "trace_replayBlockTransactions" trace::replay_block;
    Trace 5000 Replay "trace_filter" trace_filter::filter;

    Trace 1 Memory "ots_getApiLevel" ots::api_level;
    Trace 2 State "ots_hasCode" ots::has_code;
    Trace 500 Replay "ots_getInternalOperations" ots::internal_operations;
    Trace 500 Replay "ots_getTransactionError" ots::transaction_error;
    Trace 500 Replay "ots_traceTransaction" ots::trace_transaction;
    Trace 20 Chain "ots_getBlockDetails" ots::block_details;
    Trace 20 Chain "ots_getBlockDetailsByHash" ots::block_details_by_hash;
    Trace 20 Chain "ots_getBlockTransactions" ots::block_transactions;
    Trace 100 State "ots_getTransactionBySenderAndNonce" ots::by_sender_and_nonce;
    Trace 1000 Replay "ots_getContractCreator" ots::contract_creator;
    Trace 5000 Replay "ots_searchTransactionsBefore" ots_search::before;
    Trace 5000 Replay "ots_searchTransactionsAfter" ots_search::after;
    Trace 2 Chain "erigon_getHeaderByNumber" blocks::header_by_number;

    Development 100 Execution "eth_sendTransaction" dev::send;
    Development 100 Execution "eth_sendUnsignedTransaction" dev::send_unsigned;
    Development 100 Execution "eth_signTransaction" dev::sign_transaction;
    Development 1 Memory "eth_sign" dev::sign;
    Development 1 Memory "personal_sign" dev::personal_sign;
    Development 1 Memory "eth_signTypedData_v4" dev::sign_typed_data;
    Development 1 Memory "eth_requestAccounts" dev::accounts;
    Development 100 Execution "evm_mine" dev::mine;
    Development 1000 Execution "hardhat_mine" dev::mine_blocks;
    Development 1000 Execution "anvil_mine" dev::mine_blocks;
    Development 100 Execution "evm_setAutomine" dev::set_automine;
    Development 100 Execution "anvil_setAutoMine" dev::set_automine;
    Development 1 Memory "hardhat_getAutomine" dev::automine;
    Development 1 Memory "anvil_getAutomine" dev::automine;
    Development 100 Execution "evm_setIntervalMining" dev::set_interval;
    Development 100 Execution "anvil_setIntervalMining" dev::set_interval;
    Development 1 Memory "anvil_getIntervalMining" dev::interval;
    Development 1 Memory "evm_increaseTime" dev::increase_time;
    Development 1 Memory "anvil_increaseTime" dev::increase_time;
    Development 1 Memory "evm_setTime" dev::set_time;
    Development 1 Memory "anvil_setTime" dev::set_time;
    Development 1 Memory "evm_setNextBlockTimestamp" dev::set_next_timestamp;
    Development 1 Memory "anvil_setNextBlockTimestamp" dev::set_next_timestamp;
    Development 1 Memory "anvil_setBlockTimestampInterval" dev::set_timestamp_interval;
    Development 1 Memory "anvil_removeBlockTimestampInterval" dev::remove_timestamp_interval;
    Development 50 Pool "evm_setBlockGasLimit" dev::set_gas_limit;
    Development 50 Pool "anvil_setBlockGasLimit" dev::set_gas_limit;
    Development 50 Pool "hardhat_setNextBlockBaseFeePerGas" dev::set_next_base_fee;
    Development 50 Pool "anvil_setNextBlockBaseFeePerGas" dev::set_next_base_fee;
    Development 1 Memory "hardhat_setCoinbase" dev::set_beneficiary;
    Development 1 Memory "anvil_setCoinbase" dev::set_beneficiary;
    Development 1 Memory "hardhat_setPrevRandao" dev::set_prev_randao;
    Development 1 Memory "anvil_setPrevRandao" dev::set_prev_randao;
    Development 2 State "hardhat_setBalance" dev::set_balance;
    Development 2 State "anvil_setBalance" dev::set_balance;
    Development 2 State "anvil_addBalance" dev::add_balance;
    Development 50 State "hardhat_setNonce" dev::set_nonce;
    Development 50 State "anvil_setNonce" dev::set_nonce;
    Development 50 State "evm_setAccountNonce" dev::set_nonce;
    Development 10 State "hardhat_setCode" dev::set_code;
    Development 10 State "anvil_setCode" dev::set_code;
    Development 2 State "hardhat_setStorageAt" dev::set_storage;
    Development 2 State "anvil_setStorageAt" dev::set_storage;
    Development 50 State "evm_snapshot" dev::snapshot;
    Development 50 State "anvil_snapshot" dev::snapshot;
    Development 100 Chain "evm_revert" dev::revert;
    Development 100 Chain "anvil_revert" dev::revert;
    Development 100 Chain "hardhat_reset" dev::reset;
    Development 100 Chain "anvil_reset" dev::reset;
    Development 1000 State "anvil_dumpState" dev::dump;
    Development 1000 State "anvil_loadState" dev::load;
    Development 1 Memory "hardhat_impersonateAccount" dev::impersonate;
    Development 1 Memory "anvil_impersonateAccount" dev::impersonate;
    Development 1 Memory "hardhat_stopImpersonatingAccount" dev::stop_impersonating;
    Development 1 Memory "anvil_stopImpersonatingAccount" dev::stop_impersonating;
    Development 1 Memory "anvil_autoImpersonateAccount" dev::impersonate_all;
    Development 2 Pool "hardhat_dropTransaction" dev::drop_transaction;
    Development 2 Pool "anvil_dropTransaction" dev::drop_transaction;
    Development 50 Pool "anvil_dropAllTransactions" dev::drop_all;
    Development 50 Pool "anvil_removePoolTransactions" dev::drop_of_sender;
    Development 1 Memory "hardhat_setLoggingEnabled" dev::set_logging;
    Development 1 Memory "anvil_setLoggingEnabled" dev::set_logging;
    Development 1 Memory "hardhat_setMinGasPrice" dev::set_min_gas_price;
    Development 1 Memory "anvil_setMinGasPrice" dev::set_min_gas_price;
    Development 1 Memory "hardhat_metadata" dev::metadata;
    Development 1 Memory "anvil_metadata" dev::metadata;
    Development 1 Memory "anvil_nodeInfo" dev::node_info;

    Own 50 Chain "heqi_getFinalityProof" finality::finality_proof;
    Own 50 State "heqi_getStateProof" finality::state_proof;
    Own 50 Chain "heqi_subscribe" subscriptions::subscribe_own;
    Own 2 Memory "heqi_unsubscribe" subscriptions::unsubscribe;
    Own 10 State "heqi_getValidators" finality::validators;
    Own 10 Memory "heqi_consensusState" operators::consensus_state;
    Own 50 Chain "heqi_evidence" operators::evidence;
    Own 100 Chain "heqi_getSnapshotPart" snapshot::part;
};
