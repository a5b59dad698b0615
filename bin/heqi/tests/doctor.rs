//! `heqi doctor` against files, a stopped folder and a running node.

mod files;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use files::{Running, code, folder, free_ports, heqi, out, valid_node, write};
use serde_json::Value;

/// Exit code, codes of the findings, and all of it.
fn doctor(folder: &Path, arguments: &[&str]) -> (i32, Vec<String>, Value) {
    let ended = heqi(folder, &[&["doctor", "--json"], arguments].concat());
    let found: Value = serde_json::from_str(&out(&ended)).expect("JSON");
    let findings = found["findings"].as_array().expect("a list");
    let codes = findings.iter().map(|finding| finding["code"].as_str().expect("text").to_string());
    (code(&ended), codes.collect(), found)
}

/// A node whose bounds are small, so that the test does not depend on this machine's disk; answers
/// its configuration.
fn node_with_small_bounds(path: &Path, rpc: u16, p2p: u16) -> String {
    valid_node(path, rpc, p2p);
    let small = "[storage]\ndisk_warning_bytes = 67108864\ndisk_reserve_bytes = 33554432\n";
    let config = fs::read_to_string(path.join("node.toml")).expect("own file") + small;
    write(path, "node.toml", &config);
    config
}

#[test]
fn files_of_a_stopped_node_are_examined() {
    let folder = folder();
    let path = folder.path();
    let (rpc, p2p) = free_ports();
    let config = node_with_small_bounds(path, rpc, p2p);
    let (exit, codes, found) = doctor(path, &["--config", "node.toml"]);
    assert_eq!((exit, codes), (0, vec!["never_started".into()]), "{found}");
    assert_eq!(found["healthy"], true);

    let key = path.join("node-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("own file");
    let (exit, codes, found) = doctor(path, &["--config", "node.toml"]);
    assert_eq!((exit, codes), (1, vec!["cannot_start".into()]), "{found}");
    let finding = &found["findings"][0];
    assert_eq!(finding["severity"], "problem");
    assert!(finding["what"].as_str().expect("text").contains("NOD-0008"), "{finding}");
    assert!(finding["next"].as_str().expect("text").starts_with("chmod 600"), "{finding}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("own file");

    let typing_mistake = config.replace("listen", "lisen");
    write(path, "wrong.toml", &typing_mistake);
    let (exit, codes, found) = doctor(path, &["--config", "wrong.toml"]);
    assert_eq!((exit, codes), (1, vec!["cannot_start".into()]), "{found}");

    write(path, "data", "a file in place of the folder");
    let (exit, codes, found) = doctor(path, &["--config", "node.toml"]);
    assert_eq!((exit, codes), (1, vec!["cannot_start".into()]), "{found}");

    let chinese = heqi(path, &["doctor", "--config", "node.toml", "--lang", "zh"]);
    assert!(out(&chinese).contains("问题[cannot_start]"), "{}", out(&chinese));
}

#[test]
fn a_node_is_examined_while_it_runs_and_after_it_stopped() {
    let folder = folder();
    let path = folder.path();
    let (rpc, p2p) = free_ports();
    node_with_small_bounds(path, rpc, p2p);
    let node = Running::node(path, rpc);
    // Without arguments: node.toml in the current folder, and the running node that it describes.
    let (exit, codes, found) = doctor(path, &[]);
    assert_eq!((exit, codes), (0, Vec::new()), "{found}");
    let seen = &found["nodes"][0];
    assert_eq!((&seen["organisation"], &seen["ready"]), (&"Bank A".into(), &true.into()));
    assert!(seen["height"].as_u64() >= Some(1) && seen["state_root"].is_string(), "{seen}");
    let off_ms = seen["clock_ahead_ms"].as_i64().expect("measured");
    assert!(off_ms.abs() < 1_000, "one machine has one clock: {off_ms}");

    // A second node that does not answer is named, and the comparison goes on without it.
    let (dead, _) = free_ports();
    let urls = format!("http://127.0.0.1:{rpc},http://127.0.0.1:{dead}");
    let (exit, codes, found) = doctor(path, &["--rpc", &urls]);
    assert_eq!((exit, codes), (1, vec!["unreachable".into()]), "{found}");
    assert!(found["findings"][0]["place"].as_str().expect("text").contains(&dead.to_string()));
    assert_eq!(code(&heqi(path, &["doctor", "--rpc", "nonsense"])), 1);

    node.stop();
    let (exit, codes, found) = doctor(path, &["--config", "node.toml"]);
    assert_eq!((exit, codes), (1, vec!["not_running".into(), "store_opens".into()]), "{found}");
    let held = found["findings"][1]["what"].as_str().expect("text");
    assert!(held.contains("holds blocks 0 to "), "{held}");
    // Looking changed nothing: the node starts again.
    Running::node(path, rpc).stop();
    let (exit, codes, _) = doctor(path, &["--data", "data"]);
    assert_eq!((exit, codes.last().map(String::as_str)), (1, Some("store_opens")));
    let genesis = fs::read_to_string(path.join("genesis.json")).expect("own file");
    write(path, "genesis.json", &genesis.replace("7412883", "7412884"));
    let (exit, codes, found) = doctor(path, &["--config", "node.toml"]);
    assert_eq!((exit, codes), (1, vec!["cannot_start".into(), "not_running".into()]), "{found}");
    assert!(found["findings"][0]["what"].as_str().expect("text").contains("NOD-0010"), "{found}");
}
