//! After the last heal: everybody has everything, and all of it is looked at again.

use std::collections::BTreeSet;

use ledger_api::Ledger;
use types::ValidatorKey;

use super::{
    driver::{Driver, within},
    seats::Seat,
};
use crate::{
    invariants::{Verdict, broken, certificates, evidence, liveness, receipts, validity},
    scenario::ACCOUNTS,
};

/// Heights looked at again on every node but one, where all are.
const SAMPLE: usize = 12;

impl Driver<'_> {
    /// Waits until every honest node has every block and every transaction.
    pub(super) async fn settle(&mut self) -> Verdict {
        let begun = self.now();
        let goal = self.progress.witness.height();
        for number in self.honest() {
            if let Some(Seat::Down(_)) = self.seats.get(&number) {
                self.start(number).await;
            }
        }
        loop {
            self.tick().await?;
            let behind = self.behind(goal);
            let waiting = self.waiting();
            if behind.is_empty() && waiting.is_empty() {
                return Ok(());
            }
            let up = self.up();
            if !up.is_empty() {
                self.send_again(&up).await;
            }
            let taken = self.now().duration_since(begun).unwrap_or_default();
            if taken > liveness::CATCH_UP_MAX {
                let detail = format!(
                    "{} s after the last heal nodes {behind:?} are not at {goal}, accounts \
                     {waiting:?} wait",
                    taken.as_secs()
                );
                return Err(broken(liveness::NAME, detail));
            }
            self.check_liveness()?;
        }
    }

    /// Honest nodes that do not show `height`, or do not show the newest final transaction.
    fn behind(&self, height: u64) -> Vec<u64> {
        let last = self.progress.witness.ledgered.heights.values().max().copied();
        let wanted = height.max(last.unwrap_or(0));
        let has = |number: &u64| match self.seats.get(number) {
            Some(Seat::Up(node)) => node.ledger.head().number >= wanted,
            _ => false,
        };
        self.honest().into_iter().filter(|number| !has(number)).collect()
    }

    /// Everything that was shown, on every honest node.
    pub(super) async fn last_checks(&mut self) -> Verdict {
        self.check_pools()?;
        let sent: Vec<u64> = (0..ACCOUNTS)
            .map(|account| self.progress.witness.ledgered.sent.get(&account).copied().unwrap_or(0))
            .collect();
        let honest = self.honest();
        let thorough = *self.progress.random.pick(&honest);
        for number in honest {
            let Some(Seat::Up(node)) = self.seats.get(&number) else {
                continue;
            };
            let ledger = std::sync::Arc::clone(&node.ledger);
            let height = ledger.head().number;
            let state = validity::state(number, ledger.as_ref(), height, &sent);
            let limit = liveness::STALL_MAX;
            within(&self.network.context, limit, state).await.unwrap_or_else(|| {
                Err(broken(validity::NAME, format!("node {number} does not answer")))
            })?;
            let accused = evidence::just(number, ledger.as_ref(), &self.liars())?;
            self.accuse(number, &accused);
            let heights = self.heights_to_check(number == thorough);
            self.look_again(number, ledger.as_ref(), &heights)?;
        }
        Ok(())
    }

    fn liars(&self) -> BTreeSet<ValidatorKey> {
        self.scenario.liars.iter().map(|(number, _)| crate::validator(*number)).collect()
    }

    fn accuse(&mut self, node: u64, accused: &BTreeSet<ValidatorKey>) {
        for (number, lie) in &self.scenario.liars {
            if accused.contains(&crate::validator(*number)) {
                self.progress.accused.entry(lie.name()).or_default().insert(node);
            }
        }
    }

    fn heights_to_check(&mut self, all: bool) -> Vec<u64> {
        let heights: Vec<u64> = (1..=self.progress.witness.height()).collect();
        if all { heights } else { self.progress.random.sample(&heights, SAMPLE) }
    }

    fn look_again(&self, number: u64, ledger: &dyn Ledger, heights: &[u64]) -> Verdict {
        let chain = &self.progress.witness.chain;
        let head = ledger.head().number;
        let mut certified = 0;
        for height in heights.iter().filter(|height| **height <= head) {
            let canonical = &chain[usize::try_from(*height).expect("a position")];
            receipts::holds(number, ledger, canonical)?;
            if *height > certified {
                let sets = &self.network.sets;
                certified =
                    certificates::good(number, ledger, *height, chain, sets)?.unwrap_or(certified);
            }
        }
        Ok(())
    }
}
