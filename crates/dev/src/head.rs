//! The newest block, and who waits for another one.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::channel::oneshot;
use ledger_api::Head;

/// The head and its waiters.
pub struct HeadSignal(Mutex<Inner>);

struct Inner {
    head: Head,
    waiters: Vec<(u64, oneshot::Sender<Head>)>,
}

impl HeadSignal {
    /// At this head.
    pub fn new(head: Head) -> Self {
        Self(Mutex::new(Inner { head, waiters: Vec::new() }))
    }

    /// The head.
    pub fn get(&self) -> Head {
        self.lock().head
    }

    /// Moves on, or back. Who waits is woken by a head above its number, and by any that is lower
    /// than the one before: what it waits for has changed.
    pub fn set(&self, head: Head) {
        let mut inner = self.lock();
        let back = head.number < inner.head.number;
        inner.head = head;
        for (number, waiter) in std::mem::take(&mut inner.waiters) {
            if back || head.number > number {
                // One that gave up is none of our business.
                let _ = waiter.send(head);
            } else if !waiter.is_canceled() {
                inner.waiters.push((number, waiter));
            }
        }
    }

    /// Resolves with the first head above `number`, or with a lower one once the ledger went back.
    pub fn beyond(&self, number: u64) -> impl Future<Output = Head> + Send + 'static + use<> {
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
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn head(number: u64) -> Head {
        Head { number, hash: Default::default(), time_ms: number }
    }

    #[test]
    fn waiters_wake_above_their_number_and_when_the_ledger_goes_back() {
        let signal = HeadSignal::new(head(3));
        let mut waiting = Box::pin(signal.beyond(4));
        signal.set(head(4));
        assert!(waiting.as_mut().now_or_never().is_none());
        signal.set(head(6));
        assert_eq!(waiting.now_or_never(), Some(head(6)));
        let waiting = signal.beyond(6);
        signal.set(head(2));
        assert_eq!(waiting.now_or_never(), Some(head(2)));
    }
}
