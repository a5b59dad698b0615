//! The folder of reports.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    time::SystemTime,
};

use super::{Divergence, Kind};

/// Reports in the folder. The oldest goes first, those about final blocks last.
const REPORTS_MAX: usize = 64;
/// Bytes of all reports in the folder, the newest apart.
const REPORTS_BYTES_MAX: u64 = 256 * 1024 * 1024;
const PREFIX: &str = "divergence-";
const SUFFIX: &str = ".json";
const FINAL_SUFFIX: &str = "-final.json";
/// Hexadecimal digits of the hash in a name.
const HASH_DIGITS: usize = 16;

/// The name of a report: `divergence-HEIGHT-HASHPREFIX.json`, with `-final` before the dot where the
/// block is final.
pub(super) fn name(divergence: &Divergence) -> String {
    let suffix = if divergence.kind == Kind::Final { FINAL_SUFFIX } else { SUFFIX };
    let hash = alloy_primitives::hex::encode(divergence.block.hash());
    format!("{PREFIX}{}-{}{suffix}", divergence.block.number(), &hash[..HASH_DIGITS])
}

/// Writes a report and removes what exceeds the bounds; answers how many there are.
pub(super) fn keep(folder: &Path, name: &str, text: &str) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    // Written aside, made durable and then renamed: a crash leaves the whole file or none.
    let aside = folder.join("report.new");
    let mut file = File::create(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, folder.join(name))?;
    remove_oldest(folder, name)?;
    File::open(folder)?.sync_all()?;
    Ok(count(folder))
}

/// Reports in the folder; none where it cannot be read.
pub(super) fn count(folder: &Path) -> usize {
    list(folder).map_or(0, |found| found.len())
}

struct Found {
    name: String,
    written: SystemTime,
    bytes: u64,
}

fn list(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with(PREFIX) || !name.ends_with(SUFFIX) {
            continue;
        }
        let metadata = entry.metadata()?;
        let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        found.push(Found { name, written, bytes: metadata.len() });
    }
    Ok(found)
}

fn remove_oldest(folder: &Path, newest: &str) -> io::Result<()> {
    let mut found = list(folder)?;
    found.retain(|report| report.name != newest);
    found.sort_by_key(|report| (report.name.ends_with(FINAL_SUFFIX), report.written));
    let mut bytes: u64 = found.iter().map(|report| report.bytes).sum();
    let mut count = found.len() + 1;
    for report in found {
        if count <= REPORTS_MAX && bytes <= REPORTS_BYTES_MAX {
            break;
        }
        fs::remove_file(folder.join(&report.name))?;
        count -= 1;
        bytes = bytes.saturating_sub(report.bytes);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_bounded_and_final_blocks_go_last() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(count(&folder.path().join("none")), 0);
        fs::write(folder.path().join("notes.txt"), "not a report").unwrap();
        keep(folder.path(), "divergence-1-aa-final.json", "{}").unwrap();
        for number in 2..REPORTS_MAX + 8 {
            let kept = keep(folder.path(), &format!("divergence-{number}-bb.json"), "{}").unwrap();
            assert_eq!(kept, number.min(REPORTS_MAX));
        }
        assert!(folder.path().join("divergence-1-aa-final.json").exists());
        assert!(!folder.path().join("divergence-2-bb.json").exists());
        assert!(folder.path().join(format!("divergence-{}-bb.json", REPORTS_MAX + 7)).exists());
        assert!(folder.path().join("notes.txt").exists());
        assert!(!folder.path().join("report.new").exists());
    }

    #[test]
    fn the_bytes_are_bounded_but_the_newest_stays() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..2 {
            let path = folder.path().join(format!("divergence-{number}-cc.json"));
            // Sparse: takes no room.
            File::create(path).unwrap().set_len(REPORTS_BYTES_MAX / 2 + 1).unwrap();
        }
        assert_eq!(keep(folder.path(), "divergence-9-cc.json", "{}").unwrap(), 2);
        assert!(folder.path().join("divergence-9-cc.json").exists());
    }
}
