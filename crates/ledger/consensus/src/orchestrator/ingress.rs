//! Final blocks on their way from marshal to the orchestrator.

use std::collections::VecDeque;

use commonware_actor::{
    Feedback,
    mailbox::{Policy, Sender},
};
use commonware_consensus::{Reporter, marshal::Update};
use commonware_cryptography::Digested;
use commonware_utils::acknowledgement::Exact;

use crate::ConsensusBlock;

/// A block that marshal delivered as final.
pub(super) struct Finalized {
    pub(super) block: Digested<ConsensusBlock>,
    pub(super) acknowledgement: Exact,
}

impl Policy for Finalized {
    type Overflow = VecDeque<Self>;

    fn handle(overflow: &mut VecDeque<Self>, message: Self) {
        // Dropping one would stop marshal. Marshal bounds the queue: it delivers at most
        // `PENDING_ACKNOWLEDGEMENTS_MAX` blocks that nobody has acknowledged.
        overflow.push_back(message);
    }
}

/// The reporter to give to marshal, beside the application's own.
#[derive(Clone)]
pub struct Mailbox {
    pub(super) sender: Sender<Finalized>,
}

impl Reporter for Mailbox {
    type Activity = Update<ConsensusBlock>;

    fn report(&mut self, activity: Update<ConsensusBlock>) -> Feedback {
        match activity {
            Update::Block(block, acknowledgement) => {
                self.sender.enqueue(Finalized { block, acknowledgement })
            }
            Update::Tip(..) => Feedback::Ok,
        }
    }
}
