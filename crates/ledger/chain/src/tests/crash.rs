//! What a killed process or a torn write leaves behind.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::fixture::{check_block, open, plain_chain};
use crate::{ChainOptions, ChainStore, FinalizedBlock, LogFilter, LogLimits};

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Copies a store that is open: what a process leaves behind that dies now. Files that come and go
/// meanwhile would make it a mixture of two moments, so it is copied until none did.
pub fn copy_open(from: &Path, to: &Path) {
    for _ in 0..1_000 {
        let before = files(from);
        let copied = before.iter().all(|(path, ..)| {
            let target = to.join(path.strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(path, target).is_ok()
        });
        if copied && files(from) == before {
            return;
        }
        fs::remove_dir_all(to).unwrap();
    }
    panic!("the store is never at rest");
}

/// All files below a folder, with length and time of the last change.
fn files(folder: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(files(&path)),
            Ok(metadata) => found.push((path, metadata.len(), metadata.modified().unwrap())),
            Err(_) => {}
        }
    }
    found.sort();
    found
}

pub fn journal(folder: &Path) -> PathBuf {
    let mut journals: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    assert_eq!(journals.len(), 1, "{journals:?}");
    journals.remove(0)
}

/// The store holds `blocks[..=head]` whole and nothing of the rest, and takes the rest.
fn check_continues(path: &Path, blocks: &[FinalizedBlock]) -> Option<u64> {
    let store = open(path);
    let head = store.head();
    let held = head.map_or(0, |head| head as usize + 1);
    blocks[..held].iter().for_each(|block| check_block(&store, block));
    let logs = store.logs(&LogFilter::default(), 0..=u64::MAX, LogLimits::default()).unwrap();
    assert_eq!(logs.len(), held * 2);
    blocks[held..].iter().for_each(|block| store.append(block).unwrap());
    blocks.iter().for_each(|block| check_block(&store, block));
    head
}

#[test]
fn a_killed_process_loses_nothing_that_was_appended() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let blocks = plain_chain(30);
    let store = open(&live);
    for (count, block) in blocks[..20].iter().enumerate() {
        store.append(block).unwrap();
        if count == 10 {
            store.persist().unwrap();
        }
    }
    // What the operating system holds when the process is gone: no drop, no last flush.
    let left = folder.path().join("left");
    copy(&live, &left);
    assert_eq!(check_continues(&left, &blocks), Some(19));
}

#[test]
fn a_write_torn_at_any_byte_leaves_whole_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let blocks = plain_chain(4);
    let store = open(&live);
    let mut ends = Vec::new();
    for block in &blocks {
        store.append(block).unwrap();
        ends.push(written_bytes(&live));
    }
    for cut in (ends[1]..=ends[3]).step_by(97) {
        let left = folder.path().join(format!("cut-{cut}"));
        copy(&live, &left);
        let file = fs::OpenOptions::new().write(true).open(journal(&left)).unwrap();
        file.set_len(cut).unwrap();
        drop(file);
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
        assert_eq!(check_continues(&left, &blocks), whole.checked_sub(1), "cut at {cut}");
        fs::remove_dir_all(left).unwrap();
    }
}

/// The journal is allocated ahead with zeros; a batch ends with a fixed trailer that is not zero.
pub fn written_bytes(folder: &Path) -> u64 {
    let bytes = fs::read(journal(folder)).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1
}

#[test]
fn reopening_after_every_block_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = plain_chain(8);
    for block in &blocks {
        let store = ChainStore::open(folder.path(), ChainOptions::default()).unwrap();
        store.append(block).unwrap();
    }
    assert_eq!(check_continues(folder.path(), &blocks), Some(7));
}
