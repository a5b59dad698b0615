//! After a phase: does every node hold what the receipts say?

use std::time::Duration;

use alloy_primitives::{Address, U256, hex};
use eyre::Result;
use serde::Serialize;

use crate::{
    bench::{Bench, reach},
    board::{Board, Sample},
    random::Random,
    rpc::Node,
    stock::Recipe,
    token::{START_BALANCE, call_data},
    workload::Workload,
};

const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(30);
/// Holders without keys that one call sums up: within the gas of an `eth_call`.
const SUM_HOLDERS: u64 = 4_000;
/// Up to so many holders the balances of all are summed up.
const SUM_HOLDERS_MAX: u64 = 200_000;

/// What was compared, on each node.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Nonces of senders.
    pub nonces: usize,
    /// Whether they are what the receipts say.
    pub nonces_agree: bool,
    /// Balances or counters of single accounts.
    pub values: usize,
    /// Whether they are what the receipts say.
    pub values_agree: bool,
    /// Whether the token's supply is what was minted.
    pub supply_agrees: bool,
    /// Whether the balances of all holders add up to it; nothing where there are too many to ask.
    pub sum_agrees: Option<bool>,
}

impl Verdict {
    /// Whether everything agrees.
    pub const fn agrees(&self) -> bool {
        let sum = !matches!(self.sum_agrees, Some(false));
        self.nonces_agree && self.values_agree && self.supply_agrees && sum
    }
}

impl Bench {
    /// Books what was seen and compares it with what every node says.
    ///
    /// # Errors
    /// Transport, or a node that stays behind.
    pub async fn settle(
        &mut self,
        recipe: &Recipe,
        board: &Board,
        samples: &[Sample],
    ) -> Result<Verdict> {
        let mut nonces = recipe.first_nonces.clone();
        for index in samples.iter().map(|sample| sample.index).chain(board.late()) {
            let (from, to) = recipe.parties(index);
            nonces[from] += 1;
            self.book(recipe.workload, from as u64, to);
        }
        let mut verdict = Verdict {
            nonces: nonces.len(),
            nonces_agree: true,
            values: 0,
            values_agree: true,
            supply_agrees: true,
            sum_agrees: None,
        };
        let senders: Vec<Address> = self.holders.senders.iter().map(|a| a.address).collect();
        let supply = U256::from(START_BALANCE) * U256::from(self.holders.total);
        let chosen = self.choose(recipe.seed);
        let expected: Vec<U256> = chosen.iter().map(|index| self.balance(*index)).collect();
        let height = board.height();
        for entry in &self.description.nodes {
            let mut node = Node::new(&entry.rpc)?;
            reach(&mut node, height, CATCH_UP_TIMEOUT).await?;
            verdict.nonces_agree &= node.nonces(&senders).await? == nonces;
            let token = &self.targets.token;
            verdict.values = chosen.len();
            verdict.values_agree &=
                token.held(&mut node, &self.holders, &chosen).await? == expected;
            verdict.supply_agrees &= token.supply(&mut node).await? == supply;
            if recipe.workload == Workload::Store2 {
                verdict.values += self.stored.len();
                verdict.values_agree &= self.counters_agree(&mut node).await?;
            }
        }
        if self.holders.total <= SUM_HOLDERS_MAX {
            verdict.sum_agrees = Some(self.sum().await? == supply);
        }
        Ok(verdict)
    }

    /// Notes what a final transaction has changed.
    pub fn book(&mut self, workload: Workload, from: u64, to: u64) {
        match workload {
            Workload::Erc20 => {
                *self.moved.entry(from).or_default() -= 1;
                *self.moved.entry(to).or_default() += 1;
            }
            Workload::Store2 => *self.stored.entry(from).or_default() += 1,
            Workload::Native | Workload::Validators => {}
        }
    }

    /// Tokens that a holder should have.
    fn balance(&self, holder: u64) -> U256 {
        let moved = self.moved.get(&holder).copied().unwrap_or(0);
        U256::from(START_BALANCE as i64 + moved)
    }

    /// Holders that are looked at: all where that is possible; else half of those whose balance has
    /// changed, drawn by lot, and half of all.
    fn choose(&self, seed: u64) -> Vec<u64> {
        if self.holders.total <= self.sample_max as u64 {
            return (0..self.holders.total).collect();
        }
        let half = self.sample_max / 2;
        let mut random = Random::new(seed);
        let mut chosen: Vec<u64> = self.moved.keys().copied().collect();
        if chosen.len() > half {
            let picks = random.choose(half, chosen.len());
            chosen = picks.into_iter().map(|pick| chosen[pick]).collect();
        }
        chosen.extend((0..half).map(|_| random.below(self.holders.total)));
        chosen
    }

    async fn counters_agree(&self, node: &mut Node) -> Result<bool> {
        let selector = hex::encode_prefixed(call_data("count(address)", &[]));
        let data: Vec<String> = self
            .stored
            .keys()
            .map(|index| {
                let word = self.holders.address(*index).into_word();
                format!("{selector}{}", hex::encode(word))
            })
            .collect();
        let counted = node.words(self.targets.store, &data).await?;
        Ok(counted.into_iter().eq(self.stored.values().map(|count| U256::from(*count))))
    }

    /// What all holders have together, on the first node.
    async fn sum(&self) -> Result<U256> {
        let mut node = Node::new(&self.description.nodes[0].rpc)?;
        let token = &self.targets.token;
        let mut sum: U256 = token.balances(&mut node, &self.holders.senders).await?.iter().sum();
        let mut start = self.holders.senders.len() as u64;
        while start < self.holders.total {
            let count = SUM_HOLDERS.min(self.holders.total - start);
            sum += token.sum_range(&mut node, self.holders.seed, start, count).await?;
            start += count;
        }
        Ok(sum)
    }
}
