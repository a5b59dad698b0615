#![allow(clippy::unwrap_used)]
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use alloy_primitives::{Address, hex};
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

use super::{store::room_for, *};

const VERSION: &str = "0.8.37+commit.f401782d";
const VAULT: Address = Address::repeat_byte(0x77);
const NOW: u64 = 1_800_000_000_000;

// All fixtures are input and output of solc 0.8.37.
fn vault_input() -> Value {
    serde_json::from_str(include_str!("../fixtures/vault.input.json")).unwrap()
}

fn vault_metadata() -> &'static str {
    include_str!("../fixtures/vault.metadata.json")
}

fn output(text: &str, file: &str, name: &str) -> Value {
    let output: Value = serde_json::from_str(text).unwrap();
    output["contracts"][file][name]["evm"]["deployedBytecode"].clone()
}

/// The code as the chain has it: immutable values filled in.
fn vault_code() -> Vec<u8> {
    let text = include_str!("../fixtures/vault.output.json");
    let made = output(text, "src/Vault.sol", "Vault");
    let mut code = hex::decode(made["object"].as_str().unwrap()).unwrap();
    for (index, places) in made["immutableReferences"].as_object().unwrap().values().enumerate() {
        for place in places.as_array().unwrap() {
            let start = usize::try_from(place["start"].as_u64().unwrap()).unwrap();
            code[start + 12..start + 32].fill(0x11 * (u8::try_from(index).unwrap() + 1));
        }
    }
    code
}

fn vault_sources() -> BTreeMap<String, String> {
    let input = vault_input();
    let sources = input["sources"].as_object().unwrap().iter();
    sources.map(|(name, it)| (name.clone(), it["content"].as_str().unwrap().into())).collect()
}

/// A program that answers as solc 0.8.37 did when the fixture was made.
fn recorded(folder: &Path, text: &str) -> PathBuf {
    fs::write(folder.join("output.json"), text).unwrap();
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'Version: {VERSION}.Linux.g++'; else\n\
         cat > {0}/input.json; cat {0}/output.json; fi\n",
        folder.display()
    );
    program(folder, &script)
}

fn program(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("solc");
    // By another process: a file that this one has open for writing while another test starts a
    // program cannot be executed.
    let write = ["-c", "cat > \"$0\" && chmod 755 \"$0\""];
    let mut shell = Command::new("/bin/sh");
    let mut shell = shell.args(write).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    path
}

struct Bench {
    folder: tempfile::TempDir,
    compilers: Compilers,
}

impl Bench {
    fn new(text: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = text.map(|text| recorded(folder.path(), text)).into_iter().collect();
        let compilers = Compilers::new(paths, folder.path().join("scratch")).unwrap();
        Self { folder, compilers }
    }

    fn verify(&self, code: &[u8], what: &Submission) -> Result<Record, VerificationError> {
        verify(VAULT, code, what, &self.compilers, NOW)
    }
}

fn vault_bench() -> Bench {
    Bench::new(Some(include_str!("../fixtures/vault.output.json")))
}

fn standard() -> Submission {
    let input = StandardInput::new(&vault_input(), "src/Vault.sol:Vault", VERSION).unwrap();
    Submission::Standard(input)
}

fn metadata(text: &str, sources: BTreeMap<String, String>) -> Submission {
    let metadata = RawValue::from_string(text.to_owned()).unwrap();
    Submission::Metadata(MetadataSubmission { metadata, sources })
}

#[test]
fn code_that_a_compiler_makes_of_the_sources_is_verified() {
    let bench = vault_bench();
    let record = bench.verify(&vault_code(), &standard()).unwrap();
    assert_eq!((record.proof, record.match_word()), (Proof::Compiled, Some("exact_match")));
    assert_eq!(record.metadata, vault_metadata());
    assert_eq!(record.input.sources, vault_sources());
    assert!(record.abi.as_array().unwrap().len() > 3);
    let record = bench.verify(&vault_code(), &metadata(vault_metadata(), vault_sources())).unwrap();
    assert_eq!(record.proof, Proof::Compiled);
}

#[test]
fn without_a_compiler_sources_are_declared_and_never_called_verified() {
    let bench = Bench::new(None);
    let sent = metadata(vault_metadata(), vault_sources());
    let record = bench.verify(&vault_code(), &sent).unwrap();
    assert_eq!((record.proof, record.match_word()), (Proof::Declared, None));
    assert_eq!(record.to_json()["verified"], false);
    assert_eq!(record.input.contract(), "src/Vault.sol:Vault");
    let error = bench.verify(&vault_code(), &standard()).unwrap_err();
    assert_eq!(error.code(), "VER-0004");
    assert!(error.to_string().contains("verification.solc"), "{error}");
    // A declaration says nothing of the instructions: this is why it is no verification.
    let mut other = vault_code();
    other[0] ^= 1;
    assert_eq!(bench.verify(&other, &sent).unwrap().proof, Proof::Declared);
    assert_eq!(vault_bench().verify(&other, &sent).unwrap_err().code(), "VER-0008");
}

#[test]
fn metadata_counts_in_every_form_that_has_the_hash() {
    let bench = Bench::new(None);
    let value: Value = serde_json::from_str(vault_metadata()).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let quoted = json!(vault_metadata()).to_string();
    for text in [vault_metadata(), &pretty, &quoted] {
        let record = bench.verify(&vault_code(), &metadata(text, vault_sources())).unwrap();
        assert_eq!(record.metadata, vault_metadata());
    }
    let mut changed = value;
    changed["settings"]["optimizer"]["runs"] = json!(201);
    let sent = metadata(&changed.to_string(), vault_sources());
    assert_eq!(bench.verify(&vault_code(), &sent).unwrap_err().code(), "VER-0009");
}

#[test]
fn one_changed_byte_of_a_source_is_refused() {
    let bench = Bench::new(None);
    let mut sources = vault_sources();
    sources.get_mut("src/Owned.sol").unwrap().push(' ');
    let error = bench.verify(&vault_code(), &metadata(vault_metadata(), sources)).unwrap_err();
    assert_eq!(error.code(), "VER-0010");
    assert!(error.to_string().contains("src/Owned.sol"), "{error}");
    let mut sources = vault_sources();
    sources.remove("src/Owned.sol");
    let error = bench.verify(&vault_code(), &metadata(vault_metadata(), sources)).unwrap_err();
    assert_eq!(error.code(), "VER-0010");
}

#[test]
fn other_code_other_metadata_and_odd_immutables_are_told_apart() {
    let bench = vault_bench();
    let code = vault_code();
    let changed = |index: usize| {
        let mut code = code.clone();
        code[index] ^= 1;
        code
    };
    let error = |code: &[u8]| bench.verify(code, &standard()).unwrap_err().code();
    assert_eq!(error(&changed(5)), "VER-0008");
    // The metadata hash stands 43 bytes before the end.
    assert_eq!(error(&changed(code.len() - 20)), "VER-0009");
    assert_eq!(error(&code[1..]), "VER-0008");
    // Both places of an immutable hold one value.
    let place = code.windows(20).position(|part| part == [0x11; 20]).unwrap();
    assert_eq!(error(&changed(place)), "VER-0008");
    assert_eq!(error(&[]), "VER-0003");
    assert_eq!(error(&[0x60, 0x00]), "VER-0011");
    let delegation = [&[0xef, 0x01, 0x00][..], &[9; 20]].concat();
    assert_eq!(error(&delegation), "VER-0017");
}

#[test]
fn libraries_are_taken_from_the_code() {
    let text = include_str!("../fixtures/linked.output.json");
    let input: Value = serde_json::from_str(include_str!("../fixtures/linked.input.json")).unwrap();
    let bench = Bench::new(Some(text));
    let library = Address::repeat_byte(0x5a);
    let made = output(text, "L.sol", "C");
    let object = made["object"].as_str().unwrap();
    let start = object.find("__$").unwrap();
    let placeholder = &object[start..start + 40];
    let code = hex::decode(object.replace(placeholder, &hex::encode(library))).unwrap();
    let wanted = StandardInput::new(&input, "L.sol:C", VERSION).unwrap();
    let record = bench.verify(&code, &Submission::Standard(wanted)).unwrap();
    assert_eq!(record.libraries, BTreeMap::from([("L.sol:L".into(), library)]));
    // A library's own code has its address in it.
    let made = output(text, "L.sol", "L");
    let mut code = hex::decode(made["object"].as_str().unwrap()).unwrap();
    let wanted = || Submission::Standard(StandardInput::new(&input, "L.sol:L", VERSION).unwrap());
    assert_eq!(bench.verify(&code, &wanted()).unwrap_err().code(), "VER-0008");
    code[1..21].copy_from_slice(VAULT.as_slice());
    assert_eq!(bench.verify(&code, &wanted()).unwrap().proof, Proof::Compiled);
}

#[test]
fn a_compiler_gets_sources_and_settings_that_change_code_and_nothing_else() {
    let bench = vault_bench();
    let mut input = vault_input();
    input["settings"]["modelChecker"] = json!({"engine": "all", "solvers": ["z3"]});
    input["settings"]["outputSelection"] = json!({"*": {"*": ["*"]}});
    let wanted = StandardInput::new(&input, "src/Vault.sol:Vault", VERSION).unwrap();
    bench.verify(&vault_code(), &Submission::Standard(wanted)).unwrap();
    let given = fs::read(bench.folder.path().join("input.json")).unwrap();
    let given: Value = serde_json::from_slice(&given).unwrap();
    assert_eq!(given["sources"], input["sources"]);
    assert_eq!(given["settings"]["optimizer"], input["settings"]["optimizer"]);
    assert!(given["settings"].get("modelChecker").is_none());
    let selection =
        json!({"src/Vault.sol": {"Vault": ["abi", "metadata", "evm.deployedBytecode"]}});
    assert_eq!(given["settings"]["outputSelection"], selection);
    input["sources"]["src/Vault.sol"] = json!({"urls": ["/etc/passwd"]});
    let error = StandardInput::new(&input, "src/Vault.sol:Vault", VERSION).unwrap_err();
    assert_eq!(error.code(), "VER-0001");
}

#[test]
fn what_a_compiler_says_against_the_sources_is_passed_on() {
    let said = json!({"errors": [{"severity": "error", "formattedMessage": "ParserError: no"}]});
    let error = Bench::new(Some(&said.to_string())).verify(&vault_code(), &standard()).unwrap_err();
    assert_eq!(error, VerificationError::DoesNotCompile("ParserError: no".into()));
    let error = Bench::new(Some("{}")).verify(&vault_code(), &standard()).unwrap_err();
    assert_eq!(error.code(), "VER-0007");
    let error = Bench::new(Some("no JSON")).verify(&vault_code(), &standard()).unwrap_err();
    assert_eq!(error.code(), "VER-0015");
    let read = json!({"sources": {"/etc/passwd": {"id": 0}}});
    let error = Bench::new(Some(&read.to_string())).verify(&vault_code(), &standard()).unwrap_err();
    assert_eq!(error.code(), "VER-0010");
}

#[test]
fn hostile_inputs_are_refused_with_a_reason() {
    let error = |input: &Value, contract: &str, version: &str| {
        StandardInput::new(input, contract, version).unwrap_err().code()
    };
    let good = vault_input();
    let name = "src/Vault.sol:Vault";
    assert_eq!(error(&json!({}), name, VERSION), "VER-0001");
    assert_eq!(error(&json!([]), name, VERSION), "VER-0001");
    assert_eq!(error(&good, "Vault", VERSION), "VER-0001");
    assert_eq!(error(&good, name, ""), "VER-0001");
    assert_eq!(error(&good, name, "$(reboot)"), "VER-0001");
    assert_eq!(error(&good, "../../etc/passwd:Vault", VERSION), "VER-0007");
    let mut many = good.clone();
    for index in 0..=limits::SOURCES_MAX {
        many["sources"][format!("{index}.sol")] = json!({"content": ""});
    }
    assert_eq!(error(&many, name, VERSION), "VER-0002");
    let mut long = good.clone();
    long["sources"]["x".repeat(limits::NAME_BYTES_MAX + 1)] = json!({"content": ""});
    assert_eq!(error(&long, name, VERSION), "VER-0002");
    let mut settings = good.clone();
    settings["settings"]["remappings"] = json!(vec![1; limits::SETTINGS_BYTES_MAX]);
    assert_eq!(error(&settings, name, VERSION), "VER-0002");
    let mut control = good;
    control["sources"]["a\u{0}b"] = json!({"content": ""});
    assert_eq!(error(&control, name, VERSION), "VER-0001");
}

#[test]
fn records_survive_a_restart_and_a_stronger_proof_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("contracts");
    let store = Store::open(&place).unwrap();
    let sent = metadata(vault_metadata(), vault_sources());
    let declared = Bench::new(None).verify(&vault_code(), &sent).unwrap();
    let compiled = vault_bench().verify(&vault_code(), &standard()).unwrap();
    assert_eq!(store.get(VAULT).unwrap(), None);
    store.put(&declared).unwrap();
    assert_eq!(store.get(VAULT).unwrap().unwrap().proof, Proof::Declared);
    store.put(&compiled).unwrap();
    store.put(&declared).unwrap();
    drop(store);
    // What a crash leaves in the middle of writing.
    let torn = place.join(format!("{}.json.new", hex::encode(VAULT)));
    fs::write(&torn, b"{\"format\":1").unwrap();
    fs::write(place.join("notes.json"), b"").unwrap();
    let store = Store::open(&place).unwrap();
    assert_eq!((store.get(VAULT).unwrap().unwrap(), store.len()), (compiled, 1));
    assert!(!torn.exists());
    assert_eq!(store.addresses(None, 10), [VAULT]);
    assert_eq!(store.addresses(Some(VAULT), 10), [Address::ZERO; 0]);
    fs::write(place.join(format!("{}.json", hex::encode(VAULT))), b"{").unwrap();
    let error = Store::open(&place).unwrap().get(VAULT).unwrap_err();
    assert_eq!(error.code(), "VER-0014");
    // A damaged file is no reason to refuse a good one.
    let store = Store::open(&place).unwrap();
    store.put(&declared).unwrap();
    assert_eq!(store.get(VAULT).unwrap().unwrap(), declared);
}

/// One that hangs or tells nothing is not started again for each who asks.
#[test]
fn a_compiler_that_tells_no_version_is_asked_once_in_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let path = program(folder.path(), &format!("#!/bin/sh\necho >> {}\n", calls.display()));
    let compilers = Compilers::new(vec![path], folder.path().join("scratch")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let (known, problems) = compilers.versions();
                    assert_eq!((known.len(), problems.len()), (0, 1));
                    assert_eq!(compilers.require("0.8.30").unwrap_err().code(), "VER-0004");
                }
            });
        }
    });
    assert_eq!(fs::read_to_string(calls).unwrap().lines().count(), 1);
}

#[test]
fn declarations_alone_never_fill_the_store() {
    let (declared, compiled) = (room_for(Proof::Declared), room_for(Proof::Compiled));
    assert_eq!(compiled, (limits::RECORDS_MAX, limits::STORE_BYTES_MAX));
    assert_eq!(declared, (limits::RECORDS_MAX / 2, limits::STORE_BYTES_MAX / 2));
}

#[test]
fn each_code_has_its_page_in_both_languages() {
    for (path, words) in [
        ("../../docs/en/errors.md", ["Cause", "Check", "Fix"]),
        ("../../docs/zh/errors.md", ["原因", "检查", "处理"]),
    ] {
        let text = fs::read_to_string(path).unwrap();
        for (index, (id, ..)) in error::CODES.iter().enumerate() {
            assert_eq!(*id, format!("VER-{:04}", index + 1));
            let start =
                text.find(&format!("\n### {id} ")).unwrap_or_else(|| panic!("{path}: {id}"));
            let rest = &text[start + 4..];
            let entry = &rest[..rest.find("\n#").unwrap_or(rest.len())];
            for word in words {
                assert!(entry.contains(&format!("**{word}**")), "{path}: {id}: no {word}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_code_and_no_metadata_makes_it_panic(
        mut code in proptest::collection::vec(any::<u8>(), 0..200),
        tail in proptest::collection::vec(any::<u8>(), 0..60),
        text in "[\\[\\]{}:,\"a-z0-9 ]{0,60}",
    ) {
        let length = u16::try_from(tail.len()).unwrap();
        code.extend_from_slice(&tail);
        code.extend_from_slice(&length.to_be_bytes());
        let _ = code::metadata_hash(&code);
        if let Ok(raw) = RawValue::from_string(text) {
            let sent = MetadataSubmission { metadata: raw, sources: vault_sources() };
            let _ = declared::declared(&sent, &[0; 34]);
        }
    }
}
