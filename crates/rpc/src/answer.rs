//! The text of an answer, counted against the memory that all answers share until it is sent:
//! callers that do not read what they asked for cannot make the server hold more.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes counted by one permit of the budget.
pub const ANSWER_PERMIT_BYTES: usize = 1024;

/// An answer that grows call by call.
pub struct Answer {
    text: String,
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Answer {
    /// Empty, counted against `budget` (permits of [`ANSWER_PERMIT_BYTES`]).
    pub fn new(budget: Arc<Semaphore>) -> Self {
        Self { text: String::new(), budget, held: None }
    }

    /// Length so far, bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Appends text; gives it back where all answers together would exceed the budget.
    pub fn push(&mut self, text: String) -> Result<(), String> {
        let needed = (self.text.len() + text.len()).div_ceil(ANSWER_PERMIT_BYTES);
        let have = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(needed.saturating_sub(have)).unwrap_or(u32::MAX);
        if more > 0 {
            let Ok(permit) = self.budget.clone().try_acquire_many_owned(more) else {
                return Err(text);
            };
            match &mut self.held {
                Some(held) => held.merge(permit),
                None => self.held = Some(permit),
            }
        }
        self.push_uncounted(text);
        Ok(())
    }

    /// Appends what is small and bounded by the request: separators, errors.
    pub fn push_uncounted(&mut self, text: String) {
        match self.text.is_empty() {
            true => self.text = text,
            false => self.text.push_str(&text),
        }
    }

    /// As JSON text, and what counts it as long as it lives.
    pub fn into_text(self) -> (String, Option<OwnedSemaphorePermit>) {
        (self.text, self.held)
    }

    /// As the body of a response. It is counted until the last byte is written or dropped.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_until_its_last_byte_is_gone() {
        let budget = Arc::new(Semaphore::new(4));
        let mut first = Answer::new(budget.clone());
        first.push("x".repeat(2 * ANSWER_PERMIT_BYTES)).unwrap();
        let mut second = Answer::new(budget.clone());
        second.push("y".repeat(ANSWER_PERMIT_BYTES)).unwrap();
        let refused = second.push("y".repeat(2 * ANSWER_PERMIT_BYTES)).unwrap_err();
        assert_eq!(refused.len(), 2 * ANSWER_PERMIT_BYTES);
        second.push_uncounted("e".into());
        assert_eq!((second.len(), budget.available_permits()), (ANSWER_PERMIT_BYTES + 1, 1));
        let bytes = first.into_bytes();
        let part = bytes.slice(0..3);
        drop(bytes);
        assert_eq!((&part[..], budget.available_permits()), (&b"xxx"[..], 1));
        drop(part);
        assert_eq!(budget.available_permits(), 3);
    }
}
