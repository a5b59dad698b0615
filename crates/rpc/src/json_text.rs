//! What a method answers.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::{error::RpcError, limits::RESPONSE_BYTES_MAX};

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

/// JSON text that never grows beyond what an answer may have: for objects that are written out many
/// times larger than they are.
#[derive(Debug, Default)]
pub struct BoundedText(Vec<u8>);

impl BoundedText {
    /// Adds an object.
    ///
    /// # Errors
    /// The text would exceed [`RESPONSE_BYTES_MAX`].
    pub fn write(&mut self, object: &impl Serialize) -> Result<(), RpcError> {
        serde_json::to_writer(&mut *self, object).map_err(|error| match error.is_io() {
            true => too_large(),
            false => RpcError::internal(error),
        })
    }

    /// Adds text that is a part of JSON.
    ///
    /// # Errors
    /// The text would exceed [`RESPONSE_BYTES_MAX`].
    pub fn raw(&mut self, text: &str) -> Result<(), RpcError> {
        self.write_all(text.as_bytes()).map_err(|_| too_large())
    }

    /// The whole.
    pub fn finish(self) -> Result<JsonText, RpcError> {
        String::from_utf8(self.0).map(JsonText).map_err(RpcError::internal)
    }

    /// One object.
    ///
    /// # Errors
    /// The text would exceed [`RESPONSE_BYTES_MAX`].
    pub fn of(object: &impl Serialize) -> Result<JsonText, RpcError> {
        let mut text = Self::default();
        text.write(object)?;
        text.finish()
    }
}

impl Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RESPONSE_BYTES_MAX {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_large() -> RpcError {
    RpcError::limit(format!("response too large, limit {RESPONSE_BYTES_MAX} bytes"))
}

impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}
