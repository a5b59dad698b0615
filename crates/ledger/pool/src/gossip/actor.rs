//! The task that speaks with the peers.

use std::{future::Future, pin::Pin, sync::Arc, time::SystemTime};

use alloy_primitives::{B256, Bytes, keccak256};
use commonware_codec::{Decode as _, Encode as _};
use commonware_cryptography::PublicKey;
use commonware_macros::select_loop;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_runtime::{
    Clock, Handle, IoBuf, Metrics, Spawner,
    telemetry::metrics::{Counter, MetricsExt as _},
};
use commonware_utils::futures::Pool as Futures;
use futures::future::{self, Either};
use types::Transaction;

use super::{
    ADMISSIONS_MAX, Announcement, BODIES_MAX, FLUSH_INTERVAL, GossipMessage, HASHES_MAX,
    MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, PUSH_MAX, PUSHED_TRANSACTION_BYTES_MAX, REFUSED_REPEATS,
    REPEAT_HASHES_MAX, REPEAT_INTERVAL, RESPONSE_BYTES_MAX,
    manners::Manners,
    message::{ANNOUNCEMENT_BYTES, LENGTH_BYTES_MAX, OVERHEAD_BYTES_MAX},
    requests::Requests,
};
use crate::{Admit, Origin, Pool, Refusal};

/// Settings of gossip.
#[derive(Clone, Copy, Debug)]
pub struct GossipConfig {
    /// Longest message sent, bytes; at least [`MESSAGE_BYTES_MIN`] is used, and the network must
    /// allow as much (default 1 MiB).
    pub message_bytes_max: usize,
}

impl Default for GossipConfig {
    fn default() -> Self {
        Self { message_bytes_max: MESSAGE_BYTES_MAX }
    }
}

/// Bodies of one peer after admission.
struct Admitted<P> {
    peer: P,
    hashes: Vec<B256>,
    results: Vec<Result<B256, Refusal>>,
}

struct Counters {
    announced: Counter,
    pushed: Counter,
    requested: Counter,
    received: Counter,
    unwanted: Counter,
    refused: Counter,
    blocked: Counter,
}

/// The gossip task of one ledger.
pub struct Gossip<E, P: PublicKey, A, B> {
    context: E,
    pool: Arc<Pool>,
    admit: A,
    blocker: B,
    message_bytes_max: usize,
    requests: Requests<P>,
    manners: Manners<P>,
    admissions: Futures<'static, Admitted<P>>,
    counters: Counters,
    /// When new transactions were last announced.
    announced_at: SystemTime,
    /// Repetition: what arrived before `repeat_before` is at least one interval old; `repeat_from`
    /// is where the last batch ended.
    repeat_before: u64,
    repeat_from: u64,
    repeats: u32,
}

impl<E, P, A, B> Gossip<E, P, A, B>
where
    E: Spawner + Clock + Metrics,
    P: PublicKey,
    A: Admit,
    B: Blocker<PublicKey = P>,
{
    /// Gossip for `pool`; bodies from peers go through `admit`.
    pub fn new(context: E, pool: Arc<Pool>, admit: A, blocker: B, config: GossipConfig) -> Self {
        let counters = Counters {
            announced: context.counter("announced", "transactions announced to peers"),
            pushed: context.counter("pushed", "transactions pushed to peers"),
            requested: context.counter("requested", "transactions asked of peers"),
            received: context.counter("received", "transactions received from peers"),
            unwanted: context.counter("unwanted", "transactions received without being wanted"),
            refused: context.counter("refused", "transactions from peers that were refused"),
            blocked: context.counter("blocked", "peers blocked for what they sent"),
        };
        Self {
            context,
            pool,
            admit,
            blocker,
            message_bytes_max: config.message_bytes_max.max(MESSAGE_BYTES_MIN),
            requests: Requests::new(),
            manners: Manners::new(),
            admissions: Futures::default(),
            counters,
            announced_at: SystemTime::UNIX_EPOCH,
            repeat_before: 0,
            repeat_from: 0,
            repeats: 0,
        }
    }

    /// Runs until the runtime stops or the network closes.
    pub fn start(
        self,
        network: (impl Sender<PublicKey = P>, impl Receiver<PublicKey = P>),
    ) -> Handle<()> {
        let task = self.context.child("task");
        task.spawn(move |_| self.run(network))
    }

    async fn run(
        mut self,
        (mut sender, mut receiver): (impl Sender<PublicKey = P>, impl Receiver<PublicKey = P>),
    ) {
        let context = self.context.child("clock");
        let mut news: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(self.pool.wait_for_unannounced());
        let mut flush_at: Option<SystemTime> = None;
        let mut repeat_at = context.current() + REPEAT_INTERVAL;
        select_loop! {
            context,
            on_start => {
                let flush = match flush_at {
                    Some(time) => Either::Left(context.sleep_until(time)),
                    None => Either::Right(&mut news),
                };
                let expiry = match self.requests.next_deadline() {
                    Some(time) => Either::Left(context.sleep_until(time)),
                    None => Either::Right(future::pending()),
                };
                let incoming = if self.admissions.len() < ADMISSIONS_MAX {
                    Either::Left(receiver.recv())
                } else {
                    Either::Right(future::pending())
                };
            },
            on_stopped => {
                tracing::debug!("transaction gossip stops");
            },
            () = flush => {
                if flush_at.take().is_some() {
                    self.send_new(&mut sender, context.current());
                    news = Box::pin(self.pool.wait_for_unannounced());
                } else {
                    flush_at = Some((self.announced_at + FLUSH_INTERVAL).max(context.current()));
                }
            },
            admitted = self.admissions.next_completed() => {
                self.admitted(admitted);
            },
            () = context.sleep_until(repeat_at) => {
                self.repeat(&mut sender);
                repeat_at = context.current() + REPEAT_INTERVAL;
            },
            () = expiry => {
                self.requests.expire(context.current());
            },
            message = incoming => {
                let Ok((peer, bytes)) = message else {
                    tracing::debug!("transaction gossip stops: the network is closed");
                    break;
                };
                self.received(&mut sender, peer, bytes);
            },
            on_end => {
                self.ask(&mut sender, context.current());
            },
        }
    }

    fn send_new(&mut self, sender: &mut impl Sender<PublicKey = P>, now: SystemTime) {
        self.announced_at = now;
        loop {
            let transactions = self.pool.take_unannounced(HASHES_MAX);
            if transactions.is_empty() {
                return;
            }
            let (small, large): (Vec<_>, Vec<_>) = transactions
                .into_iter()
                .partition(|held| held.encoded().len() <= PUSHED_TRANSACTION_BYTES_MAX);
            let small = small.iter().map(|transaction| transaction.encoded().clone());
            for batch in self.batches(small, PUSH_MAX) {
                self.counters.pushed.inc_by(batch.len() as u64);
                sender.send(Recipients::All, GossipMessage::Push(batch).encode(), false);
            }
            self.announce(sender, &large);
        }
    }

    /// Announces what has been executable for more than an interval, oldest first, a bounded
    /// number at a time; goes on where the last repetition ended.
    fn repeat(&mut self, sender: &mut impl Sender<PublicKey = P>) {
        self.manners.next_interval();
        let (transactions, next) =
            self.pool.executable_arrivals(self.repeat_from, self.repeat_before, REPEAT_HASHES_MAX);
        self.announce(sender, &transactions);
        self.repeat_from = if next >= self.repeat_before { 0 } else { next };
        self.repeat_before = self.pool.next_arrival();
        self.repeats = self.repeats.wrapping_add(1);
        if self.repeats.is_multiple_of(REFUSED_REPEATS) {
            self.requests.age_refused();
        }
    }

    fn announce(&self, sender: &mut impl Sender<PublicKey = P>, transactions: &[Arc<Transaction>]) {
        let fit = (self.message_bytes_max - OVERHEAD_BYTES_MAX) / ANNOUNCEMENT_BYTES;
        for batch in transactions.chunks(fit.clamp(1, HASHES_MAX)) {
            let announcement = |transaction: &Arc<Transaction>| Announcement {
                hash: transaction.hash(),
                size: u32::try_from(transaction.encoded().len())
                    .expect("a transaction has at most 128 KiB"),
            };
            let message = GossipMessage::Announce(batch.iter().map(announcement).collect());
            self.counters.announced.inc_by(batch.len() as u64);
            sender.send(Recipients::All, message.encode(), false);
        }
    }

    fn received(&mut self, sender: &mut impl Sender<PublicKey = P>, peer: P, bytes: IoBuf) {
        if self.manners.is_blocked(&peer) {
            return;
        }
        let length = bytes.len();
        match GossipMessage::decode_cfg(bytes::Bytes::from(bytes), &()) {
            Ok(GossipMessage::Announce(announcements)) => self.announced(&peer, &announcements),
            Ok(GossipMessage::Request(hashes)) => self.serve(sender, peer, &hashes),
            Ok(GossipMessage::Bodies { transactions, missing }) => {
                for hash in &missing {
                    self.requests.missing(&peer, hash);
                }
                self.bodies(peer, transactions);
            }
            Ok(GossipMessage::Push(transactions)) => self.pushed(peer, transactions, length),
            Err(error) => self.block(peer, &error.to_string()),
        }
    }

    fn announced(&mut self, peer: &P, announcements: &[Announcement]) {
        if !self.manners.may_announce(peer, announcements.len()) {
            return;
        }
        let hashes: Vec<B256> = announcements.iter().map(|announced| announced.hash).collect();
        for (announcement, unknown) in announcements.iter().zip(self.pool.unknown(&hashes)) {
            if unknown {
                self.requests.announced(peer, announcement);
            }
        }
    }

    /// Starts the admission of the bodies that are wanted. What was not asked of this peer is not
    /// even hashed.
    fn bodies(&mut self, peer: P, transactions: Vec<Bytes>) {
        let total = transactions.len();
        let owed = self.manners.sent(&peer, total);
        if self.manners.is_flooding(&peer) {
            self.block(peer, "transactions that nobody asked for");
            return;
        }
        let hashed = transactions.into_iter().take(owed).map(|bytes| (keccak256(&bytes), bytes));
        let wanted = hashed.filter(|(hash, _)| self.requests.arrived(hash)).collect();
        self.admit(peer, total, wanted);
    }

    /// Starts the admission of pushed bodies that are not known, as far as the peer's bound allows.
    fn pushed(&mut self, peer: P, transactions: Vec<Bytes>, message_bytes: usize) {
        let total = transactions.len();
        if !self.manners.may_push(&peer, total, message_bytes) {
            return self.admit(peer, total, Vec::new());
        }
        let hashes: Vec<B256> = transactions.iter().map(keccak256).collect();
        let unknown = self.pool.unknown(&hashes);
        let hashed = hashes.into_iter().zip(transactions).zip(unknown);
        let wanted = hashed
            .filter(|((hash, _), unknown)| *unknown && self.requests.pushed(hash))
            .map(|(hashed, _)| hashed)
            .collect();
        self.admit(peer, total, wanted);
    }

    /// Starts the admission of what was wanted of `total` bodies.
    fn admit(&mut self, peer: P, total: usize, wanted: Vec<(B256, Bytes)>) {
        self.counters.received.inc_by(total as u64);
        self.counters.unwanted.inc_by((total - wanted.len()) as u64);
        if wanted.is_empty() {
            return;
        }
        self.manners.admitting(&peer, wanted.len());
        let (hashes, bodies) = wanted.into_iter().unzip();
        let admit = self.admit.clone();
        self.admissions.push(async move {
            let results = admit.admit(bodies, Origin::Peer).await;
            Admitted { peer, hashes, results }
        });
    }

    fn admitted(&mut self, Admitted { peer, hashes, results }: Admitted<P>) {
        self.manners.admitted(&peer, hashes.len());
        let (mut undecodable, mut refused) = (None, 0);
        for (hash, result) in hashes.iter().zip(results) {
            let refusal = result.err().filter(|refusal| *refusal != Refusal::AlreadyKnown);
            self.requests.admitted(hash, refusal.as_ref().is_some_and(is_lasting));
            let Some(refusal) = refusal else { continue };
            refused += usize::from(!matches!(refusal, Refusal::State(_)));
            self.counters.refused.inc();
            tracing::debug!(%hash, %refusal, code = refusal.code(), "refused a peer's transaction");
            if refusal.is_undecodable() {
                undecodable = Some(refusal);
            }
        }
        if let Some(refusal) = undecodable {
            self.block(peer, &refusal.to_string());
        } else if self.manners.refused(&peer, refused) {
            self.requests.forget(&peer);
        }
    }

    /// Sends the bodies that are held, within the bounds of message and response.
    fn serve(&mut self, sender: &mut impl Sender<PublicKey = P>, peer: P, hashes: &[B256]) {
        if !self.manners.may_request(&peer, hashes.len()) {
            return;
        }
        let (mut missing, mut held) = (Vec::new(), Vec::new());
        let mut total = 0;
        for (hash, transaction) in hashes.iter().zip(self.pool.get_many(hashes)) {
            let Some(transaction) = transaction else {
                missing.push(*hash);
                continue;
            };
            let length = transaction.encoded().len() + LENGTH_BYTES_MAX;
            if total + length > RESPONSE_BYTES_MAX {
                break;
            }
            total += length;
            held.push(transaction.encoded().clone());
        }
        self.manners.served(&peer, total);
        for transactions in self.batches(held, BODIES_MAX) {
            let message = GossipMessage::Bodies { transactions, missing: Vec::new() };
            sender.send(Recipients::One(peer.clone()), message.encode(), false);
        }
        for missing in missing.chunks(self.hashes_per_message()) {
            let missing = missing.to_vec();
            let message = GossipMessage::Bodies { transactions: Vec::new(), missing };
            sender.send(Recipients::One(peer.clone()), message.encode(), false);
        }
    }

    /// Bodies in as many batches of at most `count_max` as messages are needed.
    fn batches(
        &self,
        bodies: impl IntoIterator<Item = Bytes>,
        count_max: usize,
    ) -> Vec<Vec<Bytes>> {
        let mut batches: Vec<Vec<Bytes>> = Vec::new();
        let mut size = 0;
        for bytes in bodies {
            let length = bytes.len() + LENGTH_BYTES_MAX;
            match batches.last_mut() {
                Some(batch)
                    if size + length <= self.message_bytes_max && batch.len() < count_max =>
                {
                    batch.push(bytes);
                }
                _ => {
                    batches.push(vec![bytes]);
                    size = OVERHEAD_BYTES_MAX;
                }
            }
            size += length;
        }
        batches
    }

    /// Asks for what is wanted, as far as the bounds per peer allow.
    fn ask(&mut self, sender: &mut impl Sender<PublicKey = P>, now: SystemTime) {
        for (peer, hashes) in self.requests.next(now) {
            self.counters.requested.inc_by(hashes.len() as u64);
            self.manners.asked(&peer, hashes.len());
            for hashes in hashes.chunks(self.hashes_per_message()) {
                let message = GossipMessage::Request(hashes.to_vec());
                sender.send(Recipients::One(peer.clone()), message.encode(), false);
            }
        }
    }

    fn hashes_per_message(&self) -> usize {
        ((self.message_bytes_max - OVERHEAD_BYTES_MAX) / size_of::<B256>()).clamp(1, HASHES_MAX)
    }

    fn block(&mut self, peer: P, reason: &str) {
        self.counters.blocked.inc();
        self.manners.blocked(&peer);
        self.requests.forget(&peer);
        block!(self.blocker, peer, reason, "blocking peer: hostile transaction gossip");
    }
}

/// Whether fetching the transaction again at once would be in vain. It would not after a state
/// that could not be read, nor when the lower nonces are only on their way.
const fn is_lasting(refusal: &Refusal) -> bool {
    !matches!(refusal, Refusal::State(_) | Refusal::NonceTooHigh { .. })
}
