//! No lost receipt: what a node showed as final, it shows for ever; after a restart its stores hold
//! it at once, and its head is there again as soon as the last blocks were delivered again.

use ledger_api::Ledger;

use super::{Canonical, Verdict, broken};

/// Name of the invariant.
pub const NAME: &str = "no lost receipt";
/// Heights below the newest that are looked at after a restart.
const LOOKED_AT: usize = 20;

/// A node that has just come back holds everything that it ever showed.
pub fn kept(node: u64, ledger: &dyn Ledger, shown: u64, chain: &[Canonical]) -> Verdict {
    let length = usize::try_from(shown).unwrap_or(usize::MAX).saturating_add(1);
    for canonical in chain.iter().take(length).rev().take(LOOKED_AT) {
        let number = canonical.block.number();
        let found = ledger.chain().hash(number);
        if found.as_ref().ok() != Some(&Some(canonical.block.hash())) {
            let detail = format!(
                "node {node} showed block {number} before it died and now has {found:?} there"
            );
            return Err(broken(NAME, detail));
        }
        holds(node, ledger, canonical)?;
    }
    Ok(())
}

/// A node shows every transaction of a block where it is, with its receipt.
pub fn holds(node: u64, ledger: &dyn Ledger, canonical: &Canonical) -> Verdict {
    let number = canonical.block.number();
    let lost = |what: String| Err(broken(NAME, format!("node {node}, block {number}: {what}")));
    match ledger.chain().receipts(number) {
        Ok(Some(receipts)) if receipts == canonical.receipts => {}
        other => return lost(format!("receipts are {:?}", other.map(|found| found.is_some()))),
    }
    for (index, hash) in (0u64..).zip(&canonical.hashes) {
        match ledger.chain().transaction(*hash) {
            Ok(Some(at)) if at.number == number && u64::from(at.index) == index => {}
            other => return lost(format!("transaction {hash} is at {other:?}")),
        }
    }
    Ok(())
}
