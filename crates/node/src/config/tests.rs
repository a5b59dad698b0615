#![allow(clippy::unwrap_used)]
use std::path::Path;

use super::*;
use crate::error::NodeError;

const GOOD: &str = "organisation = \"Bank A\"\n";

fn read(text: &str) -> Result<Config, NodeError> {
    Config::from_text(text, Path::new("node.toml"))
}

fn report(text: &str) -> String {
    read(text).unwrap_err().report()
}

#[test]
fn the_smallest_file_has_the_documented_defaults() {
    let config = read(GOOD).unwrap();
    assert_eq!(config, Config { organisation: "Bank A".into(), ..Config::default() });
    // Each documented default is what the code does.
    let mut text = String::new();
    let mut section = "";
    for key in CONFIG_KEYS.iter().filter(|key| key.default != "required") {
        let (found, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if found != section {
            section = found;
            text += &format!("[{section}]\n");
        }
        text += &format!("{name} = {}\n", key.default);
    }
    assert_eq!(read(&format!("{GOOD}{text}")).unwrap(), config);
}

#[test]
fn the_example_of_the_reference_is_valid() {
    let page = reference(ReferenceLanguage::English);
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = read(example).unwrap();
    assert_eq!(config.p2p.peers[0].address.to_string(), "node.supplier-b.example:30545");
}

#[test]
fn every_field_is_in_the_table_and_nothing_else() {
    let mut config = read(GOOD).unwrap();
    let page = reference(ReferenceLanguage::English);
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    config.p2p.peers = read(example).unwrap().p2p.peers;
    let value = toml::Value::try_from(&config).unwrap();
    let mut found = Vec::new();
    collect(&value, "", &mut found);
    found.sort();
    found.dedup();
    let mut known: Vec<String> = CONFIG_KEYS.iter().map(|key| key.path.to_string()).collect();
    known.sort();
    assert_eq!(found, known);
}

fn collect(value: &toml::Value, path: &str, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, found);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            items.iter().for_each(|item| collect(item, path, found));
        }
        _ => found.push(path.into()),
    }
}

#[test]
fn the_reference_pages_are_current() {
    for (language, path) in [
        (ReferenceLanguage::English, "../../docs/en/configuration.md"),
        (ReferenceLanguage::Chinese, "../../docs/zh/configuration.md"),
    ] {
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference(language),
            "{path} differs from the table; print it with `heqi node config-reference --lang en|zh`"
        );
    }
}

#[test]
fn unknown_keys_name_the_nearest_and_the_line() {
    let text = report(&format!("{GOOD}\n[rpc]\nlisen = \"127.0.0.1:1\"\n"));
    assert!(
        text.starts_with("error[NOD-0003]: node.toml line 4: unknown key `rpc.lisen`"),
        "{text}"
    );
    assert!(text.contains("did you mean `rpc.listen`?"), "{text}");
    let text = report(&format!("{GOOD}[rcp]\nlisten = \"127.0.0.1:1\"\n"));
    assert!(text.contains("unknown key `rcp`") && text.contains("`rpc`?"), "{text}");
    let text = report(&format!("{GOOD}listen = \"127.0.0.1:1\"\n"));
    assert!(text.contains("did you mean `p2p.listen`?"), "{text}");
    let text = report(&format!("{GOOD}colour = 1\n"));
    assert!(text.contains("next: remove the key"), "{text}");
    let peers = "[[p2p.peers]]\norganisation = \"B\"\nkey = \"00\"\nadress = \"h:1\"\n";
    let text = report(&format!("{GOOD}{peers}"));
    assert!(text.contains("did you mean `p2p.peers.address`?"), "{text}");
}

#[test]
fn wrong_types_name_key_and_line() {
    for (line, words) in [
        ("data_dir = 5", "`data_dir`: invalid type: integer `5`"),
        ("history_blocks = \"all\"", "a number of blocks or \"archive\""),
        ("history_blocks = -1", "`history_blocks`: invalid value"),
        ("retained_blocks = \"archive\"", "a number of blocks or \"all\""),
        ("history_blocks = 1.5", "`history_blocks`: invalid type"),
        ("join = \"fast\"", "`join`: unknown variant `fast`"),
        ("rpc = 5", "`rpc`: invalid type"),
        ("[rpc]\nlisten = \"nowhere\"", "`rpc.listen`: invalid socket address"),
        ("[rpc]\nconnections_max = -1", "`rpc.connections_max`"),
        ("[log]\nformat = \"xml\"", "`log.format`: unknown variant `xml`"),
        ("[[p2p.peers]]\nkey = \"00\"", "p2p.peers"),
        (
            "[[p2p.peers]]\norganisation = \"B\"\naddress = \"h\"\nkey = \"00\"",
            "`p2p.peers.address`: `h` is not an address",
        ),
        ("[[p2p.peers]]\norganisation = \"B\"\naddress = \"h:1\"\nkey = \"zz\"", "`p2p.peers.key`"),
    ] {
        let text = report(&format!("{GOOD}{line}\n"));
        assert!(text.starts_with("error[NOD-0004]: node.toml line "), "{line}: {text}");
        assert!(text.contains(words), "{line}: {text}");
        assert!(text.contains("\n  next: "), "{line}: {text}");
    }
}

#[test]
fn a_missing_organisation_is_named() {
    let text = report("data_dir = \"d\"\n");
    assert!(text.starts_with("error[NOD-0004]: node.toml: `organisation` is missing"), "{text}");
    let text = report("organisation = \"  \"\n");
    assert!(text.starts_with("error[NOD-0005]: node.toml line 1"), "{text}");
}

#[test]
fn values_out_of_range_name_the_range() {
    let key = "0".repeat(64);
    let peer = format!("[[p2p.peers]]\norganisation = \"B\"\nkey = \"{key}\"\naddress = \"h:1\"\n");
    for (line, words) in [
        ("history_blocks = 0", "`history_blocks` is 0, allowed are 1 to 1000000000"),
        ("retained_blocks = 999", "`retained_blocks` is 999, allowed are 1000 to 1000000000"),
        ("[rpc]\nconnections_max = 0", "`rpc.connections_max` is 0, allowed are 1 to 65536"),
        ("[rpc]\nrequest_timeout_ms = 1", "`rpc.request_timeout_ms` is 1, allowed are 100"),
        ("[rpc]\nallowed_hosts = [\"a b\"]", "`rpc.allowed_hosts` has an entry"),
        ("[pool]\ntransactions_max = 1", "`pool.transactions_max` is 1"),
        ("[p2p]\nlisten = \"127.0.0.1:0\"", "`p2p.listen` has port 0"),
        ("[p2p]\nlisten = \"127.0.0.1:8545\"", "same address as `rpc.listen`"),
        ("[log]\nlevel = \"info,consensus=loud\"", "`log.level`"),
        (&format!("{peer}{peer}"), "twice"),
    ] {
        let text = report(&format!("{GOOD}{line}\n"));
        assert!(text.starts_with("error[NOD-0005]: node.toml line "), "{line}: {text}");
        assert!(text.contains(words), "{line}: {text}");
    }
}

#[test]
fn syntax_mistakes_name_the_line() {
    for text in
        ["organisation = Bank A\n", "organisation = \"A\norganisation", "[rpc\n", "a = 1\na = 2\n"]
    {
        let text = report(text);
        assert!(text.starts_with("error[NOD-0002]: node.toml line "), "{text}");
    }
    // Deep nesting ends in an error, not in a stack overflow.
    assert!(read(&format!("a = {}", "[".repeat(100_000))).is_err());
    assert!(read(&format!("[{}a]", "a.".repeat(100_000))).is_err());
}

#[test]
fn files_are_read_relative_to_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    let missing = Config::from_file(&path).unwrap_err().report();
    assert!(missing.starts_with("error[NOD-0001]"), "{missing}");
    assert!(missing.contains("next: write "), "{missing}");
    std::fs::write(&path, format!("{GOOD}genesis_file = \"/etc/genesis.json\"\n")).unwrap();
    let config = Config::from_file(&path).unwrap();
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(config.genesis_file, Path::new("/etc/genesis.json"));
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(Config::from_file(&path).unwrap_err().code().id, "NOD-0001");
    std::fs::write(&path, "#".repeat(CONFIG_BYTES_MAX as usize + 1)).unwrap();
    assert!(Config::from_file(&path).unwrap_err().report().contains("longer than"));
}

#[test]
fn any_text_is_read_or_refused() {
    use proptest::prelude::*;
    proptest!(|(text in ".{0,200}")| {
        let _ = read(&text);
    });
    proptest!(|(text in "([a-z.\\[\\]=\"0-9 \n]{0,80})")| {
        let _ = read(&text);
    });
}
