//! geth's test data of its tracers.

#![allow(clippy::unwrap_used)]

use conformance::{tracers, vectors};

#[test]
fn every_trace_is_geths() {
    let Some(folder) = vectors::find(vectors::GETH_TRACERS).unwrap() else { return };
    let summary = tracers::run(&folder).unwrap();
    assert!(summary.failures.is_empty(), "{:#?}", summary.failures);
    assert_eq!((summary.passed, summary.different.len()), (79, 2));
}
