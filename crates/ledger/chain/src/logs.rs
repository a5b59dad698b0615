//! Log queries: candidates from the index, then every log of a candidate against the filter.

use std::{ops::RangeInclusive, sync::Arc};

use alloy_primitives::{Log, keccak256};
use types::Receipt;

use crate::{
    ChainError, ChainStore, LogEntry, LogFilter, LogLimits, LogQueryError, cache::WholeBlock,
    filter::LOG_ANSWER_BYTES_MAX, log_index::Candidates,
};

impl ChainStore {
    /// Logs that match `filter`, in the order of the chain, from the blocks of `range` up to the
    /// head (a range beyond it is cut, an empty one has no logs).
    ///
    /// # Errors
    /// More results or work than `limits` allow, a filter beyond its own limits, a range that
    /// starts below [`Self::lowest_body`], failures of the disk.
    pub fn logs(
        &self,
        filter: &LogFilter,
        range: RangeInclusive<u64>,
        limits: LogLimits,
    ) -> Result<Vec<LogEntry>, LogQueryError> {
        filter.check()?;
        let Some(heights) = self.chain_heights() else {
            return Ok(Vec::new());
        };
        let bounds = (*range.start(), heights.head.min(*range.end()));
        if bounds.0 > bounds.1 {
            return Ok(Vec::new());
        }
        let found = self.logs_between(filter, bounds, limits);
        // Retention may have passed the range before or during the search.
        self.check_logs_kept(bounds.0)?;
        if let Err(LogQueryError::Chain(error)) = &found {
            self.notice(error);
        }
        found
    }

    fn logs_between(
        &self,
        filter: &LogFilter,
        bounds: (u64, u64),
        limits: LogLimits,
    ) -> Result<Vec<LogEntry>, LogQueryError> {
        self.check_logs_kept(bounds.0)?;
        let index = &self.tables.log_terms;
        let mut candidates = Candidates::new(index, filter, bounds, limits.index_entries_max)?;
        let mut found = Found::default();
        let mut read = 0;
        while let Some(number) = candidates.next()? {
            read += 1;
            if read > limits.blocks_read_max {
                let limit = limits.blocks_read_max;
                return Err(LogQueryError::TooBroad { limit, what: "blocks with logs" });
            }
            self.collect(number, filter, limits.entries_max, &mut found)?;
        }
        Ok(found.logs)
    }

    /// The oldest block with logs, if a query from `first` on starts below it.
    fn check_logs_kept(&self, first: u64) -> Result<(), LogQueryError> {
        match self.chain_heights() {
            Some(heights) if first < heights.lowest_body => {
                Err(LogQueryError::Pruned { lowest: heights.lowest_body })
            }
            _ => Ok(()),
        }
    }

    /// Appends the matching logs of one block.
    fn collect(
        &self,
        number: u64,
        filter: &LogFilter,
        limit: usize,
        found: &mut Found,
    ) -> Result<(), LogQueryError> {
        let Some(whole) = self.matching_block(number, filter)? else {
            return Ok(());
        };
        let mut log_index = 0;
        for (index, receipt) in (0..).zip(whole.receipts.iter()) {
            for log in &receipt.logs {
                if filter.matches(log) {
                    found.add(entry(&whole, index, log_index, log), limit)?;
                }
                log_index += 1;
            }
        }
        Ok(())
    }

    /// The block, unless its receipts alone show that nothing matches. Blocks read here do not
    /// enter the cache: a long query would push out what clients poll.
    fn matching_block(
        &self,
        number: u64,
        filter: &LogFilter,
    ) -> Result<Option<Arc<WholeBlock>>, ChainError> {
        if let Some(whole) = self.cache.get(number) {
            return Ok(Some(whole));
        }
        let (_, receipts) = self.load_receipts(number)?;
        if !any_match(&receipts, filter) {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.load(number)?)))
    }
}

/// What a query has found so far.
#[derive(Default)]
struct Found {
    logs: Vec<LogEntry>,
    /// Bytes of their data and topics.
    bytes: usize,
}

impl Found {
    fn add(&mut self, entry: LogEntry, limit: usize) -> Result<(), LogQueryError> {
        if self.logs.len() >= limit {
            return Err(LogQueryError::TooMany { limit });
        }
        self.bytes += entry.log.data.data.len() + 32 * entry.log.topics().len();
        if self.bytes > LOG_ANSWER_BYTES_MAX {
            let limit = LOG_ANSWER_BYTES_MAX;
            return Err(LogQueryError::TooBroad { limit, what: "bytes of logs" });
        }
        self.logs.push(entry);
        Ok(())
    }
}

fn any_match(receipts: &[Receipt], filter: &LogFilter) -> bool {
    receipts.iter().flat_map(|receipt| &receipt.logs).any(|log| filter.matches(log))
}

fn entry(whole: &WholeBlock, index: u32, log_index: u32, log: &Log) -> LogEntry {
    LogEntry {
        log: log.clone(),
        block_number: whole.block.number(),
        block_hash: whole.block.hash(),
        block_timestamp: whole.block.header().timestamp,
        transaction_hash: keccak256(&whole.block.transactions()[index as usize]),
        transaction_index: index,
        log_index,
    }
}
