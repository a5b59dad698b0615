//! The tables on disk and how each is tuned.

use std::{path::Path, sync::Arc};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::CompressionPolicy,
};

use crate::{ChainError, history::HistoryFilterFactory};

/// Version of the encodings described in the crate's documentation.
pub(crate) const DISK_FORMAT_VERSION: u32 = 1;

/// Cache of table blocks, bytes.
const TABLE_CACHE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Unflushed entries per table, bytes. Ten tables, of which five grow with the load.
const WRITE_BUFFER_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// All journal files, bytes; beyond it the oldest write buffers are flushed.
const JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Threads that flush and compact.
const WORKER_THREADS: usize = 2;

const FORMAT_KEY: &str = "format";
const HISTORY_TABLE: &str = "history";

/// Open tables.
pub(crate) struct Keyspaces {
    database: Database,
    /// Format version and heights.
    pub meta: Keyspace,
    /// Height to hash, header and extension.
    pub headers: Keyspace,
    /// Height to senders and transactions.
    pub bodies: Keyspace,
    /// Height to receipts.
    pub receipts: Keyspace,
    /// Block hash to height.
    pub numbers: Keyspace,
    /// Transaction hash to height and index.
    pub transactions: Keyspace,
    /// Log terms and heights.
    pub log_terms: Keyspace,
    /// Height to certificate.
    pub certificates: Keyspace,
    /// Epoch to validator set.
    pub validators: Keyspace,
    /// State key and height to previous value.
    pub history: Keyspace,
}

impl Keyspaces {
    /// Opens or creates the tables and checks the format version.
    pub fn open(path: &Path, filter: HistoryFilterFactory) -> Result<Self, ChainError> {
        let filter: Arc<dyn fjall::compaction::filter::Factory> = Arc::new(filter);
        let database = Database::builder(path)
            .cache_size(TABLE_CACHE_BYTES_MAX)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .with_compaction_filter_factories(Arc::new(move |name| {
                (name == HISTORY_TABLE).then(|| Arc::clone(&filter))
            }))
            .open()?;
        let meta = database.keyspace("meta", table)?;
        check_format(&database, &meta)?;
        Ok(Self {
            meta,
            headers: database.keyspace("headers", by_height)?,
            bodies: database.keyspace("bodies", by_height)?,
            receipts: database.keyspace("receipts", by_height)?,
            numbers: database.keyspace("numbers", table)?,
            transactions: database.keyspace("transactions", table)?,
            log_terms: database.keyspace("log_terms", scanned)?,
            certificates: database.keyspace("certificates", by_height)?,
            validators: database.keyspace("validators", by_height)?,
            history: database.keyspace(HISTORY_TABLE, scanned)?,
            database,
        })
    }

    /// An empty atomic batch. Committing it hands the bytes to the operating system, so they
    /// outlive the process, not yet a power cut.
    pub fn batch(&self) -> fjall::OwnedWriteBatch {
        self.database.batch()
    }

    /// Returns once everything committed before is on the medium.
    pub fn sync(&self) -> Result<(), ChainError> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    /// Bytes of all files.
    pub fn disk_bytes(&self) -> Result<u64, ChainError> {
        Ok(self.database.disk_space()?)
    }
}

fn check_format(database: &Database, meta: &Keyspace) -> Result<(), ChainError> {
    let Some(bytes) = meta.get(FORMAT_KEY)? else {
        meta.insert(FORMAT_KEY, DISK_FORMAT_VERSION.to_be_bytes())?;
        database.persist(PersistMode::SyncAll)?;
        return Ok(());
    };
    let found = <[u8; 4]>::try_from(&bytes[..]).map(u32::from_be_bytes).unwrap_or(u32::MAX);
    if found == DISK_FORMAT_VERSION {
        Ok(())
    } else {
        Err(ChainError::Format { found, supported: DISK_FORMAT_VERSION })
    }
}

/// Point reads that often miss, by hash: a filter per file answers most of the misses.
fn table() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(WRITE_BUFFER_BYTES_MAX)
}

/// Large values by ascending height. They are written once and their files only ever move down, so
/// they are compressed from the first level on; reads nearly always hit.
fn by_height() -> KeyspaceCreateOptions {
    table()
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        .expect_point_read_hits(true)
}

/// Many small entries that are only read as ranges, which no filter speeds up.
fn scanned() -> KeyspaceCreateOptions {
    table().filter_policy(fjall::config::FilterPolicy::disabled())
}
