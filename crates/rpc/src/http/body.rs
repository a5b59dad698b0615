//! Receives a body within limits of size, time and memory shared by all requests.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{StatusCode, header},
    response::Response,
};
use futures::StreamExt as _;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{refuse, too_many};
use crate::{
    error::RpcError,
    limits::{REQUEST_BYTES_IN_FLIGHT_MAX, REQUEST_BYTES_MAX, REQUEST_RECEIVE_MS_MAX},
    service::{BODY_PERMIT_BYTES, Service},
};

/// A body, counted against the shared budget until it is dropped.
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    _held: Option<OwnedSemaphorePermit>,
}

/// Receives the body of `request`; a refusal is a response.
pub async fn read(service: &Service, request: Request) -> Result<Body, Box<Response>> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > REQUEST_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let limit = Duration::from_millis(REQUEST_RECEIVE_MS_MAX);
    timeout(limit, receive(service, request)).await.unwrap_or_else(|_| {
        let message = format!("request not received within {REQUEST_RECEIVE_MS_MAX} ms");
        Err(Box::new(refuse(StatusCode::REQUEST_TIMEOUT, &RpcError::invalid_request(message))))
    })
}

async fn receive(service: &Service, request: Request) -> Result<Body, Box<Response>> {
    let mut stream = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| {
            let error = RpcError::invalid_request("the request body ended early");
            Box::new(refuse(StatusCode::BAD_REQUEST, &error))
        })?;
        if bytes.len() + chunk.len() > REQUEST_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
        hold(service, &mut held, bytes.len())?;
    }
    Ok(Body { bytes, _held: held })
}

/// Holds permits for `length` bytes.
fn hold(
    service: &Service,
    held: &mut Option<OwnedSemaphorePermit>,
    length: usize,
) -> Result<(), Box<Response>> {
    let needed = length.div_ceil(BODY_PERMIT_BYTES);
    let have = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let more = u32::try_from(needed.saturating_sub(have)).unwrap_or(u32::MAX);
    let Ok(permit) = service.body_kib.clone().try_acquire_many_owned(more) else {
        let limit = REQUEST_BYTES_IN_FLIGHT_MAX;
        let message = format!("too many request bytes in flight, limit {limit} bytes");
        return Err(Box::new(too_many(message)));
    };
    match held {
        Some(held) => held.merge(permit),
        None => *held = Some(permit),
    }
    Ok(())
}

fn too_large() -> Box<Response> {
    let message = format!("request too large, limit {REQUEST_BYTES_MAX} bytes");
    Box::new(refuse(StatusCode::PAYLOAD_TOO_LARGE, &RpcError::invalid_request(message)))
}
