//! Verification of contracts over HTTP, beside JSON-RPC on the one port: Sourcify's API (Foundry,
//! Hardhat), Etherscan's (both), and our own routes for an explorer.
//!
//! `docs/en/verification.md` has every route. What is proved is decided in the crate `verification`;
//! here is what callers may make this node do: how many requests, bodies and verifications at once.

mod answers;
mod budget;
mod contracts;
mod etherscan;
mod form;
mod jobs;
mod own;
mod sourcify;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::Address;
use axum::{Router, body::Body, http::HeaderMap, middleware::from_fn_with_state};
use tokio::sync::{Semaphore, SemaphorePermit};
use verification::{Compilers, Proof, Record, Store, Submission, VerificationError};

pub(crate) use self::contracts::OfLedger;
use self::{budget::Budget, contracts::Contracts, jobs::Jobs};
use crate::{error::NodeError, server::now_ms};

/// Received requests with bodies, and questions to compilers, that are worked on at once.
const WORKING_MAX: usize = 8;
/// Bodies that are being received or worked on, bytes.
const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Answers that are not yet read, bytes.
const ANSWERS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Stored contracts that are read and put into answers at once; others wait.
const READING_MAX: usize = 4;
/// Receiving one body.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// Everything that the routes share.
pub(crate) struct Service {
    contracts: Arc<dyn Contracts>,
    store: Arc<Store>,
    compilers: Arc<Compilers>,
    jobs: Jobs,
    working: Semaphore,
    reading: Semaphore,
    bodies: Budget,
    origins: Vec<String>,
}

/// A stored contract that is being put into an answer.
pub(crate) struct Held<'a> {
    record: Record,
    _turn: Option<SemaphorePermit<'a>>,
}

impl std::ops::Deref for Held<'_> {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

/// Verified contracts and compilers of one node.
#[derive(Clone, Debug)]
pub(crate) struct Verification {
    store: Arc<Store>,
    compilers: Arc<Compilers>,
}

impl Verification {
    /// Opens what is stored in `folder`.
    pub(crate) fn open(folder: &Path, solc: Vec<PathBuf>) -> Result<Self, NodeError> {
        let unusable = |error: VerificationError| NodeError::DataFolderUnusable {
            path: folder.to_path_buf(),
            action: "keep verified contracts",
            cause: error.to_string(),
        };
        let store = Store::open(&folder.join("contracts")).map_err(unusable)?;
        let compilers = Compilers::new(solc, folder.join("scratch")).map_err(unusable)?;
        Ok(Self { store: Arc::new(store), compilers: Arc::new(compilers) })
    }

    /// The routes, under the rules for hosts and origins that JSON-RPC has.
    pub(crate) fn router(
        self,
        contracts: impl Contracts,
        origins: &[String],
        hosts: &[String],
    ) -> Router {
        self.report_compilers();
        let service = Arc::new(Service {
            contracts: Arc::new(contracts),
            store: self.store,
            compilers: self.compilers,
            jobs: Jobs::default(),
            working: Semaphore::new(WORKING_MAX),
            reading: Semaphore::new(READING_MAX),
            bodies: Budget::new(BODIES_BYTES_MAX, "bytes of requests are being received"),
            origins: origins.to_vec(),
        });
        let router = Router::new()
            .nest("/verify-server/v2", sourcify::routes())
            // Foundry joins URL and route without a slash where the user gave none.
            .nest("/verify-serverv2", sourcify::routes())
            .route("/api", axum::routing::get(etherscan::get).post(etherscan::post))
            .nest("/verification", own::routes())
            .with_state(service)
            .layer(from_fn_with_state(
                Budget::new(ANSWERS_BYTES_MAX, "bytes of answers are not yet read"),
                budget::counted,
            ))
            .layer(rpc::cors(origins));
        rpc::guard_hosts(router, hosts)
    }

    /// Says in the log what the compilers are, without keeping anybody waiting.
    fn report_compilers(&self) {
        if self.compilers.is_empty() {
            return;
        }
        let compilers = self.compilers.clone();
        tokio::task::spawn_blocking(move || {
            let (versions, problems) = compilers.versions();
            tracing::info!(versions = versions.join(", "), "compilers for verification");
            for problem in problems {
                tracing::warn!(problem, "a compiler of verification.solc cannot be used");
            }
        });
    }
}

impl Service {
    /// The whole body of a request, within limits, and a place among those that are worked on. One
    /// that comes byte by byte takes none until it is whole.
    async fn body(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(budget::Counted, SemaphorePermit<'_>), VerificationError> {
        if !rpc::may_connect(headers, &self.origins) {
            return Err(VerificationError::Request("web pages of this origin may not ask".into()));
        }
        let received = tokio::time::timeout(BODY_TIME_MAX, self.bodies.receive(body)).await;
        let body = received.unwrap_or_else(|_| {
            Err(VerificationError::Request("the body did not arrive in time".into()))
        })?;
        Ok((body, self.place()?))
    }

    /// A place among those that are worked on.
    fn place(&self) -> Result<SemaphorePermit<'_>, VerificationError> {
        let busy = |_| VerificationError::Busy(format!("{WORKING_MAX} requests are worked on"));
        self.working.try_acquire().map_err(busy)
    }

    /// Whether a request means this chain.
    fn check_chain(&self, asked: &str) -> Result<(), VerificationError> {
        let own = self.contracts.chain_id();
        match asked == own.to_string() {
            true => Ok(()),
            false => {
                Err(VerificationError::OtherChain { own, asked: asked.chars().take(80).collect() })
            }
        }
    }

    /// The record of a contract that still has the code it is about.
    async fn record(&self, address: Address) -> Result<Option<Held<'_>>, VerificationError> {
        // Never closed.
        let turn = self.reading.acquire().await.ok();
        let store = self.store.clone();
        let found = blocking(move || store.get(address)).await?;
        let Some(record) = found else { return Ok(None) };
        let code_hash = self.contracts.code_hash(address).await?;
        Ok((record.code_hash == code_hash).then_some(Held { record, _turn: turn }))
    }

    /// Begins a verification and answers its id; the same request again answers the same id.
    async fn begin(
        self: &Arc<Self>,
        address: Address,
        body: &[u8],
        submission: Submission,
    ) -> Result<String, VerificationError> {
        if let Submission::Standard(input) = &submission {
            let (compilers, version) = (self.compilers.clone(), input.compiler_version.clone());
            blocking(move || compilers.require(&version)).await?;
        }
        if self.record(address).await?.is_some_and(|record| record.proof == Proof::Compiled) {
            return Err(VerificationError::AlreadyVerified(address));
        }
        let id = jobs::id(address, body);
        if self.jobs.begin(&id, address, now_ms())? {
            let (service, own) = (self.clone(), id.clone());
            tokio::spawn(async move {
                let outcome = service.work(address, submission).await;
                if let Err(error) = &outcome {
                    tracing::debug!(%address, code = error.code(), %error, "contract not verified");
                }
                service.jobs.finish(&own, outcome, now_ms());
            });
        }
        Ok(id)
    }

    async fn work(
        &self,
        address: Address,
        submission: Submission,
    ) -> Result<Proof, VerificationError> {
        let _turn = self.jobs.turn().await;
        let code = self.contracts.code(address).await?;
        let (compilers, store) = (self.compilers.clone(), self.store.clone());
        let proof = blocking(move || {
            let record = verification::verify(address, &code, &submission, &compilers, now_ms())?;
            store.put(&record)?;
            Ok(record.proof)
        })
        .await?;
        tracing::info!(%address, ?proof, "contract proved");
        Ok(proof)
    }
}

/// Runs what waits for a disk or a compiler beside the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VerificationError> + Send + 'static,
) -> Result<T, VerificationError> {
    let result = tokio::task::spawn_blocking(work).await;
    result.unwrap_or_else(|error| Err(VerificationError::Store(error.to_string())))
}

#[cfg(test)]
#[path = "verification/tests.rs"]
mod tests;
