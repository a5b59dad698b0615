//! The text format of Prometheus (exposition format 0.0.4), as far as counters need it.

use std::collections::BTreeMap;

/// Most lines that are looked at.
const LINES_MAX: usize = 100_000;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Name of the family with its suffix.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// Every line that is a value; comments and what cannot be read are left out.
pub fn parse(text: &str) -> Vec<Metric> {
    text.lines().take(LINES_MAX).filter_map(one_line).collect()
}

fn one_line(line: &str) -> Option<Metric> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (BTreeMap::new(), rest),
    };
    // a timestamp may follow the value
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Metric { name: name.to_owned(), labels, value })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = quoted(rest.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        text = rest;
    }
}

/// Text up to the closing quotation mark, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[position + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_values_with_and_without_labels() {
        let text = "# HELP a b\n# TYPE a counter\nheqi_chain_height 42\n\
                    heqi_stage_seconds_total{stage=\"execute\"} 1.5e-3 1700000000\n\
                    x{a=\"1\",b=\"q\\\"}, \\\\ \\n\",} +Inf\n";
        let metrics = parse(text);
        assert_eq!(metrics.len(), 3);
        assert_eq!((metrics[0].name.as_str(), metrics[0].value), ("heqi_chain_height", 42.0));
        assert_eq!((metrics[1].labels["stage"].as_str(), metrics[1].value), ("execute", 0.0015));
        assert_eq!(metrics[2].labels["b"], "q\"}, \\ \n");
        assert!(metrics[2].value.is_infinite());
    }

    #[test]
    fn leaves_out_what_is_no_value() {
        for text in
            ["", "name", "name{", "name{a", "name{a=\"", "name{a=\"b\"", "name{a=\"b\"} x", "{"]
        {
            assert_eq!(parse(text), [], "{text}");
        }
    }
}
