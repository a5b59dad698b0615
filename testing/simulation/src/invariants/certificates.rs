//! Certificates prove what is final to a stranger: they verify offline, under the validators of the
//! block's epoch, which the last block of the epoch before names.

use consensus::verify_ledger_certificate;
use ledger_api::Ledger;

use super::{Canonical, Verdict, broken};
use crate::byzantine::Sets;

/// Name of the invariant.
pub const NAME: &str = "certificates";

/// The certificate that a node has for `height` or the next above it is good. Answers the height
/// that it certifies, if there is one.
pub fn good(
    node: u64,
    ledger: &dyn Ledger,
    height: u64,
    chain: &[Canonical],
    sets: &Sets,
) -> Result<Option<u64>, super::Violation> {
    let bad = |detail: String| broken(NAME, format!("node {node}, height {height}: {detail}"));
    let found = ledger.chain().certificate_at_or_above(height);
    let Some((certified, certificate)) = found.map_err(|error| bad(error.to_string()))? else {
        return Ok(None);
    };
    let Some(canonical) = chain.get(usize::try_from(certified).unwrap_or(usize::MAX)) else {
        return Err(bad(format!("certifies {certified}, which nobody shows")));
    };
    let epoch_blocks = ledger.genesis().parameters.epoch_blocks;
    let epoch = certified / epoch_blocks;
    if certificate.block_hash != canonical.block.hash() || certificate.epoch != epoch {
        return Err(bad(format!("the certificate of {certified} is of something else")));
    }
    let set = sets.of(epoch).ok_or_else(|| bad(format!("nobody entered epoch {epoch}")))?;
    named(chain, epoch, &set, epoch_blocks)?;
    verify_ledger_certificate(&ledger.namespace(), &set, &certificate)
        .map_err(|error| bad(error.to_string()))?;
    Ok(Some(certified))
}

/// The validators of `epoch` are those that the chain names.
fn named(chain: &[Canonical], epoch: u64, set: &types::ValidatorSet, epoch_blocks: u64) -> Verdict {
    let Some(last) = epoch.checked_mul(epoch_blocks).and_then(|first| first.checked_sub(1)) else {
        return Ok(());
    };
    let block = &chain[usize::try_from(last).unwrap_or(usize::MAX)].block;
    if block.extension().next_validators_hash == set.hash() {
        Ok(())
    } else {
        Err(broken(NAME, format!("epoch {epoch} has other validators than block {last} names")))
    }
}
