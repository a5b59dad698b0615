//! Why a development ledger does not start or fails.

use chain::ChainError;
use execution::DriveError;
use ledger_api::DevelopmentError;
use types::GenesisError;

/// A failure of a development ledger.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The folder for the chain store cannot be made.
    #[error("temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The chain store failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The options make no ledger.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A block was not executed.
    #[error(transparent)]
    Execution(#[from] DriveError),
    /// An option has no meaning.
    #[error("{0}")]
    Option(String),
    /// A loaded state, or another request that cannot be carried out.
    #[error(transparent)]
    Request(#[from] DevelopmentError),
}

impl From<DevError> for DevelopmentError {
    fn from(error: DevError) -> Self {
        match error {
            DevError::Request(error) => error,
            other => Self::Failed(other.to_string()),
        }
    }
}
