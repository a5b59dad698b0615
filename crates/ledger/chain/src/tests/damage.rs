//! Damaged files: whatever happens to one, the store opens and is right, or names the damage. Never
//! a wrong answer, never a missing one, never a panic.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use alloy_primitives::keccak256;
use types::{ValidatorKey, ValidatorSet};

use super::{
    crash::copy,
    fixture::{certificate, open, plain_chain},
    history::{apply_change, one_change},
};
use crate::{
    ChainError, ChainOptions, ChainStore, FinalizedBlock, LogFilter, LogLimits, LogQueryError,
    OldValue,
};

const BLOCKS: u64 = 40;
/// Up to here everything is in table files, above in the journal only.
const FLUSHED: u64 = 25;

fn set(epoch: u64) -> ValidatorSet {
    let keys = [1u8, 2, 3].map(|key| ValidatorKey([key + epoch as u8; 32]));
    ValidatorSet::new(keys.to_vec()).unwrap()
}

/// A store with table files and a journal.
fn fill(path: &Path, blocks: &[FinalizedBlock]) {
    fill_with(path, blocks, ChainOptions::default());
}

/// The same, with blocks that are pruned on the way. The validators change with every epoch.
fn fill_with(path: &Path, blocks: &[FinalizedBlock], options: ChainOptions) {
    let store = ChainStore::open(path, options).unwrap();
    for block in blocks {
        let number = block.block.number();
        if number > 0 {
            store.append_history(number, &one_change(number)).unwrap();
        }
        store.append(block).unwrap();
        store.put_certificate(number, &certificate(block)).unwrap();
        if number % 10 == 9 {
            store.put_validators(number / 10, &set(number / 10)).unwrap();
        }
        if number == FLUSHED {
            store.persist().unwrap();
            for table in store.tables.all() {
                table.rotate_memtable_and_wait().unwrap();
            }
        }
    }
    store.persist().unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip { part: u64, parts: u64 },
    Truncate { part: u64, parts: u64 },
    Delete,
}

const DAMAGES: [Damage; 7] = [
    Damage::Delete,
    Damage::Truncate { part: 0, parts: 1 },
    Damage::Truncate { part: 2, parts: 3 },
    Damage::Flip { part: 0, parts: 1 },
    Damage::Flip { part: 1, parts: 7 },
    Damage::Flip { part: 1, parts: 2 },
    Damage::Flip { part: 11, parts: 12 },
];

/// The journal is allocated ahead; only what was written counts.
fn used_bytes(file: &Path) -> u64 {
    let bytes = fs::read(file).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// False where the file is too short for this damage.
fn inflict(file: &Path, damage: Damage) -> bool {
    let length = used_bytes(file);
    match damage {
        Damage::Delete => fs::remove_file(file).unwrap(),
        Damage::Truncate { part, parts } => {
            fs::OpenOptions::new()
                .write(true)
                .open(file)
                .unwrap()
                .set_len(length * part / parts)
                .unwrap();
        }
        Damage::Flip { part, parts } => {
            if length == 0 {
                return false;
            }
            let mut file = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
            let at = length * part / parts;
            let mut byte = [0];
            file.seek(SeekFrom::Start(at)).unwrap();
            file.read_exact(&mut byte).unwrap();
            byte[0] ^= 0x10;
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&byte).unwrap();
        }
    }
    true
}

/// What came of a damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    /// Right, without the newest blocks: what a torn write leaves.
    Shorter,
    NamedAtOpening,
    NamedAtReading,
}

/// Reads everything; `Err` is damage named, a panic a wrong answer.
fn read_all(store: &ChainStore, blocks: &[FinalizedBlock]) -> Result<u64, ChainError> {
    let head = store.head().unwrap_or_default();
    let lowest = store.lowest_body().unwrap_or_default();
    for expected in &blocks[..=head as usize] {
        let (number, hash) = (expected.block.number(), expected.block.hash());
        let (header, extension) = store.header(number)?.unwrap();
        assert_eq!((&header, &extension), (expected.block.header(), expected.block.extension()));
        assert_eq!(store.number(hash)?, Some(number), "height of a hash");
        if number > 0 && number < lowest {
            let pruned = store.block(number).unwrap_err();
            assert!(matches!(pruned, ChainError::BlockPruned { .. }), "{number}: {pruned}");
            continue;
        }
        assert_eq!(store.block(number)?.unwrap(), expected.block);
        assert_eq!(store.receipts(number)?.unwrap(), expected.receipts);
        assert_eq!(store.senders(number)?.unwrap(), expected.senders);
        for transaction in expected.block.transactions() {
            let place = store.transaction(keccak256(transaction))?;
            assert_eq!(place.map(|place| place.number), Some(number), "transaction");
        }
    }
    match store.logs(&LogFilter::default(), lowest..=u64::MAX, LogLimits::default()) {
        Ok(logs) => assert_eq!(logs.len() as u64, (head + 1 - lowest) * 2, "logs"),
        Err(LogQueryError::Chain(error)) => return Err(error),
        Err(error) => panic!("{error}"),
    }
    // A certificate is written after its block, so the newest may be lost with a torn journal.
    for number in 0..head {
        let found = store.certificate_at_or_above(number)?;
        assert_eq!(found, Some((number, certificate(&blocks[number as usize]))), "certificate");
    }
    for epoch in 0..head / 10 {
        assert_eq!(store.validators(epoch)?, Some(set(epoch)), "validators");
    }
    let key = one_change(1).changes.into_keys().next().unwrap();
    for height in store.oldest_state()..head {
        let found = store.value_after(&key, height)?;
        assert_eq!(found, OldValue::Was(apply_change(height + 1)), "old value {height}");
    }
    Ok(head)
}

fn outcome(path: &Path, blocks: &[FinalizedBlock], options: ChainOptions) -> (Outcome, String) {
    let store = match ChainStore::open(path, options) {
        Ok(store) => store,
        Err(error @ ChainError::Damaged { .. }) => {
            return (Outcome::NamedAtOpening, error.to_string());
        }
        Err(error) => panic!("not called damage: {error}"),
    };
    match read_all(&store, blocks) {
        Ok(head) if head + 1 == BLOCKS => (Outcome::Right, String::new()),
        Ok(head) => (Outcome::Shorter, format!("up to block {head}")),
        Err(error @ ChainError::Damaged { .. }) => {
            assert!(store.check_everything().is_err(), "the full check finds it as well");
            (Outcome::NamedAtReading, error.to_string())
        }
        Err(error) => panic!("not called damage: {error}"),
    }
}

#[test]
fn every_damaged_file_is_harmless_or_named() {
    damage_everything(ChainOptions::default());
}

/// Of a store that has dropped blocks of earlier epochs, each of which had other validators: their
/// headers, certificates and sets are still whole or named.
#[test]
fn every_damaged_file_of_a_store_with_retention_is_harmless_or_named() {
    damage_everything(ChainOptions { retained_blocks: Some(12), ..ChainOptions::default() });
}

/// A bit in the last record of the journal. Where its checksum tells, it is damage; where the record
/// does not seem to have an end, it cannot be told from a write that was cut off, and is treated as
/// one: the block is fetched again.
#[test]
fn a_bit_flipped_in_the_last_record_of_the_journal_is_named_or_costs_that_record() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let sound = folder.path().join("sound");
    let blocks = plain_chain(BLOCKS);
    let (last, earlier) = blocks.split_last().unwrap();
    fill(&sound, earlier);
    let store = open(&sound);
    store.append_history(BLOCKS - 1, &one_change(BLOCKS - 1)).unwrap();
    store.persist().unwrap();
    let journals = || files(&sound).into_iter().filter(|file| kind(file) == "journal");
    let before: Vec<u64> = journals().map(|journal| used_bytes(&journal)).collect();
    store.append(last).unwrap();
    store.persist().unwrap();
    let (journal, before, after) = journals()
        .zip(before)
        .map(|(journal, before)| (journal.clone(), before, used_bytes(&journal)))
        .find(|(_, before, after)| after > before)
        .unwrap();
    drop(store);
    let name = journal.strip_prefix(&sound).unwrap().to_owned();
    let mut seen = BTreeMap::new();
    // Its first and last bytes, and some between.
    let places = (before..after)
        .filter(|at| at - before < 24 || after - at <= 24 || (at - before).is_multiple_of(61));
    for at in places {
        let copied = folder.path().join("copy");
        copy(&sound, &copied);
        let mut bytes = fs::read(copied.join(&name)).unwrap();
        bytes[at as usize] ^= 0x10;
        fs::write(copied.join(&name), bytes).unwrap();
        let (outcome, text) = outcome(&copied, &blocks, ChainOptions::default());
        println!("byte {} of {}: {outcome:?} {text}", at - before, after - before);
        let kept = outcome != Outcome::Shorter || text == format!("up to block {}", BLOCKS - 2);
        assert!(kept, "byte {at}: {text}");
        assert_ne!(outcome, Outcome::NamedAtReading, "byte {at}: {text}");
        *seen.entry(outcome).or_insert(0) += 1;
        fs::remove_dir_all(&copied).unwrap();
    }
    println!("{seen:?}");
    assert!(seen.contains_key(&Outcome::Shorter), "{seen:?}");
}

fn damage_everything(options: ChainOptions) {
    // Hundreds of stores are opened: in memory where there is such a folder.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let sound = folder.path().join("sound");
    let blocks = plain_chain(BLOCKS);
    fill_with(&sound, &blocks, options);
    let mut table: BTreeMap<(String, Outcome), usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for file in files(&sound).into_iter().filter(|file| is_read(file)) {
        let name = file.strip_prefix(&sound).unwrap().to_owned();
        for damage in DAMAGES {
            let copied = folder.path().join("copy");
            copy(&sound, &copied);
            if inflict(&copied.join(&name), damage) {
                let caught = std::panic::catch_unwind(|| outcome(&copied, &blocks, options));
                match caught {
                    Ok((outcome, text)) => {
                        println!("{} {damage:?}: {outcome:?} {text}", name.display());
                        *table.entry((kind(&name), outcome)).or_default() += 1;
                    }
                    Err(panic) => {
                        let text = panic.downcast_ref::<String>().cloned();
                        failures.push(format!("{} {damage:?}: {text:?}", name.display()));
                    }
                }
            }
            fs::remove_dir_all(&copied).unwrap();
        }
    }
    for ((kind, outcome), count) in &table {
        println!("{kind:>20} {outcome:?}: {count}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let seen = |outcome| table.keys().any(|(_, seen)| *seen == outcome);
    assert!(seen(Outcome::NamedAtOpening) && seen(Outcome::Right));
    assert!(seen(Outcome::NamedAtReading) || seen(Outcome::NamedAtOpening));
}

/// Lists of table files are numbered; only the newest of a table is read.
fn is_read(file: &Path) -> bool {
    let number = |path: &Path| -> Option<u64> {
        path.file_name()?.to_str()?.strip_prefix('v')?.parse().ok()
    };
    let Some(own) = number(file) else {
        return true;
    };
    let siblings = files(file.parent().unwrap());
    siblings.iter().filter_map(|path| number(path)).all(|other| other <= own)
}

fn kind(name: &Path) -> String {
    let text = name.display().to_string();
    match () {
        () if text.ends_with(".jnl") => "journal".into(),
        () if text.contains("tables/") => "table file".into(),
        () if text.contains("keyspaces/") => "list of table files".into(),
        () => text,
    }
}

#[test]
fn a_damaged_store_is_set_aside_once_and_begun_anew_with_its_validators() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let blocks = plain_chain(BLOCKS);
    for round in 0..2 {
        fill(&path, &blocks);
        fs::remove_file(path.join("keyspaces/3/current")).unwrap();
        let (store, aside) = ChainStore::open_or_set_aside(&path, ChainOptions::default()).unwrap();
        let aside = aside.unwrap();
        assert_eq!(aside.folder, folder.path().join("chain.damaged"), "{round}");
        assert!(matches!(aside.damage, ChainError::Damaged { .. }), "{}", aside.damage);
        assert!(files(&aside.folder).len() > 10);
        assert_eq!(store.head(), None);
        // As the engine does: genesis, then where the state stands, then what lies below.
        store.append(&blocks[0]).unwrap();
        for epoch in 0..BLOCKS / 10 {
            assert_eq!(store.validators(epoch).unwrap(), Some(set(epoch)));
        }
        store.join(&blocks[30].block).unwrap();
        store.append(&blocks[31]).unwrap();
        drop(store);
        let (store, aside) = ChainStore::open_or_set_aside(&path, ChainOptions::default()).unwrap();
        assert!(aside.is_none());
        for block in blocks[1..30].iter().rev() {
            let (header, extension) = (block.block.header(), block.block.extension());
            store.backfill_header(header.clone(), extension.clone()).unwrap();
        }
        blocks[1..=30].iter().rev().for_each(|block| store.backfill_body(block).unwrap());
        store.check_everything().unwrap();
        drop(store);
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn other_failures_do_not_set_a_store_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let held = open(&path);
    let error = ChainStore::open_or_set_aside(&path, ChainOptions::default()).err().unwrap();
    assert!(matches!(error, ChainError::Storage(_)), "{error}");
    held.tables.meta.insert("format", 9u32.to_be_bytes()).unwrap();
    drop(held);
    let error = ChainStore::open_or_set_aside(&path, ChainOptions::default()).err().unwrap();
    assert!(matches!(error, ChainError::Format { found: 9, .. }), "{error}");
    assert!(!folder.path().join("chain.damaged").exists());
}

#[test]
fn a_copy_of_the_validators_that_is_damaged_or_of_another_chain_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let copy_of_sets = folder.path().join("chain.validators");
    let blocks = plain_chain(1);
    let store = open(&path);
    store.append(&blocks[0]).unwrap();
    (1..=9).for_each(|epoch| store.put_validators(epoch, &set(epoch)).unwrap());
    drop(store);
    let sound = fs::read(&copy_of_sets).unwrap();
    for (flip, expected) in [(None, Some(set(9))), (Some(0), None), (Some(60), None)] {
        let mut bytes = sound.clone();
        flip.into_iter().for_each(|at: usize| bytes[at] ^= 1);
        fs::write(&copy_of_sets, bytes).unwrap();
        fs::remove_file(path.join("keyspaces/1/current")).unwrap();
        let (store, aside) = ChainStore::open_or_set_aside(&path, ChainOptions::default()).unwrap();
        assert!(aside.is_some());
        store.append(&blocks[0]).unwrap();
        assert_eq!(store.validators(9).unwrap(), expected);
        assert_eq!(store.validators(5).unwrap(), None, "only the newest are kept");
    }
    fs::write(&copy_of_sets, sound).unwrap();
    fs::remove_dir_all(&path).unwrap();
    let store = open(&path);
    store.append(&super::fixture::block(0, super::fixture::word(9), vec![])).unwrap();
    assert_eq!(store.validators(9).unwrap(), None);
}

#[test]
fn damage_found_while_reading_makes_the_next_opening_read_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let blocks = plain_chain(60);
    let store = open(&path);
    blocks.iter().for_each(|block| store.append(block).unwrap());
    // In the middle, where no opening looks by itself.
    store.tables.receipts.insert(30u64.to_be_bytes(), [0xc0]).unwrap();
    drop(store);
    let store = open(&path);
    assert!(store.block(31).is_ok() && !path.join("suspect").exists());
    assert!(store.receipts(30).is_err());
    drop(store);
    let error = ChainStore::open(&path, ChainOptions::default()).err().unwrap();
    assert!(error.to_string().contains("receipts at 30"), "{error}");
    let store = {
        fs::remove_file(path.join("suspect")).unwrap();
        open(&path)
    };
    let receipts = crate::receipts::encode_receipts(&blocks[30].senders, &blocks[30].receipts);
    store.tables.receipts.insert(30u64.to_be_bytes(), receipts).unwrap();
    drop(store);
    crate::damage::mark_suspect(&path);
    drop(open(&path));
    assert!(!path.join("suspect").exists(), "the check is done once");
}
