//! The newest block that everything on this node holds, and who waits for the next one.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::channel::oneshot;
use ledger_api::Head;

/// Shared head. Cloning shares it.
#[derive(Clone)]
pub(crate) struct HeadSignal(Arc<Mutex<Inner>>);

struct Inner {
    head: Head,
    waiters: Vec<(u64, oneshot::Sender<Head>)>,
}

impl HeadSignal {
    pub(crate) fn new(head: Head) -> Self {
        Self(Arc::new(Mutex::new(Inner { head, waiters: Vec::new() })))
    }

    pub(crate) fn get(&self) -> Head {
        self.lock().head
    }

    /// Moves on; a head that is not higher changes nothing.
    pub(crate) fn publish(&self, head: Head) {
        let mut inner = self.lock();
        if head.number <= inner.head.number {
            return;
        }
        inner.head = head;
        let waiters = std::mem::take(&mut inner.waiters);
        for (number, waiter) in waiters {
            if head.number > number {
                // A waiter that gave up is none of our business.
                let _ = waiter.send(head);
            } else if !waiter.is_canceled() {
                inner.waiters.push((number, waiter));
            }
        }
    }

    /// Resolves with the first head above `number`; never if the ledger stops before.
    pub(crate) fn beyond(&self, number: u64) -> impl Future<Output = Head> + Send + 'static {
        let mut inner = self.lock();
        let (sender, receiver) = oneshot::channel();
        if inner.head.number > number {
            let _ = sender.send(inner.head);
        } else {
            inner.waiters.retain(|(_, waiter)| !waiter.is_canceled());
            inner.waiters.push((number, sender));
        }
        async move {
            match receiver.await {
                Ok(head) => head,
                Err(oneshot::Canceled) => futures::future::pending().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn head(number: u64) -> Head {
        Head { number, hash: Default::default(), time_ms: number }
    }

    #[test]
    fn waiters_wake_at_the_first_head_above_their_number() {
        let signal = HeadSignal::new(head(3));
        assert_eq!(signal.beyond(2).now_or_never(), Some(head(3)));
        let mut waiting = Box::pin(signal.beyond(4));
        assert!(waiting.as_mut().now_or_never().is_none());
        signal.publish(head(4));
        assert!(waiting.as_mut().now_or_never().is_none());
        signal.publish(head(6));
        assert_eq!(waiting.now_or_never(), Some(head(6)));
        signal.publish(head(5));
        assert_eq!(signal.get(), head(6));
    }
}
