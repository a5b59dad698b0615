//! The program as users call it, where no working chain is needed.

mod files;

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use files::{code, err, folder, free_ports, heqi, out, valid_node, write};

fn run_node(folder: &Path) -> (i32, String) {
    let ended = heqi(folder, &["node", "run", "--config", "node.toml"]);
    (code(&ended), err(&ended))
}

#[test]
fn version_and_usage() {
    let folder = folder();
    let version = heqi(folder.path(), &["--version"]);
    assert_eq!((code(&version), out(&version)), (0, format!("heqi {}", env!("CARGO_PKG_VERSION"))));
    for wrong in [&["colour"][..], &["devnet", "up", "--colour"], &["node", "run"], &[]] {
        let ended = heqi(folder.path(), wrong);
        assert_eq!(code(&ended), 1, "{wrong:?}");
        assert!(out(&ended).is_empty() && !err(&ended).is_empty(), "{wrong:?}");
    }
}

#[test]
fn configuration_mistakes_end_with_cause_and_next_step() {
    let folder = folder();
    let (exit, text) = run_node(folder.path());
    assert_eq!(exit, 1);
    assert!(text.contains("error[NOD-0001]") && text.contains("next: write node.toml"), "{text}");
    for (file, words) in [
        (
            "organisation = \"A\"\n[rpc]\nlisen = \"x\"\n",
            "NOD-0003]: node.toml line 3: unknown key `rpc.lisen`",
        ),
        ("organisation = \"A\"\n[rpc]\nlisen = \"x\"\n", "did you mean `rpc.listen`?"),
        ("organisation = 5\n", "NOD-0004]: node.toml line 1: `organisation`: invalid type"),
        (
            "organisation = \"A\"\nhistory_blocks = 0\n",
            "NOD-0005]: node.toml line 2: `history_blocks` is 0",
        ),
        ("organisation = A\n", "NOD-0002]: node.toml line 1: not valid TOML"),
        ("organisation = \"A\"\n", "NOD-0006]: genesis file genesis.json"),
    ] {
        write(folder.path(), "node.toml", file);
        let (exit, text) = run_node(folder.path());
        assert_eq!(exit, 1, "{text}");
        assert!(text.contains(words) && text.contains("  next: "), "{words} not in {text}");
        assert_eq!(text.matches("error[").count(), 1, "{text}");
    }
}

#[test]
fn files_of_a_node_are_checked_before_it_starts() {
    let folder = folder();
    let (rpc, p2p) = free_ports();
    valid_node(folder.path(), rpc, p2p);
    let key = folder.path().join("node-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("own file");
    let (exit, text) = run_node(folder.path());
    assert!(exit == 1 && text.contains("error[NOD-0008]") && text.contains("chmod 600"), "{text}");
    fs::remove_file(&key).expect("own file");
    let (exit, text) = run_node(folder.path());
    assert!(
        exit == 1 && text.contains("error[NOD-0007]") && text.contains("heqi keys new"),
        "{text}"
    );
    assert_eq!(code(&heqi(folder.path(), &["keys", "new"])), 0);
    write(folder.path(), "data", "a file in place of the folder");
    let (exit, text) = run_node(folder.path());
    assert!(exit == 1 && text.contains("\"code\":\"NOD-0011\""), "{text}");
}

#[test]
fn taken_ports_and_other_networks_are_named() {
    let folder = folder();
    let (rpc, p2p) = free_ports();
    valid_node(folder.path(), rpc, p2p);
    for (port, expected) in [(rpc, "NOD-0013"), (p2p, "NOD-0014")] {
        let _taken = TcpListener::bind(("127.0.0.1", port)).expect("free");
        let (exit, text) = run_node(folder.path());
        assert_eq!(exit, 1, "{text}");
        assert!(text.contains(expected) && text.contains("already in use"), "{text}");
    }
    fs::remove_file(folder.path().join("genesis.json")).expect("own file");
    let key = out(&heqi(folder.path(), &["keys", "show"]));
    let made = heqi(
        folder.path(),
        &[
            "genesis",
            "new",
            "--chain-id",
            "9999999",
            "--validator",
            &format!("B={key}"),
            "--validator-admin",
            "0x0000000000000000000000000000000000000001",
        ],
    );
    assert_eq!(code(&made), 0, "{}", err(&made));
    let (exit, text) = run_node(folder.path());
    assert!(exit == 1 && text.contains("NOD-0010") && text.contains("chain id 7412883"), "{text}");
}

#[test]
fn keys_and_genesis_files_are_made_shown_and_never_overwritten() {
    let folder = folder();
    let made = heqi(folder.path(), &["keys", "new", "--out", "a.pem", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&out(&made)).expect("JSON");
    let shown = heqi(folder.path(), &["keys", "show", "a.pem"]);
    assert_eq!(value["public_key"], out(&shown));
    let again = heqi(folder.path(), &["keys", "new", "--out", "a.pem"]);
    assert_eq!(code(&again), 2);
    assert!(err(&again).contains("error[CLI-0010]"), "{}", err(&again));
    let (rpc, p2p) = free_ports();
    valid_node(folder.path(), rpc, p2p);
    let hash = out(&heqi(folder.path(), &["genesis", "hash"]));
    assert_eq!((hash.len(), &hash[..2]), (66, "0x"));
    let check = heqi(folder.path(), &["genesis", "check", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&out(&check)).expect("JSON");
    assert_eq!(value["genesis_hash"], hash);
    assert_eq!(value["chain_id"], 7_412_883);
    write(folder.path(), "bad.json", "{\"format\":1,\"colour\":1}");
    let bad = heqi(folder.path(), &["genesis", "check", "bad.json"]);
    assert!(code(&bad) == 1 && err(&bad).contains("unknown field `colour`"), "{}", err(&bad));
    let text = fs::read_to_string(folder.path().join("genesis.json")).expect("own file");
    let mut genesis: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    genesis["validators"][0]["key"] = format!("0x01{}", "00".repeat(31)).into();
    write(folder.path(), "weak.json", &genesis.to_string());
    let weak = heqi(folder.path(), &["genesis", "check", "weak.json"]);
    assert!(code(&weak) == 1 && err(&weak).contains("canonical Ed25519 key"), "{}", err(&weak));
}

#[test]
fn unreachable_nodes_and_missing_networks_have_their_exit_codes() {
    let folder = folder();
    let (port, _) = free_ports();
    let status = heqi(folder.path(), &["status", "--rpc", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(code(&status), 3);
    assert!(err(&status).contains("error[CLI-0008]"), "{}", err(&status));
    assert_eq!(code(&heqi(folder.path(), &["status", "--rpc", "ftp://x"])), 1);
    for verb in ["down", "status", "reset", "accounts", "env", "logs"] {
        let ended = heqi(folder.path(), &["--lang", "zh", "devnet", verb]);
        assert_eq!(code(&ended), 1, "{verb}");
        assert!(err(&ended).contains("error[CLI-0001]: devnet 中没有开发网络"), "{}", err(&ended));
    }
    let many = heqi(folder.path(), &["devnet", "up", "--orgs", "17"]);
    assert!(code(&many) == 1 && err(&many).contains("CLI-0002"), "{}", err(&many));
    let foreign = heqi(folder.path(), &["devnet", "up", "--dir", "/usr"]);
    assert!(code(&foreign) == 2 && err(&foreign).contains("CLI-0010"), "{}", err(&foreign));
}

#[test]
fn a_node_that_cannot_start_ends_up_with_its_own_error() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("net/bank-a")).expect("own folder");
    write(folder.path(), "net/bank-a/data", "a file in place of the folder");
    let (port, _) = free_ports();
    let port = port.min(65_000).to_string();
    let begin = std::time::Instant::now();
    let arguments = ["devnet", "up", "--dir", "net", "--orgs", "1", "--port-base", &port];
    for detach in [&["--detach"][..], &[]] {
        let ended = heqi(folder.path(), &[&arguments[..], detach].concat());
        let text = err(&ended);
        assert_eq!(code(&ended), 1, "{text}");
        assert!(text.contains("error[CLI-0006]: Bank A (node1) ended"), "{text}");
        assert!(text.contains("error[NOD-0011]") && text.contains("bank-a/data"), "{text}");
        assert!(out(&ended).is_empty());
    }
    assert!(begin.elapsed().as_secs() < 30, "fails fast");
}
