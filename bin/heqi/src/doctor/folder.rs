//! What is wrong with a node's files, from what [`node::examine`] found.

use std::path::Path;

use node::{
    disk::DiskLevel,
    error::NodeError,
    examine::{Examination, StoreSummary},
};

use super::finding::{self, Finding};

/// Everything about the files of the node at `place`.
pub fn findings(place: &Path, examined: &Examination) -> Vec<Finding> {
    let place = place.display().to_string();
    let mut found = Vec::new();
    let mut add = |kind, values| found.push(Finding::new(kind, &place, values));
    for error in &examined.problems {
        add(finding::CANNOT_START, problem(error));
    }
    // A running node says it itself, and one that cannot start says it already.
    let is_told = examined.running.is_some()
        || examined.problems.iter().any(|error| matches!(error, NodeError::DiskFull { .. }));
    let low = |free: &u64| examined.limits.level(*free) != DiskLevel::Enough;
    if let Some(free_bytes) = examined.free_bytes.filter(low).filter(|_| !is_told) {
        let cause =
            format!("{} MiB < {} MiB", free_bytes >> 20, examined.limits.warning_bytes >> 20);
        add(finding::DISK_LOW, vec![("cause", cause)]);
    }
    if examined.is_validator == Some(false) {
        add(finding::KEY_NO_VALIDATOR, Vec::new());
    }
    if let Some(newest) = &examined.divergences.newest {
        let values = vec![
            ("count", examined.divergences.count.to_string()),
            ("height", newest.height.to_string()),
            ("field", newest.field.clone()),
            ("file", newest.path.display().to_string()),
        ];
        add(finding::DIVERGENCE, values);
    }
    if examined.running.is_some() {
        return found;
    }
    if examined.exists {
        add(finding::NOT_RUNNING, Vec::new());
    } else if examined.problems.is_empty() {
        add(finding::NEVER_STARTED, Vec::new());
    }
    if let Some(StoreSummary { lowest, head, evidence }) = examined.store {
        let values = vec![
            ("lowest", lowest.to_string()),
            ("head", head.to_string()),
            ("evidence", evidence.to_string()),
        ];
        add(finding::STORE_OPENS, values);
    }
    found
}

/// An error of the node in the doctor's words.
pub fn problem(error: &NodeError) -> Vec<(&'static str, String)> {
    vec![
        ("code", error.code().id.to_string()),
        ("cause", error.to_string()),
        ("next", error.next_step()),
    ]
}

#[cfg(test)]
mod tests {
    use node::{
        disk::DiskLimits,
        divergence::{DivergenceReports, NewestReport},
    };

    use super::*;

    fn examined() -> Examination {
        Examination {
            running: None,
            exists: true,
            free_bytes: Some(1 << 40),
            limits: DiskLimits::default(),
            is_validator: Some(true),
            store: Some(StoreSummary { lowest: 0, head: 9, evidence: 0 }),
            divergences: DivergenceReports::default(),
            problems: Vec::new(),
        }
    }

    fn codes(examined: &Examination) -> Vec<&'static str> {
        let found = findings(Path::new("data"), examined);
        found.iter().map(|finding| finding.kind.code).collect()
    }

    #[test]
    fn files_in_order_leave_notes_only() {
        assert_eq!(codes(&examined()), ["not_running", "store_opens"]);
        let running = Examination { running: Some(7), store: None, ..examined() };
        assert!(codes(&running).is_empty());
        let fresh = Examination { exists: false, store: None, ..examined() };
        assert_eq!(codes(&fresh), ["never_started"]);
    }

    #[test]
    fn a_divergence_is_told_with_its_file_whether_the_node_runs_or_not() {
        let newest = NewestReport {
            path: "data/reports/divergence-7-aa.json".into(),
            kind: "refused".into(),
            height: 7,
            field: "stateRoot".into(),
        };
        let divergences = DivergenceReports { count: 3, newest: Some(newest) };
        let sick = Examination { running: Some(7), store: None, divergences, ..examined() };
        let found = findings(Path::new("data"), &sick);
        assert_eq!(codes(&sick), ["divergence"]);
        let text = found[0].human(crate::language::Language::En);
        assert!(text.contains("data/reports/divergence-7-aa.json"), "{text}");
        assert!(text.contains("stateRoot") && text.contains("block 7"), "{text}");
    }

    #[test]
    fn errors_and_low_space_are_findings() {
        let low =
            Examination { free_bytes: Some(1 << 30), is_validator: Some(false), ..examined() };
        let expected = ["disk_low", "key_no_validator", "not_running", "store_opens"];
        assert_eq!(codes(&low), expected);
        let error = NodeError::NodeKeyPermissions { path: "k".into(), mode: 0o644 };
        let sick = Examination { problems: vec![error], store: None, ..examined() };
        assert_eq!(codes(&sick), ["cannot_start", "not_running"]);
        let found = findings(Path::new("data"), &sick);
        assert!(found[0].values.contains(&("code", "NOD-0008".into())));
        assert!(found[0].values.contains(&("next", "chmod 600 k".into())));
    }
}
