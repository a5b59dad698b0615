//! Every answer has the schema that ethereum/execution-apis gives its method: on a ledger with
//! transactions of each type, in both fee modes, by `testing/openrpc/check.py`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use alloy_consensus::TxEip2930;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, TxKind};
use types::FeeMode;

use super::{
    client::{Server, legacy, modern, rich},
    ledger::{CHAIN_ID, LOGGER, REVERTER},
};

/// What `check.py` needs.
const REQUIREMENTS: &str = "testing/openrpc/requirements.txt";
const MODULES: [&str; 2] = ["-c", "import jsonschema, yaml"];

/// What a check needs.
struct Means {
    /// Sources of the specification.
    folder: PathBuf,
    /// A Python with the modules.
    python: PathBuf,
}

/// `None` where something is not at hand; an error where `CI=true`.
fn means() -> Option<Means> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let root = std::env::var_os("HEQI_VECTORS").map_or(beside, PathBuf::from);
    let folder = root.join("execution-apis/src");
    let python = python();
    if let Some(python) = python.clone().filter(|_| folder.is_dir()) {
        return Some(Means { folder, python });
    }
    let missing = match python {
        None => format!("Python 3 with what {REQUIREMENTS} names"),
        Some(_) => folder.display().to_string(),
    };
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "{missing} is missing");
    println!("openrpc did not run: {missing} is missing");
    None
}

/// The system's Python where it has the modules, otherwise one beside what is compiled, with the
/// modules from the package index.
fn python() -> Option<PathBuf> {
    let has_modules = |python: &Path| {
        let tried = Command::new(python).args(MODULES).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = || {
        let system = PathBuf::from("python3");
        if has_modules(&system) {
            return Some(system);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = std::env::current_exe().ok()?.ancestors().nth(3)?.join("openrpc-python");
        let python = target.join("bin/python");
        if !has_modules(&python) {
            Command::new(&system).args(["-m", "venv"]).arg(&target).status().ok()?;
            let install = ["-m", "pip", "install", "--quiet", "--requirement"];
            Command::new(&python).args(install).arg(root.join(REQUIREMENTS)).status().ok()?;
        }
        has_modules(&python).then_some(python)
    };
    MADE.get_or_init(made).clone()
}

async fn check(server: Server, means: Means) {
    let account = rich();
    let price = 1_000;
    let list = AccessListItem { address: LOGGER, storage_keys: vec![B256::ZERO] };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_price: price,
        gas_limit: 100_000,
        to: TxKind::Call(LOGGER),
        access_list: AccessList(vec![list]),
        input: B256::with_last_byte(5).into(),
        ..Default::default()
    };
    let mut called = modern(2, LOGGER, B256::with_last_byte(3).as_slice());
    called.max_fee_per_gas = price;
    let mut reverted = modern(3, REVERTER, b"no");
    reverted.max_fee_per_gas = price;
    let mut created = modern(4, Address::ZERO, &[0x00]);
    (created.max_fee_per_gas, created.to) = (price, TxKind::Create);
    let mut plain = legacy(0, LOGGER, 0);
    plain.gas_price = price;
    server.send(account.sign(plain)).await;
    server.send(account.sign(listed)).await;
    server.send(account.sign(called)).await;
    server.send(account.sign(reverted)).await;
    server.ledger.mine().await;
    server.send(account.sign(created)).await;
    server.ledger.mine().await;
    server.ledger.mine().await;
    // Waits in the pool.
    let mut waiting = modern(5, LOGGER, &[]);
    waiting.max_fee_per_gas = price;
    server.send(account.sign(waiting)).await;

    let url = format!("http://{}", server.address);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/openrpc/check.py");
    let checked = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(&means.python);
        command.arg(script).args(["--rpc", &url, "--specification"]);
        command.arg(&means.folder).output().unwrap()
    });
    let output = checked.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_the_specified_schema_in_free_mode() {
    let Some(means) = means() else { return };
    check(Server::start().await, means).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_the_specified_schema_in_metered_mode() {
    let Some(means) = means() else { return };
    check(Server::with(FeeMode::Metered, |_| {}).await, means).await;
}
