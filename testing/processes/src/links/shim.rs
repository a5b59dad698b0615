//! A wrong clock and a slow disk for one process: a small C library that is compiled here and
//! loaded into the node with `LD_PRELOAD`. A file that both map decides what it does at a moment.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Result, WrapErr, ensure};

/// Variable that names the control file to the library.
const CONTROL_VARIABLE: &str = "PROCESSES_CONTROL";
/// Bytes of the control file: four numbers of 64 bits.
const CONTROL_BYTES: u64 = 32;

/// The library.
pub struct Shim(PathBuf);

impl Shim {
    /// Compiles it into `folder`.
    ///
    /// # Errors
    /// There is no C compiler `cc`.
    pub fn build(folder: &Path) -> Result<Self> {
        let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
        fs::write(&source, include_str!("shim.c"))?;
        let output = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .wrap_err("cc")?;
        ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self(library))
    }

    /// What a node's environment needs, and the control of that node.
    ///
    /// # Errors
    /// The control file cannot be written.
    pub fn control(&self, path: &Path) -> Result<([(String, String); 2], Control)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.wrap_err_with(|| path.display().to_string())?;
        file.set_len(CONTROL_BYTES)?;
        let environment = [
            ("LD_PRELOAD".to_string(), self.0.display().to_string()),
            (CONTROL_VARIABLE.to_string(), path.display().to_string()),
        ];
        Ok((environment, Control(file)))
    }
}

/// Clock and disk of one node.
pub struct Control(File);

impl Control {
    /// From now on the node's wall clock is so much ahead, milliseconds.
    ///
    /// # Errors
    /// The control file cannot be written.
    pub fn set_clock_ahead_ms(&self, offset_ms: i64) -> Result<()> {
        Ok(self.0.write_all_at(&offset_ms.to_ne_bytes(), 0)?)
    }

    /// From now on each sync of the node takes so much longer, milliseconds.
    ///
    /// # Errors
    /// The control file cannot be written.
    pub fn set_sync_delay_ms(&self, delay_ms: i64) -> Result<()> {
        Ok(self.0.write_all_at(&delay_ms.to_ne_bytes(), 8)?)
    }

    /// How often the wrong clock was read.
    ///
    /// # Errors
    /// The control file cannot be read.
    pub fn wrong_clock_reads(&self) -> Result<u64> {
        self.number(16)
    }

    /// How many syncs were slowed down.
    ///
    /// # Errors
    /// The control file cannot be read.
    pub fn slow_syncs(&self) -> Result<u64> {
        self.number(24)
    }

    fn number(&self, offset: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, offset)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::*;

    /// Runs `date` or `sync` under the library: other programs than nodes obey it as well.
    #[test]
    fn a_clock_is_wrong_and_a_sync_slow_as_the_control_says() {
        let folder = tempfile::tempdir().unwrap();
        let shim = Shim::build(folder.path()).unwrap();
        let (environment, control) = shim.control(&folder.path().join("control")).unwrap();
        control.set_clock_ahead_ms(10_500).unwrap();
        let output = Command::new("date").arg("+%s%3N").envs(environment.clone()).output().unwrap();
        let told: i128 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let ahead = told - i128::try_from(now).unwrap();
        assert!((9_000..=10_500).contains(&ahead), "{ahead}");
        assert!(control.wrong_clock_reads().unwrap() > 0);
        control.set_sync_delay_ms(300).unwrap();
        let begin = Instant::now();
        let file = folder.path().join("control");
        let status = Command::new("sync").arg("-d").arg(&file).envs(environment).status().unwrap();
        assert!(status.success() && begin.elapsed().as_millis() >= 300);
        assert_eq!(control.slow_syncs().unwrap(), 1);
    }
}
