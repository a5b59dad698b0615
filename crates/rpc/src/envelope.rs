//! JSON-RPC 2.0 requests and responses as text: what a body contains, and how an answer is put
//! together. Parameters stay unparsed text until a method reads them, so that a hostile body costs
//! little more memory than its own size.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    error::RpcError,
    items::split,
    limits::{BATCH_ITEMS_MAX, ID_BYTES_MAX, JSON_DEPTH_MAX},
    params::Params,
};

/// One call.
#[derive(Debug)]
pub struct Call {
    /// The id as sent, `None` for a notification.
    pub id: Option<Box<RawValue>>,
    /// Name of the method.
    pub method: String,
    /// Its parameters.
    pub params: Params,
}

/// A call that cannot be made, with the id to answer under.
#[derive(Debug)]
pub struct BadCall {
    /// The id, where one could be read.
    pub id: Option<Box<RawValue>>,
    /// What is wrong.
    pub error: RpcError,
}

/// What a body contains.
#[derive(Debug)]
pub enum Message {
    /// One call, answered with an object.
    Single(Result<Call, BadCall>),
    /// Several, answered with an array.
    Batch(Vec<Result<Call, BadCall>>),
}

/// Reads a body. An error concerns the whole body and is answered under id null.
pub fn parse(body: &[u8]) -> Result<Message, RpcError> {
    let text = std::str::from_utf8(body).map_err(RpcError::parse)?;
    check_shape(text)?;
    let whole: &RawValue = serde_json::from_str(text).map_err(RpcError::parse)?;
    if !whole.get().starts_with('[') {
        return Ok(Message::Single(parse_call(whole)));
    }
    let items = split(whole.get(), BATCH_ITEMS_MAX).map_err(|_| too_many_calls())?;
    if items.is_empty() {
        return Err(RpcError::invalid_request("empty batch"));
    }
    Ok(Message::Batch(items.into_iter().map(parse_call).collect()))
}

fn too_many_calls() -> RpcError {
    RpcError::invalid_request(format!("batch too large, limit {BATCH_ITEMS_MAX} calls"))
}

/// Refuses nesting that would exhaust a recursive parser, and a batch that is too large without
/// reading the rest of it. What stands in strings does not count.
fn check_shape(text: &str) -> Result<(), RpcError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let is_batch = text.trim_start().starts_with('[');
    let mut separators = 0;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            b',' if is_batch && depth == 1 && !in_string => {
                separators += 1;
                if separators == BATCH_ITEMS_MAX {
                    return Err(too_many_calls());
                }
            }
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return Err(RpcError::parse(format_args!(
                "nested deeper than {JSON_DEPTH_MAX} levels"
            )));
        }
    }
    Ok(())
}

/// The fields of a call, each kept as text so that one wrong type does not hide the id.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn parse_call(raw: &RawValue) -> Result<Call, BadCall> {
    let refuse = |id, error| BadCall { id, error };
    if !raw.get().starts_with('{') {
        return Err(refuse(None, RpcError::invalid_request("invalid request")));
    }
    let wire: Wire<'_> = serde_json::from_str(raw.get())
        .map_err(|_| refuse(None, RpcError::invalid_request("invalid request")))?;
    let id = match wire.id {
        None => None,
        Some(id) if is_id(id.get()) => Some(id.to_owned()),
        Some(_) => {
            return Err(refuse(None, RpcError::invalid_request("id must be a string or a number")));
        }
    };
    if wire.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
        return Err(refuse(id, RpcError::invalid_request("jsonrpc must be \"2.0\"")));
    }
    let method = wire.method.map(|method| serde_json::from_str::<String>(method.get()));
    let Some(Ok(method)) = method else {
        return Err(refuse(id, RpcError::invalid_request("method must be a string")));
    };
    match Params::parse(wire.params) {
        Ok(params) => Ok(Call { id, method, params }),
        // Nobody waits for an answer, and nothing is done.
        Err(_) if id.is_none() => Ok(Call { id, method: String::new(), params: Params::default() }),
        Err(error) => Err(refuse(id, error)),
    }
}

fn is_id(text: &str) -> bool {
    let kind = matches!(text.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9' | b'n'));
    kind && text.len() <= ID_BYTES_MAX
}

/// A response object as text; `result` is JSON.
pub fn success(id: &RawValue, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", id.get())
}

/// A response object with an error, as text.
pub fn failure(id: Option<&RawValue>, error: &RpcError) -> String {
    let id = id.map_or("null", RawValue::get);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{}}}", error.to_json())
}

/// A message none of whose calls is made; `error` stands once, as in a refused HTTP request.
pub fn refusal(message: &Message, error: &RpcError) -> String {
    let id = match message {
        Message::Single(Ok(call)) => call.id.as_deref(),
        Message::Single(Err(bad)) => bad.id.as_deref(),
        Message::Batch(_) => None,
    };
    failure(id, error)
}

#[cfg(test)]
mod tests;
