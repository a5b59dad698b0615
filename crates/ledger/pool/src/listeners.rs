//! Who hears of new transactions. Nobody who listens can make the pool wait.

use std::future::Future;

use alloy_primitives::B256;
use futures::channel::{mpsc, oneshot};

/// Hashes that wait for one slow subscriber; it misses further ones.
pub const SUBSCRIPTION_ITEMS_MAX: usize = 8_192;
/// Subscribers at one time.
pub const SUBSCRIBERS_MAX: usize = 1_024;
/// Tasks that wait for the same event at one time; a further one is woken at once.
const WAITERS_MAX: usize = 1_024;

/// Bounded channels to subscribers.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<mpsc::Sender<B256>>);

impl Listeners {
    pub(crate) fn subscribe(&mut self) -> mpsc::Receiver<B256> {
        self.0.retain(|sender| !sender.is_closed());
        let (sender, receiver) = mpsc::channel(SUBSCRIPTION_ITEMS_MAX);
        if self.0.len() < SUBSCRIBERS_MAX {
            self.0.push(sender);
        }
        receiver
    }

    /// Tells all subscribers; those that are full miss it, those that are gone are forgotten.
    pub(crate) fn tell(&mut self, hashes: &[B256]) {
        self.0.retain_mut(|sender| {
            hashes.iter().all(|hash| match sender.try_send(*hash) {
                Ok(()) => true,
                Err(error) => error.is_full(),
            })
        });
    }
}

/// Tasks that wait for one event.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<oneshot::Sender<()>>);

impl Waiters {
    /// A future that is ready at once, or with the next [`Self::wake`].
    pub(crate) fn wait(
        &mut self,
        ready: bool,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (sender, receiver) = oneshot::channel();
        if !ready {
            self.0.retain(|waiter| !waiter.is_canceled());
            if self.0.len() < WAITERS_MAX {
                self.0.push(sender);
            }
        }
        // A dropped sender counts as woken: the caller looks again.
        async move {
            let _ = receiver.await;
        }
    }

    pub(crate) fn wake(&mut self) {
        for waiter in self.0.drain(..) {
            // An error means that the task no longer waits.
            let _ = waiter.send(());
        }
    }
}
