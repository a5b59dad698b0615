//! Framework for native contracts: Rust at a fixed address, called through the Solidity ABI.
//!
//! A native contract sees its call, the block and storage, through [`Context`], and nothing else:
//! no clock, no network, no file system. Its state lives in ordinary storage slots laid out as
//! Solidity does ([`layout`]), its errors are typed Solidity errors, its events are Solidity
//! events, and every access is charged ([`gas`]). The crate knows nothing of the EVM that hosts
//! it: `execution` implements [`Host`], tests use [`MemoryHost`].

mod address;
mod context;
mod contract;
pub mod gas;
mod host;
pub mod layout;
mod memory;

pub use address::{NATIVE_CODE, is_reserved, native_address};
pub use context::{BlockContext, CallContext, Context, Failure};
pub use contract::{INPUT_BYTES_MAX, NativeContract, NativeTable, decode_call};
pub use host::{Host, HostError, Loaded};
pub use memory::MemoryHost;
