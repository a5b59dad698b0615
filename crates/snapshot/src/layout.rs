//! Which files a snapshot has and what each holds.
//!
//! - `validators-0000.rlp` and on: the way from the genesis validators to the block. Each is an
//!   answer about validator sets as nodes give it to each other; the last one ends with the header
//!   of the block, its extension and its certificate.
//! - `body.rlp`, `receipts.rlp`: transactions and receipts of the block, encoded likewise.
//! - `accounts-000000.pages` and on, then `storage-…` and `code-…`: the pages of each database's
//!   log ([`state::qmdb::pages`]), [`PAGES_PER_FILE`] in a file, each behind its length (four bytes,
//!   big endian).

use state::qmdb::{Database, PAGE_OPERATIONS, PageRequest, page_at};
use types::DatabaseCommitment;

use crate::SnapshotError;

/// The block's transactions.
pub(crate) const BODY_FILE: &str = "body.rlp";
/// Their receipts.
pub(crate) const RECEIPTS_FILE: &str = "receipts.rlp";
/// Pages in a file: about 8 MB of accounts.
pub(crate) const PAGES_PER_FILE: usize = 64;
/// Longest file that is written or read, bytes: [`PAGES_PER_FILE`] pages of code have 20 MB.
pub(crate) const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Answers about validator sets: 4 million epochs.
pub(crate) const WALK_FILES_MAX: usize = 65_536;

/// Name of part `index` of the way from the genesis validators.
pub(crate) fn walk_file(index: usize) -> String {
    format!("validators-{index:04}.rlp")
}

/// Whether a file belongs to that way.
pub(crate) fn is_walk_file(name: &str) -> bool {
    name.starts_with("validators-")
}

/// Name of file `index` of a database.
pub(crate) fn pages_file(database: Database, index: usize) -> String {
    format!("{}-{index:06}.pages", database.name())
}

/// The files of a database, each with its pages.
pub(crate) fn page_files(
    database: Database,
    commitment: &DatabaseCommitment,
) -> impl Iterator<Item = (String, Vec<PageRequest>)> {
    (0..).map_while(move |index| {
        let some = pages_of_file(database, commitment, index);
        (!some.is_empty()).then(|| (pages_file(database, index), some))
    })
}

/// The pages of file `index` of a database; none where there is no such file.
pub(crate) fn pages_of_file(
    database: Database,
    commitment: &DatabaseCommitment,
    index: usize,
) -> Vec<PageRequest> {
    let first = (index as u64).saturating_mul(PAGES_PER_FILE as u64);
    let places = first..first.saturating_add(PAGES_PER_FILE as u64);
    places.map_while(|place| page_at(database, commitment, place)).collect()
}

/// File and place in it of a page; `None` for what is not one of the pages.
pub(crate) fn position(
    page: PageRequest,
    commitment: &DatabaseCommitment,
) -> Option<(usize, usize)> {
    let boundary = u64::from(commitment.range_start > 0);
    let index = match page.count {
        0 => 0,
        _ => {
            let first = commitment.range_start.checked_add(boundary)?;
            let offset = page.start.checked_sub(first)?;
            (offset / PAGE_OPERATIONS).checked_add(boundary)?
        }
    };
    let expected = page_at(page.database, commitment, index)?;
    let index = usize::try_from(index).ok()?;
    (expected == page).then_some((index / PAGES_PER_FILE, index % PAGES_PER_FILE))
}

/// Appends a page to a file.
pub(crate) fn append_page(file: &mut Vec<u8>, page: &[u8]) {
    let length = u32::try_from(page.len()).unwrap_or(u32::MAX);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(page);
}

/// Splits a file into its pages, of which there must be `count`.
pub(crate) fn split_pages<'a>(
    name: &str,
    mut file: &'a [u8],
    count: usize,
) -> Result<Vec<&'a [u8]>, SnapshotError> {
    let short = || SnapshotError::damaged(name, "it ends in the middle of a page");
    let mut found = Vec::with_capacity(count.min(PAGES_PER_FILE));
    while !file.is_empty() {
        let (length, rest) = file.split_first_chunk::<4>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (page, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        found.push(page);
        file = rest;
        if found.len() > count {
            break;
        }
    }
    if found.len() == count {
        return Ok(found);
    }
    Err(SnapshotError::damaged(name, format!("it does not hold {count} pages")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn every_page_has_one_place_and_every_place_one_page() {
        let per_file = PAGE_OPERATIONS * PAGES_PER_FILE as u64;
        for (start, end) in
            [(0, 0), (0, 1), (7, 8), (7, 9), (0, per_file), (1, per_file), (5, 3 * per_file + 100)]
        {
            let commitment = DatabaseCommitment {
                root: B256::ZERO,
                ops_root: B256::ZERO,
                range_start: start,
                range_end: end,
            };
            let mut covered = start;
            let mut files = 0;
            for (file, (name, pages)) in page_files(Database::Code, &commitment).enumerate() {
                assert_eq!(name, format!("code-{file:06}.pages"));
                assert!((1..=PAGES_PER_FILE).contains(&pages.len()));
                for (index, page) in pages.into_iter().enumerate() {
                    assert_eq!(position(page, &commitment), Some((file, index)), "{page:?}");
                    assert_eq!((page.start, page.size), (covered, end));
                    covered += page.count.max(1);
                    let other = PageRequest { start: page.start + 1, ..page };
                    assert_ne!(position(other, &commitment), Some((file, index)));
                }
                files += 1;
            }
            assert_eq!(covered, end, "from {start}");
            assert_eq!(files == 0, start == end);
        }
        let beyond = PageRequest { database: Database::Code, size: 5, start: 5, count: 1 };
        let commitment = DatabaseCommitment {
            root: B256::ZERO,
            ops_root: B256::ZERO,
            range_start: 0,
            range_end: 5,
        };
        assert_eq!(position(beyond, &commitment), None);
        let before = PageRequest { start: 0, count: 0, ..beyond };
        assert_eq!(position(before, &commitment), None);
    }

    #[test]
    fn a_file_splits_into_the_pages_that_it_was_made_of_and_no_others() {
        let mut file = Vec::new();
        let pages = [&b"one"[..], b"", b"three"];
        for page in pages {
            append_page(&mut file, page);
        }
        assert_eq!(split_pages("f", &file, 3).unwrap(), pages);
        for count in [0, 2, 4] {
            assert!(split_pages("f", &file, count).is_err(), "{count}");
        }
        for end in 0..file.len() {
            assert!(split_pages("f", &file[..end], 3).is_err(), "{end} bytes");
        }
        let huge = [0xff, 0xff, 0xff, 0xff, 1];
        assert!(split_pages("f", &huge, 1).is_err());
    }
}
