//! Proved contracts on disk: one file each, named by the address, written aside and renamed, so that a
//! crash leaves the old one or the new one.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Write as _},
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, hex};

use crate::{
    Proof, Record, VerificationError,
    limits::{RECORD_BYTES_MAX, RECORDS_MAX, STORE_BYTES_MAX, STORE_COMPILED_PERCENT},
    record::RECORD_FORMAT,
};

const ENDING: &str = ".json";
const ASIDE_ENDING: &str = ".new";

/// The records of one node.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Bytes of each file.
    sizes: Mutex<BTreeMap<Address, u64>>,
}

impl Store {
    /// Opens the folder, making it where it is missing.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(folder: &Path) -> Result<Self, VerificationError> {
        let failed = failed(folder);
        fs::create_dir_all(folder).map_err(&failed)?;
        let mut sizes = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(ASIDE_ENDING) {
                // Left by a crash; the next one overwrites it anyway.
                let _ = fs::remove_file(entry.path());
            } else if let Some(address) = address_of(&name) {
                sizes.insert(address, entry.metadata().map_err(&failed)?.len());
            }
        }
        Ok(Self { folder: folder.to_path_buf(), sizes: Mutex::new(sizes) })
    }

    /// Records, how many.
    pub fn len(&self) -> usize {
        self.sizes().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At most `count` addresses above `after`, ascending.
    pub fn addresses(&self, after: Option<Address>, count: usize) -> Vec<Address> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.sizes().range((from, Bound::Unbounded)).take(count).map(|(found, _)| *found).collect()
    }

    /// The record of an address.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn get(&self, address: Address) -> Result<Option<Record>, VerificationError> {
        if !self.sizes().contains_key(&address) {
            return Ok(None);
        }
        let path = self.path(address);
        let failed = failed(&path);
        let mut text = Vec::new();
        let file = File::open(&path).map_err(&failed)?;
        file.take(RECORD_BYTES_MAX as u64).read_to_end(&mut text).map_err(&failed)?;
        let record: Record = serde_json::from_slice(&text).map_err(|error| {
            VerificationError::Store(format!("{}: {error}; remove the file", path.display()))
        })?;
        if record.format != RECORD_FORMAT || record.address != address {
            let cause = format!("{}: not of this release; remove the file", path.display());
            return Err(VerificationError::Store(cause));
        }
        Ok(Some(record))
    }

    /// Keeps a record, durably, unless there is a stronger one of the same code.
    ///
    /// # Errors
    /// No room, or the file cannot be written.
    pub fn put(&self, record: &Record) -> Result<(), VerificationError> {
        if let Ok(Some(known)) = self.get(record.address)
            && known.code_hash == record.code_hash
            && known.proof >= record.proof
        {
            return Ok(());
        }
        let text = serde_json::to_vec(record)
            .map_err(|error| VerificationError::Store(error.to_string()))?;
        crate::input::limit("the size of the contract in bytes", text.len(), RECORD_BYTES_MAX)?;
        let mut sizes = self.sizes();
        let old = sizes.get(&record.address).copied();
        let bytes: u64 = sizes.values().sum::<u64>() - old.unwrap_or(0);
        let size = text.len() as u64;
        let (records_max, bytes_max) = room_for(record.proof);
        if sizes.len() >= records_max && old.is_none() || bytes + size > bytes_max {
            let cause = format!("{} contracts, {bytes} bytes: the limit is reached", sizes.len());
            return Err(VerificationError::Store(cause));
        }
        let path = self.path(record.address);
        write_durably(&path, &text).map_err(failed(&path))?;
        sizes.insert(record.address, size);
        Ok(())
    }

    fn path(&self, address: Address) -> PathBuf {
        self.folder.join(format!("{}{ENDING}", hex::encode(address)))
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeMap<Address, u64>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records and bytes up to which there is room for another one.
pub(crate) fn room_for(proof: Proof) -> (usize, u64) {
    match proof {
        Proof::Compiled => (RECORDS_MAX, STORE_BYTES_MAX),
        Proof::Declared => {
            let share = 100 - STORE_COMPILED_PERCENT;
            let records = RECORDS_MAX as u64 * share / 100;
            (usize::try_from(records).unwrap_or(RECORDS_MAX), STORE_BYTES_MAX * share / 100)
        }
    }
}

fn address_of(name: &str) -> Option<Address> {
    let digits = name.strip_suffix(ENDING)?;
    let own = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    digits.parse().ok().filter(|_| own && digits.len() == 40)
}

fn write_durably(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension("json.new");
    let mut file = File::create(&aside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> VerificationError + use<> {
    let path = path.display().to_string();
    move |error| VerificationError::Store(format!("{path}: {error}"))
}
