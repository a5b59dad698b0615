//! Sizes that bound what one caller can make the server hold. Fixed: they protect memory.

use std::num::NonZeroU32;

/// Body of one HTTP request, bytes (geth's batch limit).
pub const REQUEST_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Bodies of all requests being received or answered, bytes.
pub const REQUEST_BYTES_IN_FLIGHT_MAX: usize = 256 * 1024 * 1024;
/// Receiving one request body, milliseconds.
pub const REQUEST_RECEIVE_MS_MAX: u64 = 30_000;
/// One WebSocket message, bytes.
pub const WEBSOCKET_MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Unfinished messages of all WebSocket connections, bytes; above it whoever has more than
/// [`WEBSOCKET_UNFINISHED_BYTES_FREE`] of them and sends more is cut off.
pub const WEBSOCKET_UNFINISHED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// An unfinished message that is never the reason to be cut off, bytes.
pub const WEBSOCKET_UNFINISHED_BYTES_FREE: u64 = 512 * 1024;
/// Calls in one batch (geth's limit).
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// Nested arrays and objects in a request, levels (serde_json's own bound).
pub const JSON_DEPTH_MAX: usize = 127;
/// Parameters of one call that are looked at; more are an error.
pub const PARAMETERS_MAX: usize = 16;
/// Length of a request id's JSON text, bytes.
pub const ID_BYTES_MAX: usize = 1_024;
/// Results of one request, bytes (geth's batch limit).
pub const RESPONSE_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Answers of all requests being made or not yet read by their callers, bytes.
pub const RESPONSE_BYTES_IN_FLIGHT_MAX: usize = 256 * 1024 * 1024;
/// Requests of one WebSocket connection that are answered at once; reading pauses above it.
pub const WEBSOCKET_REQUESTS_MAX: usize = 32;
/// Subscriptions of one WebSocket connection.
pub const SUBSCRIPTIONS_MAX: usize = 256;
/// Addresses and topics in all `logs` subscriptions of one WebSocket connection.
pub const SUBSCRIPTION_TERMS_MAX: usize = 10_000;
/// Addresses and topics in all log filters of a server.
pub const FILTER_TERMS_MAX: usize = 1_000_000;
/// Blocks a subscriber may fall behind before it is closed.
pub const HEAD_QUEUE_BLOCKS_MAX: usize = 256;
/// Transaction announcements a subscriber may fall behind before it is closed.
pub const PENDING_QUEUE_TRANSACTIONS_MAX: usize = 16_384;
/// Writing one message to a WebSocket peer, milliseconds; a slower peer is cut off.
pub const WEBSOCKET_SEND_MS_MAX: u64 = 10_000;
/// Waiting for a WebSocket peer to read why it is closed, milliseconds.
pub const WEBSOCKET_CLOSE_MS_MAX: u64 = 2_000;
/// Block or transaction hashes one `eth_getFilterChanges` returns; the next call continues.
pub const FILTER_CHANGES_MAX: usize = 10_000;
/// Blocks one `eth_feeHistory` covers (geth's limit).
pub const FEE_HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles one `eth_feeHistory` may ask for (geth's limit).
pub const FEE_HISTORY_PERCENTILES_MAX: usize = 100;
/// Slots one `eth_getStorageValues` may ask for (geth's limit).
pub const STORAGE_VALUES_MAX: usize = 1_024;
/// Keys one `heqi_getStateProof` may ask for.
pub const STATE_PROOF_KEYS_MAX: usize = 64;
/// Entries in one answer of `heqi_evidence`, each of about 1.5 kB.
pub const EVIDENCE_RESULTS_MAX: usize = 256;
/// Parts of a snapshot that are read at once; they share the disk with consensus.
pub const SNAPSHOT_PARTS_MAX: usize = 2;
/// Blocks, receipts and pool contents that are read and written out at once; others wait. Each may
/// take some hundred megabytes for a block full of logs.
pub const READINGS_RUNNING_MAX: usize = 8;
/// Logs of a receipt that is written out without waiting for a turn.
pub const LOGS_AT_ONCE_MAX: usize = 1_000;
/// Simulations and log searches that may wait for a turn.
pub const SIMULATIONS_WAITING_MAX: usize = 1_024;
/// Accounts and slots in the state overrides of one call.
pub const OVERRIDE_ENTRIES_MAX: usize = 10_000;
/// Traces that are recorded at once; each takes at most `execution::trace::TRACE_BYTES_MAX` bytes.
pub const TRACES_RUNNING_MAX: usize = 2;
/// Slots of an account that `debug_storageRangeAt` puts in order, 85 bytes each.
pub const STORAGE_RANGE_SLOTS_MAX: usize = 100_000;
/// Slots that one `debug_storageRangeAt` returns; `nextKey` continues.
pub const STORAGE_RANGE_RESULTS_MAX: usize = 4_096;
/// Time for one call of a tracing method unless the caller names another (`timeout`),
/// milliseconds.
pub const TRACE_MS_DEFAULT: u64 = 5_000;
/// Longest time that a caller of a tracing method may ask for, milliseconds.
pub const TRACE_MS_MAX: u64 = 25_000;
/// Blocks that one `trace_filter` covers.
pub const TRACE_FILTER_BLOCKS_MAX: u64 = 100;
/// Traces that one `trace_filter` returns.
pub const TRACE_FILTER_RESULTS_MAX: usize = 10_000;
/// Calls of one `trace_callMany`.
pub const TRACE_CALLS_MAX: usize = 100;
/// Runs of one `eth_createAccessList` until its list settles.
pub const ACCESS_LIST_ROUNDS_MAX: usize = 16;
/// Blocks of one `eth_simulateV1` above the block it begins at, empty ones included (geth's limit).
pub const SIMULATED_BLOCKS_MAX: u64 = 256;
/// Calls of one `eth_simulateV1`; their gas together is bounded by `call_gas_max`.
pub const SIMULATED_CALLS_MAX: usize = 5_000;
/// What one `eth_simulateV1` may take beyond its time to notice that it is over, milliseconds.
pub const SIMULATION_STOP_MS_MAX: u64 = 500;
/// Withdrawals of one `eth_simulateV1`.
pub const SIMULATED_WITHDRAWALS_MAX: usize = 1_000;
/// Slots that one `eth_getProof` may ask for (geth's limit).
pub const PROOF_SLOTS_MAX: usize = 1_024;
/// Transactions in one answer of `txpool_content` and `txpool_inspect`; further ones are left out.
pub const POOL_CONTENT_MAX: usize = 4_096;
/// Transactions on one page of `ots_getBlockTransactions`.
pub const OTS_PAGE_MAX: usize = 100;
/// Callers whose use of weight is remembered; further ones share one allowance.
pub const CALLERS_MAX: usize = 65_536;
/// Seconds' worth of weight that a caller may use at once.
pub const CALLER_BURST_SECONDS: NonZeroU32 = NonZeroU32::new(10).expect("not 0");
