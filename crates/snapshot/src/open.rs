//! Reading a snapshot, believing nothing of it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use alloy_primitives::Bytes;
use state::qmdb::{Database, PageError, PageRequest, ReadPages, verify_page};
use types::{Genesis, Receipt};

use crate::{
    Manifest, Place, SnapshotError,
    layout::{
        BODY_FILE, FILE_BYTES_MAX, RECEIPTS_FILE, is_walk_file, page_files, pages_file,
        pages_of_file, position, split_pages, walk_file,
    },
    manifest::{DIGEST_FILE, FileEntry, MANIFEST_BYTES_MAX, MANIFEST_FILE},
    proof::{Proved, Walk},
};

/// Files held in memory while pages are read: those that a state sync reads ahead in.
const FILES_HELD_MAX: usize = 3;

/// A snapshot whose manifest and proof were checked. Its pages are checked as they are read.
pub struct Snapshot {
    place: Place,
    manifest: Manifest,
    proved: Proved,
    transactions: Vec<Bytes>,
    receipts: Vec<Receipt>,
    held: Mutex<VecDeque<(String, Arc<Vec<u8>>)>>,
    failure: Mutex<Option<SnapshotError>>,
}

impl Snapshot {
    /// Checks everything but the pages: the manifest against its digest, the files that are there
    /// against the manifest, and the block against the genesis file.
    ///
    /// # Errors
    /// What is wrong, with the file that is.
    pub fn open(place: Place, genesis: &Genesis) -> Result<Self, SnapshotError> {
        let listed = place.list()?;
        let manifest = read_manifest(&place, &listed)?;
        let mut walk = Walk::new(genesis)?;
        if manifest.genesis_hash != walk.genesis_hash() || manifest.chain_id != genesis.chain_id {
            let (found, expected) = (manifest.genesis_hash, walk.genesis_hash());
            return Err(SnapshotError::OtherNetwork { found, expected });
        }
        check_listed(&manifest, &listed)?;
        let proved = read_walk(&place, &manifest, &mut walk)?;
        check_manifest(&manifest, &proved)?;
        let transactions = read_named(&place, &manifest, BODY_FILE)
            .and_then(|bytes| proved.body(&bytes).map_err(|error| unproved(BODY_FILE, &error)))?;
        let receipts = read_named(&place, &manifest, RECEIPTS_FILE).and_then(|bytes| {
            proved.receipts(&bytes).map_err(|error| unproved(RECEIPTS_FILE, &error))
        })?;
        let (held, failure) = (Mutex::default(), Mutex::default());
        Ok(Self { place, manifest, proved, transactions, receipts, held, failure })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the manifest, hexadecimal: names the snapshot.
    pub fn digest(&self) -> String {
        crate::manifest::digest(&self.manifest.encode())
    }

    /// The block, and the way to it.
    pub fn proved(&self) -> &Proved {
        &self.proved
    }

    /// The block's transactions.
    pub fn transactions(&self) -> &[Bytes] {
        &self.transactions
    }

    /// The block's receipts.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Checks every page of every file. `report` is told the bytes read so far.
    ///
    /// # Errors
    /// The first file that is wrong.
    pub fn check_pages(&self, report: &mut dyn FnMut(u64)) -> Result<(), SnapshotError> {
        let mut read = 0u64;
        for database in Database::ALL {
            let commitment = database.commitment(&self.proved.block.extension.state);
            for (name, pages) in page_files(database, commitment) {
                let file = read_named(&self.place, &self.manifest, &name)?;
                let found = split_pages(&name, &file, pages.len())?;
                for (page, bytes) in pages.into_iter().zip(found) {
                    verify_page(commitment, page, bytes)
                        .map_err(|error| SnapshotError::damaged(&name, error))?;
                }
                read = read.saturating_add(file.len() as u64);
                report(read);
            }
        }
        Ok(())
    }

    /// What was wrong with the first page that could not be read.
    pub fn failure(&self) -> Option<SnapshotError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read_page(&self, page: PageRequest) -> Result<Vec<u8>, SnapshotError> {
        let commitment = page.database.commitment(&self.proved.block.extension.state);
        let odd = || SnapshotError::damaged(page.database.name(), "it has no such page");
        let (file, index) = position(page, commitment).ok_or_else(odd)?;
        let count = pages_of_file(page.database, commitment, file).len();
        let name = pages_file(page.database, file);
        let content = self.file(&name)?;
        let bytes = split_pages(&name, &content, count)?[index];
        verify_page(commitment, page, bytes)
            .map_err(|error| SnapshotError::damaged(&name, error))?;
        Ok(bytes.to_vec())
    }

    fn file(&self, name: &str) -> Result<Arc<Vec<u8>>, SnapshotError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, content)) = held.iter().find(|(held, _)| held == name) {
            return Ok(Arc::clone(content));
        }
        let content = Arc::new(read_named(&self.place, &self.manifest, name)?);
        held.push_back((name.into(), Arc::clone(&content)));
        if held.len() > FILES_HELD_MAX {
            held.pop_front();
        }
        Ok(content)
    }
}

impl ReadPages for Snapshot {
    async fn page(&self, page: PageRequest) -> Result<Vec<u8>, PageError> {
        self.read_page(page).map_err(|error| {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            PageError::Unread(failure.get_or_insert(error).to_string())
        })
    }
}

fn unproved(file: &str, error: &dyn std::fmt::Display) -> SnapshotError {
    SnapshotError::Unproved(format!("{file}: {error}"))
}

fn read_manifest(place: &Place, listed: &BTreeMap<String, u64>) -> Result<Manifest, SnapshotError> {
    for file in [MANIFEST_FILE, DIGEST_FILE] {
        if !listed.contains_key(file) {
            return Err(SnapshotError::Incomplete { place: place.to_string(), file });
        }
    }
    let text = read_bounded(place, MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
    let digest = read_bounded(place, DIGEST_FILE, MANIFEST_BYTES_MAX)?;
    Manifest::decode(&text, &digest)
}

fn read_bounded(place: &Place, name: &str, limit: usize) -> Result<Vec<u8>, SnapshotError> {
    place.get(name, limit)?.ok_or_else(|| SnapshotError::Missing(name.into()))
}

/// What is there is what the manifest names, no more and no less, and of the right length.
fn check_listed(manifest: &Manifest, listed: &BTreeMap<String, u64>) -> Result<(), SnapshotError> {
    let mut named: BTreeSet<&str> = [MANIFEST_FILE, DIGEST_FILE].into();
    for file in &manifest.files {
        if !named.insert(&file.name) {
            return Err(SnapshotError::damaged(MANIFEST_FILE, "it names a file twice"));
        }
        let bytes = listed.get(&file.name);
        file.check_length(*bytes.ok_or_else(|| SnapshotError::Missing(file.name.clone()))?)?;
    }
    match listed.keys().find(|name| !named.contains(name.as_str())) {
        Some(extra) => Err(SnapshotError::Extra(extra.clone())),
        None => Ok(()),
    }
}

/// The names follow from the block: no other file is ever asked for.
fn check_manifest(manifest: &Manifest, proved: &Proved) -> Result<(), SnapshotError> {
    let header = &proved.block.header;
    let says = (manifest.height, manifest.block_hash, manifest.state_root, manifest.time_ms);
    let time_ms = proved.block.extension.time_ms;
    if says != (header.number, header.hash_slow(), header.state_root, time_ms) {
        let cause = "it tells another block than the one that is proved";
        return Err(SnapshotError::damaged(MANIFEST_FILE, cause));
    }
    let state = &proved.block.extension.state;
    let pages = Database::ALL
        .into_iter()
        .flat_map(|database| page_files(database, database.commitment(state)))
        .map(|(name, _)| name);
    let expected = [BODY_FILE.to_owned(), RECEIPTS_FILE.to_owned()].into_iter().chain(pages);
    let found = manifest.files.iter().map(|file| &file.name).filter(|name| !is_walk_file(name));
    if !expected.eq(found.cloned()) {
        let cause = "it does not name the files of this block's state";
        return Err(SnapshotError::damaged(MANIFEST_FILE, cause));
    }
    Ok(())
}

fn read_walk(place: &Place, manifest: &Manifest, walk: &mut Walk) -> Result<Proved, SnapshotError> {
    let files: Vec<&FileEntry> =
        manifest.files.iter().take_while(|file| is_walk_file(&file.name)).collect();
    for (index, file) in files.iter().enumerate() {
        if file.name != walk_file(index) {
            return Err(SnapshotError::damaged(MANIFEST_FILE, "it names files out of order"));
        }
        let bytes = read_file(place, file)?;
        let proved = walk.advance(&bytes).map_err(|error| unproved(&file.name, &error))?;
        match proved {
            Some(proved) if index + 1 == files.len() => return Ok(proved),
            Some(_) => break,
            None => {}
        }
    }
    Err(SnapshotError::Unproved(
        "the way from the genesis validators does not end at a block".into(),
    ))
}

fn read_named(place: &Place, manifest: &Manifest, name: &str) -> Result<Vec<u8>, SnapshotError> {
    let file = manifest.files.iter().find(|file| file.name == name);
    read_file(place, file.ok_or_else(|| SnapshotError::Missing(name.into()))?)
}

fn read_file(place: &Place, file: &FileEntry) -> Result<Vec<u8>, SnapshotError> {
    let content = read_bounded(place, &file.name, FILE_BYTES_MAX)?;
    file.check(&content)?;
    Ok(content)
}
