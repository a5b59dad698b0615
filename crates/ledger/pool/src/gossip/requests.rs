//! Which transactions are wanted, from whom, and what was asked. Pure: time comes in as values.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::SystemTime,
};

use alloy_primitives::B256;

use super::{
    ANNOUNCED_PER_PEER_MAX, ANNOUNCERS_MAX, Announcement, HASHES_MAX, IN_FLIGHT_BYTES_MAX,
    IN_FLIGHT_MAX, REFUSED_MAX, REQUEST_TIMEOUT, WANTED_MAX,
};
use crate::recent::Recent;

/// How far a wanted transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase<P> {
    /// In the queue of this peer.
    Waiting(P),
    /// Asked of this peer until the deadline.
    Asked(P, SystemTime),
    /// Its body is here and in admission.
    Arrived,
}

#[derive(Debug)]
struct Want<P> {
    size: usize,
    phase: Phase<P>,
    others: Vec<P>,
}

#[derive(Debug, Default)]
struct Peer {
    queue: VecDeque<B256>,
    asked: usize,
    asked_bytes: usize,
}

/// Bounded by [`WANTED_MAX`] in all and [`ANNOUNCED_PER_PEER_MAX`] per peer.
#[derive(Debug)]
pub(super) struct Requests<P> {
    wanted: HashMap<B256, Want<P>>,
    peers: BTreeMap<P, Peer>,
    /// In the order of the deadlines; entries may be outdated.
    deadlines: VecDeque<(SystemTime, B256)>,
    refused: Recent<B256, ()>,
}

impl<P: Clone + Ord> Requests<P> {
    pub(super) fn new() -> Self {
        Self {
            wanted: HashMap::new(),
            peers: BTreeMap::new(),
            deadlines: VecDeque::new(),
            refused: Recent::new(REFUSED_MAX),
        }
    }

    /// `peer` holds a transaction that the pool does not know.
    pub(super) fn announced(&mut self, peer: &P, announcement: &Announcement) {
        let hash = announcement.hash;
        if self.refused.get(&hash).is_some() {
            return;
        }
        let total = self.wanted.len();
        if let Some(want) = self.wanted.get_mut(&hash) {
            let current = match &want.phase {
                Phase::Waiting(holder) | Phase::Asked(holder, _) => Some(holder),
                Phase::Arrived => None,
            };
            if current != Some(peer)
                && want.others.len() < ANNOUNCERS_MAX
                && !want.others.contains(peer)
            {
                want.others.push(peer.clone());
            }
            return;
        }
        let state = self.peers.entry(peer.clone()).or_default();
        if total >= WANTED_MAX || state.queue.len() >= ANNOUNCED_PER_PEER_MAX {
            return;
        }
        state.queue.push_back(hash);
        // A size beyond any transaction would keep the peer's own queue from moving.
        let size =
            usize::try_from(announcement.size).unwrap_or(usize::MAX).min(IN_FLIGHT_BYTES_MAX);
        let phase = Phase::Waiting(peer.clone());
        self.wanted.insert(hash, Want { size, phase, others: Vec::new() });
    }

    /// What to ask now, and whom.
    pub(super) fn next(&mut self, now: SystemTime) -> Vec<(P, Vec<B256>)> {
        let deadline = now + REQUEST_TIMEOUT;
        let mut requests = Vec::new();
        for (peer, state) in &mut self.peers {
            let mut hashes = Vec::new();
            while let Some(hash) = state.queue.front().copied() {
                let want = self.wanted.get_mut(&hash);
                let Some(want) = want.filter(|want| want.phase == Phase::Waiting(peer.clone()))
                else {
                    state.queue.pop_front();
                    continue;
                };
                let bytes = state.asked_bytes.saturating_add(want.size);
                let full = state.asked >= IN_FLIGHT_MAX || bytes > IN_FLIGHT_BYTES_MAX;
                if full || hashes.len() >= HASHES_MAX {
                    break;
                }
                state.queue.pop_front();
                state.asked += 1;
                state.asked_bytes = bytes;
                want.phase = Phase::Asked(peer.clone(), deadline);
                self.deadlines.push_back((deadline, hash));
                hashes.push(hash);
            }
            if !hashes.is_empty() {
                requests.push((peer.clone(), hashes));
            }
        }
        self.peers.retain(|_, state| state.asked > 0 || !state.queue.is_empty());
        self.compact_deadlines();
        requests
    }

    /// A body is here. Answers whether it was wanted; it may come from any peer and late.
    pub(super) fn arrived(&mut self, hash: &B256) -> bool {
        let Some(want) = self.wanted.get_mut(hash) else {
            return false;
        };
        let phase = std::mem::replace(&mut want.phase, Phase::Arrived);
        let size = want.size;
        match phase {
            Phase::Arrived => return false,
            Phase::Asked(peer, _) => self.answered(&peer, size),
            Phase::Waiting(_) => {}
        }
        true
    }

    /// A body is here that the pool does not know and nobody need have asked for. Answers whether
    /// it goes into admission.
    pub(super) fn pushed(&mut self, hash: &B256) -> bool {
        if self.wanted.contains_key(hash) {
            return self.arrived(hash);
        }
        if self.refused.get(hash).is_some() || self.wanted.len() >= WANTED_MAX {
            return false;
        }
        self.wanted.insert(*hash, Want { size: 0, phase: Phase::Arrived, others: Vec::new() });
        true
    }

    /// `peer` does not hold what it was asked for.
    pub(super) fn missing(&mut self, peer: &P, hash: &B256) {
        let asked = self.wanted.get(hash).map(|want| &want.phase);
        if matches!(asked, Some(Phase::Asked(holder, _)) if holder == peer) {
            self.failed(hash);
        }
    }

    /// Time-outs up to `now`: others are asked, or the transaction is forgotten until it is
    /// announced again.
    pub(super) fn expire(&mut self, now: SystemTime) {
        while let Some(&(deadline, hash)) = self.deadlines.front() {
            let current = match self.wanted.get(&hash).map(|want| &want.phase) {
                Some(Phase::Asked(_, asked_until)) => *asked_until == deadline,
                _ => false,
            };
            if current && deadline > now {
                return;
            }
            self.deadlines.pop_front();
            if current {
                self.failed(&hash);
            }
        }
    }

    /// When [`Self::expire`] has something to do at the earliest.
    pub(super) fn next_deadline(&self) -> Option<SystemTime> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Admission is through with these; the refused ones are not fetched again for some time.
    pub(super) fn admitted(&mut self, hash: &B256, refused: bool) {
        self.wanted.remove(hash);
        if refused {
            self.refused.insert(*hash, ());
        }
    }

    /// Refused ones that were refused before the last call may be fetched again.
    pub(super) fn age_refused(&mut self) {
        self.refused.age();
    }

    /// A peer is blocked: nothing is asked of it any more.
    pub(super) fn forget(&mut self, peer: &P) {
        for want in self.wanted.values_mut() {
            want.others.retain(|other| other != peer);
        }
        let held = |phase: &Phase<P>| matches!(phase, Phase::Waiting(holder) | Phase::Asked(holder, _) if holder == peer);
        let affected: HashSet<B256> = self
            .wanted
            .iter()
            .filter(|(_, want)| held(&want.phase))
            .map(|(hash, _)| *hash)
            .collect();
        for hash in affected {
            self.failed(&hash);
        }
        self.peers.remove(peer);
    }

    /// Answers leave outdated entries behind; they never outnumber the wanted ones for long.
    fn compact_deadlines(&mut self) {
        if self.deadlines.len() <= 2 * self.wanted.len() + HASHES_MAX {
            return;
        }
        let wanted = &self.wanted;
        self.deadlines.retain(|(deadline, hash)| {
            let phase = wanted.get(hash).map(|want| &want.phase);
            matches!(phase, Some(Phase::Asked(_, until)) if until == deadline)
        });
    }

    fn failed(&mut self, hash: &B256) {
        let Some(want) = self.wanted.get_mut(hash) else {
            return;
        };
        let size = want.size;
        let next = (!want.others.is_empty()).then(|| want.others.remove(0));
        let before = match &next {
            Some(peer) => std::mem::replace(&mut want.phase, Phase::Waiting(peer.clone())),
            None => std::mem::replace(&mut want.phase, Phase::Arrived),
        };
        if let Phase::Asked(peer, _) = before {
            self.answered(&peer, size);
        }
        let queued = next.is_some_and(|peer| {
            let state = self.peers.entry(peer).or_default();
            let fits = state.queue.len() < ANNOUNCED_PER_PEER_MAX;
            if fits {
                state.queue.push_back(*hash);
            }
            fits
        });
        if !queued {
            self.wanted.remove(hash);
        }
    }

    fn answered(&mut self, peer: &P, size: usize) {
        if let Some(state) = self.peers.get_mut(peer) {
            state.asked = state.asked.saturating_sub(1);
            state.asked_bytes = state.asked_bytes.saturating_sub(size);
        }
    }

    #[cfg(test)]
    pub(super) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    #[cfg(test)]
    pub(super) fn wanted_count(&self) -> usize {
        self.wanted.len()
    }
}
