//! The files of all machines of a network, in memory, and what of them is on the medium.
//!
//! In place of the deterministic runtime's storage, which copies a whole file for every sync: here a
//! sync costs what it makes durable. Who opens a file sees what is durable. A power cut tears: any
//! half of the bytes that were written and not synced may be on the medium.

use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use alloy_primitives::hex;
use commonware_runtime::{BlobVersion, Error, IoBufs, IoBufsMut};

use crate::random::Random;

/// All files. Cloning shares them; they outlive every life of the network.
#[derive(Clone, Default)]
pub struct Files(Arc<Mutex<Partitions>>);

type Partition = BTreeMap<Vec<u8>, Arc<Mutex<Content>>>;

#[derive(Default)]
struct Partitions {
    by_name: BTreeMap<String, Partition>,
    /// Digest of all writes and syncs so far.
    digest: u64,
}

/// One file.
struct Content {
    version: BlobVersion,
    /// On the medium.
    durable: Vec<u8>,
    /// As whoever has it open sees it.
    live: Vec<u8>,
    /// Written since the last sync.
    unsynced: Vec<Range<usize>>,
    /// Least length since the last sync, if it became shorter.
    cut_to: Option<usize>,
    /// Alive while it is open.
    open: Weak<()>,
}

impl Files {
    /// Names in a partition, ascending.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        let partitions = self.lock();
        let found = partitions.by_name.get(partition);
        let found = found.ok_or_else(|| Error::PartitionMissing(partition.into()))?;
        Ok(found.keys().cloned().collect())
    }

    /// Digest of everything that was written and synced: equal for equal runs.
    pub fn digest(&self) -> u64 {
        self.lock().digest
    }

    pub(super) fn open(
        &self,
        partition: &str,
        name: &[u8],
        versions: &RangeInclusive<BlobVersion>,
    ) -> Result<(File, u64, BlobVersion), Error> {
        let mut partitions = self.lock();
        let entry = partitions.by_name.entry(partition.to_owned()).or_default();
        let content = entry.entry(name.to_vec()).or_insert_with(|| {
            let version = *versions.end();
            Arc::new(Mutex::new(Content::new(version)))
        });
        let content = Arc::clone(content);
        drop(partitions);
        let mut found = lock(&content);
        if !versions.contains(&found.version) {
            let (expected, found) = (versions.clone(), found.version);
            return Err(Error::BlobVersionMismatch { expected, found });
        }
        if found.open.strong_count() > 0 {
            return Err(Error::BlobAlreadyOpen(partition.into(), hex::encode(name)));
        }
        let owner = Arc::new(());
        found.open = Arc::downgrade(&owner);
        found.forget_unsynced();
        let (length, version) = (length(found.live.len()), found.version);
        drop(found);
        let file = File { files: self.clone(), content, _owner: owner };
        Ok((file, length, version))
    }

    pub(super) fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        let mut partitions = self.lock();
        let missing = || Error::PartitionMissing(partition.into());
        match name {
            None => partitions.by_name.remove(partition).map(drop).ok_or_else(missing),
            Some(name) => {
                let found = partitions.by_name.get_mut(partition).ok_or_else(missing)?;
                let missing = || Error::BlobMissing(partition.into(), hex::encode(name));
                found.remove(name).map(drop).ok_or_else(missing)
            }
        }
    }

    /// Empties the disk of whoever's partitions begin with `start`.
    pub fn remove_all(&self, start: &str) {
        self.lock().by_name.retain(|name, _| !name.starts_with(start));
    }

    /// The power is cut: of what was not synced, any half of the bytes is on the medium.
    pub(crate) fn tear(&self, random: &mut Random) {
        for partition in self.lock().by_name.values() {
            for content in partition.values() {
                lock(content).tear(random);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Partitions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event into the digest.
    fn audit(&self, kind: u64, position: usize, bytes: &[u8]) {
        let mut partitions = self.lock();
        let mut digest = partitions.digest;
        for part in [kind, length(position), length(bytes.len())] {
            digest = mixed(digest, part);
        }
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            digest = mixed(digest, u64::from_le_bytes(word));
        }
        partitions.digest = digest;
    }
}

/// FNV-1a over words.
const fn mixed(digest: u64, word: u64) -> u64 {
    (digest ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn position(offset: u64) -> Result<usize, Error> {
    usize::try_from(offset).map_err(|_| Error::OffsetOverflow)
}

fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Content {
    const fn new(version: BlobVersion) -> Self {
        Self {
            version,
            durable: Vec::new(),
            live: Vec::new(),
            unsynced: Vec::new(),
            cut_to: None,
            open: Weak::new(),
        }
    }

    /// As after the death of who had it open.
    fn forget_unsynced(&mut self) {
        if self.unsynced.is_empty() && self.live.len() == self.durable.len() {
            return;
        }
        self.live.clone_from(&self.durable);
        self.unsynced.clear();
        self.cut_to = None;
    }

    fn write(&mut self, at: usize, bytes: &[u8], sync: bool) -> Result<(), Error> {
        let end = at.checked_add(bytes.len()).ok_or(Error::OffsetOverflow)?;
        put(&mut self.live, at, bytes);
        if sync {
            put(&mut self.durable, at, bytes);
        }
        // Also what is durable already: a cut that is not synced yet would take it away.
        if !sync || self.cut_to.is_some() {
            match self.unsynced.last_mut() {
                Some(last) if last.end == at => last.end = end,
                _ => self.unsynced.push(at..end),
            }
        }
        Ok(())
    }

    fn resize(&mut self, length: usize) {
        if length < self.live.len() {
            self.cut_to = Some(self.cut_to.map_or(length, |cut| cut.min(length)));
        }
        self.live.resize(length, 0);
    }

    fn sync(&mut self) {
        if let Some(cut) = self.cut_to.take() {
            self.durable.truncate(cut);
        }
        self.durable.resize(self.live.len(), 0);
        for range in std::mem::take(&mut self.unsynced) {
            let range = range.start.min(self.live.len())..range.end.min(self.live.len());
            self.durable[range.clone()].copy_from_slice(&self.live[range]);
        }
    }

    fn tear(&mut self, random: &mut Random) {
        for range in std::mem::take(&mut self.unsynced) {
            for at in range.start..range.end.min(self.live.len()) {
                if random.chance(50) {
                    let byte = self.live[at];
                    put(&mut self.durable, at, &[byte]);
                }
            }
        }
        self.cut_to = None;
        self.live.clone_from(&self.durable);
    }
}

/// Writes `bytes` at a position; what lies before it and was not there is zero.
fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// An open file.
pub(super) struct File {
    files: Files,
    content: Arc<Mutex<Content>>,
    _owner: Arc<()>,
}

impl File {
    /// Exactly `len` bytes, in the buffers given if their size is right.
    pub(super) fn read(
        &self,
        offset: u64,
        len: usize,
        mut bufs: IoBufsMut,
    ) -> Result<IoBufsMut, Error> {
        let at = position(offset)?;
        let end = at.checked_add(len).ok_or(Error::OffsetOverflow)?;
        let content = lock(&self.content);
        let found = content.live.get(at..end).ok_or(Error::BlobInsufficientLength)?;
        if bufs.len() == len {
            bufs.copy_from_slice(found);
            return Ok(bufs);
        }
        Ok(found.to_vec().into())
    }

    pub(super) fn write(&self, offset: u64, bufs: IoBufs, sync: bool) -> Result<(), Error> {
        let mut at = position(offset)?;
        let mut written = Ok(());
        bufs.for_each_chunk(|chunk| {
            if written.is_ok() {
                self.files.audit(u64::from(sync), at, chunk);
                written = lock(&self.content).write(at, chunk, sync);
                at += chunk.len();
            }
        });
        written
    }

    pub(super) fn resize(&self, length: u64) -> Result<(), Error> {
        let length = position(length)?;
        self.files.audit(2, length, &[]);
        lock(&self.content).resize(length);
        Ok(())
    }

    pub(super) fn sync(&self) {
        let mut content = lock(&self.content);
        self.files.audit(3, content.live.len(), &[]);
        content.sync();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: RangeInclusive<BlobVersion> = BlobVersion::new(0)..=BlobVersion::new(0);

    fn open(files: &Files) -> (File, u64) {
        let (file, length, _) = files.open("a", b"b", &VERSIONS).unwrap();
        (file, length)
    }

    fn read(file: &File, offset: u64, length: usize) -> Vec<u8> {
        let bufs = file.read(offset, length, IoBufsMut::default()).unwrap();
        bufs.coalesce().as_ref().to_vec()
    }

    #[test]
    fn what_was_not_synced_is_gone_when_the_file_is_opened_again() {
        let files = Files::default();
        let (file, length) = open(&files);
        assert_eq!(length, 0);
        assert!(matches!(files.open("a", b"b", &VERSIONS), Err(Error::BlobAlreadyOpen(..))));
        file.write(0, vec![1, 2, 3, 4].into(), false).unwrap();
        file.sync();
        file.write(2, vec![9, 9, 9].into(), false).unwrap();
        file.write(7, vec![7].into(), true).unwrap();
        assert_eq!(read(&file, 0, 8), [1, 2, 9, 9, 9, 0, 0, 7]);
        drop(file);
        let (file, length) = open(&files);
        assert_eq!((length, read(&file, 0, 8)), (8, vec![1, 2, 3, 4, 0, 0, 0, 7]));
        assert!(file.read(1, 8, IoBufsMut::default()).is_err());
    }

    #[test]
    fn a_cut_is_durable_with_the_sync_after_it_and_what_grows_again_is_zero() {
        let files = Files::default();
        let (file, _) = open(&files);
        file.write(0, vec![1; 6].into(), true).unwrap();
        file.resize(2).unwrap();
        file.resize(4).unwrap();
        file.write(3, vec![5].into(), true).unwrap();
        assert_eq!(read(&file, 0, 4), [1, 1, 0, 5]);
        file.sync();
        drop(file);
        let (file, length) = open(&files);
        assert_eq!((length, read(&file, 0, 4)), (4, vec![1, 1, 0, 5]));
        file.resize(1).unwrap();
        drop(file);
        assert_eq!(open(&files).1, 4, "a cut without a sync did not happen");
    }

    #[test]
    fn a_power_cut_keeps_some_bytes_that_were_not_synced_and_a_removed_file_stays_readable() {
        let files = Files::default();
        let (file, _) = open(&files);
        file.write(0, vec![0; 64].into(), true).unwrap();
        file.write(0, vec![1; 64].into(), false).unwrap();
        drop(file);
        files.tear(&mut Random::new(1));
        let (file, _) = open(&files);
        let kept = read(&file, 0, 64).iter().filter(|byte| **byte == 1).count();
        assert!((16..48).contains(&kept), "{kept}");
        files.remove("a", Some(b"b")).unwrap();
        assert_eq!(open(&files).1, 0);
        assert_eq!(read(&file, 0, 64).len(), 64);
        assert!(files.scan("c").is_err());
    }
}
