//! Agreement: at one height all honest nodes show one block with the same receipts, and all enter
//! an epoch with the same validators.

use types::{Block, Receipt};

use super::{Canonical, Verdict, broken};
use crate::byzantine::Sets;

/// Name of the invariant.
pub const NAME: &str = "agreement";

/// `node` shows what the first node showed.
pub fn same_block(
    canonical: &Canonical,
    node: u64,
    block: &Block,
    receipts: &[Receipt],
) -> Verdict {
    let (number, first) = (block.number(), canonical.node);
    if canonical.block.hash() != block.hash() {
        let (here, there) = (block.hash(), canonical.block.hash());
        let detail = format!("block {number} is {here} on node {node}, {there} on node {first}");
        return Err(broken(NAME, detail));
    }
    if canonical.receipts.as_slice() != receipts {
        let detail = format!("receipts of block {number} differ between nodes {node} and {first}");
        return Err(broken(NAME, detail));
    }
    Ok(())
}

/// No two nodes entered an epoch with different validators.
pub fn same_validators(sets: &Sets) -> Verdict {
    match sets.conflict() {
        None => Ok(()),
        Some(epoch) => {
            Err(broken(NAME, format!("two nodes have different validators in epoch {epoch}")))
        }
    }
}
