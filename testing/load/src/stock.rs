//! Signed transactions, ready to be taken by senders: all before the clock starts, or for long runs
//! some seconds ahead.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use eyre::{Result, eyre};

use crate::{
    accounts::Signed,
    holders::Holders,
    random::Random,
    workload::{Targets, Workload},
};

const FULL_PAUSE: Duration = Duration::from_millis(2);

/// One signed transaction.
pub struct Transfer {
    /// Ready to be sent.
    pub signed: Signed,
    /// Its number within the phase.
    pub index: usize,
    /// Node it is sent to: an account always uses the same one.
    pub node: usize,
}

/// How transactions are made from their numbers.
#[derive(Clone)]
pub struct Recipe {
    /// What they do.
    pub workload: Workload,
    /// Contracts.
    pub targets: Targets,
    /// Senders and recipients.
    pub holders: Arc<Holders>,
    /// The nonce that each sender begins with.
    pub first_nonces: Vec<u64>,
    /// Nodes that they are spread over.
    pub nodes: usize,
    /// Seed of the phase.
    pub seed: u64,
}

impl Recipe {
    /// Sender and recipient of a transaction, as numbers of holders: the senders in turn, the
    /// recipients uniformly.
    pub fn parties(&self, index: usize) -> (usize, u64) {
        let mut random = Random::new(self.seed ^ index as u64);
        (index % self.holders.senders.len(), random.below(self.holders.total))
    }

    /// Signs transaction `index`.
    ///
    /// # Errors
    /// See [`crate::accounts::Account::sign`].
    pub fn sign(&self, index: usize) -> Result<Transfer> {
        let (from, to) = self.parties(index);
        let nonce = self.first_nonces[from] + (index / self.holders.senders.len()) as u64;
        let account = &self.holders.senders[from];
        let recipient = self.holders.address(to);
        let signed = self.workload.sign(&self.targets, account, nonce, recipient)?;
        Ok(Transfer { signed, index, node: from % self.nodes })
    }
}

/// Signed transactions by the node they go to.
pub struct Stock {
    queues: Vec<Mutex<VecDeque<Transfer>>>,
    held: AtomicUsize,
    ended: AtomicBool,
    stopped: AtomicBool,
}

impl Stock {
    fn empty(nodes: usize) -> Self {
        Self {
            queues: (0..nodes).map(|_| Mutex::default()).collect(),
            held: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        }
    }

    fn put(&self, transfer: Transfer) {
        let queue = &self.queues[transfer.node];
        self.held.fetch_add(1, Ordering::Relaxed);
        queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(transfer);
    }

    /// Up to `count` transactions for a node, in order; nothing while none is signed yet.
    pub fn take(&self, node: usize, count: usize) -> Vec<Transfer> {
        let mut queue = self.queues[node].lock().unwrap_or_else(PoisonError::into_inner);
        let count = count.min(queue.len());
        self.held.fetch_sub(count, Ordering::Relaxed);
        queue.drain(..count).collect()
    }

    /// Whether nothing more will be signed.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Ends a signing thread early.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// Signs `count` transactions on all processors.
///
/// # Errors
/// See [`Recipe::sign`].
pub fn sign_all(recipe: &Recipe, count: usize) -> Result<Stock> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = count.div_ceil(threads).max(1);
    let stock = Stock::empty(recipe.nodes);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .step_by(part)
            .map(|start| {
                scope.spawn(move || {
                    (start..(start + part).min(count))
                        .map(|index| recipe.sign(index))
                        .collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        for worker in workers {
            let signed = worker.join().map_err(|_| eyre!("a signing thread failed"))??;
            signed.into_iter().for_each(|transfer| stock.put(transfer));
        }
        Ok::<(), eyre::Report>(())
    })?;
    stock.ended.store(true, Ordering::Release);
    Ok(stock)
}

/// A stock that a thread of its own fills, at most `ahead` transactions before they are taken.
/// `first` of them are signed before this returns.
///
/// # Errors
/// See [`Recipe::sign`].
pub fn sign_ahead(recipe: Recipe, count: usize, ahead: usize) -> Result<Arc<Stock>> {
    let first = count.min(ahead);
    let stock = Arc::new(sign_all(&recipe, first)?);
    stock.ended.store(first == count, Ordering::Release);
    let filled = stock.clone();
    thread::spawn(move || {
        for index in first..count {
            while filled.held.load(Ordering::Relaxed) >= ahead && !filled.is_stopped() {
                thread::sleep(FULL_PAUSE);
            }
            if filled.is_stopped() {
                break;
            }
            match recipe.sign(index) {
                Ok(transfer) => filled.put(transfer),
                Err(_) => break,
            }
        }
        filled.ended.store(true, Ordering::Release);
    });
    Ok(stock)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{collections::HashSet, sync::Arc, thread, time::Duration};

    use alloy_primitives::Address;

    use super::{Recipe, sign_ahead, sign_all};
    use crate::{
        holders::Holders,
        token::Token,
        workload::{Targets, Workload},
    };

    fn recipe(workload: Workload) -> Recipe {
        let token = Token::at(Address::repeat_byte(1), 7);
        Recipe {
            workload,
            targets: Targets { chain_id: 7, token, store: Address::repeat_byte(2) },
            holders: Arc::new(Holders::new(50, 6, 1).unwrap()),
            first_nonces: vec![10; 6],
            nodes: 4,
            seed: 3,
        }
    }

    #[test]
    fn each_sender_stays_with_its_node_and_its_nonces_are_in_order() {
        let recipe = recipe(Workload::Erc20);
        let stock = sign_all(&recipe, 30).unwrap();
        let mut hashes = HashSet::new();
        for node in 0..4 {
            let taken = stock.take(node, 100);
            assert!(taken.is_sorted_by_key(|transfer| transfer.index));
            for transfer in taken {
                assert_eq!(transfer.index % 6 % 4, node);
                assert!(transfer.signed.raw.starts_with("0x02"));
                hashes.insert(transfer.signed.hash);
            }
        }
        assert_eq!(hashes.len(), 30);
        assert!(stock.is_ended() && stock.take(0, 1).is_empty());
    }

    #[test]
    fn recipients_are_drawn_from_all_holders() {
        let recipe = recipe(Workload::Native);
        let recipients: HashSet<u64> = (0..2_000).map(|index| recipe.parties(index).1).collect();
        assert_eq!(recipients.len(), 50);
    }

    #[test]
    fn signing_ahead_is_bounded_and_comes_to_an_end() {
        let stock = sign_ahead(recipe(Workload::Store2), 100, 12).unwrap();
        thread::sleep(Duration::from_millis(50));
        assert!(stock.held.load(std::sync::atomic::Ordering::Relaxed) <= 12);
        let mut taken = 0;
        while taken < 100 {
            taken += (0..4).map(|node| stock.take(node, 3).len()).sum::<usize>();
        }
        while !stock.is_ended() {
            thread::yield_now();
        }
        assert_eq!(taken, 100);
    }

    #[test]
    fn a_stopped_stock_signs_no_more() {
        let stock = sign_ahead(recipe(Workload::Validators), usize::MAX, 8).unwrap();
        stock.stop();
        while !stock.is_ended() {
            thread::yield_now();
        }
        let taken: usize = (0..4).map(|node| stock.take(node, 100).len()).sum();
        assert!((8..=9).contains(&taken), "{taken}");
        assert_eq!(stock.held.load(std::sync::atomic::Ordering::Relaxed), 0);
    }
}
