//! Snapshots of a running network in an S3-compatible store: a server of its own, real requests.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use eyre::{Result, eyre};
use serde_json::Value;

use crate::{
    checks::{Checks, Expected},
    clock::until,
    network::{NAMES, Network},
    program::{Ended, Program, Running},
    raw_http,
    traffic::Trickle,
};

/// The server: a program that the operator installs, looked for in `PATH`.
const SERVER: &str = "moto_server";
/// How it is installed.
const INSTALL: &str = "python3 -m venv s3 && s3/bin/pip install 'moto[s3,server]', then \
                       PATH=$PWD/s3/bin:$PATH";
/// What the server, which checks no signatures, takes for one.
const ANYBODY: &str = "AWS4-HMAC-SHA256 Credential=operator/20260101/us-east-1/s3/aws4_request, \
                       SignedHeaders=host, Signature=0";
const BUCKET: &str = "snapshots";
const PLACE: &str = "s3://snapshots/ledgers/one";
/// The node that loses its data folder.
const VICTIM: usize = 3;
/// Time for the server to answer.
const SERVER_TIME: Duration = Duration::from_secs(30);
/// Time for the restored node to follow.
const FOLLOW_TIME: Duration = Duration::from_secs(60);

/// A running store with an empty bucket.
struct Store<'a> {
    program: &'a Program,
    port: u16,
    server: Running,
}

impl<'a> Store<'a> {
    /// `None` where the server is not installed.
    async fn start(program: &'a Program, port: u16) -> Result<Option<Self>> {
        let server = Command::new(SERVER)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = server else { return Ok(None) };
        let store = Self { program, port, server: Running { child } };
        let up = until(SERVER_TIME, async || store.put(BUCKET, b"").await.ok()).await;
        up.map(|_| Some(store)).ok_or_else(|| eyre!("{SERVER} does not answer"))
    }

    /// Writes a bucket or an object past `heqi`.
    async fn put(&self, path: &str, content: &[u8]) -> Result<()> {
        self.request("PUT", path, content).await
    }

    async fn request(&self, method: &str, path: &str, content: &[u8]) -> Result<()> {
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
             authorization: {ANYBODY}\r\ncontent-length: {}\r\n\r\n",
            content.len()
        );
        let answer = raw_http::send(self.port, &[head.as_bytes(), content].concat()).await?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(eyre!("{method} {path}: {status} {:.200}", answer.body)),
        }
    }

    fn object(name: &str) -> String {
        format!("{BUCKET}/ledgers/one/{name}")
    }

    /// `heqi snapshot …` with the credentials in its environment.
    fn snapshot(&self, arguments: &[&str]) -> Result<Ended> {
        let mut command = self.program.command(&[&["snapshot"], arguments].concat());
        command.env("AWS_ACCESS_KEY_ID", "operator").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_REGION", "eu-central-1");
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        let output = command.output()?;
        Ok(Ended {
            exit: output.status.code(),
            text: String::from_utf8_lossy(&output.stderr).into(),
            out: String::from_utf8_lossy(&output.stdout).into(),
        })
    }
}

/// All checks.
///
/// # Errors
/// A network or the server does not start.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    let network = Network::start(program, "snapshots", 0).await?;
    let Some(mut store) = Store::start(program, program.port_base + 90).await? else {
        checks.not_run("snapshots in an S3 store", &format!("no {SERVER}: {INSTALL}"));
        return Ok(());
    };
    let genesis = network.folder.join("genesis.json").display().to_string();
    let url = network.url(0);
    let create = ["-o", "json", "create", "--to", PLACE, "--rpc", &url, "--genesis", &genesis];
    let ended = store.snapshot(&create)?;
    let expected = Expected { exit: 1, code: "CLI-0020", words: &["s3://", "http"] };
    checks.clear_error("a store without TLS is refused unless allowed", &ended, &expected);

    let height = created(&store, &network, &create, checks).await?;
    verified(&store, &genesis, checks).await?;
    let ended = store.snapshot(&[&create[..], &["--allow-http"]].concat())?;
    let expected = Expected { exit: 2, code: "CLI-0010", words: &[PLACE] };
    checks.clear_error("a second snapshot in its place", &ended, &expected);
    restored(&store, &network, &genesis, height, checks).await?;

    store.server.signal(rustix::process::Signal::KILL);
    let _ = store.server.exit_within(Duration::from_secs(5)).await;
    let ended =
        store.snapshot(&["verify", "--from", PLACE, "--genesis", &genesis, "--allow-http"])?;
    let expected = Expected { exit: 1, code: "CLI-0020", words: &["cannot read", PLACE] };
    checks.clear_error("a store that is gone", &ended, &expected);
    Ok(())
}

/// Under traffic; answers the snapshot's height.
async fn created(
    store: &Store<'_>,
    network: &Network<'_>,
    create: &[&str],
    checks: &mut Checks,
) -> Result<u64> {
    let trickles = [Trickle::start(network.url(0), 1), Trickle::start(network.url(1), 2)];
    tokio::time::sleep(Duration::from_secs(3)).await;
    let arguments = [create, &["--allow-http"]].concat();
    let ended = tokio::task::block_in_place(|| store.snapshot(&arguments))?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let made: Value = serde_json::from_str(&ended.out).unwrap_or_default();
    let seen = format!("exit {:?}, {}{}", ended.exit, ended.out.trim(), ended.text);
    checks.check("a snapshot into an S3 store", ended.exit == Some(0), &seen);
    for trickle in trickles {
        let promises = trickle.finish().await?;
        checks.check("transactions go on meanwhile", promises.went_on(), &promises.to_string());
    }
    made["height"].as_u64().ok_or_else(|| eyre!("no height"))
}

async fn verified(store: &Store<'_>, genesis: &str, checks: &mut Checks) -> Result<()> {
    let verify = ["verify", "--from", PLACE, "--genesis", genesis, "--allow-http"];
    let ended = store.snapshot(&verify)?;
    let seen = format!("exit {:?} {}{}", ended.exit, ended.out, ended.text);
    checks.check("it verifies", ended.exit == Some(0), &seen);

    let refused = |words| Expected { exit: 2, code: "CLI-0018", words };
    let body = Store::object("body.rlp");
    let extra = Store::object("stranger");
    store.put(&extra, b"x").await?;
    let words = ["stranger does not belong"];
    checks.clear_error("an object too many", &store.snapshot(&verify)?, &refused(&words));
    store.request("DELETE", &extra, b"").await?;
    // A body without transactions has one byte in each of two lists.
    store.put(&body, &[0xc1, 0xc1]).await?;
    let words = ["body.rlp: "];
    checks.clear_error("a changed object", &store.snapshot(&verify)?, &refused(&words));
    store.put(&body, b"").await?;
    let words = ["body.rlp: it has 0 bytes"];
    checks.clear_error("an object cut off", &store.snapshot(&verify)?, &refused(&words));
    store.request("DELETE", &body, b"").await?;
    let words = ["body.rlp is missing"];
    checks.clear_error("an object lost", &store.snapshot(&verify)?, &refused(&words));
    Ok(())
}

/// The rest works on a second snapshot: the first one is damaged.
async fn restored(
    store: &Store<'_>,
    network: &Network<'_>,
    genesis: &str,
    height: u64,
    checks: &mut Checks,
) -> Result<()> {
    let place = "s3://snapshots/two";
    let url = network.url(1);
    let create = ["create", "--to", place, "--rpc", &url, "--genesis", genesis, "--allow-http"];
    let made = store.snapshot(&create)?;
    checks.check("another snapshot", made.exit == Some(0), &made.text);
    network.devnet("stop", &[NAMES[VICTIM]])?;
    let data = network.node_folder(VICTIM).join("data");
    std::fs::remove_dir_all(&data)?;
    let data = data.display().to_string();
    let restore =
        ["restore", "--from", place, "--genesis", genesis, "--data", &data, "--allow-http"];
    let ended = store.snapshot(&restore)?;
    let seen = format!("exit {:?} {}{}", ended.exit, ended.out, ended.text);
    checks.check("a data folder out of an S3 store", ended.exit == Some(0), &seen);
    network.devnet("start", &[NAMES[VICTIM]])?;
    let goal = network.client(0)?.height().await?;
    let found = until(FOLLOW_TIME, async || {
        let now = network.client(VICTIM).ok()?.height().await.ok()?;
        (now >= goal && now >= height).then_some(now)
    });
    let found = found.await;
    checks.check("the restored node follows", found.is_some(), &format!("{found:?}, {goal}"));
    Ok(())
}
