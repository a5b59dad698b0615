//! The operations of the databases by pages, each with its proof: what a snapshot consists of.
//!
//! A database is its log of operations. A block commits to the root of that log and to the range of
//! it from which all present values follow, so a page of the log proves itself against the block,
//! whoever sends it and however many blocks later: the log only grows. [`pages`] cuts the range of
//! a commitment the way the storage library's state sync asks for it, and [`rebuild`] feeds pages
//! from files through that very state sync.

use std::{
    future::Future,
    marker::PhantomData,
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
};

use alloy_primitives::B256;
use commonware_codec::{Copying, Decode as _, Encode, Read};
use commonware_cryptography::sha256;
use commonware_glue::stateful::db::{DatabaseSet as _, Shared, StateSyncDb, SyncEngineConfig};
use commonware_runtime::Supervisor;
use commonware_storage::{
    mmr::{self, Location},
    qmdb::{
        any, immutable,
        sync::{Request, Response, Source, Target, source},
        verify_proof, verify_proof_and_pinned_nodes,
    },
};
use commonware_utils::{NZU64, NZUsize, channel::ring};
use types::{DatabaseCommitment, StateCommitment};

use super::{
    AccountValue, AccountsDb, CodeChunk, CodeDb, Databases, Key, RootHasher, Runtime, StateConfig,
    StorageDb, StorageValue,
    batches::{committed, target},
    database_config,
};
use crate::StateError;

/// Operations of one page.
pub const PAGE_OPERATIONS: u64 = 1_024;
/// Operations that are hashed into a database at a time while it is rebuilt.
const APPLIED_TOGETHER: NonZeroU64 = NZU64!(4_096);
/// Pages that are read ahead while a database is rebuilt.
const PAGES_AHEAD: NonZeroUsize = NZUsize!(8);

type CurrentOperation<V> = any::ordered::fixed::Operation<mmr::Family, Key, V>;
type CodeOperation = immutable::fixed::Operation<mmr::Family, Key, CodeChunk>;
type Answer<Op> = Response<mmr::Family, Op, sha256::Digest>;

/// One of the three databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Database {
    /// Accounts.
    Accounts,
    /// Storage words.
    Storage,
    /// Chunks of code.
    Code,
}

impl Database {
    /// All of them, in the order in which a block commits to them.
    pub const ALL: [Self; 3] = [Self::Accounts, Self::Storage, Self::Code];

    /// Its name in files and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Code => "code",
        }
    }

    /// What a state commits to about it.
    pub const fn commitment(self, state: &StateCommitment) -> &DatabaseCommitment {
        match self {
            Self::Accounts => &state.accounts,
            Self::Storage => &state.storage,
            Self::Code => &state.code,
        }
    }
}

/// A page of a database's log as the log was when it had `size` operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageRequest {
    /// The database.
    pub database: Database,
    /// Operations of the log against whose root the page is proved.
    pub size: u64,
    /// Its first operation.
    pub start: u64,
    /// Operations, at most [`PAGE_OPERATIONS`]. 0 asks for the one at `start` with the hashes that
    /// stand for everything before it.
    pub count: u64,
}

impl PageRequest {
    fn request(self) -> Option<Request<mmr::Family>> {
        let (size, start) = (Location::new(self.size), Location::new(self.start));
        if !size.is_valid() || start >= size || self.count > PAGE_OPERATIONS {
            return None;
        }
        Some(match NonZeroU64::new(self.count) {
            Some(max_ops) => Request::Operations { size, start, max_ops },
            None => Request::Boundary { size, start },
        })
    }

    fn of(database: Database, request: Request<mmr::Family>) -> Self {
        let count = match request {
            Request::Operations { max_ops, .. } => max_ops.get(),
            Request::Boundary { .. } => 0,
        };
        Self { database, size: *request.size(), start: *request.start(), count }
    }
}

/// The pages that hold what `commitment` commits to, in order. None of an empty range.
pub fn pages(
    database: Database,
    commitment: &DatabaseCommitment,
) -> impl Iterator<Item = PageRequest> + use<> {
    let commitment = *commitment;
    (0..).map_while(move |index| page_at(database, &commitment, index))
}

/// Page `index` of [`pages`].
pub fn page_at(
    database: Database,
    commitment: &DatabaseCommitment,
    index: u64,
) -> Option<PageRequest> {
    let (first, size) = (commitment.range_start, commitment.range_end);
    // What lies before the first operation is asked for together with that operation.
    let boundary = u64::from(first > 0);
    if first < size && index < boundary {
        return Some(PageRequest { database, size, start: first, count: 0 });
    }
    let before = (index - boundary).checked_mul(PAGE_OPERATIONS)?;
    let start = first.checked_add(boundary)?.checked_add(before)?;
    let count = size.checked_sub(start)?.min(PAGE_OPERATIONS);
    (count > 0).then_some(PageRequest { database, size, start, count })
}

/// Why a page is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The bytes are no page of that kind and size.
    #[error("it is malformed: {0}")]
    Malformed(String),
    /// The proof does not lead to the root.
    #[error("its proof does not lead to the root that the block commits to")]
    Mismatch,
    /// Whoever reads pages could not.
    #[error("{0}")]
    Unread(String),
}

/// Reads a page from open databases; `None` where they do not hold it, any more or yet.
///
/// # Errors
/// The store failed, or `size` is not where a block ended.
pub async fn read_page<E: Runtime>(
    databases: &Databases<E>,
    page: PageRequest,
) -> Result<Option<Vec<u8>>, StateError> {
    let (accounts, storage, code) = databases;
    let Some(request) = page.request() else { return Ok(None) };
    let held = match page.database {
        Database::Accounts => accounts.read().await.bounds(),
        Database::Storage => storage.read().await.bounds(),
        Database::Code => code.read().await.bounds(),
    };
    if request.start() < held.start || request.size() > held.end {
        return Ok(None);
    }
    match page.database {
        Database::Accounts => answered(accounts, request).await,
        Database::Storage => answered(storage, request).await,
        Database::Code => answered(code, request).await,
    }
}

async fn answered<DB>(
    database: &Shared<DB>,
    request: Request<mmr::Family>,
) -> Result<Option<Vec<u8>>, StateError>
where
    DB: Send + Sync,
    Shared<DB>: Source<Family = mmr::Family, Digest = sha256::Digest>,
    <Shared<DB> as Source>::Op: Encode,
{
    let failed = |error: <Shared<DB> as Source>::Error| StateError::Store(error.to_string());
    let (response, _) = database.serve(request).await.map_err(failed)?;
    Ok(Some(response.encode().to_vec()))
}

/// Checks that a page is the one asked for, of the log that `commitment` commits to.
///
/// # Errors
/// It is not.
pub fn verify_page(
    commitment: &DatabaseCommitment,
    page: PageRequest,
    bytes: &[u8],
) -> Result<(), PageError> {
    let root = commitment.ops_root;
    match page.database {
        Database::Accounts => verify_as::<CurrentOperation<AccountValue>>(root, page, bytes),
        Database::Storage => verify_as::<CurrentOperation<StorageValue>>(root, page, bytes),
        Database::Code => verify_as::<CodeOperation>(root, page, bytes),
    }
}

fn decode<Op: Read<Cfg = ()>>(page: PageRequest, bytes: &[u8]) -> Result<Answer<Op>, PageError> {
    let count = usize::try_from(page.count.clamp(1, PAGE_OPERATIONS)).unwrap_or(usize::MAX);
    Answer::<Op>::decode_cfg(Copying(bytes), &(count, ()))
        .map_err(|error| PageError::Malformed(error.to_string()))
}

fn verify_as<Op: Read<Cfg = ()> + Encode>(
    root: B256,
    page: PageRequest,
    bytes: &[u8],
) -> Result<(), PageError> {
    let response = decode::<Op>(page, bytes)?;
    let (start, root) = (Location::new(page.start), sha256::Digest::from(root.0));
    let holds = *response.proof().leaves == page.size
        && match &response {
            Response::Operations { proof, operations } => {
                operations.len() as u64 == page.count
                    && verify_proof::<RootHasher, _, _>(proof, start, operations, &root)
            }
            Response::Boundary { proof, op, pinned_nodes } => {
                page.count == 0
                    && verify_proof_and_pinned_nodes::<RootHasher, _, _>(
                        proof,
                        start,
                        std::slice::from_ref(op),
                        pinned_nodes,
                        &root,
                    )
            }
        };
    if holds { Ok(()) } else { Err(PageError::Mismatch) }
}

/// Where [`rebuild`] gets its pages.
pub trait ReadPages: Send + Sync + 'static {
    /// The bytes of one of [`pages`].
    fn page(&self, page: PageRequest) -> impl Future<Output = Result<Vec<u8>, PageError>> + Send;
}

/// Pages as the library's state sync asks for them.
struct PageSource<R, Op> {
    database: Database,
    pages: Arc<R>,
    operation: PhantomData<fn() -> Op>,
}

impl<R: ReadPages, Op: Read<Cfg = ()> + Send> Source for PageSource<R, Op> {
    type Family = mmr::Family;
    type Digest = sha256::Digest;
    type Op = Op;
    type Error = PageError;

    async fn serve(&self, request: Request<mmr::Family>) -> source::Result<Self> {
        let page = PageRequest::of(self.database, request);
        let bytes = self.pages.page(page).await?;
        Ok((decode::<Op>(page, &bytes)?, None))
    }
}

/// Why databases were not rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// A page is missing or wrong, or the disk failed.
    #[error("{}: {cause}", .database.name())]
    Sync {
        /// Which database.
        database: Database,
        /// What the library says.
        cause: String,
    },
    /// What came out is not what the block commits to.
    #[error("{}: the rebuilt database is not the one that the block commits to", .0.name())]
    Differs(Database),
    /// The runtime ended.
    #[error("stopped before everything was on disk")]
    Stopped,
}

/// How the library is asked to rebuild: pages as [`pages`] cuts them.
const SYNC: SyncEngineConfig = SyncEngineConfig {
    fetch_batch_size: NonZeroU64::new(PAGE_OPERATIONS).expect("a page holds operations"),
    apply_batch_size: APPLIED_TOGETHER,
    max_outstanding_requests: PAGES_AHEAD,
};

/// Makes the databases that a block commits to out of their pages, durably. Whatever the partitions
/// hold of the same log is used, and anything else in them is discarded.
///
/// # Errors
/// A page that is missing or wrong; a disk that fails.
pub async fn rebuild<E: Runtime + Supervisor>(
    context: &E,
    config: &StateConfig,
    state: &StateCommitment,
    pages: Arc<impl ReadPages>,
) -> Result<Databases<E>, RebuildError> {
    let (accounts, storage, code) = database_config::<E>(config);
    let accounts: AccountsDb<E> = synced::<_, _, _, CurrentOperation<AccountValue>>(
        context.child("accounts"),
        accounts,
        (Database::Accounts, state),
        &pages,
    )
    .await?;
    let storage: StorageDb<E> = synced::<_, _, _, CurrentOperation<StorageValue>>(
        context.child("storage"),
        storage,
        (Database::Storage, state),
        &pages,
    )
    .await?;
    let code: CodeDb<E> = synced::<_, _, _, CodeOperation>(
        context.child("code"),
        code,
        (Database::Code, state),
        &pages,
    )
    .await?;
    let databases: Databases<E> = (
        Shared::new("accounts", accounts),
        Shared::new("storage", storage),
        Shared::new("code", code),
    );
    let found = committed(&databases).await;
    for database in Database::ALL {
        if database.commitment(&found) != database.commitment(state) {
            return Err(RebuildError::Differs(database));
        }
    }
    if !databases.finalize().await.durable().await {
        return Err(RebuildError::Stopped);
    }
    Ok(databases)
}

async fn synced<E, DB, R, Op>(
    context: E,
    config: DB::Config,
    (database, state): (Database, &StateCommitment),
    pages: &Arc<R>,
) -> Result<DB, RebuildError>
where
    R: ReadPages,
    DB: StateSyncDb<E, PageSource<R, Op>, SyncTarget = Target<mmr::Family, sha256::Digest>>,
{
    // A later block to go on to never comes.
    let (_open, updates) = ring::channel(NZUsize!(1));
    let source = PageSource { database, pages: Arc::clone(pages), operation: PhantomData };
    let goal = target(database.commitment(state));
    DB::sync_db(context, config, source, goal, updates, None, None, SYNC)
        .await
        .map_err(|error| RebuildError::Sync { database, cause: format!("{error:?}") })
}
