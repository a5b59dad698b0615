//! Which of several sets of the library's stores is in use.
//!
//! A set is everything that the library keeps of blocks and state: archives, databases, how far the
//! node is. Where a set is damaged, or lies further back than any peer still serves, the node begins
//! a new one under another name and fetches the state. Journals of votes belong to no set: what this
//! node signed stays what it signed.
//!
//! The number of the set is the name of a blob without content, so that a crash leaves either set
//! whole. What earlier sets left behind in the runtime's folder is removed at the next start, or
//! moved aside where it is damaged, for inspection.
//!
//! # Damage
//!
//! The library ends the process where it meets damage. So before it opens anything, each start looks
//! at the checksums of the newest files ([`CHECKED_BYTES_MAX`]), and of all files where the start
//! before did not come as far as a new block. Each start leaves a mark of how far it came; where
//! [`OPENINGS_MAX`] in a row ended in opening the same stores, these are damaged in a way that no
//! checksum shows, for instance cut off.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use commonware_runtime::{Blob as _, Error, Storage};

use consensus::pages;

use crate::{Config, StartError, start::PAGE_BYTES};

/// Bytes of files that each start looks at, the newest: about a second of reading.
const CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Starts in a row that may end in opening the same stores.
const OPENINGS_MAX: usize = 3;
/// Starts that are remembered.
const STARTS_MAX: usize = 16;

/// How far a start came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Opening the record of a state sync.
    Plan = 1,
    /// Waiting for peers that tell where the network is.
    Asking = 2,
    /// Opening the archives of blocks and certificates.
    Archives = 3,
    /// Opening the state databases.
    Databases = 4,
    /// Waiting for a first new block.
    Running = 5,
}

impl Step {
    fn of(byte: u8) -> Option<Self> {
        [Self::Plan, Self::Asking, Self::Archives, Self::Databases, Self::Running]
            .into_iter()
            .find(|step| *step as u8 == byte)
    }

    /// Opening the databases. Fetching them takes long, and being killed meanwhile is no sign of
    /// damage.
    pub(crate) const fn opening(joins: bool) -> Self {
        if joins { Self::Running } else { Self::Databases }
    }

    /// The stores that it opens, if it opens any.
    const fn opens(self) -> Option<&'static str> {
        match self {
            Self::Plan => Some("the record of the state sync"),
            Self::Archives => Some("the archives of blocks and certificates"),
            Self::Databases => Some("the state databases"),
            Self::Asking | Self::Running => None,
        }
    }
}

/// Why a set was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Peers no longer serve the block after its newest.
    Behind,
    /// Something in it is damaged.
    Damaged,
}

impl Reason {
    const fn byte(self) -> u8 {
        match self {
            Self::Behind => 0,
            Self::Damaged => 1,
        }
    }
}

/// The set in use.
#[derive(Clone, Debug)]
pub(crate) struct Stores {
    base: String,
    number: u64,
    reason: Reason,
    folder: Option<PathBuf>,
    /// How far each start came since one came as far as a new block, the last one last.
    failed: Vec<Step>,
}

impl Stores {
    /// Finds the set in use, and clears away what others left behind.
    pub(crate) async fn open(storage: &impl Storage, config: &Config) -> Result<Self, StartError> {
        let base = config.partition_prefix.clone();
        let names = match storage.scan(&marks(&base)).await {
            Ok(names) => names,
            Err(Error::PartitionMissing(_)) => Vec::new(),
            Err(error) => return Err(StartError::Store(format!("list of store sets: {error}"))),
        };
        let newest =
            names.iter().filter_map(|name| decoded(name)).max_by_key(|(number, _)| *number);
        let (number, reason) = newest.unwrap_or((0, Reason::Behind));
        let failed = failed_starts(storage, &base).await?;
        let folder = config.storage_folder.clone();
        let stores = Self { base, number, reason, folder, failed };
        stores.clear_earlier();
        Ok(stores)
    }

    /// Looks for damage, before anything is open; gives up the set where there is some.
    pub(crate) async fn repair(&mut self, storage: &impl Storage) -> Result<(), StartError> {
        let Some(damage) = self.damage(storage).await? else { return Ok(()) };
        tracing::error!(%damage, set = self.prefix(), "stores are damaged, they are begun anew");
        self.renew(storage, Reason::Damaged).await?;
        self.failed.clear();
        forget_starts(storage, &self.base).await;
        self.clear_earlier();
        Ok(())
    }

    async fn damage(&self, storage: &impl Storage) -> Result<Option<String>, StartError> {
        let mut bytes_left = if self.failed.is_empty() { CHECKED_BYTES_MAX } else { u64::MAX };
        for partition in self.partitions() {
            let failed = |error: Error| StartError::Store(format!("{partition}: {error}"));
            if let Some(file) = missing_file(storage, &partition).await.map_err(failed)? {
                return Ok(Some(format!("{partition}: file {file} is absent")));
            }
            let found = pages::first_damage(storage, &partition, PAGE_BYTES, &mut bytes_left);
            if let Some((name, page)) = found.await.map_err(failed)? {
                let file = alloy_primitives::hex::encode(name);
                return Ok(Some(format!("{partition}: page {page} of file {file} is damaged")));
            }
        }
        let last = self.failed.last().copied();
        let again = self.failed.iter().rev().take_while(|step| Some(**step) == last).count();
        let opened = last.and_then(Step::opens).filter(|_| again >= OPENINGS_MAX);
        Ok(opened.map(|stores| {
            format!("{again} starts ended in opening {stores}, whose checksums are right")
        }))
    }

    /// Partitions that consist of pages with checksums.
    fn partitions(&self) -> Vec<String> {
        let prefix = self.prefix();
        let mut partitions = Vec::new();
        for name in ["accounts", "storage", "code"] {
            for kind in ["log", "nodes"] {
                partitions.push(format!("{prefix}-state-{name}-{kind}-blobs"));
            }
        }
        for name in ["finalizations", "blocks"] {
            partitions.push(format!("{prefix}-{name}-keys"));
        }
        partitions
    }

    /// Notes how far this start came.
    pub(crate) async fn begin(&self, storage: &impl Storage, step: Step) -> Result<(), StartError> {
        let failed = |error: Error| StartError::Store(format!("list of starts: {error}"));
        let mut name = (self.failed.len() as u64).to_be_bytes().to_vec();
        name.push(step as u8);
        let (blob, _) = storage.open(&starts(&self.base), &name).await.map_err(failed)?;
        blob.sync().await.map_err(failed)
    }

    /// A new block came: nothing is wrong with what was opened.
    pub(crate) async fn came_up(&self, storage: &impl Storage) {
        forget_starts(storage, &self.base).await;
    }

    /// Start of the names of the set's partitions.
    pub(crate) fn prefix(&self) -> String {
        match self.number {
            0 => self.base.clone(),
            number => format!("{}_{number}", self.base),
        }
    }

    /// Start of the names of the journals of votes.
    pub(crate) fn journal_prefix(&self) -> &str {
        &self.base
    }

    /// How many sets were given up so far.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Gives up the set; nothing of it may be open, or be opened again in this run.
    pub(crate) async fn renew(
        &mut self,
        storage: &impl Storage,
        reason: Reason,
    ) -> Result<(), StartError> {
        let failed = |error: Error| StartError::Store(format!("list of store sets: {error}"));
        let number = self.number.saturating_add(1);
        let mut name = number.to_be_bytes().to_vec();
        name.push(reason.byte());
        let (blob, _) = storage.open(&marks(&self.base), &name).await.map_err(failed)?;
        blob.sync().await.map_err(failed)?;
        (self.number, self.reason) = (number, reason);
        Ok(())
    }

    /// Earlier sets cannot be used again. A failure costs disk space only.
    fn clear_earlier(&self) {
        let Some(folder) = self.folder.as_deref().filter(|_| self.number > 0) else { return };
        let cleared = match self.reason {
            Reason::Behind => each_earlier(folder, self, |path| fs::remove_dir_all(path)),
            Reason::Damaged => self.move_aside(folder),
        };
        if let Err(error) = cleared {
            tracing::warn!(%error, folder = %folder.display(), "stores that were given up remain");
        }
    }

    fn move_aside(&self, folder: &Path) -> io::Result<()> {
        let mut target = folder.as_os_str().to_owned();
        target.push(format!(".damaged-{}", self.number));
        let target = PathBuf::from(target);
        each_earlier(folder, self, |path| {
            fs::create_dir_all(&target)?;
            fs::rename(path, target.join(path.file_name().unwrap_or_default()))
        })?;
        remove_earlier_damaged(folder, &target)
    }
}

async fn failed_starts(storage: &impl Storage, base: &str) -> Result<Vec<Step>, StartError> {
    let names = match storage.scan(&starts(base)).await {
        Ok(names) => names,
        Err(Error::PartitionMissing(_)) => Vec::new(),
        Err(error) => return Err(StartError::Store(format!("list of starts: {error}"))),
    };
    let mut steps = BTreeMap::new();
    for name in names {
        if let Some((start, [step])) = name.split_first_chunk::<8>()
            && let Some(step) = Step::of(*step)
        {
            let furthest = steps.entry(u64::from_be_bytes(*start)).or_insert(step);
            *furthest = (*furthest).max(step);
        }
    }
    if steps.len() > STARTS_MAX {
        forget_starts(storage, base).await;
    }
    Ok(steps.into_values().collect())
}

async fn forget_starts(storage: &impl Storage, base: &str) {
    match storage.remove(&starts(base), None).await {
        Ok(()) | Err(Error::PartitionMissing(_)) => {}
        Err(error) => tracing::warn!(%error, "the list of starts is not removed"),
    }
}

/// A number that is missing between the files of a log.
async fn missing_file(storage: &impl Storage, partition: &str) -> Result<Option<u64>, Error> {
    if !partition.ends_with("-blobs") {
        return Ok(None);
    }
    let names = match storage.scan(partition).await {
        Ok(names) => names,
        Err(Error::PartitionMissing(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let number = |name: &Vec<u8>| <[u8; 8]>::try_from(&name[..]).ok().map(u64::from_be_bytes);
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    let gap = numbers.windows(2).find(|pair| pair[1] != pair[0].saturating_add(1));
    Ok(gap.map(|pair| pair[0].saturating_add(1)))
}

fn starts(base: &str) -> String {
    format!("{base}-starts")
}

/// One damaged set is kept, the newest.
fn remove_earlier_damaged(folder: &Path, newest: &Path) -> io::Result<()> {
    let Some(parent) = folder.parent().filter(|_| newest.exists()) else { return Ok(()) };
    let mut start = folder.file_name().unwrap_or_default().to_owned();
    start.push(".damaged-");
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(&*start.to_string_lossy()) && path != newest {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

fn each_earlier(
    folder: &Path,
    stores: &Stores,
    act: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if set_of(&stores.base, &name).is_some_and(|number| number < stores.number) {
            act(&path)?;
        }
    }
    Ok(())
}

fn marks(base: &str) -> String {
    format!("{base}-sets")
}

fn decoded(name: &[u8]) -> Option<(u64, Reason)> {
    let (number, reason) = name.split_first_chunk::<8>()?;
    let reason = match reason {
        [0] => Reason::Behind,
        [1] => Reason::Damaged,
        _ => return None,
    };
    Some((u64::from_be_bytes(*number), reason))
}

/// The set to which a partition belongs; `None` for one that belongs to no set, or is not ours.
fn set_of(base: &str, partition: &str) -> Option<u64> {
    let rest = partition.strip_prefix(base)?;
    if let Some(numbered) = rest.strip_prefix('_') {
        let digits = numbered.find(|character: char| !character.is_ascii_digit());
        return numbered[..digits.unwrap_or(numbered.len())].parse().ok();
    }
    let apart = ["-votes-", "-entered", "-abstains", "-sets", "-starts"];
    (!apart.iter().any(|start| rest.starts_with(start))).then_some(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FIRST: [&str; 3] =
        ["ledger-blocks-keys", "ledgerstate_sync_metadata", "ledger-state-accounts-log"];
    const APART: [&str; 5] =
        ["ledger-votes-17", "ledger-entered", "ledger-abstains", "ledger-sets", "ledger-starts"];

    #[test]
    fn a_partition_belongs_to_one_set_or_to_none() {
        for partition in FIRST {
            assert_eq!(set_of("ledger", partition), Some(0), "{partition}");
        }
        for partition in APART {
            assert_eq!(set_of("ledger", partition), None, "{partition}");
        }
        assert_eq!(set_of("ledger", "ledger_12-blocks-keys"), Some(12));
        assert_eq!(set_of("ledger", "ledger_1state_sync_metadata"), Some(1));
        assert_eq!(set_of("ledger", "other-blocks"), None);
    }

    #[test]
    fn what_was_given_up_is_removed_and_what_is_damaged_is_kept_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("consensus");
        let make = |names: &[&str]| {
            for name in names {
                fs::create_dir_all(folder.join(name)).unwrap();
                fs::write(folder.join(name).join("00"), name).unwrap();
            }
        };
        let stores = |number, reason| Stores {
            base: "ledger".into(),
            number,
            reason,
            folder: Some(folder.clone()),
            failed: Vec::new(),
        };
        make(&FIRST);
        make(&APART);
        make(&["ledger_1-blocks-keys"]);
        stores(0, Reason::Behind).clear_earlier();
        assert!(folder.join(FIRST[0]).exists(), "nothing was given up");
        stores(1, Reason::Behind).clear_earlier();
        assert!(FIRST.iter().all(|name| !folder.join(name).exists()));
        assert!(APART.iter().all(|name| folder.join(name).exists()));
        assert!(folder.join("ledger_1-blocks-keys").exists(), "in use");

        make(&["ledger_2-blocks-keys"]);
        stores(2, Reason::Damaged).clear_earlier();
        let aside = |number: u64| root.path().join(format!("consensus.damaged-{number}"));
        assert!(aside(2).join("ledger_1-blocks-keys").join("00").exists());
        stores(2, Reason::Damaged).clear_earlier();
        assert!(aside(2).exists(), "a second time changes nothing");
        stores(3, Reason::Damaged).clear_earlier();
        assert!(aside(3).join("ledger_2-blocks-keys").exists());
        assert!(!aside(2).exists(), "one is kept");
        assert!(APART.iter().all(|name| folder.join(name).exists()));
    }

    #[test]
    fn stores_that_never_open_are_given_up_and_a_new_block_clears_the_count() {
        use commonware_runtime::{Runner as _, deterministic};

        deterministic::Runner::default().start(|storage| async move {
            let open = async |failed: usize| {
                let found = failed_starts(&storage, "ledger").await.unwrap();
                assert_eq!(found.len(), failed);
                let (base, reason) = ("ledger".to_owned(), Reason::Behind);
                Stores { base, number: 0, reason, folder: None, failed: found }
            };
            for failed in 0..OPENINGS_MAX {
                let mut stores = open(failed).await;
                stores.repair(&storage).await.unwrap();
                assert_eq!(stores.number(), 0, "after {failed} starts");
                stores.begin(&storage, Step::Archives).await.unwrap();
                stores.begin(&storage, Step::Databases).await.unwrap();
            }
            let mut stores = open(OPENINGS_MAX).await;
            stores.repair(&storage).await.unwrap();
            assert_eq!((stores.number(), stores.prefix()), (1, "ledger_1".into()));
            for failed in 0..5 {
                let mut stores = open(failed).await;
                stores.repair(&storage).await.unwrap();
                assert_eq!(stores.number(), 0, "it ran: other causes than its stores");
                stores.begin(&storage, Step::Running).await.unwrap();
            }
            open(5).await.came_up(&storage).await;
            open(0).await;
        });
    }
}
