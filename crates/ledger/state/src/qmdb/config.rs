//! How the databases lie on disk.

use std::num::{NonZeroU64, NonZeroUsize};

use commonware_glue::stateful::db::DatabaseSet;
use commonware_parallel::Rayon;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{
    journal::contiguous::fixed::Config as LogConfig,
    mmr::full::Config as MerkleConfig,
    qmdb::{current, immutable},
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize};

use super::Databases;

/// Operations per file of a log: the unit in which old operations are removed.
const ITEMS_PER_BLOB: NonZeroU64 = NZU64!(16_384);
/// Buffer of writes per log, bytes.
const WRITE_BUFFER_BYTES: NonZeroUsize = NZUsize!(256 * 1024);
/// Buffer while a log is replayed at start, bytes.
const REPLAY_BUFFER_BYTES: NonZeroUsize = NZUsize!(1024 * 1024);
/// Operations kept in memory while the index is rebuilt at start.
const INIT_CACHE_OPERATIONS: NonZeroUsize = NZUsize!(65_536);

/// What the databases of one ledger need.
#[derive(Clone)]
pub struct StateConfig {
    /// Start of every partition's name; unique per ledger.
    pub prefix: String,
    /// Pages shared by all stores of a node.
    pub page_cache: CacheRef,
    /// Pool on which Merkle trees are computed.
    pub strategy: Rayon,
}

/// Configuration of the three databases.
pub fn database_config<E>(config: &StateConfig) -> <Databases<E> as DatabaseSet<E>>::Config
where
    E: commonware_storage::Context + commonware_runtime::Spawner,
{
    (current(config, "accounts"), current(config, "storage"), code(config))
}

fn current(config: &StateConfig, name: &str) -> current::FixedConfig<EightCap, Rayon> {
    current::FixedConfig {
        merkle_config: merkle(config, name),
        journal_config: log(config, name),
        grafted_metadata_partition: format!("{}-{name}-grafted", config.prefix),
        translator: EightCap,
        init_cache: Some(INIT_CACHE_OPERATIONS),
        init_buffer: REPLAY_BUFFER_BYTES,
        init_concurrency: (),
    }
}

fn code(config: &StateConfig) -> immutable::fixed::Config<EightCap, Rayon> {
    immutable::fixed::Config {
        merkle_config: merkle(config, "code"),
        log: log(config, "code"),
        translator: EightCap,
        init_buffer: REPLAY_BUFFER_BYTES,
    }
}

fn merkle(config: &StateConfig, name: &str) -> MerkleConfig<Rayon> {
    MerkleConfig {
        journal_partition: format!("{}-{name}-nodes", config.prefix),
        metadata_partition: format!("{}-{name}-pinned", config.prefix),
        items_per_blob: ITEMS_PER_BLOB,
        write_buffer: WRITE_BUFFER_BYTES,
        replay_buffer: REPLAY_BUFFER_BYTES,
        strategy: config.strategy.clone(),
        page_cache: config.page_cache.clone(),
    }
}

fn log(config: &StateConfig, name: &str) -> LogConfig {
    LogConfig {
        partition: format!("{}-{name}-log", config.prefix),
        items_per_blob: ITEMS_PER_BLOB,
        page_cache: config.page_cache.clone(),
        write_buffer: WRITE_BUFFER_BYTES,
        replay_buffer: REPLAY_BUFFER_BYTES,
    }
}
