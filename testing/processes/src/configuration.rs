//! Mistakes that an operator makes before a node ever runs.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use eyre::{Result, eyre};
use rustix::process::Signal;

use crate::{
    checks::{Checks, Expected},
    clock::until,
    program::{Ended, Program},
    raw_http,
};

const ADMIN: &str = "0x0000000000000000000000000000000000000001";

/// A node of a network of one, whose files each check breaks in turn.
struct Files<'a> {
    program: &'a Program,
    folder: PathBuf,
    rpc: u16,
    p2p: u16,
}

/// Everything that must stop a node before it starts.
///
/// # Errors
/// The machine refuses files or processes.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    let files = Files {
        program,
        folder: program.folder.join("configuration"),
        rpc: program.port_base,
        p2p: program.port_base + 1,
    };
    fs::create_dir_all(&files.folder)?;
    files.make("genesis.json", "7412883")?;
    texts(&files, checks).await?;
    key_and_genesis(&files, checks).await?;
    ports(&files, checks).await?;
    folders(&files, checks).await?;
    open_files(&files, checks).await
}

impl Files<'_> {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn make(&self, genesis: &str, chain_id: &str) -> Result<()> {
        let key = self.path("node-key.pem");
        if !self.folder.join("node-key.pem").exists() {
            self.program.must(&["keys", "new", "--out", &key])?;
        }
        let public = self.program.must(&["keys", "show", &key])?;
        let validator = format!("Bank A={}", public.trim());
        let out = self.path(genesis);
        self.program.must(&[
            "genesis",
            "new",
            "--chain-id",
            chain_id,
            "--validator",
            &validator,
            "--validator-admin",
            ADMIN,
            "--out",
            &out,
        ])?;
        Ok(())
    }

    fn valid(&self) -> String {
        format!(
            "organisation = \"Bank A\"\n[p2p]\nlisten = \"127.0.0.1:{}\"\n[rpc]\nlisten = \"127.0.0.1:{}\"\n",
            self.p2p, self.rpc
        )
    }

    async fn ends(
        &self,
        name: &str,
        text: &str,
        checks: &mut Checks,
        code: &str,
        words: &[&str],
    ) -> Result<()> {
        let config = self.folder.join("node.toml");
        fs::write(&config, text)?;
        let ended = self.program.node_that_ends(&config).await?;
        checks.clear_error(name, &ended, &Expected { exit: 1, code, words });
        Ok(())
    }
}

async fn texts(files: &Files<'_>, checks: &mut Checks) -> Result<()> {
    let missing = files.folder.join("missing.toml");
    let ended = files.program.node_that_ends(&missing).await?;
    let expected = Expected { exit: 1, code: "NOD-0001", words: &["missing.toml", "--config"] };
    checks.clear_error("missing file", &ended, &expected);
    let valid = files.valid();
    let deep = format!("organisation = \"A\"\nx = {}{}\n", "[".repeat(5_000), "]".repeat(5_000));
    let huge = format!("organisation = \"{}\"\n", "A".repeat(2 * 1024 * 1024));
    for (name, text, code, words) in [
        ("typing mistake in a key", valid.replace("listen", "lisen"), "NOD-0003", &["line 3", "p2p.listen"][..]),
        ("unknown section", format!("{valid}[p2q]\n"), "NOD-0003", &["p2q"]),
        ("wrong type", valid.replace("\"Bank A\"", "5"), "NOD-0004", &["organisation", "line 1"]),
        ("required key missing", valid.replace("organisation", "#"), "NOD-0004", &["organisation"]),
        ("bad address", valid.replace("127.0.0.1:", "127.0.0.1.9:"), "NOD-0004", &["p2p.listen"]),
        ("value out of range", format!("{valid}connections_max = 0\n"), "NOD-0005", &["rpc.connections_max"]),
        ("key twice", format!("{valid}listen = \"127.0.0.1:1\"\n"), "NOD-0002", &["line"]),
        ("no TOML", "\u{0}\u{1}\u{2}".into(), "NOD-0002", &["TOML"]),
        ("deeply nested TOML", deep, "NOD-0002", &[]),
        ("file of 2 MiB", huge, "NOD-0001", &["node.toml"]),
        (
            "unknown name of a peer",
            valid.replace("[rpc]", &format!("[[p2p.peers]]\norganisation = \"B\"\nkey = \"0x{}\"\naddress = \"no-such-host.invalid:1\"\n[rpc]", "11".repeat(32))),
            "NOD-0023",
            &["no-such-host.invalid", "getent"],
        ),
        ("one address for two listeners", valid.replace(&files.p2p.to_string(), &files.rpc.to_string()), "NOD-0005", &["p2p.listen"]),
    ] {
        files.ends(name, &text, checks, code, words).await?;
    }
    Ok(())
}

async fn key_and_genesis(files: &Files<'_>, checks: &mut Checks) -> Result<()> {
    let valid = files.valid();
    let key = files.folder.join("node-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    files
        .ends("key readable by others", &valid, checks, "NOD-0008", &["0644", "chmod 600"])
        .await?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    let kept = fs::read(&key)?;
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")?;
    files.ends("key file damaged", &valid, checks, "NOD-0007", &["node-key.pem", "backup"]).await?;
    fs::write(&key, kept)?;
    let genesis = files.folder.join("genesis.json");
    let kept = fs::read_to_string(&genesis)?;
    for (name, text) in [
        ("genesis is no JSON", "{".to_string()),
        ("genesis deeply nested", "[".repeat(200_000)),
        ("genesis with an unknown field", kept.replacen('{', "{\"colour\":1,", 1)),
        ("genesis with a value of the wrong type", kept.replace("\"Bank A\"", "5")),
    ] {
        fs::write(&genesis, text)?;
        files
            .ends(name, &valid, checks, "NOD-0006", &["genesis.json", "heqi genesis check"])
            .await?;
    }
    fs::remove_file(&genesis)?;
    files
        .ends("genesis missing", &valid, checks, "NOD-0006", &["genesis.json", "another member"])
        .await?;
    fs::write(&genesis, kept)?;
    Ok(())
}

async fn ports(files: &Files<'_>, checks: &mut Checks) -> Result<()> {
    let valid = files.valid();
    for (name, port, code, key) in [
        ("rpc port in use", files.rpc, "NOD-0013", "rpc.listen"),
        ("p2p port in use", files.p2p, "NOD-0014", "p2p.listen"),
    ] {
        let taken = TcpListener::bind(("127.0.0.1", port))?;
        files.ends(name, &valid, checks, code, &["already in use", key, "ss -ltnp"]).await?;
        drop(taken);
    }
    let foreign = valid.replacen("127.0.0.1", "192.0.2.1", 1);
    files
        .ends(
            "address of another machine",
            &foreign,
            checks,
            "NOD-0014",
            &["192.0.2.1", "p2p.listen"],
        )
        .await
}

async fn folders(files: &Files<'_>, checks: &mut Checks) -> Result<()> {
    let valid = files.valid();
    let config = files.folder.join("running.toml");
    fs::write(&config, &valid)?;
    let mut node = files.program.node(&config, &files.folder.join("running.log"))?;
    let data = files.folder.join("data");
    let began =
        until(Duration::from_secs(20), async || raw_http::get(files.rpc, "/livez").await.ok());
    checks.check("a node of a network of one starts", began.await.is_some(), "/livez answers");
    let pid = node.child.id().to_string();
    let second = valid
        .replace(&files.rpc.to_string(), &(files.rpc + 5).to_string())
        .replace(&files.p2p.to_string(), &(files.p2p + 5).to_string());
    files
        .ends("second process on one data folder", &second, checks, "NOD-0009", &[&pid, "data_dir"])
        .await?;
    node.signal(Signal::TERM);
    let exit = node.exit_within(Duration::from_secs(6)).await;
    checks.check(
        "it stops with exit code 0",
        matches!(exit, Some((Some(0), _))),
        &format!("{exit:?}"),
    );
    files.make("other.json", "9999999")?;
    let other = format!("genesis_file = \"other.json\"\n{valid}");
    files
        .ends(
            "data folder of another network",
            &other,
            checks,
            "NOD-0010",
            &["7412883", "9999999", "data_dir"],
        )
        .await?;
    fs::remove_dir_all(&data)?;
    fs::write(&data, "a file")?;
    files
        .ends("file in place of the data folder", &valid, checks, "NOD-0011", &["data", "data_dir"])
        .await
}

/// Clients must not be able to take the files that the stores need.
async fn open_files(files: &Files<'_>, checks: &mut Checks) -> Result<()> {
    fs::remove_file(files.folder.join("data"))?;
    let config = files.folder.join("files.toml");
    fs::write(&config, files.valid())?;
    let log = files.folder.join("files.log");
    let mut few = files.program.node_with_open_files(&config, &log, 300)?;
    let exit = few.exit_within(Duration::from_secs(20)).await.and_then(|(exit, _)| exit);
    let ended = Ended { exit, text: fs::read_to_string(&log)?, out: String::new() };
    let expected =
        Expected { exit: 1, code: "NOD-0020", words: &["open files is 300", "ulimit -a"] };
    checks.clear_error("limit of 300 open files", &ended, &expected);
    let mut node = files.program.node_with_open_files(&config, &log, 700)?;
    let alive = async || raw_http::get(files.rpc, "/livez").await.ok();
    until(Duration::from_secs(20), alive).await.ok_or_else(|| eyre!("no answer"))?;
    let mut held = Vec::new();
    for _ in 0..1_000 {
        held.extend(tokio::net::TcpStream::connect(("127.0.0.1", files.rpc)).await);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let running = node.child.try_wait()?.is_none();
    let count = held.len();
    drop(held);
    let back = until(Duration::from_secs(10), alive).await.is_some();
    let text = fs::read_to_string(&log)?;
    let told = text.contains("\"connections_max\":188") && !text.contains("\"level\":\"error\"");
    let seen =
        format!("{count} connections; running {running}, serving afterwards {back}, warned {told}");
    checks.check(
        "1,000 connections below a limit of 700 open files",
        running && back && told,
        &seen,
    );
    node.signal(Signal::TERM);
    let exit = node.exit_within(Duration::from_secs(6)).await;
    checks.check(
        "it stops with exit code 0 as well",
        matches!(exit, Some((Some(0), _))),
        &format!("{exit:?}"),
    );
    Ok(())
}
