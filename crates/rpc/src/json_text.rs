//! What a method answers.

use serde::Serialize;
use serde_json::Value;

/// JSON as text. Large answers are written from the ledger's objects directly, without a tree of
/// values in between.
#[derive(Debug)]
pub struct JsonText(pub String);

impl JsonText {
    /// `object` as JSON. It must have no map with keys other than text and no serialization of its
    /// own that fails; none of the crate's objects has.
    pub fn of(object: &impl Serialize) -> Self {
        Self(serde_json::to_string(object).expect("text keys and no failing code: always JSON"))
    }
}

impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}
