//! What happens to messages between nodes: cut, lost, doubled, overtaken. Every harm is counted, so
//! that a fault which hit nothing is not taken for a fault.
//!
//! Delay is the simulated network's own; it delivers in order, so overtaking is done here: a message
//! is kept back until the next one has been handed over.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use commonware_p2p::{Message, Receiver, simulated};
use commonware_runtime::deterministic;
use consensus::PublicKey;

use crate::random::Random;

/// Messages kept back at one receiver.
const KEPT_BACK_MAX: usize = 4;

/// How bad all wires are, percent of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Lost.
    pub loss_percent: u64,
    /// Delivered twice.
    pub duplicate_percent: u64,
    /// Overtaken by the next one.
    pub reorder_percent: u64,
}

/// Messages by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed over.
    pub delivered: u64,
    /// Dropped at a cut.
    pub cut: u64,
    /// Lost.
    pub lost: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Overtaken.
    pub reordered: u64,
}

struct State {
    random: Random,
    quality: Quality,
    /// Pairs (from, to) that hear nothing.
    cut: BTreeSet<(PublicKey, PublicKey)>,
    traffic: Traffic,
}

/// All wires of a network. Cloning shares them.
#[derive(Clone)]
pub struct Wires(Arc<Mutex<State>>);

impl Wires {
    /// Good wires, whose harm will be drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random::new(seed),
            quality: Quality::default(),
            cut: BTreeSet::new(),
            traffic: Traffic::default(),
        })))
    }

    /// Sets the quality of all wires.
    pub fn set_quality(&self, quality: Quality) {
        self.lock().quality = quality;
    }

    /// Cuts exactly the given pairs (from, to).
    pub fn set_cut(&self, pairs: BTreeSet<(PublicKey, PublicKey)>) {
        self.lock().cut = pairs;
    }

    /// What happened so far.
    pub fn traffic(&self) -> Traffic {
        self.lock().traffic
    }

    /// The end of a channel at node `to`.
    pub fn receiver(&self, to: PublicKey, inner: simulated::Receiver<PublicKey>) -> WireReceiver {
        WireReceiver {
            wires: self.clone(),
            to,
            inner,
            ready: VecDeque::new(),
            kept: VecDeque::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, from: &PublicKey, to: &PublicKey) -> Fate {
        let mut state = self.lock();
        if state.cut.contains(&(from.clone(), to.clone())) {
            state.traffic.cut += 1;
            return Fate::Dropped;
        }
        let quality = state.quality;
        if quality == Quality::default() {
            state.traffic.delivered += 1;
            return Fate::Delivered;
        }
        if state.random.chance(quality.loss_percent) {
            state.traffic.lost += 1;
            return Fate::Dropped;
        }
        state.traffic.delivered += 1;
        if state.random.chance(quality.duplicate_percent) {
            state.traffic.duplicated += 1;
            return Fate::Twice;
        }
        if state.random.chance(quality.reorder_percent) {
            state.traffic.reordered += 1;
            return Fate::KeptBack;
        }
        Fate::Delivered
    }
}

enum Fate {
    Delivered,
    Dropped,
    Twice,
    KeptBack,
}

/// A node's end of a channel.
pub struct WireReceiver {
    wires: Wires,
    to: PublicKey,
    inner: simulated::Receiver<PublicKey>,
    ready: VecDeque<Message<PublicKey>>,
    kept: VecDeque<Message<PublicKey>>,
}

impl fmt::Debug for WireReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireReceiver").finish_non_exhaustive()
    }
}

impl Receiver for WireReceiver {
    type Error = simulated::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, simulated::Error> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            let message = self.inner.recv().await?;
            match self.wires.fate(&message.0, &self.to) {
                Fate::Dropped => continue,
                Fate::KeptBack if self.kept.len() < KEPT_BACK_MAX => {
                    self.kept.push_back(message);
                    continue;
                }
                Fate::Twice => {
                    self.ready.push_back(message.clone());
                    self.ready.push_back(message);
                }
                Fate::Delivered | Fate::KeptBack => self.ready.push_back(message),
            }
            self.ready.append(&mut self.kept);
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.inner.capacity()
    }
}

/// The other end, before anybody tampers with it.
pub type PlainSender = simulated::Sender<PublicKey, deterministic::Context>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    use super::*;

    #[test]
    fn a_cut_is_one_way_and_every_harm_is_counted() {
        let key = |seed| PrivateKey::from_seed(seed).public_key();
        let wires = Wires::new(1);
        wires.set_cut([(key(0), key(1))].into());
        assert!(matches!(wires.fate(&key(0), &key(1)), Fate::Dropped));
        assert!(matches!(wires.fate(&key(1), &key(0)), Fate::Delivered));
        let quality = Quality { loss_percent: 20, duplicate_percent: 20, reorder_percent: 20 };
        wires.set_quality(quality);
        for _ in 0..1_000 {
            wires.fate(&key(1), &key(0));
        }
        let Traffic { delivered, cut, lost, duplicated, reordered } = wires.traffic();
        assert_eq!((delivered + lost, cut), (1_001, 1));
        assert!(lost > 100 && duplicated > 100 && reordered > 50);
    }
}
