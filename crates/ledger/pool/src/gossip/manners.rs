//! What one peer has done with the time of this node: an honest peer stays far below these bounds,
//! and one that floods costs little more than reading its messages.

use std::collections::BTreeMap;

use super::{
    ADMITTING_PER_PEER_MAX, DISTRUST_REPEATS, HASHES_PER_PEER_MAX, PUSHED_BYTES_PER_PEER_MAX,
    PUSHED_PER_PEER_MAX, REFUSED_PER_PEER_MAX, SERVED_BYTES_PER_PEER_MAX, UNASKED_MAX,
};

/// One peer's account. The first seven are since the last repetition.
#[derive(Debug, Default)]
struct Account {
    announced_hashes: usize,
    requested_hashes: usize,
    served_bytes: usize,
    pushed_bytes: usize,
    pushed: usize,
    refused: usize,
    /// It was blocked, and what it had sent before is not yet all read.
    blocked: bool,
    /// Repetitions for which it is not listened to.
    distrusted: u32,
    /// Its transactions in admission.
    admitting: usize,
    /// Transactions asked of it that it has not sent.
    owed: usize,
    /// Transactions that it sent without owing them.
    unasked: usize,
}

/// Accounts of all peers that the network has ever let in; it lets in a bounded number of keys.
#[derive(Debug)]
pub(super) struct Manners<P>(BTreeMap<P, Account>);

impl<P: Clone + Ord> Manners<P> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn account(&mut self, peer: &P) -> &mut Account {
        self.0.entry(peer.clone()).or_default()
    }

    /// A repetition: bounds per interval begin anew.
    pub(super) fn next_interval(&mut self) {
        for account in self.0.values_mut() {
            (account.announced_hashes, account.requested_hashes) = (0, 0);
            (account.served_bytes, account.pushed_bytes, account.pushed) = (0, 0, 0);
            (account.refused, account.blocked) = (0, false);
            account.distrusted = account.distrusted.saturating_sub(1);
        }
    }

    /// Whether so many announced hashes are still looked up in this interval.
    pub(super) fn may_announce(&mut self, peer: &P, hashes: usize) -> bool {
        let account = self.account(peer);
        account.announced_hashes = account.announced_hashes.saturating_add(hashes);
        account.announced_hashes <= HASHES_PER_PEER_MAX && account.distrusted == 0
    }

    /// Whether a request for so many hashes is still answered in this interval.
    pub(super) fn may_request(&mut self, peer: &P, hashes: usize) -> bool {
        let account = self.account(peer);
        account.requested_hashes = account.requested_hashes.saturating_add(hashes);
        account.requested_hashes <= HASHES_PER_PEER_MAX
            && account.served_bytes < SERVED_BYTES_PER_PEER_MAX
    }

    /// Whether a push of so many transactions and bytes is still looked at in this interval.
    pub(super) fn may_push(&mut self, peer: &P, transactions: usize, bytes: usize) -> bool {
        let account = self.account(peer);
        account.pushed_bytes = account.pushed_bytes.saturating_add(bytes);
        account.pushed = account.pushed.saturating_add(transactions);
        account.pushed_bytes <= PUSHED_BYTES_PER_PEER_MAX
            && account.pushed <= PUSHED_PER_PEER_MAX
            && account.distrusted == 0
            && account.admitting < ADMITTING_PER_PEER_MAX
    }

    /// The admission of so many of its transactions begins.
    pub(super) fn admitting(&mut self, peer: &P, transactions: usize) {
        let account = self.account(peer);
        account.admitting = account.admitting.saturating_add(transactions);
    }

    /// The admission of so many of its transactions has ended.
    pub(super) fn admitted(&mut self, peer: &P, transactions: usize) {
        let account = self.account(peer);
        account.admitting = account.admitting.saturating_sub(transactions);
    }

    /// So many of its transactions were refused. Answers whether it is no longer listened to.
    pub(super) fn refused(&mut self, peer: &P, transactions: usize) -> bool {
        let account = self.account(peer);
        account.refused = account.refused.saturating_add(transactions);
        let distrusts = account.refused > REFUSED_PER_PEER_MAX;
        if distrusts {
            account.distrusted = DISTRUST_REPEATS;
        }
        distrusts
    }

    /// It was blocked: messages of it that wait already need not be read.
    pub(super) fn blocked(&mut self, peer: &P) {
        self.account(peer).blocked = true;
    }

    /// Whether it was blocked in this interval.
    pub(super) fn is_blocked(&mut self, peer: &P) -> bool {
        self.account(peer).blocked
    }

    /// So many bytes of bodies were sent to it.
    pub(super) fn served(&mut self, peer: &P, bytes: usize) {
        let account = self.account(peer);
        account.served_bytes = account.served_bytes.saturating_add(bytes);
    }

    /// So many transactions were asked of it.
    pub(super) fn asked(&mut self, peer: &P, transactions: usize) {
        let account = self.account(peer);
        account.owed = account.owed.saturating_add(transactions);
    }

    /// It sent so many. Answers how many of them it owed; the others need not be looked at.
    pub(super) fn sent(&mut self, peer: &P, transactions: usize) -> usize {
        let account = self.account(peer);
        let owed = transactions.min(account.owed);
        account.owed -= owed;
        account.unasked = account.unasked.saturating_add(transactions - owed);
        owed
    }

    /// Whether it sent more unasked than an honest peer could.
    pub(super) fn is_flooding(&mut self, peer: &P) -> bool {
        self.account(peer).unasked > UNASKED_MAX
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_never_held_against_a_peer() {
        let mut manners = Manners::new();
        for _ in 0..100 {
            manners.asked(&"honest", 1_024);
            assert_eq!(manners.sent(&"honest", 1_000), 1_000);
            manners.next_interval();
        }
        // Late answers: what is owed stays owed.
        assert_eq!(manners.sent(&"honest", 2_400), 2_400);
        assert!(!manners.is_flooding(&"honest"));
        assert_eq!(manners.sent(&"hostile", UNASKED_MAX), 0);
        assert!(!manners.is_flooding(&"hostile"));
        assert_eq!(manners.sent(&"hostile", 1), 0);
        assert!(manners.is_flooding(&"hostile") && !manners.is_flooding(&"honest"));
    }

    #[test]
    fn pushes_wait_for_the_admission_of_those_before_them() {
        let mut manners = Manners::new();
        manners.admitting(&1, ADMITTING_PER_PEER_MAX);
        assert!(!manners.may_push(&1, 1, 1) && manners.may_push(&2, 1, 1));
        manners.next_interval();
        assert!(!manners.may_push(&1, 1, 1));
        manners.admitted(&1, 1);
        assert!(manners.may_push(&1, 1, 1));
    }

    #[test]
    fn who_brings_what_is_refused_is_not_listened_to_for_a_while() {
        let mut manners = Manners::new();
        assert!(!manners.refused(&1, REFUSED_PER_PEER_MAX));
        assert!(manners.may_push(&1, 1, 1) && manners.may_announce(&1, 1));
        assert!(manners.refused(&1, 1));
        for _ in 0..DISTRUST_REPEATS {
            assert!(!manners.may_push(&1, 1, 1) && !manners.may_announce(&1, 1));
            assert!(manners.may_push(&2, 1, 1) && manners.may_request(&1, 1));
            manners.next_interval();
        }
        assert!(manners.may_push(&1, 1, 1) && manners.may_announce(&1, 1));
        assert!(!manners.refused(&1, REFUSED_PER_PEER_MAX));
    }

    #[test]
    fn look_ups_are_bounded_per_interval() {
        let mut manners = Manners::new();
        assert!(manners.may_announce(&1, HASHES_PER_PEER_MAX));
        assert!(!manners.may_announce(&1, 1));
        assert!(manners.may_request(&1, HASHES_PER_PEER_MAX));
        assert!(!manners.may_request(&1, 1) && manners.may_request(&2, 1));
        assert!(manners.may_push(&1, 1, PUSHED_BYTES_PER_PEER_MAX) && !manners.may_push(&1, 1, 1));
        manners.next_interval();
        assert!(manners.may_push(&1, PUSHED_PER_PEER_MAX, 1) && !manners.may_push(&1, 1, 1));
        manners.blocked(&1);
        assert!(manners.is_blocked(&1) && !manners.is_blocked(&2));
        manners.next_interval();
        assert!(manners.may_push(&1, 1, 1) && !manners.is_blocked(&1));
        assert!(manners.may_announce(&1, 1) && manners.may_request(&1, 1));
        manners.served(&1, SERVED_BYTES_PER_PEER_MAX);
        assert!(!manners.may_request(&1, 1));
    }
}
