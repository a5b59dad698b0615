//! Which blocks have logs with a given address or topic.
//!
//! One entry per term and block, not per log: a query intersects the blocks of its terms and reads
//! only the receipts of those. Terms are folded to 64 bits; two terms that fold alike cost a block
//! read in vain, never a wrong answer, since every log is compared with the filter itself.

use alloy_primitives::{Address, B256};
use fjall::{Iter, Keyspace};
use types::Receipt;

use crate::{ChainError, LogFilter, LogQueryError, damage, encoding::height_suffix};

/// Entries skipped one by one before the cursor seeks.
const STEPS_BEFORE_SEEK: usize = 32;

const ADDRESS: u8 = 0;
/// Position `p` of the topics has kind `FIRST_TOPIC + p`.
const FIRST_TOPIC: u8 = 1;
const ANY_LOG: u8 = 5;

/// `kind (1) || fold (8)`.
pub(crate) type Term = [u8; 9];

fn term(kind: u8, word: B256) -> Term {
    let mut out = [kind; 9];
    out[1..].copy_from_slice(&fold(word).to_be_bytes());
    out
}

/// The four 64-bit words of `word`, big endian, through `x = (x ^ w) * 0x9e3779b97f4a7c15; x ^= x
/// >> 32`, from 0.
fn fold(word: B256) -> u64 {
    word.chunks_exact(8).fold(0, |sum, chunk| {
        let mut bytes = [0u8; 8];
        bytes.copy_from_slice(chunk);
        let mixed = (sum ^ u64::from_be_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    })
}

fn address_term(address: Address) -> Term {
    term(ADDRESS, address.into_word())
}

fn topic_term(position: usize, topic: B256) -> Term {
    let position = u8::try_from(position).expect("a log has at most 4 topics");
    term(FIRST_TOPIC + position, topic)
}

fn any_log_term() -> Term {
    term(ANY_LOG, B256::ZERO)
}

/// Terms of a block, ascending, each once.
pub(crate) fn block_terms(receipts: &[Receipt]) -> Vec<Term> {
    let mut terms = Vec::new();
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        terms.push(address_term(log.address));
        let topics = log.topics().iter().enumerate();
        terms.extend(topics.map(|(position, topic)| topic_term(position, *topic)));
    }
    if !terms.is_empty() {
        terms.push(any_log_term());
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Key of the entry: `term || height (8)`, without a value.
pub(crate) fn term_key(term: Term, height: u64) -> [u8; 17] {
    let mut out = [0u8; 17];
    out[..9].copy_from_slice(&term);
    out[9..].copy_from_slice(&height.to_be_bytes());
    out
}

/// Counts the entries that one query reads.
struct Budget {
    left: usize,
    limit: usize,
}

impl Budget {
    fn spend(&mut self) -> Result<(), LogQueryError> {
        let limit = self.limit;
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(LogQueryError::TooBroad { limit, what: "index entries" })?;
        Ok(())
    }
}

/// Ascending heights of one term.
struct TermCursor<'a> {
    table: &'a Keyspace,
    term: Term,
    last: u64,
    entries: Iter,
    current: Option<u64>,
}

impl<'a> TermCursor<'a> {
    fn open(
        table: &'a Keyspace,
        term: Term,
        first: u64,
        last: u64,
        budget: &mut Budget,
    ) -> Result<Self, LogQueryError> {
        let entries = table.range(term_key(term, first)..=term_key(term, last));
        let mut cursor = Self { table, term, last, entries, current: None };
        cursor.step(budget)?;
        Ok(cursor)
    }

    fn step(&mut self, budget: &mut Budget) -> Result<(), LogQueryError> {
        budget.spend()?;
        self.current = match self.entries.next() {
            None => None,
            Some(entry) => {
                let named = damage::at(self.table, "log index", "an entry");
                let key = entry.key().map_err(named)?;
                Some(height_suffix(&key).map_err(damaged)?)
            }
        };
        Ok(())
    }

    /// Moves to the first height at or above `height`.
    fn advance(&mut self, height: u64, budget: &mut Budget) -> Result<(), LogQueryError> {
        for _ in 0..STEPS_BEFORE_SEEK {
            match self.current {
                Some(current) if current < height => self.step(budget)?,
                _ => return Ok(()),
            }
        }
        if self.current.is_some_and(|current| current < height) {
            *self = Self::open(self.table, self.term, height, self.last, budget)?;
        }
        Ok(())
    }
}

fn damaged(reason: String) -> ChainError {
    ChainError::Damaged { what: "log index", place: "an entry".into(), reason }
}

/// The blocks that may hold logs of a filter, ascending.
pub(crate) struct Candidates<'a> {
    /// One per restricted position; a block must be in all, through any of the position's terms.
    positions: Vec<Vec<TermCursor<'a>>>,
    next: Option<u64>,
    budget: Budget,
}

impl<'a> Candidates<'a> {
    /// Candidates in `first..=last`, reading at most `entries_max` entries of the index.
    pub fn new(
        table: &'a Keyspace,
        filter: &LogFilter,
        (first, last): (u64, u64),
        entries_max: usize,
    ) -> Result<Self, LogQueryError> {
        let mut budget = Budget { left: entries_max, limit: entries_max };
        let mut open = |terms: Vec<Term>| {
            let cursor = |term| TermCursor::open(table, term, first, last, &mut budget);
            terms.into_iter().map(cursor).collect::<Result<Vec<_>, _>>()
        };
        let terms = filter_terms(filter);
        let positions = terms.into_iter().map(&mut open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { positions, next: (first <= last).then_some(first), budget })
    }

    /// The next candidate.
    pub fn next(&mut self) -> Result<Option<u64>, LogQueryError> {
        let Some(mut height) = self.next else {
            return Ok(None);
        };
        let mut agreeing = 0;
        let mut turn = 0;
        while agreeing < self.positions.len() {
            let cursors = &mut self.positions[turn];
            let Some(found) = lowest_at_or_above(cursors, height, &mut self.budget)? else {
                self.next = None;
                return Ok(None);
            };
            agreeing = if found == height { agreeing + 1 } else { 1 };
            height = found;
            turn = (turn + 1) % self.positions.len();
        }
        self.next = height.checked_add(1);
        Ok(Some(height))
    }
}

fn lowest_at_or_above(
    cursors: &mut [TermCursor<'_>],
    height: u64,
    budget: &mut Budget,
) -> Result<Option<u64>, LogQueryError> {
    let mut lowest: Option<u64> = None;
    for cursor in cursors {
        cursor.advance(height, budget)?;
        lowest = match (lowest, cursor.current) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok(lowest)
}

/// Alternatives per restricted position. Never empty: without restriction, the blocks with logs.
fn filter_terms(filter: &LogFilter) -> Vec<Vec<Term>> {
    let mut positions = Vec::new();
    if !filter.addresses.is_empty() {
        positions.push(filter.addresses.iter().map(|address| address_term(*address)).collect());
    }
    for (position, topics) in filter.topics.iter().enumerate() {
        if !topics.is_empty() {
            positions.push(topics.iter().map(|topic| topic_term(position, *topic)).collect());
        }
    }
    if positions.is_empty() {
        positions.push(vec![any_log_term()]);
    }
    for terms in &mut positions {
        terms.sort_unstable();
        terms.dedup();
    }
    positions
}
