//! Looking for damage in files of the library's journals, which are made of pages with checksums.
//!
//! A page is its content and a record of two slots, each a length (2 bytes) and the CRC32 of so much
//! of the page (4 bytes); the page is whole if either fits. The last page of the newest file may be
//! torn by a crash, which the library repairs.

use std::num::NonZeroU16;

use commonware_cryptography::Crc32;
use commonware_runtime::{Blob, Error, ReadOptions, Storage};

const SLOT_BYTES: usize = 6;
const RECORD_BYTES: usize = 2 * SLOT_BYTES;
/// Pages read at a time.
const PAGES_READ: usize = 64;

/// The newest file of a partition that has a page which no crash leaves behind, with the number of
/// the page. Nothing where the partition is absent. Files are read, the newest first, until
/// `bytes_left` is used up.
///
/// # Errors
/// The storage fails.
pub async fn first_damage(
    storage: &impl Storage,
    partition: &str,
    page_bytes: NonZeroU16,
    bytes_left: &mut u64,
) -> Result<Option<(Vec<u8>, u64)>, Error> {
    let mut names = match storage.scan(partition).await {
        Ok(names) => names,
        Err(Error::PartitionMissing(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    names.sort_unstable();
    let newest = names.last().cloned();
    for name in names.into_iter().rev() {
        if *bytes_left == 0 {
            break;
        }
        let may_be_torn = newest.as_ref() == Some(&name);
        let page_bytes = usize::from(page_bytes.get());
        let (blob, length) = storage.open(partition, &name).await?;
        *bytes_left = bytes_left.saturating_sub(length);
        if let Some(page) = bad_page(&blob, length, page_bytes, may_be_torn).await? {
            return Ok(Some((name, page)));
        }
    }
    Ok(None)
}

async fn bad_page(
    blob: &impl Blob,
    length: u64,
    page_bytes: usize,
    may_be_torn: bool,
) -> Result<Option<u64>, Error> {
    let physical = (page_bytes + RECORD_BYTES) as u64;
    let pages = length / physical;
    // What follows the last whole page was never complete.
    let cut_off = !length.is_multiple_of(physical);
    let mut first = 0;
    while first < pages {
        let count = (pages - first).min(PAGES_READ as u64);
        let bytes = usize::try_from(count * physical).unwrap_or(usize::MAX);
        let read = blob.read_at(first * physical, bytes, ReadOptions::default()).await?;
        let read = read.coalesce();
        for (number, page) in (first..).zip(read.as_ref().chunks_exact(page_bytes + RECORD_BYTES)) {
            let last = number + 1 == pages && !cut_off;
            let whole = match content_bytes(page, page_bytes) {
                Some(used) => last || used == page_bytes,
                None => last && may_be_torn,
            };
            if !whole {
                return Ok(Some(number));
            }
        }
        first += count;
    }
    Ok((cut_off && !may_be_torn).then_some(pages))
}

/// Bytes of content in a page; `None` if neither slot fits.
fn content_bytes(page: &[u8], page_bytes: usize) -> Option<usize> {
    let (content, record) = page.split_at_checked(page_bytes)?;
    let slots = record.chunks_exact(SLOT_BYTES).filter_map(|slot| {
        let (length, checksum) = slot.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let checksum = u32::from_be_bytes(<[u8; 4]>::try_from(checksum).ok()?);
        let used = content.get(..length).filter(|used| !used.is_empty())?;
        (Crc32::checksum(used) == checksum).then_some(length)
    });
    slots.max()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_runtime::{
        Runner as _, Supervisor as _, WriteOptions, buffer::paged::CacheRef, deterministic,
    };
    use commonware_storage::journal::segmented::fixed::{Config, Journal};
    use commonware_utils::{NZU16, NZUsize, sequence::U64};

    use super::*;

    const PAGE: NonZeroU16 = NZU16!(64);

    /// Two files of some pages, as the library writes them.
    async fn written(context: &deterministic::Context) {
        let config = Config {
            partition: "journal".into(),
            page_cache: CacheRef::new(PAGE, NZUsize!(8)),
            write_buffer: NZUsize!(128),
        };
        let mut journal: Journal<_, U64> =
            Journal::init(context.child("journal"), config).await.unwrap();
        for section in [1, 2] {
            for item in 0..50 {
                (journal, _) = journal.append(section, &U64::new(item)).await.unwrap();
            }
            journal = journal.sync(section).await.unwrap();
        }
    }

    async fn flip(context: &deterministic::Context, section: u64, offset: u64) {
        let (blob, _) = context.open("journal", &section.to_be_bytes()).await.unwrap();
        let old = blob.read_at(offset, 1, ReadOptions::default()).await.unwrap().coalesce();
        let flipped = vec![old.as_ref()[0] ^ 1];
        blob.write_at(offset, flipped, WriteOptions::default()).await.unwrap();
        blob.sync().await.unwrap();
    }

    async fn found(context: &deterministic::Context) -> Option<(u64, u64)> {
        let found = first_damage(context, "journal", PAGE, &mut u64::MAX.clone()).await.unwrap();
        found.map(|(name, page)| (u64::from_be_bytes(name.try_into().unwrap()), page))
    }

    #[test]
    fn what_the_library_writes_is_whole_and_a_flipped_bit_is_found() {
        deterministic::Runner::default().start(|context| async move {
            assert_eq!(found(&context).await, None, "there is nothing yet");
            written(&context).await;
            assert_eq!(found(&context).await, None);
            flip(&context, 1, 3).await;
            assert_eq!(found(&context).await, Some((1, 0)));
            let few = first_damage(&context, "journal", PAGE, &mut 1).await.unwrap();
            assert_eq!(few, None, "the newest file is whole, and no more may be read");
            flip(&context, 2, 80).await;
            assert_eq!(found(&context).await, Some((2, 1)));
        });
    }

    #[test]
    fn only_the_newest_end_may_be_torn() {
        deterministic::Runner::default().start(|context| async move {
            written(&context).await;
            let physical = u64::from(PAGE.get()) + RECORD_BYTES as u64;
            let (blob, length) = context.open("journal", &2u64.to_be_bytes()).await.unwrap();
            let last = length / physical - 1;
            drop(blob);
            flip(&context, 2, last * physical).await;
            assert_eq!(found(&context).await, None, "a crash may have left this");
            let (blob, _) = context.open("journal", &2u64.to_be_bytes()).await.unwrap();
            blob.resize(length - 5).await.unwrap();
            blob.sync().await.unwrap();
            drop(blob);
            assert_eq!(found(&context).await, None, "and this");
            let (blob, length) = context.open("journal", &1u64.to_be_bytes()).await.unwrap();
            blob.resize(length - 5).await.unwrap();
            blob.sync().await.unwrap();
            drop(blob);
            assert_eq!(found(&context).await.map(|(file, _)| file), Some(1));
        });
    }
}
