//! Finding out what many transactions will read, so that one round of reading serves them all.

use std::{collections::BTreeSet, sync::Arc};

use state::StateKey;
use types::Transaction;

use super::transactions::Run;

/// Transactions with a higher gas limit are not run on trial: they run once, with a source.
pub(super) const TRIED_GAS_MAX: u64 = 1_000_000;
/// After a miss, so many transactions are tried at once to find out what they will miss.
const TRANSACTIONS_MAX: usize = 256;
/// How often one transaction is tried.
const TRIES_MAX: u8 = 4;

/// Gas that trials may use, in block gas limits. A token transfer is tried twice: for the sender's
/// balance, then for the recipient's.
const GAS_BLOCKS_MAX: u64 = 4;

/// What trials cost so far. Its bound is the bound of what execution costs beyond the block itself.
#[derive(Debug)]
pub(super) struct Tries {
    counts: Vec<u8>,
    gas: u64,
}

impl Tries {
    pub(super) fn new(transactions: usize) -> Self {
        Self { counts: vec![0; transactions], gas: 0 }
    }

    #[cfg(test)]
    pub(super) fn gas(&self) -> u64 {
        self.gas
    }
}

impl Run<'_, '_, '_> {
    /// What this and the following transactions would miss. They run on the state as it is now,
    /// with absent values where some are missing, and without effect; a wrong guess costs only
    /// time. `None` where the current one was tried often enough.
    pub(super) fn look_ahead(
        &mut self,
        transactions: &[Arc<Transaction>],
        missed: Vec<StateKey>,
    ) -> Option<Vec<StateKey>> {
        let current = self.progress.next;
        if !self.worth_trying(current, &transactions[current]) {
            return None;
        }
        self.evm.ignore_nonces(true);
        self.evm.database().begin_collecting();
        for (index, transaction) in
            transactions.iter().enumerate().skip(current).take(TRANSACTIONS_MAX)
        {
            if self.worth_trying(index, transaction) {
                self.try_out(index, transaction);
            }
        }
        self.evm.ignore_nonces(false);
        let mut keys: BTreeSet<StateKey> = self.evm.database().end_collecting();
        keys.extend(missed);
        Some(keys.into_iter().collect())
    }

    fn worth_trying(&self, index: usize, transaction: &Transaction) -> bool {
        let tries = &self.progress.tries;
        transaction.gas_limit() <= TRIED_GAS_MAX
            && tries.counts[index] < TRIES_MAX
            && tries.gas < self.transaction_rules.block_gas_limit.saturating_mul(GAS_BLOCKS_MAX)
    }

    fn try_out(&mut self, index: usize, transaction: &Transaction) {
        let before = self.evm.database().misses();
        let gas = match self.run(transaction) {
            Ok((result, _)) => result.tx_gas_used(),
            Err(_) => 0,
        };
        let missed_nothing = self.evm.database().misses() == before;
        let tries = &mut self.progress.tries;
        tries.gas = tries.gas.saturating_add(gas);
        tries.counts[index] = if missed_nothing { TRIES_MAX } else { tries.counts[index] + 1 };
    }
}
