//! How a table is seen to lack its newest entries.
//!
//! Each block has a header, a body, receipts and a hash, so their absence shows at the head. Other
//! tables have entries for some blocks only. Every batch that writes to one of them counts, in the
//! table itself and in `meta`; a table whose count is behind has lost what came after.

use std::sync::{Mutex, PoisonError};

use fjall::{Keyspace, OwnedWriteBatch};

use crate::{ChainError, damage, keyspaces::Keyspaces};

/// Key of the count in a table. No other key is that short.
const STAMP_KEY: [u8; 1] = [0];

/// A table that counts its batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stamped {
    Transactions,
    LogTerms,
    Certificates,
    Validators,
    History,
}

impl Stamped {
    const ALL: [Self; 5] =
        [Self::Transactions, Self::LogTerms, Self::Certificates, Self::Validators, Self::History];

    fn table(self, tables: &Keyspaces) -> &Keyspace {
        match self {
            Self::Transactions => &tables.transactions,
            Self::LogTerms => &tables.log_terms,
            Self::Certificates => &tables.certificates,
            Self::Validators => &tables.validators,
            Self::History => &tables.history,
        }
    }

    fn meta_key(self) -> &'static str {
        match self {
            Self::Transactions => "batches of transactions",
            Self::LogTerms => "batches of log_terms",
            Self::Certificates => "batches of certificates",
            Self::Validators => "batches of validators",
            Self::History => "batches of history",
        }
    }
}

/// The counts.
pub(crate) struct Stamps(Mutex<[u64; Stamped::ALL.len()]>);

impl Stamps {
    /// Reads the counts.
    ///
    /// # Errors
    /// A table is behind: [`ChainError::Damaged`].
    pub fn open(tables: &Keyspaces) -> Result<Self, ChainError> {
        let mut counts = [0; Stamped::ALL.len()];
        for (count, stamped) in counts.iter_mut().zip(Stamped::ALL) {
            let table = stamped.table(tables);
            let found = read_count(table, &STAMP_KEY, stamped.meta_key())?;
            let expected = read_count(&tables.meta, stamped.meta_key().as_bytes(), "count")?;
            // The other way round, `meta` has lost its newest entries and with them the head.
            if found < expected {
                return Err(ChainError::Damaged {
                    what: "table",
                    place: table.name().to_string(),
                    reason: format!("lacks its newest entries: {found} of {expected} batches"),
                });
            }
            *count = found;
        }
        Ok(Self(Mutex::new(counts)))
    }

    /// Counts `batch`, which writes to `stamped`. The writer lock must be held until it is
    /// committed.
    pub fn count(&self, tables: &Keyspaces, batch: &mut OwnedWriteBatch, stamped: Stamped) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = &mut counts[stamped as usize];
        *count = count.saturating_add(1);
        batch.insert(stamped.table(tables), STAMP_KEY, count.to_be_bytes());
        batch.insert(&tables.meta, stamped.meta_key(), count.to_be_bytes());
    }
}

fn read_count(table: &Keyspace, key: &[u8], place: &'static str) -> Result<u64, ChainError> {
    let Some(bytes) = damage::read(table, key, "count of batches", place)? else {
        return Ok(0);
    };
    <[u8; 8]>::try_from(&bytes[..]).map(u64::from_be_bytes).map_err(|_| ChainError::Damaged {
        what: "count of batches",
        place: place.into(),
        reason: format!("{} bytes instead of 8", bytes.len()),
    })
}
