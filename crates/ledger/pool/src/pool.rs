//! The handle that engine, RPC and gossip share.

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use alloy_primitives::{Address, B256, Bytes};
use execution::validate::{TransactionRules, check_transaction};
use futures::channel::mpsc;
use state::AccountRecord;
use types::{FeeMode, Transaction};

use crate::{
    PoolConfig, Refusal,
    contents::{Candidate, Contents},
    listeners::{Listeners, Waiters},
    selection::{self, Order, Room},
};

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Submitted to this node, which announces it to its peers at once.
    Local,
    /// Sent by a peer.
    Peer,
}

/// How the pool took a transaction in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It can stand in the next block.
    Executable,
    /// It waits for a lower nonce of its sender.
    Queued,
}

/// How much the pool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Transactions that can stand in the next block.
    pub executable: usize,
    /// Transactions that wait for a lower nonce.
    pub queued: usize,
    /// Encoded bytes of both.
    pub bytes: usize,
}

/// A copy of a part of the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolContent {
    /// Transactions that can stand in the next block.
    pub executable: Vec<Arc<Transaction>>,
    /// Transactions that wait for a lower nonce.
    pub queued: Vec<Arc<Transaction>>,
}

/// Transactions not yet final. Every method may be called from any thread; none waits for anything
/// but the lock, which is held for the time of a few map operations (a selection: of a block).
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    rules: RwLock<TransactionRules>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    contents: Contents,
    listeners: Listeners,
    workers: Waiters,
    announcers: Waiters,
}

impl State {
    fn became_executable(&mut self, hashes: &[B256]) {
        if !hashes.is_empty() {
            self.listeners.tell(hashes);
            self.workers.wake();
        }
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(config: PoolConfig, rules: TransactionRules) -> Self {
        let state = State {
            contents: Contents::new(config, rules),
            listeners: Listeners::default(),
            workers: Waiters::default(),
            announcers: Waiters::default(),
        };
        Self { config, rules: RwLock::new(rules), state: Mutex::new(state) }
    }

    /// The rules that transactions are checked by.
    pub fn rules(&self) -> TransactionRules {
        *self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the rules of the next block. What is here and breaks them is dropped when a block
    /// is built of it.
    pub fn follow_rules(&self, rules: TransactionRules) {
        if self.rules() != rules {
            *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
            self.lock().contents.set_rules(rules);
        }
    }

    /// Forgets everything, also the nonces that it remembers, and goes on with these rules. For
    /// development ledgers, whose chain goes back and whose rules change; subscribers stay.
    pub fn restart(&self, rules: TransactionRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        self.lock().contents = Contents::new(self.config, rules);
    }

    /// Takes a transaction in after all checks; `account` is its sender's as of the newest final
    /// block.
    ///
    /// # Errors
    /// The reason that the submitter must see.
    pub fn insert(
        &self,
        transaction: Arc<Transaction>,
        account: Option<AccountRecord>,
        origin: Origin,
    ) -> Result<Inserted, Refusal> {
        check_transaction(&transaction, &self.rules())?;
        self.insert_checked(transaction, account, origin)
    }

    /// [`Self::insert`] of a transaction that [`check_transaction`] let pass.
    pub(crate) fn insert_checked(
        &self,
        transaction: Arc<Transaction>,
        account: Option<AccountRecord>,
        origin: Origin,
    ) -> Result<Inserted, Refusal> {
        let mut state = self.lock();
        let mut promoted = Vec::new();
        let candidate = Candidate { transaction, account, origin };
        let result = state.contents.insert(candidate, &mut promoted);
        state.became_executable(&promoted);
        if result.is_ok() && origin == Origin::Local {
            state.announcers.wake();
        }
        result
    }

    /// Transactions for a block whose unfinalized ancestors hold `excluded` and leave the accounts
    /// in `ancestor_nonces` at these next nonces.
    ///
    /// `gas_max` bounds the sum of gas limits, `bytes_max` that of encodings. Gas used is mostly
    /// far below the limit, so a proposer that drops what does not fit may ask for several blocks'
    /// worth of gas. In metered mode `order` is not looked at: who tips more comes first.
    pub fn select(
        &self,
        excluded: &HashSet<B256>,
        ancestor_nonces: &BTreeMap<Address, u64>,
        gas_max: u64,
        bytes_max: usize,
        count_max: usize,
        order: Order,
    ) -> Vec<Arc<Transaction>> {
        let room = Room { gas: gas_max, bytes: bytes_max, count: count_max };
        let contents = &self.lock().contents;
        let order = match contents.fee_mode() {
            FeeMode::Free => order,
            FeeMode::Metered => Order::Arrival,
        };
        selection::select(contents, excluded, ancestor_nonces, room, order)
    }

    /// Whether [`Self::select`] would find anything.
    pub fn has_executable(
        &self,
        excluded: &HashSet<B256>,
        ancestor_nonces: &BTreeMap<Address, u64>,
    ) -> bool {
        has_work(&self.lock().contents, excluded, ancestor_nonces)
    }

    /// Resolves at once if [`Self::has_executable`], otherwise with the next transaction that
    /// becomes executable. Ask [`Self::has_executable`] again then: it may be one of `excluded`.
    pub fn wait_for_work(
        &self,
        excluded: &HashSet<B256>,
        ancestor_nonces: &BTreeMap<Address, u64>,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut state = self.lock();
        let ready = has_work(&state.contents, excluded, ancestor_nonces);
        state.workers.wait(ready)
    }

    /// A block is final: its transactions leave, and with them all lower nonces of their senders.
    /// May repeat.
    pub fn on_final(&self, height: u64, included: &[(Address, u64, B256)]) {
        let mut state = self.lock();
        let promoted = state.contents.on_final(height, included);
        state.became_executable(&promoted);
    }

    /// The account's next nonce is `nonce` in the newest final state, for a reason other than a
    /// transaction of its own (EIP-7702 authorization).
    pub fn on_account(&self, address: Address, nonce: u64) {
        let mut state = self.lock();
        let promoted = state.contents.on_account(address, nonce);
        state.became_executable(&promoted);
    }

    /// A proposer found that the transaction cannot be executed. It leaves, those behind it wait
    /// until its nonce is filled, and peers may not bring it back for some time. Answers whether
    /// the pool held it.
    pub fn drop_invalid(&self, hash: B256, reason: &str) -> bool {
        let held = self.lock().contents.drop_invalid(&hash, reason.to_owned());
        if held {
            tracing::debug!(%hash, reason, "dropped a transaction that cannot be executed");
        }
        held
    }

    /// The transaction, decoded and with its sender recovered, until it is final.
    pub fn get(&self, hash: &B256) -> Option<Arc<Transaction>> {
        self.lock().contents.by_hash.get(hash).cloned()
    }

    /// [`Self::get`] for many, under one lock.
    pub fn get_many(&self, hashes: &[B256]) -> Vec<Option<Arc<Transaction>>> {
        let state = self.lock();
        hashes.iter().map(|hash| state.contents.by_hash.get(hash).cloned()).collect()
    }

    /// Those of a block's transactions that the pool holds, by their encodings.
    pub fn find_encoded(&self, encoded: &[Bytes]) -> Vec<Option<Arc<Transaction>>> {
        let state = self.lock();
        encoded.iter().map(|bytes| state.contents.by_encoding.get(bytes).cloned()).collect()
    }

    /// Whether the pool holds the transaction.
    pub fn contains(&self, hash: &B256) -> bool {
        self.lock().contents.by_hash.contains_key(hash)
    }

    /// Those of `hashes` that the pool neither holds nor has dropped a short time ago.
    pub(crate) fn unknown(&self, hashes: &[B256]) -> Vec<bool> {
        let state = self.lock();
        hashes.iter().map(|hash| !state.contents.knows(hash)).collect()
    }

    /// First nonce of the account that neither the state (`state_nonce`) nor an executable
    /// transaction uses.
    pub fn pending_nonce(&self, address: Address, state_nonce: u64) -> u64 {
        let state = self.lock();
        state.contents.lanes.get(&address).map_or(state_nonce, |lane| lane.first_gap(state_nonce))
    }

    /// How much the pool holds.
    pub fn status(&self) -> PoolStatus {
        let state = self.lock();
        PoolStatus {
            executable: state.contents.executable_count(),
            queued: state.contents.queued.len(),
            bytes: state.contents.bytes,
        }
    }

    /// The oldest `transactions_max` transactions.
    pub fn content(&self, transactions_max: usize) -> PoolContent {
        let state = self.lock();
        let mut content = PoolContent::default();
        for hash in state.contents.by_arrival.values().take(transactions_max) {
            let transaction = &state.contents.by_hash[hash];
            content.push(transaction, state.contents.is_executable(transaction));
        }
        content
    }

    /// All transactions of one sender, by nonce.
    pub fn content_from(&self, address: Address) -> PoolContent {
        let state = self.lock();
        let mut content = PoolContent::default();
        if let Some(lane) = state.contents.lanes.get(&address) {
            for (nonce, slot) in &lane.slots {
                content.push(&slot.transaction, lane.is_executable(*nonce));
            }
        }
        content
    }

    /// Hashes of transactions as they become executable. A receiver that falls more than
    /// [`SUBSCRIPTION_ITEMS_MAX`](crate::SUBSCRIPTION_ITEMS_MAX) behind misses some; beyond
    /// [`SUBSCRIBERS_MAX`](crate::SUBSCRIBERS_MAX) receivers a new one ends at once.
    pub fn subscribe(&self) -> mpsc::Receiver<B256> {
        self.lock().listeners.subscribe()
    }

    /// Takes up to `hashes_max` hashes of transactions submitted here that were not announced yet
    /// and still wait for a block.
    pub(crate) fn take_unannounced(&self, hashes_max: usize) -> Vec<Arc<Transaction>> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        while taken.len() < hashes_max {
            let Some(hash) = state.contents.unannounced.pop_front() else {
                break;
            };
            taken.extend(state.contents.by_hash.get(&hash).cloned());
        }
        taken
    }

    /// Resolves once there is something for [`Self::take_unannounced`].
    pub(crate) fn wait_for_unannounced(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut state = self.lock();
        let ready = !state.contents.unannounced.is_empty();
        state.announcers.wait(ready)
    }

    /// The running number that the next arrival gets.
    pub(crate) fn next_arrival(&self) -> u64 {
        self.lock().contents.next_arrival
    }

    /// Up to `count_max` executable transactions that arrived in `from..before`, oldest first, and
    /// the number to go on from.
    pub(crate) fn executable_arrivals(
        &self,
        from: u64,
        before: u64,
        count_max: usize,
    ) -> (Vec<Arc<Transaction>>, u64) {
        let state = self.lock();
        let mut arrivals = Vec::new();
        for (arrival, hash) in state.contents.by_arrival.range(from.min(before)..before) {
            if arrivals.len() == count_max {
                return (arrivals, *arrival);
            }
            let transaction = &state.contents.by_hash[hash];
            if state.contents.is_executable(transaction) {
                arrivals.push(Arc::clone(transaction));
            }
        }
        (arrivals, before)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the pool")
    }

    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        self.lock().contents.check_invariants();
    }
}

impl PoolContent {
    fn push(&mut self, transaction: &Arc<Transaction>, executable: bool) {
        let list = if executable { &mut self.executable } else { &mut self.queued };
        list.push(Arc::clone(transaction));
    }
}

fn has_work(
    contents: &Contents,
    excluded: &HashSet<B256>,
    ancestor_nonces: &BTreeMap<Address, u64>,
) -> bool {
    let room = Room { gas: u64::MAX, bytes: usize::MAX, count: 1 };
    !selection::select(contents, excluded, ancestor_nonces, room, Order::Arrival).is_empty()
}
