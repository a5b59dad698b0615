#![allow(clippy::unwrap_used)]
//! Against the example of EIP-712 and hashes that ethers 6.17 makes of the same documents.

use alloy_primitives::{b256, keccak256};
use serde_json::{Map, Value, json};

use super::*;

fn mail() -> Value {
    json!({
        "types": {
            "EIP712Domain": [
                { "name": "name", "type": "string" },
                { "name": "version", "type": "string" },
                { "name": "chainId", "type": "uint256" },
                { "name": "verifyingContract", "type": "address" },
            ],
            "Person": [{ "name": "name", "type": "string" }, { "name": "wallet", "type": "address" }],
            "Mail": [
                { "name": "from", "type": "Person" },
                { "name": "to", "type": "Person" },
                { "name": "contents", "type": "string" },
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail",
            "version": "1",
            "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    })
}

fn tree() -> Value {
    json!({
        "types": {
            "Leaf": [{ "name": "n", "type": "int16" }, { "name": "b", "type": "bytes3" }],
            "Branch": [
                { "name": "leaves", "type": "Leaf[2]" },
                { "name": "grid", "type": "uint8[2][]" },
            ],
            "Tree": [
                { "name": "root", "type": "Branch" },
                { "name": "branches", "type": "Branch[]" },
                { "name": "flag", "type": "bool" },
                { "name": "data", "type": "bytes" },
                { "name": "least", "type": "int256" },
                { "name": "most", "type": "uint256" },
                { "name": "who", "type": "address" },
            ],
        },
        "primaryType": "Tree",
        "domain": { "name": "All", "chainId": "0x7a69", "salt": format!("0x{}", "ab".repeat(32)) },
        "message": {
            "root": {
                "leaves": [{ "n": "-1", "b": "0x010203" }, { "n": 32767, "b": "0xffffff" }],
                "grid": [["1", 2], ["0x3", "255"]],
            },
            "branches": [{
                "leaves": [{ "n": -32768, "b": "0x000000" }, { "n": "0", "b": "0x00ff00" }],
                "grid": [],
            }],
            "flag": true,
            "data": "0xdeadbeef",
            "least":
                "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
            "most": format!("0x{}", "f".repeat(64)),
            "who": "0x000000000000000000000000000000000000dEaD",
            "unknown": "is left out",
        },
    })
}

fn read(document: &Value) -> Result<B256, String> {
    let document: TypedData =
        serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    document.digest().map_err(|error| error.to_string())
}

#[test]
fn the_example_of_the_standard_has_its_hash() {
    let expected = b256!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
    assert_eq!(read(&mail()), Ok(expected));
    // As its text, and with the domain's type left out.
    assert_eq!(read(&json!(mail().to_string())), Ok(expected));
    let mut untyped = mail();
    untyped["types"].as_object_mut().unwrap().remove("EIP712Domain");
    assert_eq!(read(&untyped), Ok(expected));
}

#[test]
fn structs_in_arrays_signs_and_every_width_are_ethers() {
    let expected = b256!("5cb2dd2c03a57278216a01c8ad7d55cfdd893bc58b013b0f2e19c2ab063160fe");
    assert_eq!(read(&tree()), Ok(expected));
}

#[test]
fn a_domain_alone_is_a_document() {
    let mut domain = mail();
    domain["primaryType"] = json!("EIP712Domain");
    let separator = b256!("f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
    assert_eq!(read(&domain), Ok(keccak256([&[0x19, 0x01][..], &separator[..]].concat())));
}

#[test]
fn values_that_are_not_of_their_type_are_refused() {
    let changed = |place: &str, value: Value| {
        let mut document = tree();
        *document.pointer_mut(place).unwrap() = value;
        read(&document)
    };
    for (place, value) in [
        ("/message/root/leaves/0/n", json!(32768)),
        ("/message/root/leaves/0/n", json!("-32769")),
        ("/message/root/leaves/0/n", json!(1.5)),
        ("/message/root/leaves/0/b", json!("0x0102")),
        ("/message/root/leaves/0/b", json!("0x01020304")),
        ("/message/root/leaves/0/b", json!("0x0x0102")),
        ("/message/root/leaves", json!([])),
        ("/message/root/grid/0/0", json!(256)),
        ("/message/root/grid/0/0", json!(-1)),
        ("/message/root/grid/0", json!([1, 2, 3])),
        ("/message/root", json!([])),
        ("/message/flag", json!(1)),
        ("/message/data", json!("xyz")),
        ("/message/data", json!("0xd")),
        ("/message/most", json!("1".repeat(79))),
        ("/message/most", json!(format!("0x1{}", "0".repeat(64)))),
        ("/message/who", json!("0x00")),
        ("/message/who", Value::Null),
        ("/domain/salt", json!("0x00")),
    ] {
        let refused = changed(place, value.clone());
        assert!(refused.is_err(), "{place} {value}");
    }
    let missing = changed("/message/flag", Value::Null).unwrap_err();
    assert!(missing.contains("bool"), "{missing}");
}

#[test]
fn hostile_types_are_refused_in_words() {
    let with = |types: Value| {
        let document =
            json!({ "types": types, "primaryType": "A", "domain": {}, "message": { "a": 1 } });
        read(&document).unwrap_err()
    };
    let one = |kind: &str| json!({ "A": [{ "name": "a", "type": kind }] });
    for kind in [
        "",
        "[]",
        "uint7",
        "uint264",
        "int0",
        "bytes0",
        "bytes33",
        "B",
        "uint256[",
        "uint256]",
        "uint256[-1]",
        "uint256[01]",
        "uint256[18446744073709551616]",
        "uint256[][",
        "tuple",
        "address payable",
    ] {
        let reason = with(one(kind));
        assert!(reason.contains("type"), "{kind}: {reason}");
    }
    assert!(with(json!({})).contains('A'));
    let many: Map<String, Value> = (0..300).map(|at| (format!("A{at}"), json!([]))).collect();
    assert!(with(json!(many)).contains("limit of 256 structs"));
    let member = json!({ "name": "a", "type": "uint8" });
    assert!(with(json!({ "A": vec![member; 2_049] })).contains("limit of 2048 members"));
    assert!(with(one(&"u".repeat(100_000))).contains("limit of 16384 bytes"));
    assert!(with(one(&format!("uint8{}", "[]".repeat(9)))).contains("limit of 8 dimensions"));
    assert!(with(one(&format!("uint8{}", "[".repeat(9)))).contains("limit of 8 dimensions"));
    assert!(with(one(&"(".repeat(1_000))).contains("is not a type of EIP-712"));
    assert!(with(json!({ "A": [], "(((": [] })).contains("is not a type of EIP-712"));
}

/// Structs 0 to `count - 1`, each of which names the next one `times` times.
fn ladder(count: usize, times: usize) -> Result<B256, String> {
    let members = |at: usize| {
        let next = if at + 1 < count { format!("A{}[]", at + 1) } else { "uint8".to_owned() };
        (0..times).map(|at| json!({ "name": format!("m{at}"), "type": next })).collect::<Vec<_>>()
    };
    let types: Map<String, Value> =
        (0..count).map(|at| (format!("A{at}"), json!(members(at)))).collect();
    let message: Map<String, Value> = (0..times).map(|at| (format!("m{at}"), json!([]))).collect();
    read(&json!({ "types": types, "primaryType": "A0", "domain": {}, "message": message }))
}

#[test]
fn types_that_grow_or_turn_in_circles_are_refused() {
    assert!(ladder(32, 1).is_ok());
    assert!(ladder(33, 1).unwrap_err().contains("limit of 32 levels"));
    assert!(ladder(12, 2).is_ok());
    assert!(ladder(200, 1).unwrap_err().contains("limit of 32 levels"));
    assert!(ladder(30, 2).unwrap_err().contains("members with their structs written out"));
    let circle = |of: Value| {
        let message = json!({ "a": [] });
        read(&json!({ "types": of, "primaryType": "A", "domain": {}, "message": message }))
    };
    let member = |kind: &str| json!([{ "name": "a", "type": kind }]);
    assert!(circle(json!({ "A": member("A[]") })).unwrap_err().contains("circular"));
    let two = json!({ "A": member("B[]"), "B": member("A[]") });
    assert!(circle(two).unwrap_err().contains("limit of 32 levels"));
}
