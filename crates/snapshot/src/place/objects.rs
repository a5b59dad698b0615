//! A bucket of an S3-compatible store, or a part of one behind a prefix.
//!
//! Endpoint, region and credentials come from the environment that every S3 tool reads (`AWS_…`).
//! A snapshot is whole once its manifest's digest is there, which is written last; what a crash
//! leaves behind has none.

use std::{collections::BTreeMap, future::Future, sync::mpsc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{
    ClientOptions, Error, ObjectStore as _, ObjectStoreExt as _, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use tokio::runtime::{Builder, Runtime};

use super::FILES_MAX;
use crate::{
    SnapshotError,
    manifest::{DIGEST_FILE, MANIFEST_FILE},
};

/// Time to connect to the store.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for one request: the largest files over a slow line.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(180);
/// How often a request is repeated that failed for a moment.
const REPETITIONS_MAX: usize = 5;
/// Time until a request that keeps failing is given up.
const REPETITION_TIME_MAX: Duration = Duration::from_secs(60);
/// Characters of the store's own error that are shown.
const CAUSE_CHARACTERS_MAX: usize = 600;

#[derive(Debug)]
pub(super) struct Objects {
    store: AmazonS3,
    prefix: Path,
    name: String,
    /// Requests run on a thread of their own, so that any thread can wait for them.
    runtime: Option<Runtime>,
}

impl Objects {
    /// `name` is `s3://bucket` or `s3://bucket/prefix`.
    pub(super) fn open(name: &str, allow_http: bool) -> Result<Self, SnapshotError> {
        let failed = |cause: String| SnapshotError::Place {
            place: name.to_owned(),
            action: "use the store",
            cause,
        };
        let rest = name.strip_prefix("s3://").unwrap_or(name);
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(failed("a store is named s3://bucket/prefix".into()));
        }
        let prefix =
            Path::parse(prefix.trim_end_matches('/')).map_err(|error| failed(error.to_string()))?;
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIME_MAX)
            .with_timeout(REQUEST_TIME_MAX)
            .with_allow_http(allow_http);
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_client_options(options)
            // The environment alone does not make anything travel in the clear.
            .with_allow_http(allow_http)
            .with_retry(RetryConfig {
                max_retries: REPETITIONS_MAX,
                retry_timeout: REPETITION_TIME_MAX,
                ..RetryConfig::default()
            })
            .build()
            .map_err(|error| failed(told(&error)))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { store, prefix, name: name.to_owned(), runtime: Some(runtime) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn begin(&self) -> Result<(), SnapshotError> {
        let (store, prefix) = (self.store.clone(), self.prefix.clone());
        let first = self.wait("read", async move { store.list(Some(&prefix)).try_next().await })?;
        match first {
            Some(_) => Err(SnapshotError::Occupied(self.name.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn put(&self, name: &str, content: &[u8]) -> Result<(), SnapshotError> {
        let (store, path) = (self.store.clone(), self.path(name));
        let content = PutPayload::from(content.to_vec());
        self.wait("write", async move { store.put(&path, content).await.map(drop) })
    }

    pub(super) fn abandon(&self, names: &[String]) {
        let files = names.iter().map(String::as_str).chain([MANIFEST_FILE, DIGEST_FILE]);
        for name in files {
            let (store, path) = (self.store.clone(), self.path(name));
            // What is left has no digest of its manifest; the operator removes it.
            let _ = self.wait("remove", async move { store.delete(&path).await });
        }
    }

    pub(super) fn list(&self) -> Result<BTreeMap<String, u64>, SnapshotError> {
        let (store, prefix) = (self.store.clone(), self.prefix.clone());
        let found: Vec<(String, u64)> = self.wait("read", async move {
            let named = store.list(Some(&prefix)).map_ok(|object| {
                let parts = object.location.prefix_match(&prefix).into_iter().flatten();
                let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
                (parts.join("/"), object.size)
            });
            named.take(FILES_MAX).try_collect().await
        })?;
        if found.len() == FILES_MAX {
            return Err(self.failed("read", format!("{FILES_MAX} files or more")));
        }
        Ok(found.into_iter().collect())
    }

    pub(super) fn get(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, SnapshotError> {
        let (store, path) = (self.store.clone(), self.path(name));
        let found = self.wait("read", async move {
            let found = match store.get(&path).await {
                Err(Error::NotFound { .. }) => return Ok(Found::Nothing),
                found => found?,
            };
            if found.meta.size > limit as u64 {
                return Ok(Found::TooLong);
            }
            found.bytes().await.map(|content| Found::Content(content.to_vec()))
        })?;
        match found {
            Found::Nothing => Ok(None),
            Found::TooLong => {
                Err(SnapshotError::damaged(name, format!("it has more than {limit} bytes")))
            }
            Found::Content(content) => Ok(Some(content)),
        }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    fn failed(&self, action: &'static str, cause: String) -> SnapshotError {
        SnapshotError::Place { place: self.name.clone(), action, cause }
    }

    /// Runs a request and waits for it, on whatever thread this is.
    fn wait<T: Send + 'static>(
        &self,
        action: &'static str,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, SnapshotError> {
        let stopped = || self.failed(action, "the requests' thread ended".into());
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        let (sender, receiver) = mpsc::channel();
        runtime.spawn(async move {
            // Nobody waits any more where the program is ending.
            let _ = sender.send(request.await);
        });
        let answer = receiver.recv().map_err(|_| stopped())?;
        answer.map_err(|error| self.failed(action, told(&error)))
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Waiting for the thread is not allowed everywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a store answered for a name.
enum Found {
    Nothing,
    TooLong,
    Content(Vec<u8>),
}

/// The store's error with its causes, bounded.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.chars().take(CAUSE_CHARACTERS_MAX).collect()
}
