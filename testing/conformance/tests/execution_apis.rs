//! The cases of ethereum/execution-apis on the imported chain.

#![allow(clippy::unwrap_used)]

use conformance::{execution_apis, vectors};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_is_answered_exactly_or_excluded_with_a_reason() {
    let Some(folder) = vectors::find(vectors::EXECUTION_APIS).unwrap() else { return };
    let summary = execution_apis::run(&folder.join("tests"), "").await.unwrap();
    let total = summary.total();
    assert!(summary.failures.is_empty(), "{}{:#?}", summary.table(), summary.failures);
    assert_eq!(total.passed + total.excluded, 232);
    assert_eq!(total.excluded, summary.excluded.len());
}
