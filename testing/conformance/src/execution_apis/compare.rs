//! Whether an answer is the expected one: results exactly, errors by their code, as the suite's own
//! simulator compares them. Numbers of JSON are equal where their values are (`0` and `0.0`).

use serde_json::Value;

/// Longest value that a difference shows, characters.
const SHOWN_MAX: usize = 160;

/// The first difference between two whole answers.
pub fn answers(expected: &Value, found: &Value) -> Option<String> {
    if expected["id"] != found["id"] {
        return Some(format!("id: {} is not {}", shown(&found["id"]), shown(&expected["id"])));
    }
    match (expected.get("error"), found.get("error")) {
        (None, None) => difference("result", &expected["result"], &found["result"]),
        (Some(wanted), Some(error)) if wanted["code"] == error["code"] => None,
        (Some(wanted), Some(error)) => {
            Some(format!("error: {} is not {}", shown(error), shown(wanted)))
        }
        (Some(wanted), None) => Some(format!(
            "result {} where error {} must be",
            shown(&found["result"]),
            shown(wanted)
        )),
        (None, Some(error)) => Some(format!("error {} where a result must be", shown(error))),
    }
}

fn difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(object)) => {
            if let Some(name) = wanted.keys().find(|name| !object.contains_key(*name)) {
                return Some(format!("{path}.{name} is missing"));
            }
            if let Some(name) = object.keys().find(|name| !wanted.contains_key(*name)) {
                return Some(format!("{path}.{name} must not be there"));
            }
            wanted.iter().find_map(|(name, value)| {
                difference(&format!("{path}.{name}"), value, &object[name])
            })
        }
        (Value::Array(wanted), Value::Array(list)) => {
            if wanted.len() != list.len() {
                return Some(format!("{path}: {} items, not {}", list.len(), wanted.len()));
            }
            wanted.iter().zip(list).enumerate().find_map(|(index, (value, found))| {
                difference(&format!("{path}[{index}]"), value, found)
            })
        }
        (Value::Number(wanted), Value::Number(number)) if wanted.as_f64() == number.as_f64() => {
            None
        }
        _ if expected == found => None,
        _ => Some(format!("{path}: {} is not {}", shown(found), shown(expected))),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let start: String = text.chars().take(SHOWN_MAX).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_exactly_and_errors_by_code() {
        let result = |value: Value| json!({ "id": 1, "result": value });
        let error =
            |code: i64, text: &str| json!({ "id": 1, "error": { "code": code, "message": text } });
        let block = json!({ "a": [1, { "b": null }], "c": 0 });
        let same = json!({ "a": [1, { "b": null }], "c": 0.0 });
        assert_eq!(answers(&result(block.clone()), &result(same)), None);
        assert_eq!(answers(&error(-1, "x"), &error(-1, "y")), None);
        let other = [
            result(json!({ "a": [1, { "b": 2 }], "c": 0 })),
            result(json!({ "a": [1], "c": 0 })),
            result(json!({ "a": [1, { "b": null }] })),
            result(json!({ "a": [1, { "b": null }], "c": 0, "d": 1 })),
            error(-1, "x"),
            json!({ "id": 2, "result": block }),
        ];
        for found in other {
            assert!(answers(&result(block.clone()), &found).is_some(), "{found}");
        }
        assert!(answers(&error(-1, "x"), &error(-2, "x")).is_some());
        assert!(answers(&error(-1, "x"), &result(json!(1))).is_some());
    }
}
