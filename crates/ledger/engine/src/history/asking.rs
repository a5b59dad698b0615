//! Questions of this node that wait for an answer.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use commonware_parallel::{Rayon, Strategy as _};
use commonware_resolver::{
    Consumer, Delivery, Outcome, Resolution, Resolver as _, TargetedResolver as _, p2p,
};
use commonware_utils::{
    channel::{mpsc, oneshot},
    vec::NonEmptyVec,
};
use consensus::{
    PublicKey,
    history::{HistoryError, HistoryRequest},
};
use futures::future::{Either, select};

/// An answer that has not been checked, and where to say what it was worth.
type Answer = (Bytes, oneshot::Sender<Outcome>);
/// Answers of one question: the resolver delivers the next one after the verdict on the last.
const ANSWERS_MAX: usize = 1;

/// Who waits for the answer to which question.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<BTreeMap<HistoryRequest, mpsc::Sender<Answer>>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<HistoryRequest, mpsc::Sender<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn new() -> (Waiting, Waiting) {
    let waiting = Waiting::default();
    (waiting.clone(), waiting)
}

impl Consumer for Waiting {
    type Key = HistoryRequest;
    type Value = Bytes;
    type Subscriber = ();
    type Outcome = Outcome;

    fn deliver(
        &mut self,
        delivery: Delivery<HistoryRequest, ()>,
        value: Bytes,
    ) -> oneshot::Receiver<Outcome> {
        let (verdict, receiver) = oneshot::channel();
        let asked = self.lock().get(&delivery.key).cloned();
        // Nobody waits any more: the verdict is dropped, which ends the question.
        if let Some(asked) = asked {
            let _ = asked.try_send((value, verdict));
        }
        receiver
    }
}

/// Asks peers about the past. Cloning shares it.
#[derive(Clone)]
pub(crate) struct History {
    waiting: Waiting,
    mailbox: p2p::Mailbox<HistoryRequest, PublicKey>,
    strategy: Rayon,
}

impl History {
    pub(super) fn new(
        waiting: Waiting,
        mailbox: p2p::Mailbox<HistoryRequest, PublicKey>,
        strategy: Rayon,
    ) -> Self {
        Self { waiting, mailbox, strategy }
    }

    /// Asks one peer, or any, until an answer passes `check` or `end` resolves. Where `check` finds
    /// nothing in an honest answer, the question goes on; a peer whose answer fails is blocked. A
    /// question may be under way once at a time.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        request: HistoryRequest,
        peer: Option<PublicKey>,
        end: impl Future<Output = ()> + Send,
        check: impl Fn(&[u8]) -> Result<Option<T>, HistoryError> + Send + Sync + 'static,
    ) -> Option<T> {
        let (sender, mut answers) = mpsc::channel(ANSWERS_MAX);
        self.waiting.lock().insert(request, sender);
        let mut question = Question { history: self.clone(), request };
        let _ = match peer {
            Some(peer) => question.history.mailbox.fetch_targeted(request, NonEmptyVec::new(peer)),
            None => question.history.mailbox.fetch(request),
        };
        let check = Arc::new(check);
        let mut end = Box::pin(end);
        loop {
            let next = Box::pin(answers.recv());
            let Either::Left((Some((bytes, verdict)), _)) = select(next, &mut end).await else {
                return None;
            };
            let check = Arc::clone(&check);
            match self.strategy.spawn(1, move |_| check(&bytes)).await {
                Ok(Some(value)) => {
                    let _ = verdict.send(Outcome::Resolved(Resolution::Complete));
                    return Some(value);
                }
                Ok(None) => {
                    let _ = verdict.send(Outcome::Unresolved);
                }
                Err(error) => {
                    tracing::warn!(%request, %error, "a peer answered wrongly, blocking it");
                    let _ = verdict.send(Outcome::Invalid);
                }
            }
        }
    }
}

/// A question under way; dropping it withdraws it.
struct Question {
    history: History,
    request: HistoryRequest,
}

impl Drop for Question {
    fn drop(&mut self) {
        let request = self.request;
        self.history.waiting.lock().remove(&request);
        let _ = self.history.mailbox.retain(move |asked, ()| *asked != request);
    }
}
