//! The applied state, readable from anywhere once the databases are open.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use futures::future::BoxFuture;
use state::{
    StateError, StateKey, StateReader, StateValue,
    qmdb::{self, CommittedReader, Databases, PageRequest, ProofError, ProvedValue},
};
use types::StateCommitment;

/// Values of the applied state and their proof.
pub(crate) type Proved = Result<(StateCommitment, Vec<ProvedValue>), ProofError>;

/// The applied state without the runtime in its type.
pub(crate) trait AppliedState: Send + Sync + 'static {
    /// Values, in the order of `keys`.
    fn read<'a>(
        &'a self,
        keys: &'a [StateKey],
    ) -> BoxFuture<'a, Result<Vec<Option<StateValue>>, StateError>>;

    /// Values with their proofs.
    fn prove<'a>(&'a self, keys: &'a [StateKey]) -> BoxFuture<'a, Proved>;

    /// Operations of a database with their proof; `None` where they are not held.
    fn page(&self, page: PageRequest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StateError>>;
}

impl<E: qmdb::Runtime> AppliedState for Bound<E> {
    fn read<'a>(
        &'a self,
        keys: &'a [StateKey],
    ) -> BoxFuture<'a, Result<Vec<Option<StateValue>>, StateError>> {
        Box::pin(async move { self.0.read_many(keys).await })
    }

    fn prove<'a>(&'a self, keys: &'a [StateKey]) -> BoxFuture<'a, Proved> {
        Box::pin(async move { qmdb::prove(&self.0.0, keys).await })
    }

    fn page(&self, page: PageRequest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StateError>> {
        Box::pin(qmdb::read_page(&self.0.0, page))
    }
}

struct Bound<E: qmdb::Runtime>(CommittedReader<E>);

/// Late-bound applied state: the databases open only after a node has caught up with its archives.
/// Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct Latest {
    state: Arc<OnceLock<Box<dyn AppliedState>>>,
    /// Newest height whose application to the databases has begun.
    applying: Arc<AtomicU64>,
}

impl Latest {
    /// Binds the databases.
    pub(crate) fn open<E: qmdb::Runtime>(&self, databases: Databases<E>) {
        let bound = self.state.set(Box::new(Bound(CommittedReader(databases))));
        if bound.is_err() {
            tracing::error!("the state databases were opened twice");
        }
    }

    /// Block `number` is about to be applied.
    pub(crate) fn begin_applying(&self, number: u64) {
        self.applying.fetch_max(number, Ordering::SeqCst);
    }

    /// Newest height whose application has begun.
    pub(crate) fn applying(&self) -> u64 {
        self.applying.load(Ordering::SeqCst)
    }

    /// The applied state.
    pub(crate) fn state(&self) -> Result<&dyn AppliedState, StateError> {
        match self.state.get() {
            Some(state) => Ok(state.as_ref()),
            None => {
                Err(StateError::Store("the node is starting, its state is not open yet".into()))
            }
        }
    }
}

impl StateReader for Latest {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        self.state()?.read(keys).await
    }
}
