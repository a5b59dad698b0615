//! Where two JSON values differ first.

use serde_json::Value;

/// Path and both values, `None` where they are equal. Members that are null and members that are
/// absent are the same.
pub(super) fn first(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(name).cloned().unwrap_or_default()
                };
                first(&format!("{path}.{name}"), &of(left), &of(right))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (left, right))| first(&format!("{path}[{index}]"), left, right))
        }
        _ if expected == found => None,
        _ => Some(format!("{path}: expected {}, found {}", short(expected), short(found))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    let end = text.char_indices().nth(200).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_and_absent_is_null() {
        let expected = json!({ "a": [1, { "b": "0x1" }], "c": null });
        assert_eq!(first("r", &expected, &json!({ "a": [1, { "b": "0x1" }] })), None);
        for (found, path) in [
            (json!({ "a": [1, { "b": "0x2" }] }), "r.a[1].b"),
            (json!({ "a": [1] }), "r.a"),
            (json!({ "a": [1, { "b": "0x1" }], "d": 1 }), "r.d"),
            (json!({ "a": [1, {}] }), "r.a[1].b"),
        ] {
            let difference = first("r", &expected, &found).unwrap_or_default();
            assert!(difference.starts_with(&format!("{path}: ")), "{difference}");
        }
    }
}
