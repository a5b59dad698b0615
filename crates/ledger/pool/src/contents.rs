//! What the pool holds and how it changes. Pure: no lock, no clock, no network.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes};
use execution::validate::{TransactionRules, check_account};
use state::AccountRecord;
use types::{FeeMode, Transaction};

use crate::{
    Inserted, Origin, PoolConfig, Refusal,
    config::PRESSURE_PERCENT,
    lane::{Lane, Place, Slot},
    recent::Recent,
};

/// Senders whose nonce is remembered after their lane has emptied.
const RECENT_SENDERS_MAX: usize = 65_536;
/// Dropped transactions that are remembered.
const DROPPED_MAX: usize = 16_384;
/// Transactions submitted here that wait to be announced; further ones are announced with the
/// next repetition.
const UNANNOUNCED_MAX: usize = 65_536;
/// By how much a replacement must raise both fees, percent (as geth).
const PRICE_BUMP_PERCENT: u128 = 10;

/// A transaction on its way in.
pub(crate) struct Candidate {
    pub(crate) transaction: Arc<Transaction>,
    /// The sender's account as read from the state.
    pub(crate) account: Option<AccountRecord>,
    pub(crate) origin: Origin,
}

/// The pool without its lock.
#[derive(Debug)]
pub(crate) struct Contents {
    config: PoolConfig,
    rules: TransactionRules,
    pub(crate) by_hash: HashMap<B256, Arc<Transaction>>,
    /// The same by their bytes: finding those of a block this way costs less than hashing them.
    pub(crate) by_encoding: HashMap<Bytes, Arc<Transaction>>,
    pub(crate) lanes: HashMap<Address, Lane>,
    /// The lowest executable transaction of each lane, in the order of selection.
    pub(crate) heads: BTreeSet<Place>,
    /// Everything, oldest first.
    pub(crate) by_arrival: BTreeMap<u64, B256>,
    /// What waits for a lower nonce, longest first: (height since, arrival).
    pub(crate) queued: BTreeMap<(u64, u64), B256>,
    pub(crate) unannounced: VecDeque<B256>,
    pub(crate) next_arrival: u64,
    pub(crate) bytes: usize,
    height: u64,
    recent_nonces: Recent<Address, u64>,
    dropped: Recent<B256, String>,
}

impl Contents {
    pub(crate) fn fee_mode(&self) -> FeeMode {
        self.rules.fee_mode
    }

    pub(crate) fn set_rules(&mut self, rules: TransactionRules) {
        self.rules = rules;
    }

    pub(crate) fn new(config: PoolConfig, rules: TransactionRules) -> Self {
        Self {
            config,
            rules,
            by_hash: HashMap::new(),
            by_encoding: HashMap::new(),
            lanes: HashMap::new(),
            heads: BTreeSet::new(),
            by_arrival: BTreeMap::new(),
            queued: BTreeMap::new(),
            unannounced: VecDeque::new(),
            next_arrival: 0,
            bytes: 0,
            height: 0,
            recent_nonces: Recent::new(RECENT_SENDERS_MAX),
            dropped: Recent::new(DROPPED_MAX),
        }
    }

    pub(crate) fn executable_count(&self) -> usize {
        self.by_hash.len() - self.queued.len()
    }

    pub(crate) fn is_executable(&self, transaction: &Transaction) -> bool {
        self.lanes
            .get(&transaction.sender())
            .is_some_and(|lane| lane.is_executable(transaction.nonce()))
    }

    /// Whether the pool holds it or dropped it a short time ago.
    pub(crate) fn knows(&self, hash: &B256) -> bool {
        self.by_hash.contains_key(hash) || self.dropped.get(hash).is_some()
    }

    /// Takes a transaction in. What becomes executable is added to `promoted` in nonce order, also
    /// where the transaction itself is refused.
    pub(crate) fn insert(
        &mut self,
        candidate: Candidate,
        promoted: &mut Vec<B256>,
    ) -> Result<Inserted, Refusal> {
        let Candidate { transaction, account, origin } = candidate;
        let (hash, sender, nonce) = (transaction.hash(), transaction.sender(), transaction.nonce());
        self.check_new(&hash, origin)?;
        let account_nonce = account.as_ref().map_or(0, |account| account.nonce);
        let next = self.next_nonce(sender, account_nonce);
        promoted.extend(self.advance(sender, next));
        if nonce < next {
            return Err(Refusal::NonceTooLow { next, nonce });
        }
        check_account(&transaction, account.as_ref(), &self.rules)?;
        let held = self.lanes.get(&sender).and_then(|lane| lane.slots.get(&nonce)).cloned();
        let executable = match held {
            Some(held) => self.replace(held, transaction)?,
            None => self.add(transaction, next)?,
        };
        if origin == Origin::Local && self.unannounced.len() < UNANNOUNCED_MAX {
            self.unannounced.push_back(hash);
        }
        let inserted = if executable.is_empty() { Inserted::Queued } else { Inserted::Executable };
        promoted.extend(executable);
        Ok(inserted)
    }

    fn check_new(&mut self, hash: &B256, origin: Origin) -> Result<(), Refusal> {
        if self.by_hash.contains_key(hash) {
            return Err(Refusal::AlreadyKnown);
        }
        match self.dropped.get(hash) {
            Some(reason) if origin == Origin::Peer => Err(Refusal::Dropped(reason.clone())),
            Some(_) => {
                self.dropped.remove(hash);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The sender's next nonce as far as state, final blocks and lane tell.
    fn next_nonce(&self, sender: Address, account_nonce: u64) -> u64 {
        let recent = self.recent_nonces.get(&sender).copied().unwrap_or_default();
        let lane = self.lanes.get(&sender).map_or(0, |lane| lane.state_nonce);
        account_nonce.max(recent).max(lane)
    }

    /// Puts a transaction in the place of one with the same nonce; answers what is newly
    /// executable.
    fn replace(&mut self, held: Slot, new: Arc<Transaction>) -> Result<Vec<B256>, Refusal> {
        if !raises_fees(&held.transaction, &new) {
            return Err(Refusal::ReplacementUnderpriced);
        }
        let grown = new.encoded().len().saturating_sub(held.transaction.encoded().len());
        if self.bytes.saturating_add(grown) > self.config.bytes_max {
            return Err(Refusal::Full { limit: self.config.bytes_max, unit: "bytes" });
        }
        let (hash, sender, nonce) = (new.hash(), new.sender(), new.nonce());
        self.forget_hash(&held.transaction);
        self.hold_hash(&new, held.arrival);
        let tip = self.tip(&new);
        let lane = self.lanes.get_mut(&sender).expect("the held transaction has a lane");
        let executable = lane.is_executable(nonce);
        let slot = Slot { transaction: new, tip, ..held };
        if !executable {
            self.queued.insert((slot.since_height, slot.arrival), hash);
        }
        lane.slots.insert(nonce, slot);
        self.refresh_head(sender);
        Ok(if executable { vec![hash] } else { Vec::new() })
    }

    /// Gives a transaction a place of its own; answers what became executable.
    fn add(&mut self, new: Arc<Transaction>, next: u64) -> Result<Vec<B256>, Refusal> {
        let (hash, sender, nonce) = (new.hash(), new.sender(), new.nonce());
        self.check_lane(sender, nonce, next)?;
        let end = self.lanes.get(&sender).map_or(next, |lane| lane.executable_end);
        self.make_room(new.encoded().len(), nonce == end)?;
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.hold_hash(&new, arrival);
        let since_height = self.height;
        let tip = self.tip(&new);
        let slot = Slot { transaction: new, arrival, tip, since_height };
        // Queued until `promote` finds that no nonce is missing below it.
        self.queued.insert((since_height, arrival), hash);
        let lane = self.lanes.entry(sender).or_insert_with(|| Lane::new(sender, next));
        lane.slots.insert(nonce, slot);
        Ok(self.promote(sender))
    }

    fn check_lane(&self, sender: Address, nonce: u64, next: u64) -> Result<(), Refusal> {
        let lane = self.lanes.get(&sender);
        let (end, executable, held) = lane.map_or((next, 0, 0), |lane| {
            (lane.executable_end, lane.executable_count(), lane.slots.len())
        });
        let limit = self.config.nonce_gap_max;
        if nonce.saturating_sub(end) > limit {
            return Err(Refusal::NonceTooHigh { next: end, nonce, limit });
        }
        // A nonce below the end of the queue fills a gap and may make all of it executable.
        let limit = self.config.lane_transactions_max;
        if executable >= limit {
            return Err(Refusal::SenderFull { held: executable, limit });
        }
        let limit = self.config.sender_share_max;
        if held >= limit && self.is_under_pressure() {
            return Err(Refusal::SenderFull { held, limit });
        }
        Ok(())
    }

    /// Wei per gas for the proposer; 0 where fees are free.
    fn tip(&self, transaction: &Transaction) -> u128 {
        match self.rules.fee_mode {
            FeeMode::Free => 0,
            FeeMode::Metered => transaction
                .envelope()
                .effective_tip_per_gas(self.rules.base_fee_wei)
                .unwrap_or_default(),
        }
    }

    fn is_under_pressure(&self) -> bool {
        let over = |held: usize, limit: usize| held >= limit.saturating_mul(PRESSURE_PERCENT) / 100;
        over(self.by_hash.len(), self.config.transactions_max)
            || over(self.bytes, self.config.bytes_max)
    }

    /// Makes room for an executable transaction at the cost of those that cannot run anyway;
    /// executable ones are never pushed out.
    fn make_room(&mut self, bytes: usize, executable: bool) -> Result<(), Refusal> {
        loop {
            let refusal = if self.by_hash.len() >= self.config.transactions_max {
                Refusal::Full { limit: self.config.transactions_max, unit: "transactions" }
            } else if self.bytes.saturating_add(bytes) > self.config.bytes_max {
                Refusal::Full { limit: self.config.bytes_max, unit: "bytes" }
            } else {
                return Ok(());
            };
            let oldest = self.queued.first_key_value().map(|(_, hash)| *hash);
            match oldest {
                Some(hash) if executable => self.remove(&hash),
                _ => return Err(refusal),
            };
        }
    }

    /// The sender's transactions below `nonce` are final or can never run; answers what became
    /// executable because of that.
    pub(crate) fn advance(&mut self, sender: Address, nonce: u64) -> Vec<B256> {
        let Some(lane) = self.lanes.get_mut(&sender) else {
            return Vec::new();
        };
        if nonce <= lane.state_nonce {
            return Vec::new();
        }
        let rest = lane.slots.split_off(&nonce);
        let gone = std::mem::replace(&mut lane.slots, rest);
        lane.state_nonce = nonce;
        lane.executable_end = lane.executable_end.max(nonce);
        for slot in gone.into_values() {
            self.forget_hash(&slot.transaction);
            self.forget_slot(&slot);
        }
        self.promote(sender)
    }

    /// A block is final: its transactions and all that they make stale leave; answers what became
    /// executable.
    pub(crate) fn on_final(&mut self, height: u64, included: &[(Address, u64, B256)]) -> Vec<B256> {
        self.height = self.height.max(height);
        let mut next_nonces: BTreeMap<Address, u64> = BTreeMap::new();
        for (sender, nonce, _) in included {
            let next = next_nonces.entry(*sender).or_default();
            *next = (*next).max(nonce.saturating_add(1));
        }
        let mut promoted = Vec::new();
        for (sender, next) in next_nonces {
            promoted.extend(self.on_account(sender, next));
        }
        self.expire();
        promoted
    }

    /// The account's next nonce is at least `nonce`; answers what became executable.
    pub(crate) fn on_account(&mut self, sender: Address, nonce: u64) -> Vec<B256> {
        let known = self.recent_nonces.get(&sender).copied().unwrap_or_default();
        self.recent_nonces.insert(sender, nonce.max(known));
        self.advance(sender, nonce)
    }

    fn expire(&mut self) {
        let Some(oldest) = self.height.checked_sub(self.config.queued_blocks_max) else {
            return;
        };
        while let Some((&(since, _), &hash)) = self.queued.first_key_value() {
            if since >= oldest {
                return;
            }
            self.remove(&hash);
        }
    }

    /// Drops a transaction and keeps peers from bringing it back for some time.
    pub(crate) fn drop_invalid(&mut self, hash: &B256, reason: String) -> bool {
        let held = self.remove(hash);
        if held {
            self.dropped.insert(*hash, reason);
        }
        held
    }

    /// Takes a transaction out. Those behind it wait until its nonce is filled again.
    fn remove(&mut self, hash: &B256) -> bool {
        let Some(transaction) = self.by_hash.get(hash).cloned() else {
            return false;
        };
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        self.forget_hash(&transaction);
        let lane = self.lanes.get_mut(&sender).expect("every transaction has a lane");
        let executable = lane.is_executable(nonce);
        let slot = lane.slots.remove(&nonce).expect("every transaction has a slot");
        if executable {
            for (_, behind) in lane.slots.range_mut(nonce..lane.executable_end) {
                behind.since_height = self.height;
                self.queued.insert((self.height, behind.arrival), behind.transaction.hash());
            }
            lane.executable_end = nonce;
        }
        self.forget_slot(&slot);
        self.refresh_head(sender);
        true
    }

    fn promote(&mut self, sender: Address) -> Vec<B256> {
        let Some(lane) = self.lanes.get_mut(&sender) else {
            return Vec::new();
        };
        let promoted = lane.promote();
        for slot in &promoted {
            self.queued.remove(&(slot.since_height, slot.arrival));
        }
        self.refresh_head(sender);
        promoted.into_iter().map(|slot| slot.transaction.hash()).collect()
    }

    /// Brings the index of heads up to date with a lane, and forgets the lane once it is empty.
    fn refresh_head(&mut self, sender: Address) {
        let Some(lane) = self.lanes.get_mut(&sender) else {
            return;
        };
        let head = lane.place(lane.state_nonce);
        if head != lane.head {
            lane.head.and_then(|old| self.heads.take(&old));
            self.heads.extend(head);
            lane.head = head;
        }
        if lane.slots.is_empty() {
            let next = lane.state_nonce;
            self.lanes.remove(&sender);
            self.recent_nonces.insert(sender, next);
        }
    }

    fn hold_hash(&mut self, transaction: &Arc<Transaction>, arrival: u64) {
        let hash = transaction.hash();
        self.by_hash.insert(hash, Arc::clone(transaction));
        self.by_encoding.insert(transaction.encoded().clone(), Arc::clone(transaction));
        self.by_arrival.insert(arrival, hash);
        self.bytes += transaction.encoded().len();
    }

    fn forget_hash(&mut self, transaction: &Transaction) {
        self.by_hash.remove(&transaction.hash());
        self.by_encoding.remove(transaction.encoded());
        self.bytes -= transaction.encoded().len();
    }

    fn forget_slot(&mut self, slot: &Slot) {
        self.by_arrival.remove(&slot.arrival);
        self.queued.remove(&(slot.since_height, slot.arrival));
    }
}

/// geth's rule for a replacement: both fees higher, and by 10 %.
fn raises_fees(held: &Transaction, new: &Transaction) -> bool {
    let fees = |transaction: &Transaction| {
        let envelope = transaction.envelope();
        let fee = envelope.max_fee_per_gas();
        (fee, envelope.max_priority_fee_per_gas().unwrap_or(fee))
    };
    let raised = |held: u128, new: u128| {
        let threshold = held
            .saturating_add(held / 100 * PRICE_BUMP_PERCENT)
            .saturating_add((held % 100 * PRICE_BUMP_PERCENT).div_ceil(100));
        new > held && new >= threshold
    };
    let ((held_fee, held_tip), (new_fee, new_tip)) = (fees(held), fees(new));
    raised(held_fee, new_fee) && raised(held_tip, new_tip)
}

#[cfg(test)]
impl Contents {
    /// What must hold between any two operations.
    pub(crate) fn check_invariants(&self) {
        let mut count = 0;
        for (sender, lane) in &self.lanes {
            assert!(!lane.slots.is_empty(), "no empty lanes");
            assert_eq!(lane.head, lane.place(lane.state_nonce));
            assert_eq!(lane.first_gap(lane.state_nonce), lane.executable_end);
            assert!(!lane.slots.contains_key(&lane.executable_end));
            for (nonce, slot) in &lane.slots {
                count += 1;
                let hash = slot.transaction.hash();
                assert!(*nonce >= lane.state_nonce);
                assert_eq!(
                    (slot.transaction.sender(), slot.transaction.nonce()),
                    (*sender, *nonce)
                );
                assert_eq!(self.by_hash.get(&hash), Some(&slot.transaction));
                assert_eq!(self.by_arrival.get(&slot.arrival), Some(&hash));
                let queued = self.queued.get(&(slot.since_height, slot.arrival));
                assert_eq!(queued, (!lane.is_executable(*nonce)).then_some(&hash));
            }
        }
        let heads: BTreeSet<Place> = self.lanes.values().filter_map(|lane| lane.head).collect();
        assert_eq!(self.heads, heads);
        assert_eq!((self.by_hash.len(), self.by_arrival.len()), (count, count));
        assert_eq!(self.by_encoding.len(), count);
        assert_eq!(
            self.bytes,
            self.by_hash.values().map(|held| held.encoded().len()).sum::<usize>()
        );
        assert!(count <= self.config.transactions_max && self.bytes <= self.config.bytes_max);
    }
}
