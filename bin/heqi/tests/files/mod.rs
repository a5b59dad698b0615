//! A node's files and the program as users call it, for the tests of this folder.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

pub fn heqi(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heqi"))
        .args(arguments)
        .current_dir(folder)
        .env("LANG", "C")
        .env_remove("LC_ALL")
        .env_remove("HEQI_LOG")
        .env_remove("ETH_RPC_URL")
        .output()
        .expect("the program was built with this test")
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by itself")
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().into()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into()
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("writable");
}

/// Two ports that were free a moment ago.
pub fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
    let (first, second) = (bind(), bind());
    (port(&first), port(&second))
}

/// A node's files: valid, with this node as the only validator.
pub fn valid_node(folder: &Path, rpc: u16, p2p: u16) {
    let key = out(&heqi(folder, &["keys", "new"]));
    let validator = format!("Bank A={key}");
    let made = heqi(
        folder,
        &[
            "genesis",
            "new",
            "--chain-id",
            "7412883",
            "--validator",
            &validator,
            "--validator-admin",
            "0x0000000000000000000000000000000000000001",
        ],
    );
    assert_eq!(code(&made), 0, "{}", err(&made));
    write(
        folder,
        "node.toml",
        &format!(
            "organisation = \"Bank A\"\n[p2p]\nlisten = \"127.0.0.1:{p2p}\"\n\
             [rpc]\nlisten = \"127.0.0.1:{rpc}\"\n[log]\nformat = \"json\"\n"
        ),
    );
}

/// A running process; dropping it kills it.
pub struct Running(std::process::Child);

impl Running {
    /// Starts the node of `folder` and waits until it is ready.
    pub fn node(folder: &Path, rpc: u16) -> Self {
        let log = fs::File::create(folder.join("node.log")).expect("writable");
        let child = Command::new(env!("CARGO_BIN_EXE_heqi"))
            .args(["node", "run", "--config", "node.toml"])
            .current_dir(folder)
            .stderr(log)
            .stdin(std::process::Stdio::null())
            .spawn()
            .expect("the program was built with this test");
        let running = Self(child);
        wait_ready(rpc, folder);
        running
    }

    /// Stops it in good order and waits until it has ended.
    pub fn stop(mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("an id"), rustix::process::Signal::TERM)
            .expect("it runs");
        assert!(self.0.wait().expect("its own child").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `/readyz` is 200.
pub fn wait_ready(rpc: u16, folder: &Path) {
    let time = std::time::Duration::from_secs(2);
    for _ in 0..600 {
        let answer = heqi::http::Url::local(rpc).get("/readyz", time);
        if answer.is_ok_and(|(status, _)| status == 200) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let log = fs::read_to_string(folder.join("node.log")).unwrap_or_default();
    panic!("not ready within a minute:\n{log}");
}
