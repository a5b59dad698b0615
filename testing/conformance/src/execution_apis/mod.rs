//! The cases of ethereum/execution-apis, replayed through the product's JSON-RPC on the imported
//! chain.
//!
//! [`ledger`] shows the chain to the `rpc` crate as any ledger shows itself; a [`case`] is what a
//! client sends and what it must be answered; [`exclusions`] lists what is left out, each with its
//! reason. Nothing is skipped silently: every file is passed, failed or on that list.

mod case;
mod compare;
mod exclusions;
pub mod ledger;
mod proof;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header::CONTENT_TYPE},
};
use eyre::{Context, OptionExt, Result, ensure};
use prometheus_client::registry::Registry;
use rpc::{RpcConfig, RpcMetrics};
use serde_json::Value;
use tower::ServiceExt as _;

use self::{case::Case, exclusions::excluded, ledger::ImportedLedger};
use crate::chain::{self, Source};

/// What the cases were made with: geth's limit for the gas of simulated calls.
const CALL_GAS_MAX: u64 = 50_000_000;
/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How one method did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases answered exactly.
    pub passed: usize,
    /// Cases on the list of exclusions.
    pub excluded: usize,
    /// All others.
    pub failed: usize,
}

/// A case that was not answered as it must be.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `method/file`.
    pub case: String,
    /// The first difference.
    pub reason: String,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Summary {
    /// By method.
    pub methods: BTreeMap<String, Counts>,
    /// Cases left out with the reason.
    pub excluded: Vec<(String, &'static str)>,
    /// Cases that failed.
    pub failures: Vec<Failure>,
}

impl Summary {
    /// Sums over all methods.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in self.methods.values() {
            total.passed += counts.passed;
            total.excluded += counts.excluded;
            total.failed += counts.failed;
        }
        total
    }

    /// One line per method.
    pub fn table(&self) -> String {
        let line = |(method, counts): (&String, &Counts)| {
            let Counts { passed, excluded, failed } = counts;
            format!("  {method:<42} {passed:>4} passed {excluded:>4} excluded {failed:>4} failed\n")
        };
        self.methods.iter().map(line).collect()
    }
}

/// Imports the chain in `folder` and replays every case whose name contains `filter`.
///
/// # Errors
/// The files cannot be read, or the chain cannot be imported.
pub async fn run(folder: &Path, filter: &str) -> Result<Summary> {
    let (chain, failure) = chain::import(Source::read(folder)?);
    if let Some(failure) = failure {
        return Err(failure.wrap_err(format!("block {}", chain.blocks.len())));
    }
    let config = RpcConfig { call_gas_max: CALL_GAS_MAX, ..RpcConfig::default() };
    let ledger = Arc::new(ImportedLedger::new(chain)?);
    let metrics = RpcMetrics::register(&mut Registry::default());
    let router = rpc::router(ledger, config, metrics);
    let mut summary = Summary::default();
    for case in Case::read_all(folder)? {
        if !case.name.contains(filter) {
            continue;
        }
        let counts = summary.methods.entry(case.method.clone()).or_default();
        if let Some(reason) = excluded(&case.name) {
            counts.excluded += 1;
            summary.excluded.push((case.name.clone(), reason));
            submit(&router, &case).await?;
            continue;
        }
        match replay(&router, &case).await? {
            None => counts.passed += 1,
            Some(reason) => {
                counts.failed += 1;
                summary.failures.push(Failure { case: case.name, reason });
            }
        }
    }
    Ok(summary)
}

/// The first difference of a case, if there is one.
async fn replay(router: &Router, case: &Case) -> Result<Option<String>> {
    for (index, exchange) in case.exchanges.iter().enumerate() {
        let answer = ask(router, &exchange.request).await?;
        if let Some(difference) = compare::answers(&exchange.expected, &answer) {
            return Ok(Some(format!("request {}: {difference}", index + 1)));
        }
    }
    Ok(None)
}

/// Excluded cases leave transactions in the pool that later ones list.
async fn submit(router: &Router, case: &Case) -> Result<()> {
    for exchange in &case.exchanges {
        if exchange.request["method"] == "eth_sendRawTransaction" {
            ask(router, &exchange.request).await?;
        }
    }
    Ok(())
}

async fn ask(router: &Router, request: &Value) -> Result<Value> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "application/json")
        .header("host", "localhost")
        .body(Body::from(request.to_string()))?;
    let response = router.clone().oneshot(request).await.map_err(|never| match never {})?;
    ensure!(response.status().is_success(), "HTTP {}", response.status());
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.map_err(eyre::Report::new)?;
    let answer: Option<Value> = serde_json::from_slice(&body).ok();
    answer.ok_or_eyre("the answer is not JSON").wrap_err_with(|| format!("{} bytes", body.len()))
}
