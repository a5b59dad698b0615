//! Bytes of WebSocket messages that have not arrived whole.
//!
//! The library shows a message when it is whole, so what it collects until then is counted where
//! the host reads from the connection.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::limits::{WEBSOCKET_UNFINISHED_BYTES_FREE, WEBSOCKET_UNFINISHED_BYTES_MAX};

/// What one connection has sent of a message that is not whole. Hosts make one for each connection,
/// count into it what they read, and put it into the extensions of its requests.
#[derive(Debug)]
pub struct Unfinished {
    /// Of all connections.
    total: Arc<AtomicU64>,
    own: AtomicU64,
    /// Whether messages are what is read; bodies of requests are counted elsewhere.
    messages: AtomicBool,
}

impl Unfinished {
    /// A new connection, among those that share `total`.
    pub fn new(total: Arc<AtomicU64>) -> Self {
        Self { total, own: AtomicU64::new(0), messages: AtomicBool::new(false) }
    }

    /// Counts what was read; whether the connection may go on.
    ///
    /// One with little of its own always may, so that those who send much do not keep it out.
    pub fn read(&self, bytes: usize) -> bool {
        if !self.messages.load(Ordering::Relaxed) {
            return true;
        }
        let bytes = bytes as u64;
        let total = self.total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let own = self.own.fetch_add(bytes, Ordering::Relaxed) + bytes;
        own <= WEBSOCKET_UNFINISHED_BYTES_FREE || total <= WEBSOCKET_UNFINISHED_BYTES_MAX
    }

    /// From here on messages are read.
    pub(crate) fn begin(&self) {
        self.messages.store(true, Ordering::Relaxed);
    }

    /// A message is whole.
    pub(crate) fn finished(&self) {
        self.total.fetch_sub(self.own.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.finished();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_much_is_cut_off_and_nobody_else() {
        let total = Arc::new(AtomicU64::new(0));
        let connection = || Unfinished::new(total.clone());
        let (body, greedy, modest) = (connection(), connection(), connection());
        assert!(body.read(usize::MAX), "no messages");
        greedy.begin();
        modest.begin();
        assert!(greedy.read(WEBSOCKET_UNFINISHED_BYTES_MAX as usize));
        assert!(modest.read(WEBSOCKET_UNFINISHED_BYTES_FREE as usize));
        assert!(!greedy.read(1));
        assert!(!modest.read(1));
        modest.finished();
        assert!(modest.read(10), "its message was whole");
        drop(greedy);
        assert_eq!(total.load(Ordering::Relaxed), 10);
        assert!(modest.read(WEBSOCKET_UNFINISHED_BYTES_FREE as usize + 1));
        drop(modest);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
