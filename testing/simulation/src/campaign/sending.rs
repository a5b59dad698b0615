//! The accounts: they send, send again what does not become final, and the admin changes the
//! validators.

use std::time::Duration;

use alloy_primitives::{B256, Bytes, TxKind};
use alloy_sol_types::SolCall as _;
use pool::Refusal;
use system::validators::IValidators;

use super::{
    driver::{Driver, within},
    seats::Seat,
};
use crate::{
    scenario::{ACCOUNTS, Change, tolerated},
    workload,
};

/// Number of the account that changes the validators.
pub(super) const ADMIN_ACCOUNT: u64 = 7;
/// Simulated time after which an account sends again what is not final.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Longest simulated time that a node may take over a submission.
const SUBMIT_MAX: Duration = Duration::from_secs(1);
/// Heights before the last by which everything has been sent.
const SPARE_HEIGHTS: u64 = 20;

impl Driver<'_> {
    /// Whether every account has sent all it will.
    pub(super) fn all_sent(&self) -> bool {
        self.sent_in_all() >= self.scenario.transactions
    }

    fn sent_in_all(&self) -> u64 {
        (0..ACCOUNTS).map(|account| self.next_nonce(account)).sum()
    }

    fn next_nonce(&self, account: u64) -> u64 {
        self.progress.next_nonce.get(&account).copied().unwrap_or(0)
    }

    fn final_nonce(&self, account: u64) -> u64 {
        self.progress.witness.ledgered.sent.get(&account).copied().unwrap_or(0)
    }

    /// Accounts with something under way: those of the workload and the admin.
    pub(super) fn waiting(&self) -> Vec<u64> {
        let accounts = (0..ACCOUNTS).chain([ADMIN_ACCOUNT + ACCOUNTS]);
        accounts.filter(|account| self.final_nonce(*account) < self.next_nonce(*account)).collect()
    }

    /// Sends what the height allows, so that the work lasts as long as the chain.
    pub(super) async fn send(&mut self) {
        let up = self.up();
        if up.is_empty() {
            return;
        }
        let height = self.progress.witness.height() + 4;
        let due = height * self.scenario.transactions / (self.scenario.heights - SPARE_HEIGHTS);
        let mut budget = due.min(self.scenario.transactions).saturating_sub(self.sent_in_all());
        let first = self.progress.random.next() % ACCOUNTS;
        for account in (0..ACCOUNTS).map(|index| (first + index) % ACCOUNTS) {
            let nonce = self.next_nonce(account);
            if budget == 0 {
                break;
            }
            if nonce >= self.final_nonce(account) + self.scenario.window {
                continue;
            }
            let home = up[usize::try_from(account).expect("few") % up.len()];
            if self.submit(home, account, nonce).await {
                self.progress.next_nonce.insert(account, nonce + 1);
                self.last_sent.insert(account, self.now());
                budget -= 1;
            }
        }
        self.send_again(&up).await;
    }

    /// As a wallet does when a receipt does not come.
    pub(super) async fn send_again(&mut self, up: &[u64]) {
        for account in self.waiting() {
            let since = self.last_sent.get(&account).copied();
            let now = self.now();
            if since.is_some_and(|since| now < since + AGAIN_AFTER) {
                continue;
            }
            self.last_sent.insert(account, now);
            let node = *self.progress.random.pick(up);
            for nonce in self.final_nonce(account)..self.next_nonce(account) {
                self.submit(node, account, nonce).await;
            }
        }
    }

    fn transaction(&self, account: u64, nonce: u64) -> (Bytes, B256) {
        if account >= ACCOUNTS {
            return self.progress.admin[usize::try_from(nonce).expect("few")].clone();
        }
        workload::transaction(account, nonce)
    }

    /// Gives a transaction to a node; whether the node has it now.
    async fn submit(&mut self, number: u64, account: u64, nonce: u64) -> bool {
        let (encoded, hash) = self.transaction(account, nonce);
        self.progress.witness.ledgered.submitted.insert(hash, (account, nonce));
        let Some(Seat::Up(node)) = self.seats.get(&number) else {
            return false;
        };
        let clock = &self.network.context;
        let answer = within(clock, SUBMIT_MAX, node.ledger.submit(encoded)).await;
        match answer {
            Some(Ok(_)) => {
                let final_already = self.progress.witness.ledgered.heights.contains_key(&hash);
                if !final_already {
                    let life = self.progress.lives[&number];
                    self.progress.witness.accepted.insert(hash, (number, life));
                }
                true
            }
            Some(Err(Refusal::AlreadyKnown | Refusal::NonceTooLow { .. })) => true,
            Some(Err(_)) | None => false,
        }
    }

    /// The admin asks for other validators; it is sent as everything else that waits.
    pub(super) fn change_validators(&mut self, change: Change) {
        let Some(set) = self.network.sets.of(self.network.sets.newest()) else {
            return;
        };
        let all: Vec<u64> = self.seats.keys().copied().collect();
        let (mut members, spares): (Vec<u64>, Vec<u64>) =
            all.into_iter().partition(|number| set.keys().contains(&crate::validator(*number)));
        let honest: Vec<u64> =
            members.iter().copied().filter(|number| self.lie_of(*number).is_none()).collect();
        let liars = members.len() - honest.len();
        let left = members.len() - 1;
        let (add, remove) = match change {
            Change::Add => (true, false),
            Change::Remove if left >= 4 && liars <= tolerated(left) => (false, true),
            Change::Remove | Change::Replace => (true, true),
        };
        if spares.is_empty() && add {
            return;
        }
        if remove {
            let gone = *self.progress.random.pick(&honest);
            members.retain(|number| *number != gone);
        }
        if add {
            members.push(*self.progress.random.pick(&spares));
        }
        let keys = members.iter().map(|number| B256::from(crate::validator(*number).0)).collect();
        let call = IValidators::setNextValidatorsCall { keys };
        let to = TxKind::Call(system::validators::ADDRESS);
        let encoded = self.admin.call(to, call.abi_encode().into());
        let hash = alloy_primitives::keccak256(&encoded);
        self.note(format!("the admin asks for validators {members:?}"));
        self.progress.admin.push((encoded, hash));
        *self.progress.next_nonce.entry(ADMIN_ACCOUNT + ACCOUNTS).or_default() += 1;
    }
}
