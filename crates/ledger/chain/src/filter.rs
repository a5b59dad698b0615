//! Which logs a client asks for, with the meaning that geth gives to `eth_getLogs` filters.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, Log};

use crate::LogQueryError;

/// Alternatives in one position of a filter (addresses, or topics of one position), as geth.
pub const LOG_FILTER_ALTERNATIVES_MAX: usize = 1000;
/// Topic positions; a log has at most this many topics.
pub const LOG_FILTER_TOPICS_MAX: usize = 4;

/// Data and topics of all logs in one answer, bytes: about what an answer of 25 MiB in JSON can hold.
pub const LOG_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A conjunction over address and topics; each position is a set of alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Any of these wrote the log; empty matches every address.
    pub addresses: BTreeSet<Address>,
    /// By position: any of these is the topic; an empty set (`null` in JSON) matches every topic,
    /// but the log must have one in that position.
    pub topics: Vec<BTreeSet<B256>>,
}

impl LogFilter {
    /// Whether `log` is asked for; of long lists hardly slower than of short ones.
    pub fn matches(&self, log: &Log) -> bool {
        let any_address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        let topics = log.topics();
        any_address
            && self.topics.len() <= topics.len()
            && self.topics.iter().zip(topics).all(|(alternatives, topic)| {
                alternatives.is_empty() || alternatives.contains(topic)
            })
    }

    /// Refuses a filter with more positions or alternatives than the limits.
    pub fn check(&self) -> Result<(), LogQueryError> {
        if self.topics.len() > LOG_FILTER_TOPICS_MAX {
            return Err(LogQueryError::TooManyTopics { limit: LOG_FILTER_TOPICS_MAX });
        }
        let longest = self.topics.iter().map(BTreeSet::len).max().unwrap_or(0);
        if longest.max(self.addresses.len()) > LOG_FILTER_ALTERNATIVES_MAX {
            return Err(LogQueryError::TooManyTerms { limit: LOG_FILTER_ALTERNATIVES_MAX });
        }
        Ok(())
    }
}

/// How much one log query may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Logs in one answer.
    pub entries_max: usize,
    /// Blocks whose receipts one query may read.
    pub blocks_read_max: usize,
    /// Entries of the log index that one query may read.
    pub index_entries_max: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { entries_max: 20_000, blocks_read_max: 10_000, index_entries_max: 2_000_000 }
    }
}
