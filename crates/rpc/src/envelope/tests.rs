#![allow(clippy::unwrap_used)]
use super::*;
use crate::error::code;

fn single(text: &str) -> Result<Call, BadCall> {
    match parse(text.as_bytes()).unwrap() {
        Message::Single(call) => call,
        Message::Batch(_) => panic!("not a batch"),
    }
}

#[test]
fn ids_are_echoed_as_sent_and_null_is_not_absent() {
    let id = |text: &str| single(text).unwrap().id.map(|id| id.get().to_owned());
    let call = |id: &str| format!(r#"{{"jsonrpc":"2.0",{id}"method":"m"}}"#);
    assert_eq!(id(&call(r#""id":1,"#)).unwrap(), "1");
    assert_eq!(id(&call(r#""id":"a\u0041","#)).unwrap(), r#""a\u0041""#);
    assert_eq!(
        id(&call(r#""id":123456789012345678901234567890,"#)).unwrap(),
        "123456789012345678901234567890"
    );
    assert_eq!(id(&call(r#""id":null,"#)).unwrap(), "null");
    assert_eq!(id(&call("")), None);
}

#[test]
fn what_is_json_but_no_request_is_invalid() {
    for text in [
        "1",
        "null",
        "\"x\"",
        "{}",
        r#"{"method":"m","id":1}"#,
        r#"{"jsonrpc":"1.0","method":"m","id":1}"#,
        r#"{"jsonrpc":"2.0","method":5,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"m","id":{}}"#,
        r#"{"jsonrpc":"2.0","method":"m","id":[1]}"#,
        r#"{"jsonrpc":"2.0","method":"m","id":true}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"m","id":1}"#,
    ] {
        assert_eq!(single(text).unwrap_err().error.code, code::INVALID_REQUEST, "{text}");
    }
    let silent = single(r#"{"jsonrpc":"2.0","method":"m","params":{"a":1}}"#).unwrap();
    assert!(silent.id.is_none() && silent.method.is_empty(), "a notification is not answered");
    let named = single(r#"{"jsonrpc":"2.0","method":"m","id":7,"params":{"a":1}}"#).unwrap_err();
    assert_eq!((named.error.code, named.id.unwrap().get()), (code::INVALID_PARAMS, "7"));
}

#[test]
fn what_is_no_json_is_a_parse_error() {
    for body in [&b""[..], b"{", b"{]", b"nul", b"\xff\xfe", b"{} {}", b"[1,", b"\"\\ud800"] {
        assert_eq!(parse(body).unwrap_err().code, code::PARSE, "{body:?}");
    }
    for open in ["[", "{\"a\":"] {
        assert_eq!(parse(open.repeat(1_000_000).as_bytes()).unwrap_err().code, code::PARSE);
    }
    let text =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":["{}"]}}"#, "[{".repeat(500));
    assert!(single(&text).is_ok(), "brackets inside strings are no nesting");
}

#[test]
fn batches_are_bounded_and_keep_bad_items_apart() {
    assert_eq!(parse(b" [ ] ").unwrap_err().code, code::INVALID_REQUEST);
    let of = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let Message::Batch(items) = parse(of(BATCH_ITEMS_MAX).as_bytes()).unwrap() else { panic!() };
    assert_eq!(items.len(), BATCH_ITEMS_MAX);
    assert!(items.iter().all(Result::is_err));
    let array = br#"[["2.0",1,"eth_chainId",[]]]"#;
    let Message::Batch(items) = parse(array).unwrap() else { panic!() };
    assert!(items[0].is_err(), "the fields of a call as an array are no call");
    let error = parse(of(BATCH_ITEMS_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.code, code::INVALID_REQUEST);
    assert!(error.message.contains("1000"));
}
