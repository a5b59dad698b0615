//! Files with requests (`>> `), answers (`<< `) and remarks (`// `).

use std::path::Path;

use eyre::{Context, OptionExt, Result, bail, ensure};
use serde_json::Value;

/// More cases than these are not the suite (it has 232).
const CASES_MAX: usize = 10_000;

/// A request and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// What is sent.
    pub request: Value,
    /// What must be answered.
    pub expected: Value,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Case {
    /// `method/file` without its ending.
    pub name: String,
    /// Folder.
    pub method: String,
    /// In order.
    pub exchanges: Vec<Exchange>,
}

impl Case {
    /// All cases below `folder`, in the order of their names: those that fill the pool come before
    /// those that show it.
    ///
    /// # Errors
    /// A file that cannot be read or is no case.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut cases = Vec::new();
        for method in names(folder)? {
            let below = folder.join(&method);
            if !below.is_dir() {
                continue;
            }
            for file in names(&below)? {
                let Some(stem) = file.strip_suffix(".io") else {
                    bail!("{method}/{file} is no case");
                };
                ensure!(cases.len() < CASES_MAX, "more than {CASES_MAX} cases");
                let name = format!("{method}/{stem}");
                let text = std::fs::read_to_string(below.join(&file))?;
                let exchanges = parse(&text).wrap_err_with(|| name.clone())?;
                cases.push(Self { name, method: method.clone(), exchanges });
            }
        }
        Ok(cases)
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).wrap_err_with(|| folder.display().to_string())? {
        let name = entry?.file_name().into_string();
        names.push(name.map_err(|name| eyre::eyre!("name is no text: {}", name.display()))?);
    }
    names.sort();
    Ok(names)
}

fn parse(text: &str) -> Result<Vec<Exchange>> {
    let mut exchanges = Vec::new();
    let mut request = None;
    for (index, line) in text.lines().enumerate() {
        let at = || format!("line {}", index + 1);
        if let Some(sent) = line.strip_prefix(">> ") {
            ensure!(request.is_none(), "{}: a request has no answer", at());
            request = Some(serde_json::from_str(sent).wrap_err_with(at)?);
        } else if let Some(told) = line.strip_prefix("<< ") {
            let request = request.take().ok_or_eyre("an answer has no request")?;
            let expected = serde_json::from_str(told).wrap_err_with(at)?;
            exchanges.push(Exchange { request, expected });
        } else {
            ensure!(line.is_empty() || line.starts_with("//"), "{}: unknown line", at());
        }
    }
    ensure!(request.is_none() && !exchanges.is_empty(), "no whole exchange");
    Ok(exchanges)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_read_in_order_and_halves_refused() {
        let whole = "// remark\n>> {\"id\":1}\n<< {\"id\":2}\n\n>> {\"id\":3}\n<< {\"id\":4}\n";
        let read = parse(whole).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((&read[1].request["id"], &read[1].expected["id"]), (&3.into(), &4.into()));
        for bad in [">> {}\n", "<< {}\n", ">> {}\n>> {}\n<< {}\n", "", "?? {}\n", ">> {\n<< {}\n"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
