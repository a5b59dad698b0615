//! What was seen of all honest nodes so far, compared as it comes.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::keccak256;
use ledger_api::Ledger;

use crate::{
    byzantine::Forged,
    invariants::{
        Canonical, Verdict, agreement, broken,
        pool::Accepted,
        receipts, time,
        validity::{self, Ledgered},
    },
};

/// Sees what users see; outlives every node.
#[derive(Default)]
pub struct Witness {
    /// The chain as the first node showed each block, by height.
    pub chain: Vec<Canonical>,
    /// What was submitted and what became of it.
    pub ledgered: Ledgered,
    /// What nodes accepted and is not final.
    pub accepted: Accepted,
    /// Newest block that each node ever showed.
    shown: BTreeMap<u64, u64>,
}

impl Witness {
    /// Height of the newest block that any honest node showed.
    pub fn height(&self) -> u64 {
        u64::try_from(self.chain.len()).unwrap_or(u64::MAX).saturating_sub(1)
    }

    /// Transactions that are final.
    pub fn transactions(&self) -> u64 {
        u64::try_from(self.ledgered.heights.len()).unwrap_or(u64::MAX)
    }

    /// Looks at what a node shows that it did not show before.
    pub fn look(
        &mut self,
        node: u64,
        ledger: &dyn Ledger,
        forged: &Forged,
        now_ms: u64,
    ) -> Verdict {
        let head = ledger.head().number;
        let from = self.shown.get(&node).map_or(0, |shown| shown + 1);
        for number in from..=head {
            self.look_at(node, ledger, number, now_ms)?;
            if let Some(last) = self.chain.last().filter(|last| forged.contains(&last.block.hash()))
            {
                let number = last.block.number();
                return Err(broken(validity::NAME, format!("the forged block {number} is final")));
            }
            self.shown.insert(node, number);
        }
        Ok(())
    }

    fn look_at(&mut self, node: u64, ledger: &dyn Ledger, number: u64, now_ms: u64) -> Verdict {
        let missing = |what: &str| {
            broken(receipts::NAME, format!("node {node} shows block {number} without {what}"))
        };
        let block = ledger.chain().block(number).ok().flatten();
        let block = block.ok_or_else(|| missing("its body"))?;
        let found = ledger.chain().receipts(number).ok().flatten();
        let found = found.ok_or_else(|| missing("its receipts"))?;
        if let Some(canonical) = self.chain.get(usize::try_from(number).unwrap_or(usize::MAX)) {
            return agreement::same_block(canonical, node, &block, &found);
        }
        let hashes = block.transactions().iter().map(keccak256).collect();
        let candidate = Canonical { block, receipts: Arc::clone(&found), hashes, node };
        validity::header(&candidate, ledger.genesis().parameters.epoch_blocks)?;
        if let Some(parent) = self.chain.last() {
            if candidate.block.header().parent_hash != parent.block.hash() {
                let detail = format!("block {number} of node {node} does not follow its parent");
                return Err(broken(agreement::NAME, detail));
            }
            time::rises(&parent.block, &candidate.block, now_ms)?;
        }
        self.ledgered.take(&candidate)?;
        for hash in &candidate.hashes {
            self.accepted.remove(hash);
        }
        self.chain.push(candidate);
        Ok(())
    }

    /// A node has come back: what it showed is still there.
    pub fn came_back(&self, node: u64, ledger: &dyn Ledger) -> Verdict {
        match self.shown.get(&node) {
            Some(shown) => receipts::kept(node, ledger, *shown, &self.chain),
            None => Ok(()),
        }
    }
}
