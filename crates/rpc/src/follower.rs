//! Follows the head for all subscribers: one task reads each new block once and hands it on.
//!
//! The hand-over is a ring of bounded length with a place per subscriber. A subscriber that falls
//! behind by the whole ring finds out and is closed; nobody waits for it.

use std::sync::Arc;

use alloy_primitives::B256;
use chain::LogEntry;
use futures::{StreamExt as _, future::BoxFuture};
use ledger_api::{Head, Ledger};
use tokio::{
    sync::{
        OnceCell,
        broadcast::{self, Receiver, Sender},
    },
    task::JoinHandle,
};

use crate::{
    error::RpcError,
    limits::{HEAD_QUEUE_BLOCKS_MAX, PENDING_QUEUE_TRANSACTIONS_MAX},
    methods::finality_proof_of,
    render::{self, BlockReceipts},
    view::View,
};

/// A new block, as subscribers need it.
pub struct NewBlock {
    /// Height.
    pub number: u64,
    /// The header object as JSON text.
    pub header: String,
    /// All logs of the block.
    pub logs: Vec<LogEntry>,
    /// Made for the first who asks.
    finality: OnceCell<String>,
}

impl NewBlock {
    /// The proof that it is final as JSON text, read once for all subscribers.
    pub async fn finality(&self, ledger: &Arc<dyn Ledger>) -> Result<&str, RpcError> {
        let read = || async { Ok(finality_proof_of(ledger, self.number).await?.to_string()) };
        self.finality.get_or_try_init(read).await.map(String::as_str)
    }
}

/// The following tasks; they end when this is dropped.
pub struct Follower {
    blocks: Sender<Arc<NewBlock>>,
    pending: Sender<B256>,
    tasks: Vec<JoinHandle<()>>,
}

impl Follower {
    /// Starts at the present head.
    pub fn start(ledger: &Arc<dyn Ledger>) -> Self {
        let (blocks, _) = broadcast::channel(HEAD_QUEUE_BLOCKS_MAX);
        let (pending, _) = broadcast::channel(PENDING_QUEUE_TRANSACTIONS_MAX);
        let tasks = vec![
            tokio::spawn(follow_blocks(ledger.clone(), blocks.clone())),
            tokio::spawn(follow_pool(ledger.clone(), pending.clone())),
        ];
        Self { blocks, pending, tasks }
    }

    /// Every block that becomes final from now on.
    pub fn blocks(&self) -> Receiver<Arc<NewBlock>> {
        self.blocks.subscribe()
    }

    /// Every transaction that enters the pool from now on.
    pub fn pending(&self) -> Receiver<B256> {
        self.pending.subscribe()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn follow_blocks(ledger: Arc<dyn Ledger>, blocks: Sender<Arc<NewBlock>>) {
    let mut last = ledger.head().number;
    loop {
        let next: BoxFuture<'static, Head> = ledger.wait_beyond(last);
        let head = next.await;
        // Nobody listens: nothing to read. Otherwise catch up, but never more than the ring holds.
        let ring = HEAD_QUEUE_BLOCKS_MAX as u64;
        let first = match blocks.receiver_count() {
            0 => head.number + 1,
            _ => (last + 1).max(head.number.saturating_sub(ring)),
        };
        for number in first..=head.number {
            let view = View::new(&ledger);
            let reading = tokio::task::spawn_blocking(move || new_block(&view, number));
            match reading.await.unwrap_or_else(|error| Err(RpcError::internal(error))) {
                // No receiver is left: the block is simply not told.
                Ok(block) => drop(blocks.send(Arc::new(block))),
                Err(error) => tracing::error!(number, %error, "final block cannot be announced"),
            }
        }
        // A development ledger may have gone back.
        last = head.number;
    }
}

fn new_block(view: &View, number: u64) -> Result<NewBlock, RpcError> {
    let executed = view.executed(number)?.ok_or_else(RpcError::unknown_block)?;
    let block = &executed.block;
    let header = render::header(block.header(), block.extension(), block.hash()).to_string();
    let receipts = BlockReceipts::of(&executed, None);
    let mut logs = Vec::new();
    for (index, encoded) in block.transactions().iter().enumerate() {
        if !executed.receipts[index].logs.is_empty() {
            let hash = alloy_primitives::keccak256(encoded);
            logs.extend(receipts.logs(index, hash, logs.len()));
        }
    }
    Ok(NewBlock { number, header, logs, finality: OnceCell::new() })
}

/// The pool drops what this task does not take; the ring drops what subscribers do not take.
async fn follow_pool(ledger: Arc<dyn Ledger>, pending: Sender<B256>) {
    let mut announced = ledger.pool().subscribe();
    while let Some(hash) = announced.next().await {
        // Without a receiver there is nobody to tell.
        let _ = pending.send(hash);
    }
}
