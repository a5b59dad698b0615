//! Fetching what lies below the anchor of a node that joined by state sync: headers, extensions and
//! certificates down to block 1, bodies and receipts down to the blocks that this node keeps.
//!
//! Everything is checked against the certified chain before it is stored. The chain store knows
//! what is missing, so a restart goes on where the last run ended. At most half of the time of one
//! processor goes into it, and a few megabytes of memory.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use alloy_primitives::{Address, B256, Bytes};
use chain::{ChainError, FinalizedBlock};
use commonware_parallel::Strategy as _;
use consensus::history::{
    BODIES_MAX, Bodies, HEADERS_MAX, HeaderEntry, Headers, HistoryError, HistoryRequest, Receipts,
    verify_body, verify_headers, verify_receipts,
};
use types::{Block, Extension, Header, Receipt, Transaction, ValidatorSet};

use crate::{Runtime, core::Core, history::History};

/// How long a question may stay unanswered before it counts as "nobody has it".
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// Pause before what nobody had is asked for again.
const ABSENT_PAUSE: Duration = Duration::from_secs(30);
/// Least pause between two batches.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Transactions whose senders are recovered in one piece of work.
const RECOVERED_TOGETHER: usize = 256;
/// Blocks between two log lines.
const REPORT_BLOCKS: u64 = 10_000;

/// Runs until everything is there that this node is meant to keep.
pub(crate) async fn run<E: Runtime>(context: E, core: Arc<Core>, history: History) {
    let filler = Filler { context: &context, core: &core, history: &history };
    if !filler.is_missing() {
        return;
    }
    tracing::info!(
        lowest_header = core.chain.lowest_header(),
        lowest_body = core.chain.lowest_body(),
        "fetching older blocks"
    );
    match futures::try_join!(filler.headers(), filler.bodies()) {
        Ok(_) => tracing::info!(
            lowest_header = core.chain.lowest_header(),
            lowest_body = core.chain.lowest_body(),
            "older blocks are complete"
        ),
        Err(error) => tracing::error!(%error, "cannot store older blocks; a restart goes on"),
    }
}

/// Fetches the newest body that is missing, if peers have it at hand.
pub(crate) async fn newest<E: Runtime>(context: &E, core: &Arc<Core>, history: &History) {
    let filler = Filler { context, core, history };
    let Some(top) = core.chain.next_body_to_backfill().filter(|top| *top > 0) else {
        return;
    };
    let stored = match filler.ask_bodies(top, 1).await {
        Ok(Some(blocks)) => filler.keep_bodies(&blocks),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = stored {
        tracing::error!(%error, "cannot store a block");
    }
}

struct Filler<'a, E> {
    context: &'a E,
    core: &'a Arc<Core>,
    history: &'a History,
}

impl<E: Runtime> Filler<'_, E> {
    fn is_missing(&self) -> bool {
        let chain = &self.core.chain;
        chain.next_header_to_backfill().is_some() || chain.next_body_to_backfill().is_some()
    }

    async fn headers(&self) -> Result<(), ChainError> {
        let chain = &self.core.chain;
        while let Some(top) = chain.next_header_to_backfill().filter(|top| *top > 0) {
            let started = self.context.current();
            match self.ask_headers(top).await? {
                Some(entries) => self.keep_headers(entries)?,
                None => self.absent("headers", top).await,
            }
            if let Some(now) = chain.lowest_header() {
                report("headers", top, now);
            }
            self.pause(started).await;
        }
        Ok(())
    }

    async fn ask_headers(&self, top: u64) -> Result<Option<Vec<HeaderEntry>>, ChainError> {
        let Some((above, _)) = self.core.chain.header(top + 1)? else {
            return Ok(None);
        };
        let core = Arc::clone(self.core);
        let request = HistoryRequest::Headers { top, count: up_to(HEADERS_MAX, top) };
        Ok(self
            .history
            .ask(request, None, self.context.sleep(ANSWER_WAIT), move |bytes| {
                check_headers(&core, top, above.parent_hash, bytes).map(Some)
            })
            .await)
    }

    fn keep_headers(&self, entries: Vec<HeaderEntry>) -> Result<(), ChainError> {
        let chain = &self.core.chain;
        for entry in &entries {
            if let Some(certificate) = &entry.certificate {
                chain.put_certificate(entry.header.number, certificate)?;
            }
        }
        let headers: Vec<(Header, Extension)> =
            entries.into_iter().map(|entry| (entry.header, entry.extension)).collect();
        chain.backfill_headers(&headers)?;
        chain.persist()
    }

    async fn bodies(&self) -> Result<(), ChainError> {
        let chain = &self.core.chain;
        while let Some(top) = chain.next_body_to_backfill().filter(|top| *top > 0) {
            let started = self.context.current();
            let lowest_header = chain.lowest_header().unwrap_or_default();
            if top < lowest_header {
                self.context.sleep(PAUSE_MIN).await;
                continue;
            }
            let count = up_to(BODIES_MAX, top - lowest_header.max(1) + 1);
            match self.ask_bodies(top, count).await? {
                Some(blocks) => self.keep_bodies(&blocks)?,
                None => self.absent("bodies", top).await,
            }
            if let Some(now) = chain.lowest_body() {
                report("bodies", top, now);
            }
            self.pause(started).await;
        }
        Ok(())
    }

    fn keep_bodies(&self, blocks: &[FinalizedBlock]) -> Result<(), ChainError> {
        match self.core.chain.backfill_bodies(blocks) {
            // The head moved on, and with it the oldest block that this node keeps.
            Err(ChainError::BlockPruned { .. }) => {
                let first = blocks.first().map(std::slice::from_ref).unwrap_or_default();
                match self.core.chain.backfill_bodies(first) {
                    Err(ChainError::BlockPruned { .. }) => Ok(()),
                    result => result,
                }?;
            }
            result => result?,
        }
        self.core.chain.persist()
    }

    /// Bodies and receipts of the blocks down from `top`, as many as both answers have.
    async fn ask_bodies(
        &self,
        top: u64,
        count: u32,
    ) -> Result<Option<Vec<FinalizedBlock>>, ChainError> {
        let lowest = top + 1 - u64::from(count);
        let mut headers = Vec::new();
        for height in (lowest..=top).rev() {
            headers.extend(self.core.chain.header(height)?);
        }
        let headers = Arc::new(headers);
        let (for_bodies, for_receipts) = (Arc::clone(&headers), Arc::clone(&headers));
        let bodies = self.history.ask(
            HistoryRequest::Bodies { top, count },
            None,
            self.context.sleep(ANSWER_WAIT),
            move |bytes| check_bodies(&for_bodies, bytes).map(Some),
        );
        let receipts = self.history.ask(
            HistoryRequest::Receipts { top, count },
            None,
            self.context.sleep(ANSWER_WAIT),
            move |bytes| check_receipts(&for_receipts, bytes).map(Some),
        );
        let (Some(bodies), Some(receipts)) = futures::join!(bodies, receipts) else {
            return Ok(None);
        };
        let mut blocks = Vec::with_capacity(headers.len());
        for (((header, extension), body), receipts) in headers.iter().zip(bodies).zip(receipts) {
            let Some(senders) = self.senders(&body).await else {
                tracing::error!(height = header.number, "a certified transaction does not decode");
                break;
            };
            let block = Arc::new(Block::new(header.clone(), extension.clone(), body));
            let (receipts, senders) = (Arc::new(receipts), Arc::new(senders));
            blocks.push(FinalizedBlock { block, receipts, senders });
        }
        Ok(Some(blocks).filter(|blocks| !blocks.is_empty()))
    }

    /// Who signed each transaction. Some at a time, so that nothing else waits for long.
    async fn senders(&self, transactions: &[Bytes]) -> Option<Vec<Address>> {
        let mut senders = Vec::with_capacity(transactions.len());
        for some in transactions.chunks(RECOVERED_TOGETHER) {
            let some = some.to_vec();
            let recovered = self.core.strategy.spawn(some.len(), |strategy| {
                strategy.map_collect_vec(some, |encoded| {
                    Transaction::decode(encoded).ok().map(|transaction| transaction.sender())
                })
            });
            senders.extend(recovered.await.into_iter().collect::<Option<Vec<_>>>()?);
        }
        Some(senders)
    }

    async fn absent(&self, what: &'static str, top: u64) {
        tracing::warn!(what, height = top, "no peer has older blocks at hand, asking again later");
        self.context.sleep(ABSENT_PAUSE).await;
    }

    /// Rests for as long as the batch took.
    async fn pause(&self, started: SystemTime) {
        let took = self.context.current().duration_since(started).unwrap_or_default();
        self.context.sleep(took.clamp(PAUSE_MIN, ANSWER_WAIT)).await;
    }
}

fn up_to(limit: usize, available: u64) -> u32 {
    u32::try_from(available.min(limit as u64)).unwrap_or(u32::MAX)
}

fn report(what: &'static str, before: u64, now: u64) {
    if before / REPORT_BLOCKS != now / REPORT_BLOCKS {
        tracing::info!(what, lowest = now, "fetched older blocks");
    }
}

/// An answer without anything is no answer: peers that have nothing say so in another way.
fn not_empty<T>(items: &[T], height: u64) -> Result<(), HistoryError> {
    match items.is_empty() {
        false => Ok(()),
        true => Err(HistoryError::Wrong { height, what: "the answer is empty" }),
    }
}

fn check_headers(
    core: &Core,
    top: u64,
    hash: B256,
    bytes: &[u8],
) -> Result<Vec<HeaderEntry>, HistoryError> {
    let Headers(entries) = Headers::decode(bytes)?;
    not_empty(&entries, top)?;
    verify_headers(&core.namespace, top, hash, entries, |epoch| set_of(core, epoch))
}

fn set_of(core: &Core, epoch: u64) -> Option<ValidatorSet> {
    match epoch {
        0 => core.genesis.validator_set().ok(),
        epoch => core.chain.validators(epoch).ok().flatten(),
    }
}

fn check_bodies(
    headers: &[(Header, Extension)],
    bytes: &[u8],
) -> Result<Vec<Vec<Bytes>>, HistoryError> {
    let Bodies(bodies) = Bodies::decode(bytes)?;
    not_empty(&bodies, headers.first().map_or(0, |(header, _)| header.number))?;
    for ((header, _), transactions) in headers.iter().zip(&bodies) {
        verify_body(header, transactions)?;
    }
    Ok(bodies)
}

fn check_receipts(
    headers: &[(Header, Extension)],
    bytes: &[u8],
) -> Result<Vec<Vec<Receipt>>, HistoryError> {
    let Receipts(blocks) = Receipts::decode(bytes)?;
    not_empty(&blocks, headers.first().map_or(0, |(header, _)| header.number))?;
    for ((header, _), receipts) in headers.iter().zip(&blocks) {
        verify_receipts(header, receipts)?;
    }
    Ok(blocks)
}
