//! Sizes that bound what one caller can make a node hold, compute or store.

use std::time::Duration;

/// One request, bytes: sources, settings and metadata together.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Sources of one contract.
pub const SOURCES_MAX: usize = 1_000;
/// Name of one source or contract, bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Settings of a compiler, bytes of JSON: remappings and libraries of the largest projects have some
/// kilobytes.
pub const SETTINGS_BYTES_MAX: usize = 256 * 1024;
/// What a compiler may print, bytes.
pub const COMPILER_OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Time for one run of a compiler, and the processor time that it may use.
pub const COMPILER_TIME_MAX: Duration = Duration::from_secs(60);
/// Time for a compiler to tell its version.
pub const COMPILER_VERSION_TIME_MAX: Duration = Duration::from_secs(10);
/// Writable memory of a compiler, bytes.
pub const COMPILER_MEMORY_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// One file that a compiler writes, bytes. It has no need to write any.
pub const COMPILER_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long a compiler that told no version is not asked again.
pub const COMPILER_RETRY_TIME: Duration = Duration::from_secs(60);
/// Compilers that one node may have.
pub const COMPILERS_MAX: usize = 64;
/// Words of a compiler that are passed on, bytes.
pub const COMPILER_WORDS_BYTES_MAX: usize = 1_024;
/// One stored contract, bytes.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Stored contracts.
pub const RECORDS_MAX: usize = 100_000;
/// All stored contracts, bytes.
pub const STORE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Share of [`RECORDS_MAX`] and [`STORE_BYTES_MAX`] that is kept for compiled contracts, percent:
/// declaring costs nothing, so declarations alone must not fill the store.
pub const STORE_COMPILED_PERCENT: u64 = 50;
