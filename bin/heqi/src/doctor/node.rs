//! What is wrong with one running node. Pure: its answers go in, findings come out.

use serde_json::Value;

use super::{
    finding::{self, Finding},
    view::View,
};
use crate::status::quantity;

/// Clock difference that is told, milliseconds.
pub const CLOCK_OFFSET_MS: i64 = 1_000;
/// Age of a connected validator's last vote that is told, milliseconds: four default heartbeats.
const SILENCE_MS: u64 = 60_000;

/// Everything about this node alone.
pub fn findings(view: &View) -> Vec<Finding> {
    let place = view.name();
    let mut found = Vec::new();
    let mut add = |kind, values| found.push(Finding::new(kind, &place, values));
    if view.ready.is_null() {
        let cause = view.error.clone().unwrap_or_default();
        add(finding::UNREACHABLE, vec![("cause", cause)]);
        return found;
    }
    if view.consensus.is_null() {
        let cause = view.error.clone().unwrap_or_default();
        add(
            finding::STARTING,
            vec![("cause", reasons(&view.ready, "reasons").join("; ") + &cause)],
        );
        return found;
    }
    standing(view, &mut add);
    disk(&view.ready, &mut add);
    validators(&view.consensus, &mut add);
    if let Some(ahead_ms) = far(view.consensus["othersAheadMillis"].as_i64()) {
        add(finding::CLOCK_OF_NODE, vec![("milliseconds", ahead_ms.to_string())]);
    }
    let behind = &view.consensus["heights"]["behind"];
    if let (Some(store), Some(blocks)) = (behind["store"].as_str(), quantity(&behind["blocks"]))
        && view.consensus["state"] != "catching_up"
    {
        let values = vec![("store", store.into()), ("blocks", blocks.to_string())];
        add(finding::STORE_BEHIND, values);
    }
    for entry in view.evidence.as_array().into_iter().flatten() {
        add(finding::EVIDENCE, evidence(entry));
    }
    let reports = quantity(&view.consensus["divergenceReports"]).filter(|count| *count > 0);
    if let Some(count) = reports.filter(|_| !view.files_examined) {
        add(finding::DIVERGENCE_REMOTE, vec![("count", count.to_string())]);
    }
    let given_up = quantity(&view.consensus["storeSetsGivenUp"]).filter(|count| *count > 0);
    if let Some(count) = given_up {
        add(finding::STORES_GIVEN_UP, vec![("count", count.to_string())]);
    }
    voting(&view.consensus, &mut add);
    found
}

/// Why the node does not vote.
fn voting(consensus: &Value, add: &mut impl FnMut(finding::Kind, Vec<(&'static str, String)>)) {
    let until = &consensus["abstainingUntil"];
    if let (Some(epoch), Some(view)) = (quantity(&until["epoch"]), quantity(&until["view"])) {
        // The whole epoch is told as its last possible view.
        let view = Some(view).filter(|view| *view != u64::MAX);
        let view = view.map_or("-".into(), |view| view.to_string());
        let now = quantity(&consensus["epoch"]).map_or("-".into(), |epoch| epoch.to_string());
        add(finding::ABSTAINING, vec![("epoch", epoch.to_string()), ("view", view), ("now", now)]);
    } else if consensus["voting"] == false {
        add(finding::NOT_VOTING, Vec::new());
    }
}

/// Why the node is not ready, each cause once.
fn standing(view: &View, add: &mut impl FnMut(finding::Kind, Vec<(&'static str, String)>)) {
    if view.ready["ready"] == true {
        return;
    }
    let detail = view.consensus["detail"].as_str().unwrap_or_default().to_string();
    let kind = match view.consensus["state"].as_str() {
        Some("no_quorum" | "votes_missing") => finding::NO_QUORUM,
        Some("catching_up") => finding::CATCHING_UP,
        _ if !view.consensus["stalled"].is_null() => finding::STALLED,
        _ => {
            let cause = reasons(&view.ready, "reasons").join("; ");
            return add(finding::NOT_READY, vec![("cause", cause)]);
        }
    };
    add(kind, vec![("cause", detail)]);
}

fn disk(ready: &Value, add: &mut impl FnMut(finding::Kind, Vec<(&'static str, String)>)) {
    for warning in ready["warnings"].as_array().into_iter().flatten() {
        if warning["reason"] == "disk_low" {
            let cause = warning["detail"].as_str().unwrap_or_default().to_string();
            add(finding::DISK_LOW, vec![("cause", cause)]);
        }
    }
}

fn validators(consensus: &Value, add: &mut impl FnMut(finding::Kind, Vec<(&'static str, String)>)) {
    let own_is_off = far(consensus["othersAheadMillis"].as_i64()).is_some();
    for validator in consensus["validators"].as_array().into_iter().flatten() {
        let organisation = validator["organisation"].as_str().unwrap_or("?").to_string();
        if validator["connected"] == false {
            let age = quantity(&validator["lastVoteMillis"]).map(|age_ms| age_ms / 1_000);
            let age = age.map_or("-".into(), |seconds| seconds.to_string());
            add(finding::VALIDATOR_MISSING, vec![("org", organisation), ("seconds", age)]);
            continue;
        }
        let silent = quantity(&validator["lastVoteMillis"]).filter(|age_ms| *age_ms > SILENCE_MS);
        if let Some(age_ms) = silent {
            let seconds = (age_ms / 1_000).to_string();
            let values = vec![("org", organisation.clone()), ("seconds", seconds)];
            add(finding::VALIDATOR_SILENT, values);
        }
        if let Some(ahead_ms) = far(validator["clockAheadMillis"].as_i64()).filter(|_| !own_is_off)
        {
            let milliseconds = ahead_ms.to_string();
            let values = vec![("org", organisation), ("milliseconds", milliseconds)];
            add(finding::CLOCK_OF_VALIDATOR, values);
        }
    }
}

fn evidence(entry: &Value) -> Vec<(&'static str, String)> {
    let number = |field: &str| quantity(&entry[field]).unwrap_or(0).to_string();
    let kind = |index: usize| entry["votes"][index]["kind"].as_str().unwrap_or("?").to_string();
    vec![
        ("org", entry["organisation"].as_str().unwrap_or("?").into()),
        ("key", entry["key"].as_str().unwrap_or("?").into()),
        ("epoch", number("epoch")),
        ("view", number("view")),
        ("votes", format!("{}, {}", kind(0), kind(1))),
    ]
}

/// An offset worth telling.
pub fn far(ahead_ms: Option<i64>) -> Option<i64> {
    ahead_ms.filter(|ahead_ms| ahead_ms.unsigned_abs() > CLOCK_OFFSET_MS.unsigned_abs())
}

fn reasons(ready: &Value, list: &str) -> Vec<String> {
    let found = ready[list].as_array().into_iter().flatten();
    found
        .map(|reason| {
            let part = |field: &str| reason[field].as_str().unwrap_or_default().to_string();
            format!("{}: {}", part("reason"), part("detail"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn healthy() -> View {
        let validator = |name: &str, key: &str| {
            json!({
                "organisation": name, "key": key, "connected": true, "lastVoteMillis": "0x10",
                "clockAheadMillis": -40,
            })
        };
        View {
            url: "http://a:1".into(),
            ready: json!({ "ready": true, "reasons": [], "warnings": [] }),
            consensus: json!({
                "ownKey": "0x1", "voting": true, "state": "idle", "stalled": null,
                "othersAheadMillis": -40, "heights": { "behind": null },
                "abstainingUntil": null, "storeSetsGivenUp": "0x0",
                "validators": [validator("Bank A", "0x1"), validator("Court C", "0x2")],
            }),
            evidence: json!([]),
            ..View::default()
        }
    }

    fn codes(view: &View) -> Vec<&'static str> {
        findings(view).iter().map(|finding| finding.kind.code).collect()
    }

    #[test]
    fn a_healthy_node_has_no_findings() {
        assert!(codes(&healthy()).is_empty(), "{:?}", findings(&healthy()));
        assert_eq!(healthy().name(), "http://a:1 (Bank A)");
    }

    #[test]
    fn each_ailment_is_named() {
        let gone = View { ready: Value::Null, error: Some("refused".into()), ..healthy() };
        assert_eq!(codes(&gone), ["unreachable"]);
        let early = View { consensus: Value::Null, ..healthy() };
        assert_eq!(codes(&early), ["starting_up"]);

        let mut sick = healthy();
        sick.ready["ready"] = json!(false);
        sick.ready["warnings"] = json!([{ "reason": "disk_low", "detail": "1 MiB free" }]);
        sick.consensus["state"] = json!("no_quorum");
        sick.consensus["detail"] = json!("missing: Court C");
        sick.consensus["validators"][1]["connected"] = json!(false);
        sick.consensus["heights"]["behind"] = json!({ "store": "chain", "blocks": "0x20" });
        sick.consensus["divergenceReports"] = json!("0x2");
        sick.consensus["voting"] = json!(false);
        sick.evidence = json!([{
            "organisation": "Court C", "key": "0x2", "epoch": "0x1", "view": "0x9",
            "votes": [{ "kind": "nullify" }, { "kind": "finalize" }],
        }]);
        let expected = [
            "no_quorum",
            "disk_low",
            "validator_missing",
            "store_behind",
            "evidence",
            "divergence_remote",
            "not_voting",
        ];
        assert_eq!(codes(&sick), expected);

        sick.consensus["abstainingUntil"] = json!({ "epoch": "0x4", "view": "0x80" });
        sick.consensus["storeSetsGivenUp"] = json!("0x1");
        let last = &codes(&sick)[expected.len() - 1..];
        assert_eq!(last, ["stores_given_up", "abstaining"], "a better reason than not_voting");
        let found = findings(&sick);
        let values = &found[found.len() - 1].values;
        assert_eq!(values[..2], [("epoch", "4".to_string()), ("view", "128".to_string())]);
        sick.consensus["abstainingUntil"]["view"] = json!("0xffffffffffffffff");
        let found = findings(&sick);
        assert_eq!(found[found.len() - 1].values[1], ("view", "-".to_string()));

        sick.files_examined = true;
        assert!(!codes(&sick).contains(&"divergence_remote"), "its files say more");

        let mut slow = healthy();
        slow.consensus["validators"][1]["clockAheadMillis"] = json!(-4_000);
        slow.consensus["validators"][1]["lastVoteMillis"] = json!("0x186a0");
        assert_eq!(codes(&slow), ["validator_silent", "clock_of_validator"]);
        slow.consensus["othersAheadMillis"] = json!(-4_000);
        assert_eq!(codes(&slow), ["validator_silent", "clock_of_node"], "the own clock is wrong");
    }
}
