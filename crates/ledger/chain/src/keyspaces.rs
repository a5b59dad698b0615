//! The tables on disk and how each is tuned.

use std::{path::Path, sync::Arc};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::CompressionPolicy,
};

use crate::{
    ChainError, damage,
    retention::{DropBelow, HeightOf, KeepFrom},
};

/// Version of the encodings described in the crate's documentation.
pub(crate) const DISK_FORMAT_VERSION: u32 = 3;

/// Cache of table blocks, bytes.
const TABLE_CACHE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Unflushed entries per table, bytes. Ten tables, of which five grow with the load.
const WRITE_BUFFER_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// All journal files, bytes; beyond it the oldest write buffers are flushed.
const JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Threads that flush and compact.
const WORKER_THREADS: usize = 2;

const FORMAT_KEY: &str = "format";
/// Body of block 0. It is not among the bodies, whose files are dropped from the oldest on.
pub(crate) const GENESIS_BODY_KEY: &str = "genesis body";
/// Receipts of block 0.
pub(crate) const GENESIS_RECEIPTS_KEY: &str = "genesis receipts";
const HISTORY_TABLE: &str = "history";
const BODIES_TABLE: &str = "bodies";
const RECEIPTS_TABLE: &str = "receipts";
const TRANSACTIONS_TABLE: &str = "transactions";
const LOG_TERMS_TABLE: &str = "log_terms";

/// Names of the tables, in the order of their creation.
const TABLES: [&str; 11] = [
    "meta",
    "headers",
    BODIES_TABLE,
    RECEIPTS_TABLE,
    "numbers",
    TRANSACTIONS_TABLE,
    LOG_TERMS_TABLE,
    "certificates",
    "validators",
    "evidence",
    HISTORY_TABLE,
];

/// Open tables.
pub(crate) struct Keyspaces {
    database: Database,
    /// Format version and heights.
    pub meta: Keyspace,
    /// Height to hash, header and extension.
    pub headers: Keyspace,
    /// Height to transactions.
    pub bodies: Keyspace,
    /// Height to senders and receipts.
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
    /// Two conflicting votes of one validator.
    pub evidence: Keyspace,
    /// State key and height to previous value.
    pub history: Keyspace,
}

impl Keyspaces {
    /// Opens or creates the tables and checks the format version. Compactions leave out old
    /// values below the first height and what belongs to bodies below the second.
    pub fn open(path: &Path, values: KeepFrom, bodies: KeepFrom) -> Result<Self, ChainError> {
        damage::check_folder(path)?;
        let database = Database::builder(path)
            .cache_size(TABLE_CACHE_BYTES_MAX)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .with_compaction_filter_factories(Arc::new(move |table| {
                let (keep_from, height_of) = match table {
                    HISTORY_TABLE => (values.clone(), HeightOf::Key),
                    BODIES_TABLE | RECEIPTS_TABLE | LOG_TERMS_TABLE => {
                        (bodies.clone(), HeightOf::Key)
                    }
                    TRANSACTIONS_TABLE => (bodies.clone(), HeightOf::Value),
                    _ => return None,
                };
                Some(Arc::new(DropBelow { keep_from, height_of }))
            }))
            .open()?;
        damage::check_tables(path, &database, &TABLES)?;
        let tables = Self {
            meta: database.keyspace("meta", table)?,
            headers: database.keyspace("headers", by_height)?,
            bodies: database.keyspace(BODIES_TABLE, by_height)?,
            receipts: database.keyspace(RECEIPTS_TABLE, by_height)?,
            numbers: database.keyspace("numbers", table)?,
            transactions: database.keyspace(TRANSACTIONS_TABLE, table)?,
            log_terms: database.keyspace(LOG_TERMS_TABLE, scanned)?,
            certificates: database.keyspace("certificates", by_height)?,
            validators: database.keyspace("validators", by_height)?,
            evidence: database.keyspace("evidence", table)?,
            history: database.keyspace(HISTORY_TABLE, scanned)?,
            database,
        };
        tables.check_format(path)?;
        Ok(tables)
    }

    /// Every table.
    pub fn all(&self) -> [&Keyspace; TABLES.len()] {
        [
            &self.meta,
            &self.headers,
            &self.bodies,
            &self.receipts,
            &self.numbers,
            &self.transactions,
            &self.log_terms,
            &self.certificates,
            &self.validators,
            &self.evidence,
            &self.history,
        ]
    }

    /// Refuses another format. A store that has none yet becomes one of this format.
    fn check_format(&self, path: &Path) -> Result<(), ChainError> {
        let found = damage::read(&self.meta, FORMAT_KEY, "format", "the store")?;
        let Some(bytes) = found else {
            if damage::is_complete(path) || !self.headers.is_empty()? {
                let (what, place) = ("format", "the store".to_owned());
                return Err(ChainError::Damaged { what, place, reason: "is absent".into() });
            }
            self.meta.insert(FORMAT_KEY, DISK_FORMAT_VERSION.to_be_bytes())?;
            self.database.persist(PersistMode::SyncAll)?;
            return damage::mark_complete(path);
        };
        let found = <[u8; 4]>::try_from(&bytes[..]).map(u32::from_be_bytes).unwrap_or(u32::MAX);
        match found {
            DISK_FORMAT_VERSION => damage::mark_complete(path),
            _ => Err(ChainError::Format { found, supported: DISK_FORMAT_VERSION }),
        }
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
