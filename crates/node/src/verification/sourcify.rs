//! Sourcify's API, version 2, as far as Foundry and Hardhat call it:
//! `GET contract/{chain}/{address}`, `POST verify/{chain}/{address}`,
//! `POST verify/metadata/{chain}/{address}`, `GET verify/{id}`.

use std::sync::Arc;

use alloy_primitives::Address;
use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use verification::{
    MetadataSubmission, Proof, Record, StandardInput, Submission, VerificationError,
};

use super::{
    Held, Service,
    answers::{address, answer, error_value, iso_time, refused},
    form,
    jobs::Job,
};

/// The routes below `/v2`.
pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/contract/{chain}/{address}", get(contract))
        .route("/verify/{chain}/{address}", post(standard))
        .route("/verify/metadata/{chain}/{address}", post(metadata))
        .route("/verify/{id}", get(job))
}

type Place = Path<(String, String)>;

async fn contract(
    State(service): State<Arc<Service>>,
    Path((chain, contract)): Place,
    RawQuery(query): RawQuery,
) -> Response {
    let look = async {
        service.check_chain(&chain)?;
        let address = address(&contract)?;
        let mut fields = Default::default();
        form::parse(query.unwrap_or_default().as_bytes(), &mut fields)?;
        let record = service.record(address).await?;
        Ok((address, record, fields.remove("fields").unwrap_or_default()))
    };
    match look.await {
        Ok((address, record, fields)) => found(&service, address, record, &fields),
        Err(error) => refused(&error),
    }
}

/// Contracts that are only declared are not verified, and tools must not take them for it: they look
/// like unknown ones here.
fn found(service: &Service, address: Address, record: Option<Held<'_>>, fields: &str) -> Response {
    let word = record.as_ref().and_then(|record| record.match_word());
    let time = record.as_ref().map(|record| iso_time(record.recorded_ms));
    let mut value = summary(service, address, word, time);
    let Some(record) = record.filter(|record| record.proof == Proof::Compiled) else {
        return answer(StatusCode::NOT_FOUND, value);
    };
    let all = fields.split(',').any(|field| field == "all");
    for (name, part) in parts(&record) {
        if all || fields.split(',').any(|field| field == name) {
            value[name] = part;
        }
    }
    answer(StatusCode::OK, value)
}

fn summary(service: &Service, address: Address, word: Option<&str>, time: Option<String>) -> Value {
    json!({
        "match": word,
        "creationMatch": null,
        "runtimeMatch": word,
        "chainId": service.contracts.chain_id().to_string(),
        "address": address.to_checksum(None),
        "verifiedAt": time.filter(|_| word.is_some()),
        "matchId": word.map(|_| address.to_checksum(None)),
    })
}

fn parts(record: &Record) -> [(&'static str, Value); 5] {
    let compilation = json!({
        "language": "Solidity",
        "compiler": "solc",
        "compilerVersion": record.input.compiler_version,
        "compilerSettings": record.settings(),
        "name": record.input.name,
        "fullyQualifiedName": record.input.contract(),
    });
    let standard = record.standard_json();
    [
        ("abi", record.abi.clone()),
        ("metadata", record.metadata_value()),
        ("sources", standard["sources"].clone()),
        ("stdJsonInput", standard),
        ("compilation", compilation),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StandardRequest {
    std_json_input: Value,
    compiler_version: String,
    contract_identifier: String,
}

async fn standard(
    State(service): State<Arc<Service>>,
    Path((chain, contract)): Place,
    headers: HeaderMap,
    body: Body,
) -> Response {
    begin(&service, (&chain, &contract), &headers, body, |body| {
        let request: StandardRequest = json_body(body)?;
        let StandardRequest { std_json_input, compiler_version, contract_identifier } = request;
        let input = StandardInput::new(&std_json_input, &contract_identifier, &compiler_version)?;
        Ok(Submission::Standard(input))
    })
    .await
}

async fn metadata(
    State(service): State<Arc<Service>>,
    Path((chain, contract)): Place,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let read = |body: &[u8]| {
        let submission: MetadataSubmission = json_body(body)?;
        Ok(Submission::Metadata(submission))
    };
    begin(&service, (&chain, &contract), &headers, body, read).await
}

fn json_body<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, VerificationError> {
    serde_json::from_slice(body).map_err(|error| VerificationError::Request(error.to_string()))
}

async fn begin(
    service: &Arc<Service>,
    (chain, contract): (&str, &str),
    headers: &HeaderMap,
    body: Body,
    read: impl FnOnce(&[u8]) -> Result<Submission, VerificationError>,
) -> Response {
    let begun = async {
        service.check_chain(chain)?;
        let address = address(contract)?;
        let (body, _permit) = service.body(headers, body).await?;
        service.begin(address, &body, read(&body)?).await
    };
    match begun.await {
        Ok(id) => answer(StatusCode::ACCEPTED, json!({"verificationId": id})),
        Err(error) => refused(&error),
    }
}

async fn job(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Response {
    match service.jobs.ended(&id).await {
        Ok(job) => answer(StatusCode::OK, job_value(&service, &id, &job)),
        Err(error) => refused(&error),
    }
}

fn job_value(service: &Service, id: &str, job: &Job) -> Value {
    let proof = job.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok());
    let word = (proof == Some(&Proof::Compiled)).then_some("exact_match");
    let ended = job.ended_ms.map(iso_time);
    let mut value = json!({
        "isJobCompleted": job.outcome.is_some(),
        "verificationId": id,
        "jobStartTime": iso_time(job.started_ms),
        "contract": summary(service, job.address, word, ended.clone()),
        "proof": proof,
    });
    if let Some(ended) = ended {
        value["jobFinishTime"] = ended.into();
    }
    if let Some(Err(error)) = &job.outcome {
        value["error"] = error_value(error, id);
    }
    value
}
