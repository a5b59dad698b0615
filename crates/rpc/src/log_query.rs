//! Filters for logs: decoding, ranges, and the search itself.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use chain::{LOG_FILTER_ALTERNATIVES_MAX, LogEntry, LogFilter, LogLimits, LogQueryError};
use serde::Deserialize;

use crate::{
    block_id::{BlockId, Tag},
    config::RpcConfig,
    error::{RpcError, code},
    items::OneOrMany,
    object::Object,
    view::View,
};

/// One position of `topics`.
type Topics = Option<OneOrMany<Option<B256>>>;

/// A filter object as clients send it; unknown fields are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    block_hash: Option<B256>,
    from_block: Option<Tag>,
    to_block: Option<Tag>,
    address: Option<OneOrMany<Address>>,
    topics: Option<Vec<Topics>>,
}

/// Which logs of which blocks.
#[derive(Clone, Debug)]
pub struct LogQuery {
    /// Addresses and topics.
    pub filter: LogFilter,
    /// Blocks.
    pub blocks: Blocks,
}

/// Blocks of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// One block.
    Hash(B256),
    /// From one to another, both included.
    Range(BlockId, BlockId),
}

impl<'de> Deserialize<'de> for LogQuery {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(wire) = Object::<Wire>::deserialize(deserializer)?;
        let ranged = wire.from_block.is_some() || wire.to_block.is_some();
        let blocks = match wire.block_hash {
            Some(_) if ranged => {
                return Err(serde::de::Error::custom(
                    "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
                ));
            }
            Some(hash) => Blocks::Hash(hash),
            None => {
                let or_latest = |tag: Option<Tag>| tag.map_or(BlockId::Latest, |tag| tag.0);
                Blocks::Range(or_latest(wire.from_block), or_latest(wire.to_block))
            }
        };
        let filter = filter(wire.address, wire.topics).map_err(serde::de::Error::custom)?;
        Ok(Self { filter, blocks })
    }
}

fn filter(
    addresses: Option<OneOrMany<Address>>,
    topics: Option<Vec<Topics>>,
) -> Result<LogFilter, LogQueryError> {
    let addresses = addresses.map(alternatives).transpose()?.unwrap_or_default();
    let topics = topics.unwrap_or_default().into_iter().map(position);
    let filter = LogFilter { addresses, topics: topics.collect::<Result<_, _>>()? };
    filter.check()?;
    Ok(filter)
}

/// Addresses and topics that a filter holds.
pub fn terms(filter: &LogFilter) -> usize {
    let topics: usize = filter.topics.iter().map(BTreeSet::len).sum();
    filter.addresses.len() + topics
}

/// Alternatives of one topic position; null, also inside a list, matches every topic.
fn position(topics: Topics) -> Result<BTreeSet<B256>, LogQueryError> {
    let topics = topics.map(alternatives).transpose()?.unwrap_or_default();
    Ok(topics.into_iter().collect::<Option<_>>().unwrap_or_default())
}

/// What a list names; repetitions count for its length, as in geth.
fn alternatives<T: Ord>(OneOrMany(list): OneOrMany<T>) -> Result<BTreeSet<T>, LogQueryError> {
    if list.len() > LOG_FILTER_ALTERNATIVES_MAX {
        return Err(LogQueryError::TooManyTerms { limit: LOG_FILTER_ALTERNATIVES_MAX });
    }
    Ok(list.into_iter().collect())
}

/// Heights of a query's blocks under the rules of execution-apis: no reversed range, nothing
/// beyond the head.
pub fn heights(view: &View, blocks: Blocks) -> Result<(u64, u64), RpcError> {
    match blocks {
        Blocks::Hash(hash) => {
            let number = view.number(BlockId::Hash(hash))?;
            let number = number.ok_or_else(|| RpcError::new(code::SERVER, "unknown block"))?;
            Ok((number, number))
        }
        Blocks::Range(from, to) => {
            let height = |id| match id {
                BlockId::Number(number) => Ok(number),
                other => view.known(other),
            };
            let (from, to) = (height(from)?, height(to)?);
            if from > to {
                return Err(RpcError::invalid_params("invalid block range params"));
            }
            if to > view.head().number {
                return Err(RpcError::invalid_params(
                    "block range extends beyond current head block",
                ));
            }
            Ok((from, to))
        }
    }
}

/// Searches heights `from` to `to`. Reads the store; not for network threads.
pub fn search(
    view: &View,
    config: &RpcConfig,
    filter: &LogFilter,
    (from, to): (u64, u64),
) -> Result<Vec<LogEntry>, RpcError> {
    let blocks_max = config.logs_blocks_max;
    if to - from >= blocks_max {
        return Err(RpcError::limit(format!(
            "query exceeds max block range {blocks_max}, narrow fromBlock and toBlock"
        )));
    }
    // Nobody could ask for less than one block.
    let entries_max = if from == to { usize::MAX } else { config.logs_results_max };
    let limits = LogLimits { entries_max, ..LogLimits::default() };
    view.ledger().blocks().logs(filter, from..=to, limits).map_err(refused)
}

fn refused(error: LogQueryError) -> RpcError {
    match error {
        LogQueryError::TooMany { .. } | LogQueryError::TooBroad { .. } => {
            RpcError::limit(error.to_string())
        }
        LogQueryError::TooManyTerms { .. } | LogQueryError::TooManyTopics { .. } => {
            RpcError::invalid_params(error.to_string())
        }
        LogQueryError::Pruned { .. } => RpcError::new(code::PRUNED, error.to_string()),
        LogQueryError::Chain(error) => error.into(),
    }
}
