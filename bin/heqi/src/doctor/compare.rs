//! Whether several nodes agree. Pure but for one question per node about a common height.

use serde_json::Value;

use super::{
    finding::{self, Finding},
    node::far,
    view::View,
};

/// Blocks that a node may be behind the others.
const HEIGHT_LAG_MAX: u64 = 16;

/// Compares all nodes that answered; `block` asks one for its block at a height.
pub fn findings(views: &[View], block: impl Fn(&View, u64) -> Option<Value>) -> Vec<Finding> {
    let answered: Vec<&View> = views.iter().filter(|view| view.height().is_some()).collect();
    let mut found = Vec::new();
    let Some(first) = answered.first() else { return found };
    for view in &answered {
        if let Some(ahead_ms) = far(view.clock_ahead_ms) {
            let values = vec![("milliseconds", ahead_ms.to_string())];
            found.push(Finding::new(finding::CLOCK_HERE, &view.name(), values));
        }
    }
    for view in &answered[1..] {
        let differs = |kind, field: &str, own: &Value, other: &Value| {
            (own != other).then(|| difference(kind, view, first, field, own, other))
        };
        let other_network =
            differs(finding::OTHER_NETWORK, "", &view.genesis["hash"], &first.genesis["hash"]);
        found.extend(other_network);
        found.extend(differs(finding::OTHER_VERSION, "", &view.version, &first.version));
    }
    found.extend(heights(&answered));
    found.extend(blocks(&answered, block));
    found
}

fn difference(
    kind: finding::Kind,
    view: &View,
    first: &View,
    height: &str,
    own: &Value,
    other: &Value,
) -> Finding {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let values = vec![
        ("own", shown(own)),
        ("other", shown(other)),
        ("node", first.name()),
        ("height", height.to_string()),
    ];
    Finding::new(kind, &view.name(), values)
}

fn heights(answered: &[&View]) -> Vec<Finding> {
    let highest = answered.iter().filter_map(|view| view.height()).max().unwrap_or(0);
    let behind = |view: &&&View| {
        view.height().is_some_and(|height| highest.saturating_sub(height) > HEIGHT_LAG_MAX)
    };
    answered
        .iter()
        .filter(behind)
        .map(|view| {
            let height = view.height().unwrap_or(0);
            let values = vec![
                ("height", height.to_string()),
                ("blocks", highest.saturating_sub(height).to_string()),
            ];
            Finding::new(finding::BEHIND_OTHERS, &view.name(), values)
        })
        .collect()
}

/// Hash and state root at the highest block that all have.
fn blocks(answered: &[&View], block: impl Fn(&View, u64) -> Option<Value>) -> Vec<Finding> {
    let Some(common) = answered.iter().filter_map(|view| view.height()).min() else {
        return Vec::new();
    };
    let blocks: Vec<(&View, Value)> = answered
        .iter()
        .filter_map(|view| block(view, common).map(|block| (*view, block)))
        .collect();
    let Some((first, expected)) = blocks.first() else { return Vec::new() };
    let mut found = Vec::new();
    for (view, block) in &blocks[1..] {
        if view.genesis["hash"] != first.genesis["hash"] {
            continue;
        }
        let fields = [(finding::OTHER_STATE, "stateRoot"), (finding::OTHER_BLOCK, "hash")];
        let differing = fields.into_iter().find(|(_, field)| block[*field] != expected[*field]);
        if let Some((kind, field)) = differing {
            let height = common.to_string();
            found.push(difference(kind, view, first, &height, &block[field], &expected[field]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(number: u64, height: u64) -> View {
        View {
            url: format!("http://n{number}:1"),
            genesis: json!({ "hash": "0xg" }),
            version: json!("heqi/1"),
            head: json!({ "number": format!("{height:#x}"), "hash": "0xh", "stateRoot": "0xs" }),
            clock_ahead_ms: Some(-3),
            ..View::default()
        }
    }

    fn codes(views: &[View], odd: &str, field: &str) -> Vec<&'static str> {
        let block = |view: &View, height: u64| {
            assert_eq!(height, views.iter().filter_map(View::height).min().unwrap_or(0));
            let mut block = view.head.clone();
            if view.url == odd {
                block[field] = json!("0xother");
            }
            Some(block)
        };
        findings(views, block).iter().map(|finding| finding.kind.code).collect()
    }

    #[test]
    fn nodes_that_agree_have_no_findings() {
        assert!(codes(&[view(1, 50), view(2, 51), view(3, 40)], "", "").is_empty());
        assert!(codes(&[], "", "").is_empty());
        assert!(codes(&[View::default()], "", "").is_empty());
    }

    #[test]
    fn each_disagreement_is_named() {
        let views = [view(1, 50), view(2, 50), view(3, 50)];
        assert_eq!(codes(&views, "http://n2:1", "hash"), ["other_block"]);
        assert_eq!(codes(&views, "http://n3:1", "stateRoot"), ["other_state"]);
        assert_eq!(codes(&[view(1, 50), view(2, 33)], "", ""), ["behind_others"]);
        let mut odd = view(2, 50);
        odd.version = json!("heqi/2");
        odd.clock_ahead_ms = Some(2_000);
        assert_eq!(codes(&[view(1, 50), odd.clone()], "", ""), ["clock_here", "other_version"]);
        odd = View { genesis: json!({ "hash": "0xz" }), ..view(2, 50) };
        assert_eq!(codes(&[view(1, 50), odd], "http://n2:1", "hash"), ["other_network"]);
    }
}
