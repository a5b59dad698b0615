//! Our own routes, for an explorer: every record with what it proves, a list, and the compilers.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde_json::json;
use verification::VerificationError;

use super::{
    Service,
    answers::{address, answer, refused},
    blocking, form,
};

/// Addresses on one page.
const PAGE_MAX: usize = 1_000;

/// The routes below `/verification`.
pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/contracts", get(list))
        .route("/contracts/{address}", get(contract))
        .route("/compilers", get(compilers))
}

/// Addresses above `after`, ascending.
async fn list(State(service): State<Arc<Service>>, RawQuery(query): RawQuery) -> Response {
    let mut fields = Default::default();
    let read = form::parse(query.unwrap_or_default().as_bytes(), &mut fields);
    let after = read.and_then(|()| fields.get("after").map(|after| address(after)).transpose());
    match after {
        Ok(after) => {
            let found = service.store.addresses(after, PAGE_MAX);
            let next = found.last().filter(|_| found.len() == PAGE_MAX).copied();
            let found: Vec<String> = found.iter().map(|found| found.to_checksum(None)).collect();
            answer(StatusCode::OK, json!({"contracts": found, "next": next}))
        }
        Err(error) => refused(&error),
    }
}

async fn contract(State(service): State<Arc<Service>>, Path(contract): Path<String>) -> Response {
    let look = async {
        let address = address(&contract)?;
        Ok::<_, VerificationError>((address, service.record(address).await?))
    };
    match look.await {
        Ok((_, Some(record))) => answer(StatusCode::OK, record.to_json()),
        Ok((address, None)) => {
            let value =
                json!({"address": address.to_checksum(None), "proof": null, "verified": false});
            answer(StatusCode::NOT_FOUND, value)
        }
        Err(error) => refused(&error),
    }
}

async fn compilers(State(service): State<Arc<Service>>) -> Response {
    let versions = async {
        let _place = service.place()?;
        let compilers = service.compilers.clone();
        blocking(move || Ok(compilers.versions().0)).await
    };
    match versions.await {
        Ok(versions) => answer(StatusCode::OK, json!({"solc": versions})),
        Err(error) => refused(&error),
    }
}
