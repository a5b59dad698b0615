//! Damage: telling it from other failures, naming where it is, and looking for it at opening.
//!
//! The storage engine finds a damaged block of a file when it reads it. What it does not find are
//! losses: it takes a folder without its newest records for one that was never written. Those show
//! at opening, from a mark in the folder and from what the two ends of the chain must have.

use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use fjall::{Database, Keyspace, UserValue};

use crate::ChainError;

/// Says that the store in this folder was complete once: its tables exist.
const COMPLETE_MARK: &str = "complete";
/// Says that a write failed, so that the next opening reads everything.
const SUSPECT_MARK: &str = "suspect";

/// Whether the bytes on disk are to blame, rather than the disk being full, locked or unreadable.
fn is_damage(error: &fjall::Error) -> bool {
    match error {
        fjall::Error::Storage(fjall::LsmError::Io(cause)) | fjall::Error::Io(cause) => {
            is_missing_or_short(cause)
        }
        fjall::Error::Storage(_)
        | fjall::Error::JournalRecovery(_)
        | fjall::Error::InvalidVersion(None)
        | fjall::Error::Decompress(_)
        | fjall::Error::InvalidTrailer
        | fjall::Error::InvalidTag(_)
        | fjall::Error::Unrecoverable => true,
        _ => false,
    }
}

fn is_missing_or_short(cause: &io::Error) -> bool {
    // The last one is what seeking before the start of an emptied file gives.
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    matches!(cause.kind(), NotFound | UnexpectedEof | InvalidData | InvalidInput)
}

impl From<fjall::Error> for ChainError {
    fn from(error: fjall::Error) -> Self {
        if is_damage(&error) {
            let (what, place) = ("a file", "the store".to_owned());
            return Self::Damaged { what, place, reason: reason(&error) };
        }
        Self::Storage(error)
    }
}

/// What the engine found, without the names of its types.
fn reason(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) => {
            cause.to_string()
        }
        fjall::Error::Storage(fjall::LsmError::ChecksumMismatch { .. }) => {
            "checksum of a file does not match".into()
        }
        fjall::Error::JournalRecovery(cause) => format!("journal: {cause}"),
        fjall::Error::Unrecoverable | fjall::Error::Storage(fjall::LsmError::Unrecoverable) => {
            "a file is missing or unreadable".into()
        }
        other => other.to_string(),
    }
}

/// Names what was being read where an error is damage.
pub(crate) fn at(
    table: &Keyspace,
    what: &'static str,
    place: impl Display,
) -> impl FnOnce(fjall::Error) -> ChainError {
    move |error| match is_damage(&error) {
        true => ChainError::Damaged {
            what,
            place: place.to_string(),
            reason: format!("table `{}`: {}", &**table.name(), reason(&error)),
        },
        false => ChainError::Storage(error),
    }
}

/// Reads one value and names it where the file is damaged.
pub(crate) fn read(
    table: &Keyspace,
    key: impl AsRef<[u8]>,
    what: &'static str,
    place: impl Display,
) -> Result<Option<UserValue>, ChainError> {
    table.get(key).map_err(at(table, what, place))
}

/// Runs the engine's recovery, whose own checks may panic on damaged files.
pub(crate) fn recovered<T>(open: impl FnOnce() -> Result<T, ChainError>) -> Result<T, ChainError> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        Err(damaged("a file", "the store", &format!("recovery gave up: {text}")))
    })
}

fn damaged(what: &'static str, place: &str, reason: &str) -> ChainError {
    ChainError::Damaged { what, place: place.into(), reason: reason.into() }
}

/// Refuses a folder that held a complete store and now would be taken for an empty one.
pub(crate) fn check_folder(path: &Path) -> Result<(), ChainError> {
    if is_complete(path) && !path.join("lock").exists() {
        // It holds nothing but the lock of whoever has the store open.
        File::create(path.join("lock"))
            .map_err(|error| ChainError::Storage(fjall::Error::Io(error)))?;
    }
    let lost = ["version", "keyspaces"].into_iter().find(|name| !path.join(name).exists());
    match lost.filter(|_| is_complete(path)) {
        Some(name) => Err(damaged("a file", name, "is absent")),
        None => Ok(()),
    }
}

/// Refuses a folder whose store was complete and now lacks one of `tables`.
pub(crate) fn check_tables(
    path: &Path,
    database: &Database,
    tables: &[&'static str],
) -> Result<(), ChainError> {
    if !is_complete(path) {
        return Ok(());
    }
    match tables.iter().find(|table| !database.keyspace_exists(table)) {
        Some(table) => Err(damaged("table", table, "is absent")),
        None => Ok(()),
    }
}

/// Whether the folder is marked as holding a complete store.
pub(crate) fn is_complete(path: &Path) -> bool {
    path.join(COMPLETE_MARK).exists()
}

/// Marks the folder as holding a complete store.
pub(crate) fn mark_complete(path: &Path) -> Result<(), ChainError> {
    mark(path, COMPLETE_MARK).map_err(|error| ChainError::Storage(fjall::Error::Io(error)))
}

/// Marks the folder for a full check at the next opening. Nothing more can be done where that
/// fails: the disk may be the cause of both.
pub(crate) fn mark_suspect(path: &Path) {
    if let Err(error) = mark(path, SUSPECT_MARK) {
        tracing::error!(%error, "cannot mark the chain store for a check");
    }
}

/// Whether a write failed before.
pub(crate) fn is_suspect(path: &Path) -> bool {
    path.join(SUSPECT_MARK).exists()
}

/// The store was checked.
pub(crate) fn clear_suspect(path: &Path) {
    if let Err(error) = fs::remove_file(path.join(SUSPECT_MARK)) {
        tracing::warn!(%error, "cannot remove the mark of a finished check");
    }
}

fn mark(path: &Path, name: &str) -> io::Result<()> {
    let target = path.join(name);
    if target.exists() {
        return Ok(());
    }
    let mut file = File::create(target)?;
    file.write_all(b"1\n")?;
    file.sync_all()?;
    File::open(path)?.sync_all()
}
