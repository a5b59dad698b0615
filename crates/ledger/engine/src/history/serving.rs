//! Answering peers from the chain store: one answer at a time, at a bounded rate, whoever asks how
//! often.

use std::{sync::Arc, time::Duration};

use alloy_rlp::Encodable as _;
use bytes::Bytes;
use chain::{ChainError, ChainStore};
use commonware_parallel::Strategy as _;
use commonware_resolver::p2p::Producer;
use commonware_utils::channel::{mpsc, oneshot};
use consensus::history::{
    ANSWER_BYTES_MAX, ANSWER_BYTES_TARGET, Bodies, CertifiedHeader, HeaderEntry, Headers,
    HistoryRequest, ITEMS_MAX, Receipts, STEPS_MAX, SetStep, Sets, last_of_epoch,
};
use types::Certificate;

use crate::{Runtime, core::Core};

/// Questions that wait for an answer; further ones are answered with "no data".
const QUESTIONS_MAX: usize = 64;
/// Answers sent, bytes per second of all peers together.
const SERVED_BYTES_PER_SECOND: u64 = 32 * 1024 * 1024;
/// Heights below the head that are searched for the newest certificate. Almost every block has one.
const TIP_SEARCH_MAX: u64 = 64;
/// Bytes that a signature adds to an answer, about.
const SIGNATURE_BYTES: usize = 100;

type Question = (HistoryRequest, oneshot::Sender<Bytes>);

/// Hands questions of peers to the task that answers.
#[derive(Clone)]
pub(super) struct Server(mpsc::Sender<Question>);

impl Producer for Server {
    type Key = HistoryRequest;

    fn produce(&mut self, request: HistoryRequest) -> oneshot::Receiver<Bytes> {
        let (answer, receiver) = oneshot::channel();
        // Where the queue is full, the question is dropped, which tells the peer to ask elsewhere.
        let _ = self.0.try_send((request, answer));
        receiver
    }
}

pub(super) fn start<E: Runtime>(context: &E, core: Arc<Core>) -> Server {
    let (sender, questions) = mpsc::channel(QUESTIONS_MAX);
    context.child("history_server").spawn(move |context| answer_all(context, core, questions));
    Server(sender)
}

async fn answer_all<E: Runtime>(
    context: E,
    core: Arc<Core>,
    mut questions: mpsc::Receiver<Question>,
) {
    while let Some((request, sender)) = questions.recv().await {
        // A node that is joining has an empty chain, which says nothing about the network's.
        if sender.is_closed() || core.joining.is_syncing() {
            continue;
        }
        let source = Arc::clone(&core);
        let answered = core.strategy.spawn(1, move |_| {
            answer(&source.chain, source.genesis.parameters.epoch_blocks, request)
        });
        match answered.await {
            Ok(Some(bytes)) => {
                let micros = bytes.len() as u64 * 1_000_000 / SERVED_BYTES_PER_SECOND;
                let _ = sender.send(bytes.into());
                context.sleep(Duration::from_micros(micros)).await;
            }
            Ok(None) => tracing::debug!(%request, "history that is not held here"),
            Err(error) => tracing::warn!(%request, %error, "cannot read history for a peer"),
        }
    }
}

/// `None` where this node cannot answer.
pub(crate) fn answer(
    chain: &ChainStore,
    epoch_blocks: u64,
    request: HistoryRequest,
) -> Result<Option<Vec<u8>>, ChainError> {
    let answer = match request {
        HistoryRequest::Sets { epoch, .. } => {
            sets(chain, epoch_blocks, epoch)?.map(|sets| sets.encode())
        }
        HistoryRequest::Headers { top, count } => {
            let entries = headers(chain, top, count)?;
            (!entries.is_empty()).then(|| Headers(entries).encode())
        }
        HistoryRequest::Bodies { top, count } => {
            let blocks = down_from(top, count, |number, used| {
                let Some(block) = held(chain.block(number))? else { return Ok(None) };
                let body = block.transactions().to_vec();
                let bytes = body.iter().map(|transaction| transaction.len() + 4).sum();
                Ok(used.fits(bytes, body.len()).then_some(body))
            })?;
            (!blocks.is_empty()).then(|| Bodies(blocks).encode())
        }
        HistoryRequest::Receipts { top, count } => {
            let blocks = down_from(top, count, |number, used| {
                let Some(receipts) = held(chain.receipts(number))? else { return Ok(None) };
                let receipts = receipts.to_vec();
                let bytes = receipts.iter().map(|receipt| receipt.logs.length() + 16).sum();
                Ok(used.fits(bytes, receipts.len()).then_some(receipts))
            })?;
            (!blocks.is_empty()).then(|| Receipts(blocks).encode())
        }
    };
    Ok(answer.filter(|bytes| bytes.len() <= ANSWER_BYTES_MAX))
}

/// What is pruned or not fetched yet is not here.
fn held<T>(found: Result<Option<T>, ChainError>) -> Result<Option<T>, ChainError> {
    match found {
        Err(ChainError::BlockPruned { .. }) => Ok(None),
        found => found,
    }
}

/// Size of an answer so far.
#[derive(Default)]
struct Used {
    bytes: usize,
    items: usize,
}

impl Used {
    /// Whether a block of this size may join the answer. The first one always may.
    fn fits(&mut self, bytes: usize, items: usize) -> bool {
        let first = self.bytes == 0;
        self.bytes += bytes + 8;
        self.items += items;
        first || (self.bytes <= ANSWER_BYTES_TARGET && self.items <= ITEMS_MAX)
    }
}

/// Collects downwards until something is missing or the answer is full.
fn down_from<T>(
    top: u64,
    count: u32,
    mut get: impl FnMut(u64, &mut Used) -> Result<Option<T>, ChainError>,
) -> Result<Vec<T>, ChainError> {
    let mut used = Used::default();
    let mut found = Vec::new();
    let lowest = top.saturating_sub(u64::from(count)).saturating_add(1).max(1);
    for number in (lowest..=top).rev() {
        match get(number, &mut used)? {
            Some(item) => found.push(item),
            None => break,
        }
    }
    Ok(found)
}

fn headers(chain: &ChainStore, top: u64, count: u32) -> Result<Vec<HeaderEntry>, ChainError> {
    down_from(top, count, |number, used| {
        let Some((header, extension)) = held(chain.header(number))? else { return Ok(None) };
        let certificate = certificate(chain, number)?;
        let signatures = certificate.as_ref().map_or(0, |found| found.signatures.len());
        let bytes = header.length() + extension.length() + signatures * SIGNATURE_BYTES;
        Ok(used.fits(bytes, 0).then_some(HeaderEntry { header, extension, certificate }))
    })
}

/// A certificate of exactly this block.
fn certificate(chain: &ChainStore, number: u64) -> Result<Option<Certificate>, ChainError> {
    let found = chain.certificate_at_or_above(number)?;
    Ok(found.filter(|(height, _)| *height == number).map(|(_, certificate)| certificate))
}

fn certified(chain: &ChainStore, number: u64) -> Result<Option<CertifiedHeader>, ChainError> {
    let Some((header, extension)) = held(chain.header(number))? else { return Ok(None) };
    let certificate = certificate(chain, number)?;
    Ok(certificate.map(|certificate| CertifiedHeader { header, extension, certificate }))
}

fn sets(chain: &ChainStore, epoch_blocks: u64, first: u64) -> Result<Option<Sets>, ChainError> {
    let head = chain.head().unwrap_or_default();
    let mut answer = Sets::default();
    for epoch in first.. {
        let Some(last) = last_of_epoch(epoch_blocks, epoch).filter(|last| *last <= head) else {
            answer.tip = newest(chain, head)?;
            break;
        };
        if answer.steps.len() == STEPS_MAX {
            break;
        }
        let (block, next) = (certified(chain, last)?, chain.validators(epoch + 1)?);
        let (Some(last), Some(next)) = (block, next) else {
            // The end of the epoch exists, and this node cannot prove it (yet).
            return Ok((!answer.steps.is_empty()).then_some(answer));
        };
        answer.steps.push(SetStep { last, next });
    }
    Ok(Some(answer))
}

/// The newest certified block.
fn newest(chain: &ChainStore, head: u64) -> Result<Option<CertifiedHeader>, ChainError> {
    for number in (1..=head).rev().take(TIP_SEARCH_MAX as usize) {
        if let Some(found) = certified(chain, number)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
