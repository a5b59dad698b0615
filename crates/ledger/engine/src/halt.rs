//! How a part deep in the ledger stops this node, with the reason.

use std::{
    convert::Infallible,
    future::{Future, pending},
    sync::{Arc, Mutex, PoisonError},
};

use futures::channel::oneshot;

use crate::Stopped;

/// Takes the first reason. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Halt(Arc<Ends>);

struct Ends {
    reason: Mutex<Option<oneshot::Sender<Stopped>>>,
    watched: Mutex<Option<oneshot::Receiver<Stopped>>>,
}

impl Default for Halt {
    fn default() -> Self {
        let (reason, watched) = oneshot::channel();
        let ends = Ends { reason: Mutex::new(Some(reason)), watched: Mutex::new(Some(watched)) };
        Self(Arc::new(ends))
    }
}

impl Halt {
    /// Asks for the stop and waits for it: what the caller was about to do must not be done. It ends
    /// with the runtime.
    pub(crate) async fn stop(&self, reason: Stopped) -> Infallible {
        let sender = self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // A ledger that nobody watches any more is being stopped already.
            let _ = sender.send(reason);
        }
        pending().await
    }

    /// The first reason, once there is one. For one watcher: another one waits for ever.
    pub(crate) fn asked(&self) -> impl Future<Output = Stopped> + Send + use<> {
        let watched = self.0.watched.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            if let Some(watched) = watched
                && let Ok(reason) = watched.await
            {
                return reason;
            }
            pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, executor::block_on};

    use super::*;

    #[test]
    fn the_first_reason_is_told_and_who_asked_never_goes_on() {
        let halt = Halt::default();
        let asked = halt.asked();
        let reason = |next| Stopped::LeftBehind { next, tip: 9 };
        assert!(halt.stop(reason(1)).now_or_never().is_none());
        assert!(halt.stop(reason(2)).now_or_never().is_none());
        assert!(matches!(block_on(asked), Stopped::LeftBehind { next: 1, tip: 9 }));
        assert!(halt.asked().now_or_never().is_none());
    }
}
