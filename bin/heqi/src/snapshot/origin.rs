//! A running node as the origin of a snapshot, over JSON-RPC.

use std::time::Duration;

use alloy_primitives::hex;
use ledger_api::SnapshotPart;
use serde_json::{Value, json};
use snapshot::Origin;

use crate::{
    error::{self, CliError},
    http::Url,
};

/// Time for one part.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Asks a node.
pub struct NodeOrigin(pub Url);

impl Origin for NodeOrigin {
    type Error = CliError;

    fn part(&mut self, part: SnapshotPart) -> Result<Option<Vec<u8>>, CliError> {
        let answer =
            self.0.call("heqi_getSnapshotPart", &json!([wanted(part)]), ANSWER_TIME_MAX)?;
        let odd = || {
            let cause = "heqi_getSnapshotPart: neither data nor null".to_owned();
            CliError::new(error::ANSWER, vec![("url", self.0.to_string()), ("cause", cause)])
        };
        match answer {
            Value::Null => Ok(None),
            Value::String(text) => hex::decode(text).map(Some).map_err(|_| odd()),
            _ => Err(odd()),
        }
    }
}

fn wanted(part: SnapshotPart) -> Value {
    let blocks =
        |name: &str, top: u64, count: u32| json!({"part": name, "from": top, "count": count});
    match part {
        SnapshotPart::Validators { epoch } => json!({"part": "validators", "from": epoch}),
        SnapshotPart::Headers { top, count } => blocks("headers", top, count),
        SnapshotPart::Bodies { top, count } => blocks("bodies", top, count),
        SnapshotPart::Receipts { top, count } => blocks("receipts", top, count),
        SnapshotPart::State(page) => json!({
            "part": page.database.name(),
            "from": page.start,
            "count": page.count,
            "size": page.size,
        }),
    }
}
