//! A slice of the state tests; `cargo run -p conformance -- state-tests` runs all of them.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use alloy_primitives::B256;
use conformance::{state_tests, vectors};

/// Paths that together touch every fork, creation, calls, logs, refunds, fees, blobs and what
/// this crate adds to the EVM (EIP-1283, EIP-7610), with the number of their expectations.
const SLICE: [(&str, usize); 8] = [
    ("stExample", 223),
    ("stEIP1559", 422),
    ("stSpecialTest", 130),
    ("stEIP158Specific", 57),
    ("sstoreGas", 7),
    ("create2collisionStorage", 27),
    ("CREATE2_HighNonce", 256),
    ("stEIP4844", 10),
];

#[test]
fn a_slice_of_the_state_tests() {
    let Some(folder) = vectors::find(vectors::STATE_TESTS).unwrap() else {
        return;
    };
    let archive = state_tests::unpack(&folder).unwrap();
    for (filter, expected) in SLICE {
        let summary = state_tests::run(&archive, filter).unwrap();
        println!("{filter}: {} passed in {:.1} s", summary.passed, summary.time.as_secs_f64());
        assert!(summary.failures.is_empty(), "{filter}: {:#?}", summary.failures);
        assert!(summary.passed == expected, "{filter}: only {} ran", summary.passed);
    }
}

/// A suite that cannot fail would prove nothing.
#[test]
fn a_wrong_expectation_is_found() {
    let Some(folder) = vectors::find(vectors::STATE_TESTS).unwrap() else {
        return;
    };
    let archive = state_tests::unpack(&folder).unwrap();
    let file = Path::new("Cancun/GeneralStateTests/stExample/add11.json");
    let text = archive.read(file).unwrap();
    for (field, reason) in [("hash", "state root"), ("logs", "logs")] {
        let mut damaged: serde_json::Value = serde_json::from_str(&text).unwrap();
        for expectations in damaged["add11"]["post"].as_object_mut().unwrap().values_mut() {
            expectations[0][field] = B256::ZERO.to_string().into();
        }
        std::fs::write(archive.folder().join(file), damaged.to_string()).unwrap();
        let summary = state_tests::run(&archive, "add11.json").unwrap();
        assert_eq!(summary.passed, 0, "{field}");
        assert!(!summary.failures.is_empty());
        for failure in summary.failures {
            assert!(failure.reason.contains(reason), "{}", failure.reason);
        }
    }
    std::fs::write(archive.folder().join(file), "{").unwrap();
    let summary = state_tests::run(&archive, "add11.json").unwrap();
    assert_eq!((summary.passed, summary.failures.len()), (0, 1));
}
