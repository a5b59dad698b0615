//! Project Wycheproof's verdicts on Ed25519 signatures.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::StrictKey;

/// Project Wycheproof's Ed25519 vectors: in the folder that `HEQI_VECTORS` names, else beside the
/// repository. They are no part of the repository; without them the test runs only where it must.
fn wycheproof() -> Option<Value> {
    let folder = std::env::var_os("HEQI_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/vectors"),
        PathBuf::from,
    );
    let file = folder.join("wycheproof/testvectors_v1/ed25519_test.json");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            let must_run = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!must_run, "{}: {error}", file.display());
            eprintln!("not run: Wycheproof Ed25519 (C2SP/wycheproof), {}: {error}", file.display());
            None
        }
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn agrees_with_every_wycheproof_verdict() {
    let Some(file) = wycheproof() else {
        return;
    };
    let (mut valid, mut invalid) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key: [u8; 32] = bytes(&group["publicKey"]["pk"]).try_into().unwrap();
        for test in group["tests"].as_array().unwrap() {
            let accepted = <[u8; 64]>::try_from(bytes(&test["sig"])).is_ok_and(|signature| {
                StrictKey::decode(&key).is_some_and(|k| k.verify(&bytes(&test["msg"]), &signature))
            });
            let expected = test["result"] == "valid";
            assert_eq!(accepted, expected, "test {}", test["tcId"]);
            if expected { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!(valid + invalid, file["numberOfTests"].as_u64().unwrap());
    assert!(valid > 50 && invalid > 50, "{valid} valid and {invalid} invalid vectors");
}
