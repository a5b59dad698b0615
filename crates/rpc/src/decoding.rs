//! The decoders of this crate without a server, for tests that feed them arbitrary bytes (`fuzz/`).

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes};

use crate::{
    block_id::{BlockId, Tag},
    call_request::CallObject,
    envelope::{self, BadCall, Call, Message},
    error::RpcError,
    limits::PARAMETERS_MAX,
    log_query::LogQuery,
    overrides::{BlockFields, StateOverrides},
    params::Params,
    quantity::{Number, Slot, Small},
    simulated::Payload,
};

/// What [`parse_body`] read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedBody {
    /// Calls in the body, including those that cannot be made.
    pub calls: usize,
    /// How often a parameter could be read as one of the types that methods ask for.
    pub readings: usize,
    /// What a server that knows no method would answer, JSON; `None` where every call is a
    /// notification.
    pub answer: Option<String>,
}

/// Reads a request body as a server does, each parameter as every type that a method may ask for,
/// and answers each call as an unknown method. Runs nothing and needs no runtime.
pub fn parse_body(body: &[u8]) -> ParsedBody {
    match envelope::parse(body) {
        Err(error) => {
            ParsedBody { calls: 0, readings: 0, answer: Some(envelope::failure(None, &error)) }
        }
        Ok(Message::Single(call)) => {
            ParsedBody { calls: 1, readings: readings(&call), answer: refuse(&call) }
        }
        Ok(Message::Batch(calls)) => {
            let answers: Vec<String> = calls.iter().filter_map(refuse).collect();
            ParsedBody {
                calls: calls.len(),
                readings: calls.iter().map(readings).sum(),
                answer: (!answers.is_empty()).then(|| format!("[{}]", answers.join(","))),
            }
        }
    }
}

fn refuse(call: &Result<Call, BadCall>) -> Option<String> {
    match call {
        Err(bad) => Some(envelope::failure(bad.id.as_deref(), &bad.error)),
        Ok(call) => {
            let error = RpcError::method_not_found(&call.method);
            call.id.as_ref().map(|id| envelope::failure(Some(id), &error))
        }
    }
}

fn readings(call: &Result<Call, BadCall>) -> usize {
    let Ok(Call { params, .. }) = call else {
        return 0;
    };
    (0..PARAMETERS_MAX).flat_map(|index| read_as_each_type(params, index)).flatten().count()
}

/// Which types parameter `index` can be read as.
fn read_as_each_type(params: &Params, index: usize) -> [Option<()>; 16] {
    macro_rules! each {
        ($($parameter:ty),* $(,)?) => {
            [$(params.optional::<$parameter>(index).ok().flatten().map(drop)),*]
        };
    }
    each![
        bool,
        String,
        Vec<f64>,
        Address,
        B256,
        Bytes,
        Number,
        Small,
        Tag,
        BlockId,
        CallObject,
        LogQuery,
        StateOverrides,
        BlockFields,
        BTreeMap<Address, Vec<Slot>>,
        Payload,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_answered_and_its_parameters_are_read() {
        let parsed = parse_body(
            br#"[{"jsonrpc":"2.0","id":"a","method":"x","params":["0x1",{"to":null}]},{"id":2},
                {"jsonrpc":"2.0","method":"y"}]"#,
        );
        assert_eq!(parsed.calls, 3);
        // Text, two kinds of number, two of block; call, log query, fields of a block, blocks to
        // simulate.
        assert_eq!(parsed.readings, 9);
        let answer = parsed.answer.unwrap_or_default();
        assert!(answer.starts_with(r#"[{"jsonrpc":"2.0","id":"a","error""#), "{answer}");
        assert_eq!(answer.matches("\"error\"").count(), 2, "a notification is not answered");
        assert_eq!(parse_body(br#"{"jsonrpc":"2.0","method":"y"}"#).answer, None);
        assert!(parse_body(b"{").answer.is_some_and(|answer| answer.contains("-32700")));
    }
}
