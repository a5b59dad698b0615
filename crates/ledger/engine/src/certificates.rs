//! Keeps finality certificates for ever, in the chain store, in the published format.

use std::sync::Arc;

use commonware_consensus::types::Height;
use consensus::{EpochSchemes, Finalization, Marshal, ledger_certificate, participants};
use ledger_api::{FinalityProof, LedgerError};
use types::Certificate;

use crate::{
    core::{Core, store},
    validators::StateValidators,
};

/// Headers in one finality proof. A certificate follows within a few blocks.
const PROOF_HEADERS_MAX: u64 = 1_024;
/// Heights below the head that are looked through again at start, since a crash may have come
/// between a block and its certificate.
pub(crate) const START_OVERLAP: u64 = 1_024;

/// Copies certificates from the consensus archives as the head moves.
pub(crate) async fn keep(core: Arc<Core>, marshal: Marshal, schemes: EpochSchemes) {
    let mut done = core.head.get().number.saturating_sub(START_OVERLAP);
    loop {
        let head = core.head.beyond(done).await.number;
        for number in done + 1..=head {
            let Some(found) = marshal.get_finalization(Height::new(number)).await else {
                continue;
            };
            match convert(&core, &found, &schemes) {
                Ok(certificate) => {
                    if let Err(error) = core.chain.put_certificate(number, &certificate) {
                        tracing::error!(number, %error, "cannot store a certificate");
                        return;
                    }
                }
                Err(reason) => tracing::warn!(number, reason, "certificate left out"),
            }
        }
        done = head;
    }
}

fn convert(
    core: &Core,
    finalization: &Finalization,
    schemes: &EpochSchemes,
) -> Result<Certificate, String> {
    let epoch = finalization.proposal.round.epoch();
    let stored = core.chain.validators(epoch.get()).map_err(|error| error.to_string())?;
    let genesis = || core.genesis.validator_set().ok().filter(|_| epoch.get() == 0);
    let set = schemes
        .validators(epoch)
        .or(stored)
        .or_else(genesis)
        .ok_or("the validators of its epoch are not known")?;
    let participants = participants(&set).map_err(|error| error.to_string())?;
    ledger_certificate(finalization, &participants).map_err(|error| error.to_string())
}

/// The proof that block `number` is final.
pub(crate) async fn prove(
    core: &Arc<Core>,
    schemes: &EpochSchemes,
    number: u64,
) -> Result<FinalityProof, LedgerError> {
    if number > core.head.get().number {
        return Err(LedgerError::UnknownBlock(number));
    }
    let found = core.chain.certificate_at_or_above(number).map_err(store)?;
    let (certified, certificate) = found
        .filter(|(certified, _)| certified - number < PROOF_HEADERS_MAX)
        .ok_or(LedgerError::NoCertificate(number))?;
    let mut headers = Vec::new();
    for height in number..=certified {
        let header = core.chain.header(height).map_err(store)?;
        headers.push(header.ok_or(LedgerError::UnknownBlock(height))?);
    }
    let validators = StateValidators(Arc::clone(core));
    let set = match schemes.validators(commonware_consensus::types::Epoch::new(certificate.epoch)) {
        Some(set) => set,
        None => validators.after(certified.saturating_sub(1)).await?,
    };
    let validators = set.keys().iter().map(|key| validators.info(*key)).collect();
    Ok(FinalityProof { validators, certificate, headers })
}
