//! The one table of JSON-RPC error codes, and how errors of the ledger map to it.

use chain::ChainError;
use ledger_api::LedgerError;
use serde_json::{Value, json};
use state::StateError;

/// Codes as clients know them: JSON-RPC 2.0 section 5.1, EIP-1474, geth.
pub mod code {
    /// The text is not JSON.
    pub const PARSE: i64 = -32700;
    /// JSON, but not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// Unknown method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// Wrong parameters.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The node failed.
    pub const INTERNAL: i64 = -32603;
    /// geth's default code: refused transactions, unknown blocks, unknown filters.
    pub const SERVER: i64 = -32000;
    /// The request took too long (geth).
    pub const TIMEOUT: i64 = -32002;
    /// Refused by the ledger's policy, with a reason in `data`.
    pub const REFUSED: i64 = -32003;
    /// The method is known and deliberately not offered.
    pub const NOT_SUPPORTED: i64 = -32004;
    /// A limit named in the text was exceeded.
    pub const LIMIT_EXCEEDED: i64 = -32005;
    /// A call of a simulation stopped for another reason than a revert (execution-apis).
    pub const CALL_FAILED: i64 = -32015;
    /// A simulation took too long (execution-apis).
    pub const SIMULATION_TIMEOUT: i64 = -32016;
    /// `eth_simulateV1`: the nonce is used up.
    pub const NONCE_TOO_LOW: i64 = -38010;
    /// `eth_simulateV1`: lower nonces are missing.
    pub const NONCE_TOO_HIGH: i64 = -38011;
    /// `eth_simulateV1`: less offered than the base fee.
    pub const FEE_TOO_LOW: i64 = -38012;
    /// `eth_simulateV1`: too little gas to begin.
    pub const INTRINSIC_GAS: i64 = -38013;
    /// `eth_simulateV1`: the sender cannot pay.
    pub const INSUFFICIENT_FUNDS: i64 = -38014;
    /// `eth_simulateV1`: the block has not as much gas left.
    pub const BLOCK_GAS_LIMIT: i64 = -38015;
    /// `eth_simulateV1`: block numbers do not rise.
    pub const BLOCK_NUMBERS: i64 = -38020;
    /// `eth_simulateV1`: block times do not rise.
    pub const BLOCK_TIMES: i64 = -38021;
    /// `movePrecompileToAddress` names the precompile itself.
    pub const MOVED_TO_ITSELF: i64 = -38022;
    /// `eth_simulateV1`: init code longer than EIP-3860 allows.
    pub const INIT_CODE: i64 = -38025;
    /// `eth_simulateV1`: a limit named in the text was exceeded.
    pub const SIMULATION_LIMIT: i64 = -38026;
    /// `execution reverted`, with the returned bytes in `data`.
    pub const REVERTED: i64 = 3;
    /// EIP-7966: accepted, but not final in the time given; `data` is the hash.
    pub const NOT_FINAL_IN_TIME: i64 = 4;
    /// execution-apis: the node no longer holds that history.
    pub const PRUNED: i64 = 4444;
}

/// An error object of a response.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// One of [`code`].
    pub code: i64,
    /// What went wrong; clients match some of the texts.
    pub message: String,
    /// Extra data, where the code has some.
    pub data: Option<Box<Value>>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Adds data.
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    /// The text is not JSON.
    pub fn parse(detail: impl std::fmt::Display) -> Self {
        Self::new(code::PARSE, format!("parse error: {detail}"))
    }

    /// JSON, but not a request.
    pub fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new(code::INVALID_REQUEST, detail)
    }

    /// Wrong parameters.
    pub fn invalid_params(detail: impl Into<String>) -> Self {
        Self::new(code::INVALID_PARAMS, detail)
    }

    /// Parameter `index` is wrong.
    pub fn argument(index: usize, detail: impl std::fmt::Display) -> Self {
        Self::invalid_params(format!("invalid argument {index}: {detail}"))
    }

    /// geth's text: ethers matches it.
    pub fn method_not_found(method: &str) -> Self {
        let shown: String = method.chars().take(100).collect();
        let message = format!("the method {shown} does not exist/is not available");
        Self::new(code::METHOD_NOT_FOUND, message)
    }

    /// geth's text for a block that the node does not have.
    pub fn unknown_block() -> Self {
        Self::new(code::SERVER, "header not found")
    }

    /// Exactly what viem matches to install the filter anew.
    pub fn filter_not_found() -> Self {
        Self::new(code::SERVER, "filter not found")
    }

    /// A named limit was exceeded.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(code::LIMIT_EXCEEDED, message)
    }

    /// The node failed; the detail goes to the log, not to the caller.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        tracing::error!(%detail, "json-rpc call failed inside the node");
        Self::new(code::INTERNAL, "internal error")
    }

    /// The error object.
    pub fn to_json(&self) -> Value {
        match &self.data {
            None => json!({ "code": self.code, "message": self.message }),
            Some(data) => json!({ "code": self.code, "message": self.message, "data": data }),
        }
    }
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Pruned { .. } => Self::new(code::PRUNED, error.to_string()),
            StateError::Store(_) => Self::internal(error),
        }
    }
}

/// What is pruned has its own code, apart from what never was; anything else is the node's failure.
impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::BlockPruned { .. } | ChainError::Pruned { .. } => {
                Self::new(code::PRUNED, error.to_string())
            }
            other => Self::internal(other),
        }
    }
}

impl From<LedgerError> for RpcError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::State(error) => error.into(),
            LedgerError::Pruned { .. } => Self::new(code::PRUNED, error.to_string()),
            LedgerError::UnknownBlock(_) => Self::unknown_block(),
            LedgerError::NoCertificate(_) => Self::new(code::SERVER, error.to_string()),
            LedgerError::Stopping => Self::new(code::SERVER, error.to_string()),
        }
    }
}
