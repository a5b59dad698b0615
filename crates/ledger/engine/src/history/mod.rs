//! Asking peers about the past and answering them, on the HISTORY channel.
//!
//! Questions and answers travel through the library's resolver: it spreads questions over the
//! peers, repeats what is not answered, and blocks who answers wrongly. An answer is checked on
//! the worker pool before anything uses it.

mod asking;
mod serving;

use std::{sync::Arc, time::Duration};

use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_resolver::p2p;
use commonware_utils::{NZDuration, NZUsize};
use consensus::{
    PublicKey,
    history::{ANSWER_BYTES_MAX, HistoryRequest},
};

pub(crate) use asking::History;
pub(crate) use serving::answer;

use crate::{Runtime, core::Core};

/// Questions that wait in the resolver.
const MAILBOX_MAX: std::num::NonZeroUsize = NZUsize!(256);
/// How long a peer may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause before a question is repeated.
const FETCH_RETRY: Duration = Duration::from_millis(100);

/// Longest message on the channel, bytes.
pub(crate) fn message_bytes_max() -> usize {
    p2p::max_message_size::<HistoryRequest>(ANSWER_BYTES_MAX)
}

/// Starts answering from the chain store; the result asks.
pub(crate) fn start<E, O, B>(
    context: &E,
    core: &Arc<Core>,
    own_key: &PublicKey,
    (peers, blocker): (O, B),
    messages: (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
) -> History
where
    E: Runtime,
    O: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let producer = serving::start(context, Arc::clone(core));
    let (waiting, consumer) = asking::new();
    let (engine, mailbox) = p2p::Engine::new(
        context.child("history"),
        p2p::Config {
            peer_provider: peers,
            blocker,
            consumer,
            producer,
            mailbox_size: MAILBOX_MAX,
            me: Some(own_key.clone()),
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        },
    );
    engine.start(messages);
    History::new(waiting, mailbox, core.strategy.clone())
}
