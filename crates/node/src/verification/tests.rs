#![allow(clippy::unwrap_used)]
use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
    sync::Mutex,
};

use alloy_primitives::{B256, Bytes, hex, keccak256};
use axum::{body::to_bytes, extract::Request, http::StatusCode, response::Response};
use futures::{StreamExt as _, future::BoxFuture};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use verification::limits::REQUEST_BYTES_MAX;

use super::*;

const CHAIN_ID: u64 = 20_771;
const VERSION: &str = "0.8.37+commit.f401782d";
const VAULT: Address = Address::repeat_byte(0x77);
/// Input and output of solc 0.8.37.
const INPUT: &str = include_str!("../../../verification/fixtures/vault.input.json");
const OUTPUT: &str = include_str!("../../../verification/fixtures/vault.output.json");
const METADATA: &str = include_str!("../../../verification/fixtures/vault.metadata.json");

/// Contracts by address.
#[derive(Clone)]
struct Codes(Arc<Mutex<BTreeMap<Address, Bytes>>>);

impl Codes {
    fn replace(&self, address: Address, code: Bytes) {
        self.0.lock().unwrap().insert(address, code);
    }

    fn get(&self, address: Address) -> Bytes {
        self.0.lock().unwrap().get(&address).cloned().unwrap_or_default()
    }
}

impl Contracts for Codes {
    fn chain_id(&self) -> u64 {
        CHAIN_ID
    }

    fn code_hash(&self, address: Address) -> BoxFuture<'_, Result<B256, VerificationError>> {
        Box::pin(async move { Ok(keccak256(self.get(address))) })
    }

    fn code(&self, address: Address) -> BoxFuture<'_, Result<Bytes, VerificationError>> {
        Box::pin(async move { Ok(self.get(address)) })
    }
}

/// The code as the chain has it: immutable values filled in.
fn vault_code() -> Vec<u8> {
    let output: Value = serde_json::from_str(OUTPUT).unwrap();
    let made = &output["contracts"]["src/Vault.sol"]["Vault"]["evm"]["deployedBytecode"];
    let mut code = hex::decode(made["object"].as_str().unwrap()).unwrap();
    for place in made["immutableReferences"].as_object().unwrap().values().flat_map(|places| {
        places.as_array().unwrap().iter().map(|place| place["start"].as_u64().unwrap())
    }) {
        let start = usize::try_from(place).unwrap();
        code[start + 12..start + 32].fill(0x11);
    }
    code
}

/// A program that answers as solc 0.8.37 did, after a while.
fn recorded_compiler(folder: &Path) -> PathBuf {
    std::fs::write(folder.join("output.json"), OUTPUT).unwrap();
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'Version: {VERSION}.Linux.g++'; else\n\
         cat > /dev/null; sleep 0.2; cat {}/output.json; fi\n",
        folder.display()
    );
    let path = folder.join("solc");
    let mut shell = Command::new("/bin/sh");
    let shell = shell.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(&path);
    let mut shell = shell.stdin(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    path
}

struct Node {
    folder: tempfile::TempDir,
    contracts: Codes,
    router: Router,
}

impl Node {
    fn new(with_compiler: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let codes = BTreeMap::from([(VAULT, vault_code().into())]);
        let contracts = Codes(Arc::new(Mutex::new(codes)));
        let router = Self::router(&folder, &contracts, with_compiler);
        Self { folder, contracts, router }
    }

    fn router(folder: &tempfile::TempDir, contracts: &Codes, with_compiler: bool) -> Router {
        let compiler = with_compiler.then(|| recorded_compiler(folder.path()));
        let place = folder.path().join("verification");
        let verification = Verification::open(&place, compiler.into_iter().collect()).unwrap();
        verification.router(contracts.clone(), &["https://page.example".into()], &[])
    }

    fn restarted(self, with_compiler: bool) -> Self {
        let Self { folder, contracts, router } = self;
        drop(router);
        let router = Self::router(&folder, &contracts, with_compiler);
        Self { folder, contracts, router }
    }

    async fn send(&self, request: Request) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let response = self.send(request.body(body.into()).unwrap()).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask("GET", path, Body::empty()).await
    }

    /// Asks for a job until it has ended, as Foundry does.
    async fn ended(&self, id: &str) -> Value {
        for _ in 0..200 {
            let (status, job) = self.get(&format!("/verify-server/v2/verify/{id}")).await;
            assert_eq!(status, StatusCode::OK, "{job}");
            if job["isJobCompleted"] == true {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the verification did not end");
    }

    async fn begin(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask("POST", path, body.to_string()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        self.ended(answer["verificationId"].as_str().unwrap()).await
    }
}

fn place(route: &str) -> String {
    format!("/verify-server/v2/{route}/{CHAIN_ID}/{VAULT:#x}")
}

/// As Foundry 1.7.1 sends it.
fn standard() -> Value {
    let input: Value = serde_json::from_str(INPUT).unwrap();
    json!({
        "stdJsonInput": input,
        "compilerVersion": VERSION,
        "contractIdentifier": "src/Vault.sol:Vault",
    })
}

fn with_metadata() -> Value {
    let input: Value = serde_json::from_str(INPUT).unwrap();
    let sources = input["sources"].as_object().unwrap().iter();
    let sources: BTreeMap<_, _> =
        sources.map(|(name, source)| (name, source["content"].clone())).collect();
    let metadata: Value = serde_json::from_str(METADATA).unwrap();
    json!({"metadata": metadata, "sources": sources})
}

#[tokio::test]
async fn foundrys_way_through_sourcifys_api() {
    let node = Node::new(true);
    let (status, answer) = node.get(&place("contract")).await;
    assert_eq!((status, &answer["match"]), (StatusCode::NOT_FOUND, &Value::Null));
    for field in ["match", "creationMatch", "runtimeMatch", "chainId", "address"] {
        assert!(answer.get(field).is_some(), "{field}: Hardhat looks for it");
    }
    let (_, begun) = node.ask("POST", &place("verify"), standard().to_string()).await;
    // One question is enough, though the compiler takes a while: Foundry would wait for 15 s.
    let id = begun["verificationId"].as_str().unwrap();
    let (_, job) = node.get(&format!("/verify-server/v2/verify/{id}")).await;
    assert_eq!(job["contract"]["match"], "exact_match", "{job}");
    assert!(job.get("error").is_none() && job["jobFinishTime"].is_string(), "{job}");
    let (status, answer) = node.get(&place("contract")).await;
    assert_eq!((status, &answer["match"]), (StatusCode::OK, &json!("exact_match")));
    assert!(answer.get("sources").is_none());
    let (_, answer) = node.get(&(place("contract") + "?fields=all")).await;
    assert_eq!(answer["sources"], standard()["stdJsonInput"]["sources"]);
    assert_eq!(answer["compilation"]["fullyQualifiedName"], "src/Vault.sol:Vault");
    let (status, answer) = node.ask("POST", &place("verify"), standard().to_string()).await;
    assert_eq!((status, &answer["customCode"]), (StatusCode::CONFLICT, &json!("already_verified")));
    // Without a slash between URL and route.
    let (status, _) = node.get(&place("contract").replace("server/v2", "serverv2")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn one_changed_byte_is_refused_and_nothing_is_kept() {
    let node = Node::new(true);
    let mut code = vault_code();
    code[9] ^= 1;
    node.contracts.replace(VAULT, code.into());
    let job = node.begin(&place("verify"), &standard()).await;
    assert_eq!(job["contract"]["match"], Value::Null);
    assert_eq!(
        (&job["error"]["customCode"], &job["error"]["code"]),
        (&json!("no_match"), &json!("VER-0008"))
    );
    assert_eq!(node.get(&place("contract")).await.0, StatusCode::NOT_FOUND);
    let (_, list) = node.get("/verification/contracts").await;
    assert_eq!(list["contracts"], json!([]));
}

#[tokio::test]
async fn what_is_declared_is_shown_as_such_and_a_restart_keeps_everything() {
    let node = Node::new(false);
    let (status, refused) = node.ask("POST", &place("verify"), standard().to_string()).await;
    assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!("VER-0004")));
    let job = node.begin(&place("verify/metadata"), &with_metadata()).await;
    assert_eq!((&job["proof"], &job["contract"]["match"]), (&json!("declared"), &Value::Null));
    assert_eq!(node.get(&place("contract")).await.0, StatusCode::NOT_FOUND);
    let own = format!("/verification/contracts/{VAULT:#x}");
    let (status, record) = node.get(&own).await;
    assert_eq!((status, &record["proof"]), (StatusCode::OK, &json!("declared")));
    assert_eq!(record["verified"], false);
    // With a compiler the same request proves more.
    let node = node.restarted(true);
    assert_eq!(node.get(&own).await.1["proof"], "declared");
    let job = node.begin(&place("verify/metadata"), &with_metadata()).await;
    assert_eq!(job["contract"]["match"], "exact_match");
    let node = node.restarted(false);
    let (_, record) = node.get(&own).await;
    assert_eq!(
        (&record["verified"], &record["contract"]),
        (&json!(true), &json!("src/Vault.sol:Vault"))
    );
    let (_, list) = node.get("/verification/contracts").await;
    assert_eq!(list["contracts"], json!([VAULT.to_checksum(None)]));
    // A record is of one code: where there is another one, it says nothing.
    node.contracts.replace(VAULT, vec![0x60, 0x00].into());
    assert_eq!(node.get(&own).await.0, StatusCode::NOT_FOUND);
    assert_eq!(node.get(&place("contract")).await.0, StatusCode::NOT_FOUND);
}

fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let parts = fields.iter().map(|(name, value)| format!("{name}={}", escape(value)));
    parts.collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn hardhats_and_foundrys_way_through_etherscans_api() {
    let node = Node::new(true);
    let address = format!("{VAULT:#x}");
    let about = |action: &str| {
        format!(
            "/api?module=contract&action={action}&chainid={CHAIN_ID}&apikey=x&address={address}"
        )
    };
    let (status, abi) = node.get(&about("getabi")).await;
    assert_eq!((status, &abi["status"]), (StatusCode::OK, &json!("0")));
    assert_eq!(abi["result"], "Contract source code not verified");
    let (_, source) = node.get(&about("getsourcecode")).await;
    assert_eq!((&source["status"], &source["result"][0]["SourceCode"]), (&json!("1"), &json!("")));
    // Hardhat has module and action in the URL, Foundry in the body.
    let fields = [
        ("contractaddress", address.as_str()),
        ("sourceCode", INPUT),
        ("codeformat", "solidity-standard-json-input"),
        ("contractname", "src/Vault.sol:Vault"),
        ("compilerversion", &format!("v{VERSION}")),
        ("constructorArguments", ""),
    ];
    let (_, begun) = node.ask("POST", &about("verifysourcecode"), form(&fields)).await;
    assert_eq!(begun["status"], "1", "{begun}");
    let guid = begun["result"].as_str().unwrap();
    node.ended(guid).await;
    let check = form(&[("module", "contract"), ("action", "checkverifystatus"), ("guid", guid)]);
    let (_, checked) = node.ask("POST", "/api", check).await;
    assert_eq!((&checked["status"], &checked["result"]), (&json!("1"), &json!("Pass - Verified")));
    let (_, source) = node.get(&about("getsourcecode")).await;
    let text = source["result"][0]["SourceCode"].as_str().unwrap();
    assert!(text.starts_with("{{") && text.ends_with("}}"), "{text}");
    let (_, abi) = node.get(&about("getabi")).await;
    let abi: Value = serde_json::from_str(abi["result"].as_str().unwrap()).unwrap();
    assert!(abi.as_array().unwrap().len() > 3);
    let (_, again) = node.ask("POST", &about("verifysourcecode"), form(&fields)).await;
    assert_eq!(again["result"], "Contract source code already verified");
    let nobody = format!("{:#x}", Address::repeat_byte(9));
    let mut missing = fields;
    missing[0].1 = &nobody;
    let (_, missing) = node.ask("POST", &about("verifysourcecode"), form(&missing)).await;
    let words = missing["result"].as_str().unwrap();
    assert!(words.starts_with("Unable to locate ContractCode at"), "{words}");
}

#[tokio::test]
async fn hostile_requests_are_refused() {
    let node = Node::new(true);
    let post = async |path: String, body: Vec<u8>| node.ask("POST", &path, body).await;
    let code = |answer: (StatusCode, Value)| (answer.0.as_u16(), answer.1["code"].clone());
    let verify = || place("verify");
    let large = vec![b' '; REQUEST_BYTES_MAX + 1];
    assert_eq!(code(post(verify(), large).await), (413, json!("VER-0002")));
    assert_eq!(code(post(verify(), b"{".to_vec()).await), (400, json!("VER-0001")));
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert_eq!(code(post(verify(), deep).await), (400, json!("VER-0001")));
    let other = verify().replace("20771", "1");
    assert_eq!(code(post(other, b"{}".to_vec()).await), (404, json!("VER-0005")));
    let odd = verify().replace("0x7777", "0xzz77");
    assert_eq!(code(post(odd, b"{}".to_vec()).await), (400, json!("VER-0001")));
    for path in ["/verification/contracts/..%2f..%2fnetwork", "/verification/contracts?after=x"] {
        assert_eq!(code(node.get(path).await), (400, json!("VER-0001")), "{path}");
    }
    let unknown = node.get("/verify-server/v2/verify/11111111").await;
    assert_eq!(code(unknown), (404, json!("VER-0016")));
    let (status, answer) = node.ask("POST", "/api", "module=contract&action=x%").await;
    assert_eq!((status.as_u16(), &answer["status"]), (200, &json!("0")));
    let (_, answer) = node.get("/api?module=contract&action=verifysourcecode").await;
    assert!(answer["result"].as_str().unwrap().contains("by POST"), "{answer}");
    let request = |name: &str, value: &str| {
        let request = Request::builder().method("POST").uri(place("verify"));
        let request = request.header("host", "localhost").header(name, value);
        request.body(Body::from("{}")).unwrap()
    };
    // A web page of a stranger may not make this node work; one of the list may, and is told so.
    let status = async |request| node.send(request).await.status().as_u16();
    let strange = node.send(request("origin", "https://evil.example")).await;
    assert!(!strange.headers().contains_key("access-control-allow-origin"));
    assert_eq!(status(request("origin", "https://page.example")).await, 400);
    let mut rebound = request("accept", "*/*");
    rebound.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(status(rebound).await, 403);
    let preflight = Request::builder()
        .method("OPTIONS")
        .uri(place("verify"))
        .header("host", "localhost")
        .header("origin", "https://page.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-private-network", "true");
    let answer = node.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()["access-control-allow-private-network"], "true");
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://page.example");
}

/// Bodies that come byte by byte take no place from whole ones.
#[tokio::test]
async fn slow_requests_hold_up_nobody() {
    let node = Node::new(true);
    let mut slow = Vec::new();
    for _ in 0..4 * WORKING_MAX {
        let begun = futures::stream::once(async { Ok::<_, std::io::Error>("{".to_owned()) });
        let body = Body::from_stream(begun.chain(futures::stream::pending()));
        let request = Request::builder().method("POST").uri(place("verify"));
        let request = request.header("host", "localhost").body(body).unwrap();
        let router = node.router.clone();
        slow.push(tokio::spawn(router.oneshot(request)));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let job = node.begin(&place("verify"), &standard()).await;
    assert_eq!(job["contract"]["match"], "exact_match");
    assert!(slow.iter().all(|one| !one.is_finished()));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}
