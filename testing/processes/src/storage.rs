//! Volumes that are too small, full or read-only: small tmpfs mounts under one node's data folder.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use eyre::{Result, WrapErr, eyre};

use crate::{
    checks::{Checks, Expected},
    clock::until,
    lifecycle::kept,
    network::{NAMES, Network},
    program::Program,
    raw_http,
    traffic::Trickle,
};

/// The node with the small volume.
const VICTIM: usize = 0;

/// A mounted tmpfs; dropping it unmounts it.
struct Volume(PathBuf);

impl Volume {
    fn mount(path: &Path, megabytes: u32) -> Result<Self, String> {
        fs::create_dir_all(path).map_err(|error| error.to_string())?;
        let size = format!("size={megabytes}m");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], path)?;
        Ok(Self(path.to_path_buf()))
    }

    /// A process that has just stopped may hold its files for a moment longer.
    async fn remount(&self, options: &str) -> Result<()> {
        let options = format!("remount,{options}");
        let remounted =
            until(Duration::from_secs(5), async || mount(&["-o", &options], &self.0).ok());
        remounted
            .await
            .map(|_| ())
            .ok_or_else(|| eyre!("{options} of {} refused", self.0.display()))
    }

    /// Writes until the volume is full up to `left` bytes.
    fn fill(&self, left_megabytes: u64) -> Result<()> {
        let mut file = File::create(self.0.join("filler"))?;
        let block = vec![1; 64 * 1024];
        loop {
            let free = rustix::fs::statvfs(&self.0)?;
            if free.f_bavail * free.f_frsize <= left_megabytes << 20 {
                return Ok(());
            }
            if file.write_all(&block).is_err() {
                return Ok(());
            }
        }
    }

    fn free(&self) -> Result<()> {
        fs::remove_file(self.0.join("filler")).wrap_err("filler")
    }
}

fn mount(arguments: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(path).output();
    let output = output.map_err(|error| format!("mount: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazy: a process that is just ending may still hold a file.
        match Command::new("umount").arg("-l").arg(&self.0).status() {
            Ok(status) if status.success() => {}
            other => println!("  {} is still mounted: {other:?}", self.0.display()),
        }
    }
}

/// All checks of this group.
///
/// # Errors
/// The network does not start.
pub async fn run(program: &Program, checks: &mut Checks) -> Result<()> {
    let data = Network::place(program, "storage", 5).node_folder(VICTIM).join("data");
    let volume = match Volume::mount(&data, 320) {
        Ok(volume) => volume,
        Err(reason) => {
            checks.not_run(
                "full, small and read-only volumes",
                &format!("cannot mount a tmpfs: {reason}"),
            );
            return Ok(());
        }
    };
    // Declared after the volume: it is taken down first.
    let network = Network::start(program, "storage", 5).await?;
    warns(&network, checks).await;
    fills_slowly(&network, &volume, checks).await?;
    full_at_once(&network, &volume, checks).await?;
    read_only(&network, &volume, checks).await?;
    too_small(program, &network, checks).await
}

/// The node stops by itself and the reason is the last thing in its log.
async fn stops(
    network: &Network<'_>,
    log_start: usize,
    checks: &mut Checks,
    name: &str,
    expected: &Expected<'_>,
) -> Result<()> {
    let stopped =
        until(Duration::from_secs(45), async || network.pid(VICTIM).ok()?.is_none().then_some(()))
            .await;
    let log = network.log_after(VICTIM, log_start);
    checks.check(
        &format!("{name}: the node stops by itself"),
        stopped.is_some(),
        &format!("{stopped:?}"),
    );
    checks.clear_log(&format!("{name}: its log says why"), &log, expected);
    Ok(())
}

async fn back(
    network: &Network<'_>,
    trickle: Trickle,
    checks: &mut Checks,
    name: &str,
) -> Result<()> {
    network.devnet("start", &[NAMES[VICTIM]])?;
    let ready = network.ready(VICTIM).await;
    checks.check(
        &format!("{name}: it continues once there is space"),
        ready.is_ok(),
        &format!("{ready:?}"),
    );
    let promises = trickle.finish().await?;
    let seen = promises.to_string();
    checks.check(&format!("{name}: the others go on"), promises.went_on(), &seen);
    kept(network, &[&promises], checks, &format!("{name}: nothing final is lost")).await
}

/// A volume of 320 MB is far below the default warning of 4 GiB: the node runs and says so.
async fn warns(network: &Network<'_>, checks: &mut Checks) {
    let seen = network.readiness(VICTIM).await.unwrap_or_default();
    let warned = seen["warnings"]
        .as_array()
        .is_some_and(|warnings| warnings.iter().any(|warning| warning["reason"] == "disk_low"));
    let lines = network.log(VICTIM).matches("\"code\":\"NOD-0025\"").count();
    checks.check(
        "low space: a ready node warns, once in its log",
        warned && seen["ready"] == true && lines == 1,
        &format!("{} lines, {}", lines, seen["warnings"]),
    );
    let metrics = raw_http::get(network.rpc_port(VICTIM), "/metrics").await;
    let metrics = metrics.map(|answer| answer.body).unwrap_or_default();
    let shown = metrics.contains("heqi_storage_disk_warning_bytes 4294967296")
        && metrics.contains("heqi_storage_disk_reserve_bytes 134217728");
    checks.check("low space: the bounds are metrics", shown, "heqi_storage_disk_*");
}

/// Below the reserve of 128 MiB a node stops while it still can in good order, with an exit code
/// of its own, and starts again once there is room.
async fn fills_slowly(network: &Network<'_>, volume: &Volume, checks: &mut Checks) -> Result<()> {
    let log_start = network.log(VICTIM).len();
    let trickle = Trickle::start(network.url(1), 8);
    tokio::time::sleep(Duration::from_secs(2)).await;
    volume.fill(100)?;
    let words = &["reserve of 134217728", "free space", "\"stopping\""];
    let expected = Expected { exit: 5, code: "NOD-0024", words };
    stops(network, log_start, checks, "space runs low", &expected).await?;
    let config = network.node_folder(VICTIM).join("node.toml");
    let ended = network.program().node_that_ends(&config).await?;
    let expected =
        Expected { exit: 5, code: "NOD-0012", words: &["201326592 needed", "free space"] };
    checks.clear_error("space runs low: no start below 192 MiB", &ended, &expected);
    let config = config.display().to_string();
    let doctor = network.program().run(&["doctor", "--config", &config, "--json"])?;
    let named = ["NOD-0012", "not_running", "store_opens"];
    let missing: Vec<&str> = named.into_iter().filter(|word| !doctor.out.contains(word)).collect();
    checks.check(
        "space runs low: the doctor names it and opens the store",
        doctor.exit == Some(1) && missing.is_empty(),
        &format!("exit {:?}, missing {missing:?}", doctor.exit),
    );
    volume.free()?;
    back(network, trickle, checks, "space runs low").await
}

/// Something else takes the last byte in one moment: the next write fails in the middle.
async fn full_at_once(network: &Network<'_>, volume: &Volume, checks: &mut Checks) -> Result<()> {
    network.devnet("stop", &[NAMES[VICTIM]])?;
    let config = network.node_folder(VICTIM).join("node.toml");
    let log = network.folder.join("full.log");
    let mut node = network.program().node(&config, &log)?;
    network.ready(VICTIM).await?;
    let trickles = [Trickle::start(network.url(1), 9), Trickle::start(network.url(VICTIM), 10)];
    tokio::time::sleep(Duration::from_secs(2)).await;
    volume.fill(0)?;
    let exit = node.exit_within(Duration::from_secs(30)).await;
    let text = fs::read_to_string(&log)?;
    checks.check(
        "full at once: exit code 5",
        matches!(exit, Some((Some(5), _))),
        &format!("{exit:?}"),
    );
    // Whichever comes first: the write that fails, or the look at the free space.
    let failed = text.contains("NOD-0012");
    let (code, word) =
        if failed { ("NOD-0012", "disk full") } else { ("NOD-0024", "before the disk is full") };
    let expected = Expected { exit: 5, code, words: &[word, "free space"] };
    checks.clear_log("full at once: its log says why", &text, &expected);
    volume.free()?;
    let [others, own] = trickles;
    back(network, others, checks, "full at once").await?;
    kept(
        network,
        &[&own.finish().await?],
        checks,
        "full at once: what the full node itself promised is kept",
    )
    .await
}

async fn read_only(network: &Network<'_>, volume: &Volume, checks: &mut Checks) -> Result<()> {
    network.devnet("stop", &[NAMES[VICTIM]])?;
    volume.remount("ro").await?;
    let config = network.node_folder(VICTIM).join("node.toml");
    let ended = network.program().node_that_ends(&config).await?;
    let expected = Expected { exit: 1, code: "NOD-0011", words: &["read-only", "data_dir"] };
    checks.clear_error("read-only volume", &ended, &expected);
    volume.remount("rw").await?;
    network.devnet("start", &[NAMES[VICTIM]])?;
    let ready = network.ready(VICTIM).await;
    checks.check("it continues once the volume is writable", ready.is_ok(), &format!("{ready:?}"));
    Ok(())
}

async fn too_small(program: &Program, network: &Network<'_>, checks: &mut Checks) -> Result<()> {
    let folder = program.folder.join("small");
    fs::create_dir_all(&folder)?;
    let _volume = Volume::mount(&folder.join("data"), 30).map_err(|error| eyre!(error))?;
    let config = fs::read_to_string(network.node_folder(VICTIM).join("node.toml"))?;
    let genesis = network.folder.join("genesis.json").display().to_string();
    fs::copy(network.node_folder(VICTIM).join("node-key.pem"), folder.join("node-key.pem"))?;
    fs::write(folder.join("node.toml"), config.replace("../genesis.json", &genesis))?;
    let ended = program.node_that_ends(&folder.join("node.toml")).await?;
    let expected =
        Expected { exit: 5, code: "NOD-0012", words: &["201326592 needed", "free space"] };
    checks.clear_error("volume of 30 MB", &ended, &expected);
    Ok(())
}
