//! Making a snapshot of what a running node answers.

use std::time::{Duration, Instant};

use ledger_api::SnapshotPart;
use state::qmdb::{Database, verify_page};
use types::Genesis;

use crate::{
    Manifest, Place, SnapshotError,
    layout::{BODY_FILE, RECEIPTS_FILE, WALK_FILES_MAX, append_page, page_files, walk_file},
    manifest::{DIGEST_FILE, FORMAT, FileEntry, MANIFEST_FILE},
    proof::{Proved, Walk},
};

/// Blocks at which a snapshot is begun until one is finished: a node keeps the operations of the
/// last 1,024 blocks and all that hold present values, so that even one repetition is rare.
const ATTEMPTS_MAX: usize = 3;
/// Longest rest after a page. A rest is as long as the page took, so that at most half of the time
/// of one processor of the node goes into a snapshot.
const REST_MAX: Duration = Duration::from_millis(100);

/// A running node, or whatever answers as one.
pub trait Origin {
    /// Why it did not answer.
    type Error;

    /// A part of a snapshot; `None` where it holds none.
    ///
    /// # Errors
    /// It did not answer.
    fn part(&mut self, part: SnapshotPart) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// Why no snapshot was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError<E> {
    /// The node did not answer.
    #[error("the node does not answer")]
    Origin(E),
    /// The node answered with something that is not of its chain.
    #[error("the node answers wrongly: {0}")]
    Wrong(String),
    /// The node holds no certified block, or prunes faster than the snapshot is taken.
    #[error("the node does not hold {0}")]
    Absent(&'static str),
    /// The place cannot be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// A snapshot that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of the manifest, hexadecimal: names the snapshot.
    pub digest: String,
}

/// Makes a snapshot of the newest certified block. `report` is told the bytes written so far.
///
/// # Errors
/// See [`CreateError`]. What was written of the snapshot is removed, as far as that is possible; it
/// has no manifest in any case.
pub fn create<O: Origin>(
    origin: &mut O,
    genesis: &Genesis,
    place: &Place,
    report: &mut dyn FnMut(u64),
) -> Result<Created, CreateError<O::Error>> {
    let mut last = CreateError::Absent("a certified block");
    for _ in 0..ATTEMPTS_MAX {
        place.begin()?;
        let mut writer = Writer { origin, place, files: Vec::new(), written: 0, report };
        match writer.write(genesis) {
            Ok(created) => return Ok(created),
            Err(error) => {
                let names: Vec<String> = writer.files.into_iter().map(|file| file.name).collect();
                place.abandon(&names);
                last = error;
            }
        }
        if !matches!(last, CreateError::Absent(_)) {
            break;
        }
    }
    Err(last)
}

struct Writer<'a, O> {
    origin: &'a mut O,
    place: &'a Place,
    files: Vec<FileEntry>,
    written: u64,
    report: &'a mut dyn FnMut(u64),
}

impl<O: Origin> Writer<'_, O> {
    fn write(&mut self, genesis: &Genesis) -> Result<Created, CreateError<O::Error>> {
        let proved = self.write_walk(genesis)?;
        self.write_block(&proved)?;
        for database in Database::ALL {
            self.write_database(database, &proved)?;
        }
        let header = &proved.block.header;
        let manifest = Manifest {
            format: FORMAT,
            chain_id: genesis.chain_id,
            genesis_hash: proved.genesis_hash,
            height: header.number,
            block_hash: header.hash_slow(),
            state_root: header.state_root,
            time_ms: proved.block.extension.time_ms,
            files: std::mem::take(&mut self.files),
        };
        let text = manifest.encode();
        self.place.put(MANIFEST_FILE, &text)?;
        self.place.put(DIGEST_FILE, &Manifest::digest_line(&text))?;
        self.place.finish()?;
        Ok(Created { digest: crate::manifest::digest(&text), manifest })
    }

    fn ask(
        &mut self,
        part: SnapshotPart,
        what: &'static str,
    ) -> Result<Vec<u8>, CreateError<O::Error>> {
        let found = self.origin.part(part).map_err(CreateError::Origin)?;
        found.ok_or(CreateError::Absent(what))
    }

    fn put(&mut self, name: String, content: &[u8]) -> Result<(), SnapshotError> {
        let entry = FileEntry::new(name, content);
        entry.check_length(entry.bytes)?;
        // Noted before it is written, so that a half-written file is removed as well.
        self.files.push(entry.clone());
        self.place.put(&entry.name, content)?;
        self.written = self.written.saturating_add(entry.bytes);
        (self.report)(self.written);
        Ok(())
    }

    fn write_walk(&mut self, genesis: &Genesis) -> Result<Proved, CreateError<O::Error>> {
        let mut walk = Walk::new(genesis)?;
        for index in 0..WALK_FILES_MAX {
            let epoch = walk.epoch();
            let bytes = self.ask(SnapshotPart::Validators { epoch }, "a certified block")?;
            let proved = walk.advance(&bytes).map_err(wrong)?;
            self.put(walk_file(index), &bytes)?;
            match proved {
                Some(proved) => return Ok(proved),
                None if walk.epoch() == epoch => {
                    return Err(CreateError::Absent("a certified block"));
                }
                None => {}
            }
        }
        Err(CreateError::Absent("a certified block"))
    }

    fn write_block(&mut self, proved: &Proved) -> Result<(), CreateError<O::Error>> {
        let top = proved.block.header.number;
        let body = self.ask(SnapshotPart::Bodies { top, count: 1 }, "the block's transactions")?;
        proved.body(&body).map_err(wrong)?;
        self.put(BODY_FILE.into(), &body)?;
        let receipts =
            self.ask(SnapshotPart::Receipts { top, count: 1 }, "the block's receipts")?;
        proved.receipts(&receipts).map_err(wrong)?;
        Ok(self.put(RECEIPTS_FILE.into(), &receipts)?)
    }

    fn write_database(
        &mut self,
        database: Database,
        proved: &Proved,
    ) -> Result<(), CreateError<O::Error>> {
        let commitment = database.commitment(&proved.block.extension.state);
        for (name, pages) in page_files(database, commitment) {
            let mut file = Vec::new();
            for page in pages {
                let asked = Instant::now();
                let bytes =
                    self.ask(SnapshotPart::State(page), "operations of the state any more")?;
                let rest = asked.elapsed().min(REST_MAX);
                verify_page(commitment, page, &bytes).map_err(wrong)?;
                append_page(&mut file, &bytes);
                std::thread::sleep(rest);
            }
            self.put(name, &file)?;
        }
        Ok(())
    }
}

fn wrong<E>(error: impl std::fmt::Display) -> CreateError<E> {
    CreateError::Wrong(error.to_string())
}
