//! What the divergence reports in a data folder say, in short. The ledger writes them
//! (`docs/en/operations.md` describes the form).

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::data_folder;

/// Bytes read of one report: an encoded block in hexadecimal, and what is said about it.
const REPORT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The reports of a data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DivergenceReports {
    /// How many there are.
    pub count: usize,
    /// The newest one.
    pub newest: Option<NewestReport>,
}

/// A report in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestReport {
    /// The file.
    pub path: PathBuf,
    /// `refused` or `final`; empty where the file cannot be read as a report.
    pub kind: String,
    /// Height of the block.
    pub height: u64,
    /// The first field that differs.
    pub field: String,
}

#[derive(Default, serde::Deserialize)]
struct Content {
    kind: String,
    height: u64,
    field: String,
}

/// Looks at the reports of a data folder; writes nothing.
pub fn reports(data_folder: &Path) -> DivergenceReports {
    let Ok(entries) = fs::read_dir(data_folder::reports(data_folder)) else {
        return DivergenceReports::default();
    };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("divergence-") && name.ends_with(".json")
        })
        .map(|entry| {
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            (written.unwrap_or(SystemTime::UNIX_EPOCH), entry.path())
        })
        .collect();
    found.sort();
    let count = found.len();
    let newest = found.pop().map(|(_, path)| {
        let Content { kind, height, field } = read(&path).unwrap_or_default();
        NewestReport { path, kind, height, field }
    });
    DivergenceReports { count, newest }
}

fn read(path: &Path) -> Option<Content> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(REPORT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_report_is_told_and_a_damaged_one_is_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(reports(folder.path()), DivergenceReports::default());
        let reports_folder = data_folder::reports(folder.path());
        fs::create_dir(&reports_folder).unwrap();
        let write = |name: &str, text: &str, seconds: u64| {
            let path = reports_folder.join(name);
            fs::write(&path, text).unwrap();
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
            path
        };
        let report = r#"{"kind":"refused","height":7,"field":"stateRoot","block":"0x"}"#;
        let path = write("divergence-7-aa.json", report, 2);
        write("divergence-9-bb.json", "{", 1);
        write("other.json", "{", 9);
        let newest =
            NewestReport { path, kind: "refused".into(), height: 7, field: "stateRoot".into() };
        assert_eq!(reports(folder.path()), DivergenceReports { count: 2, newest: Some(newest) });
        let damaged = write("divergence-8-cc-final.json", "not JSON", 3);
        let newest = reports(folder.path()).newest.unwrap();
        assert_eq!((newest.path, newest.field.as_str()), (damaged, ""));
    }
}
