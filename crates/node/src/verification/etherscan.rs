//! Etherscan's API as far as Foundry's and Hardhat's plug-ins call it, with `GET` and `POST` alike:
//! `module=contract` with `getabi`, `getsourcecode`, `verifysourcecode` and `checkverifystatus`. The
//! words are Etherscan's, because the tools look at them; the status is always 200.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Value, json};
use verification::{Proof, Record, StandardInput, Submission, VerificationError};

use super::{
    Held, Service,
    answers::{address, answer},
    form,
};

type Fields = BTreeMap<String, String>;

const NOT_VERIFIED: &str = "Contract source code not verified";

/// `GET /api?…`.
pub(super) async fn get(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Response {
    let mut fields = Fields::new();
    let read = form::parse(query.unwrap_or_default().as_bytes(), &mut fields);
    respond(match read {
        Ok(()) => act(&service, &fields, None).await,
        Err(error) => Err(error),
    })
}

/// `POST /api?…` with a form.
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let done = async {
        let mut fields = Fields::new();
        form::parse(query.unwrap_or_default().as_bytes(), &mut fields)?;
        let (body, _permit) = service.body(&headers, body).await?;
        form::parse(&body, &mut fields)?;
        act(&service, &fields, Some(&*body)).await
    };
    respond(done.await)
}

/// `status` 1 with a result, or 0 with the words of a refusal.
fn respond(done: Result<(bool, Value), VerificationError>) -> Response {
    let (good, result) = done.unwrap_or_else(|error| (false, words(&error).into()));
    let (status, message) = if good { ("1", "OK") } else { ("0", "NOTOK") };
    answer(StatusCode::OK, json!({"status": status, "message": message, "result": result}))
}

/// Words that Hardhat looks for, where there are such, then ours.
fn words(error: &VerificationError) -> String {
    match error {
        VerificationError::NoCode(address) => {
            format!("Unable to locate ContractCode at {}", address.to_checksum(None))
        }
        VerificationError::AlreadyVerified(_) => "Contract source code already verified".into(),
        error => error.report(),
    }
}

async fn act(
    service: &Arc<Service>,
    fields: &Fields,
    body: Option<&[u8]>,
) -> Result<(bool, Value), VerificationError> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if let Some(chain) = fields.get("chainid") {
        service.check_chain(chain)?;
    }
    match (field("module"), field("action")) {
        ("contract", "getabi") => {
            let record = compiled(service, field("address")).await?;
            Ok(record.map_or((false, NOT_VERIFIED.into()), |record| {
                (true, record.abi.to_string().into())
            }))
        }
        ("contract", "getsourcecode") => {
            let record = compiled(service, field("address")).await?;
            Ok((true, json!([source_code(record.as_deref())])))
        }
        ("contract", "verifysourcecode") => {
            // A web page of a stranger can make a browser send any GET.
            let post =
                || VerificationError::Request("verifysourcecode must be sent by POST".into());
            let id = verify(service, &field, body.ok_or_else(post)?).await?;
            Ok((true, id.into()))
        }
        ("contract", "checkverifystatus") => Ok(status(service, field("guid")).await),
        _ => Err(VerificationError::Request(
            "module=contract has getabi, getsourcecode, verifysourcecode, checkverifystatus".into(),
        )),
    }
}

async fn compiled<'a>(
    service: &'a Service,
    contract: &str,
) -> Result<Option<Held<'a>>, VerificationError> {
    let record = service.record(address(contract)?).await?;
    Ok(record.filter(|record| record.proof == Proof::Compiled))
}

async fn verify<'a>(
    service: &Arc<Service>,
    field: &impl Fn(&str) -> &'a str,
    body: &[u8],
) -> Result<String, VerificationError> {
    let format = field("codeformat");
    if format != "solidity-standard-json-input" {
        let cause = "codeformat must be solidity-standard-json-input (Foundry: without --flatten)";
        return Err(VerificationError::Request(cause.into()));
    }
    let address = address(field("contractaddress"))?;
    if service.contracts.code(address).await?.is_empty() {
        return Err(VerificationError::NoCode(address));
    }
    let input: Value = serde_json::from_str(field("sourceCode"))
        .map_err(|error| VerificationError::Request(format!("sourceCode: {error}")))?;
    let input = StandardInput::new(&input, field("contractname"), field("compilerversion"))?;
    service.begin(address, body, Submission::Standard(input)).await
}

async fn status(service: &Service, guid: &str) -> (bool, Value) {
    match service.jobs.ended(guid).await {
        Err(error) => (false, error.report().into()),
        Ok(job) => match job.outcome {
            None => (false, "Pending in queue".into()),
            Some(Ok(Proof::Compiled)) => (true, "Pass - Verified".into()),
            Some(Ok(Proof::Declared)) => (false, "Fail - Unable to verify: only declared".into()),
            Some(Err(error)) => {
                (false, format!("Fail - Unable to verify. {}", error.report()).into())
            }
        },
    }
}

fn source_code(record: Option<&Record>) -> Value {
    let Some(record) = record else {
        return json!({"SourceCode": "", "ABI": NOT_VERIFIED, "ContractName": ""});
    };
    let settings = record.settings();
    let optimizer = settings.get("optimizer").cloned().unwrap_or_default();
    let evm = settings.get("evmVersion").and_then(Value::as_str).unwrap_or("Default");
    json!({
        // Two braces: how Etherscan tells standard JSON from a flat source.
        "SourceCode": format!("{{{}}}", record.standard_json()),
        "ABI": record.abi.to_string(),
        "ContractName": record.input.name,
        "CompilerVersion": format!("v{}", record.input.compiler_version),
        "OptimizationUsed": if optimizer["enabled"] == true { "1" } else { "0" },
        "Runs": optimizer["runs"].as_u64().unwrap_or(200).to_string(),
        "ConstructorArguments": "",
        "EVMVersion": evm,
        "Library": "",
        "LicenseType": "",
        "Proxy": "0",
        "Implementation": "",
        "SwarmSource": "",
    })
}
