//! Ledger objects as the JSON objects of execution-apis.

mod block;
mod log;
mod receipt;
mod transaction;
mod wire;

pub use block::{block, block_parts, header};
pub use log::log;
pub use receipt::{BlockReceipts, ReceiptObject, receipt};
pub use transaction::{Place, transaction};

use serde_json::Value;

/// Any value whose serialization cannot fail: no maps with keys other than text, no own code.
fn to_value(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("alloy's types serialize to JSON without failing")
}
