//! The little of a ledger that verification asks for.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes};
use futures::future::BoxFuture;
use ledger_api::Ledger;
use state::{AccountRecord, StateKey, StateValue};
use types::ChainId;
use verification::VerificationError;

/// Code of the newest block.
pub(crate) trait Contracts: Send + Sync + 'static {
    /// EIP-155 chain id.
    fn chain_id(&self) -> ChainId;

    /// keccak256 of the code at an address; that of no bytes where there is none.
    fn code_hash(&self, address: Address) -> BoxFuture<'_, Result<B256, VerificationError>>;

    /// The code at an address, empty where there is none.
    fn code(&self, address: Address) -> BoxFuture<'_, Result<Bytes, VerificationError>>;
}

/// Those of a running ledger.
pub(crate) struct OfLedger(pub(crate) Arc<dyn Ledger>);

impl OfLedger {
    async fn value(&self, key: StateKey) -> Result<Option<StateValue>, VerificationError> {
        let height = self.0.head().number;
        let read = self.0.read_state(height, vec![key]).await;
        let values = read.map_err(|error| VerificationError::Ledger(error.to_string()))?;
        Ok(values.into_iter().next().flatten())
    }
}

impl Contracts for OfLedger {
    fn chain_id(&self) -> ChainId {
        self.0.genesis().chain_id
    }

    fn code_hash(&self, address: Address) -> BoxFuture<'_, Result<B256, VerificationError>> {
        Box::pin(async move {
            match self.value(StateKey::Account(address)).await? {
                Some(StateValue::Account(account)) => Ok(account.code_hash),
                _ => Ok(AccountRecord::default().code_hash),
            }
        })
    }

    fn code(&self, address: Address) -> BoxFuture<'_, Result<Bytes, VerificationError>> {
        Box::pin(async move {
            let code_hash = self.code_hash(address).await?;
            if code_hash == AccountRecord::default().code_hash {
                return Ok(Bytes::new());
            }
            match self.value(StateKey::Code(code_hash)).await? {
                Some(StateValue::Code(code)) => Ok(code),
                _ => Err(VerificationError::Ledger("the code is missing".into())),
            }
        })
    }
}
