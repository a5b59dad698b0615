//! Bytes that callers make the node hold: bodies on their way in, answers until they are read.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use verification::{VerificationError, limits::REQUEST_BYTES_MAX};

use super::answers::refused;

/// Bytes counted by one permit.
const PERMIT_BYTES: usize = 1_024;
/// No answer is larger: a stored contract in one encoding and its standard JSON in another.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A sum of bytes that may be held at once.
#[derive(Clone)]
pub(super) struct Budget {
    permits: Arc<Semaphore>,
    bytes_max: usize,
    /// What is held too much of.
    what: &'static str,
}

/// Bytes that count until they are dropped.
pub(super) struct Counted {
    bytes: Bytes,
    _held: Option<OwnedSemaphorePermit>,
}

impl std::ops::Deref for Counted {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Budget {
    /// At most `bytes_max` at once; `what` completes the sentence that says so.
    pub(super) fn new(bytes_max: usize, what: &'static str) -> Self {
        Self { permits: Arc::new(Semaphore::new(bytes_max / PERMIT_BYTES)), bytes_max, what }
    }

    /// Counts up to `bytes` in all.
    fn hold(
        &self,
        held: &mut Option<OwnedSemaphorePermit>,
        bytes: usize,
    ) -> Result<(), VerificationError> {
        let have = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(PERMIT_BYTES).saturating_sub(have);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let permit = self.permits.clone().try_acquire_many_owned(more).map_err(|_| {
            VerificationError::Busy(format!("at most {} {}", self.bytes_max, self.what))
        })?;
        match held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
        Ok(())
    }

    /// A body, counted as it arrives.
    pub(super) async fn receive(&self, body: Body) -> Result<Counted, VerificationError> {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        let mut held = None;
        while let Some(chunk) = stream.next().await {
            let ended = |_| VerificationError::Request("the body ended early".into());
            let chunk = chunk.map_err(ended)?;
            let found = bytes.len() + chunk.len();
            if found > REQUEST_BYTES_MAX {
                return Err(VerificationError::Limit {
                    what: "the size of the request in bytes, at least",
                    found,
                    limit: REQUEST_BYTES_MAX,
                });
            }
            self.hold(&mut held, found)?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(Counted { bytes: bytes.into(), _held: held })
    }
}

/// Counts the answer until its last byte is written; refuses it where all together would be too many.
pub(super) async fn counted(
    State(budget): State<Budget>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = next.run(request).await.into_parts();
    let bytes = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut held = None;
    if let Err(error) = budget.hold(&mut held, bytes.unwrap_or(ANSWER_BYTES_MAX)) {
        return refused(&error);
    }
    match axum::body::to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(bytes) => {
            let counted = Counted { bytes, _held: held };
            Response::from_parts(parts, Body::from(Bytes::from_owner(counted)))
        }
        Err(error) => refused(&VerificationError::Store(error.to_string())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_count_as_they_arrive_and_until_they_are_dropped() {
        let budget = Budget::new(4 * PERMIT_BYTES, "bytes");
        let body = |length: usize| Body::from(vec![b'x'; length]);
        let first = budget.receive(body(3 * PERMIT_BYTES)).await.unwrap();
        let error = budget.receive(body(2 * PERMIT_BYTES)).await.err().unwrap();
        assert_eq!(error.code(), "VER-0013");
        assert!(error.to_string().contains("4096"), "{error}");
        assert_eq!(budget.receive(body(10)).await.unwrap().len(), 10);
        assert_eq!(first.len(), 3 * PERMIT_BYTES);
        drop(first);
        assert!(budget.receive(body(4 * PERMIT_BYTES)).await.is_ok());
        let error = budget.receive(body(REQUEST_BYTES_MAX + 1)).await.err().unwrap();
        assert_eq!(error.code(), "VER-0002");
    }

    #[tokio::test]
    async fn answers_count_until_they_are_read() {
        use axum::{Router, http::StatusCode, middleware::from_fn_with_state, routing::get};
        use tower::ServiceExt as _;

        let router = Router::new()
            .route("/", get(|| async { "x".repeat(3 * PERMIT_BYTES) }))
            .layer(from_fn_with_state(Budget::new(7 * PERMIT_BYTES, "bytes"), counted));
        let ask = async || {
            let request = Request::builder().uri("/").body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };
        let (first, second) = (ask().await, ask().await);
        assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
        let refused = ask().await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["retry-after"], "5");
        let read = axum::body::to_bytes(first.into_body(), usize::MAX).await.unwrap();
        assert_eq!(read.len(), 3 * PERMIT_BYTES);
        assert_eq!(ask().await.status(), StatusCode::TOO_MANY_REQUESTS, "held by its reader");
        drop(read);
        assert_eq!(ask().await.status(), StatusCode::OK);
    }
}
