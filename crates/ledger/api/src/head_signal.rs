//! The newest block that everything on a node holds, and who waits for another one: for those who
//! implement [`Ledger`](crate::Ledger).

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::channel::oneshot;

use crate::Head;

/// Shared head. Cloning shares it.
#[derive(Clone)]
pub struct HeadSignal(Arc<Mutex<Inner>>);

struct Inner {
    head: Head,
    waiters: Vec<(u64, oneshot::Sender<Head>)>,
}

impl HeadSignal {
    /// At this head.
    pub fn new(head: Head) -> Self {
        Self(Arc::new(Mutex::new(Inner { head, waiters: Vec::new() })))
    }

    /// The head.
    pub fn get(&self) -> Head {
        self.lock().head
    }

    /// Moves on; a head that is not higher changes nothing.
    pub fn publish(&self, head: Head) {
        let mut inner = self.lock();
        if head.number > inner.head.number {
            inner.move_to(head);
        }
    }

    /// Moves on, or back, as only development ledgers do. A head below the one before wakes all who
    /// wait: what they wait for has changed.
    pub fn set(&self, head: Head) {
        self.lock().move_to(head);
    }

    /// Resolves with the first head above `number`, or with a lower one once the ledger went back;
    /// never if the ledger stops before.
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

impl Inner {
    fn move_to(&mut self, head: Head) {
        let went_back = head.number < self.head.number;
        self.head = head;
        for (number, waiter) in std::mem::take(&mut self.waiters) {
            if went_back || head.number > number {
                // A waiter that gave up is none of our business.
                let _ = waiter.send(head);
            } else if !waiter.is_canceled() {
                self.waiters.push((number, waiter));
            }
        }
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
