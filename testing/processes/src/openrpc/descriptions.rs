//! The descriptions: ethereum/execution-apis' OpenRPC sources, and the names of our own methods.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr as _, bail, ensure};
use serde_json::Value;

/// Folders with the descriptions of methods. `engine` is for consensus clients, `testing` for suites.
const METHODS: [&str; 3] = ["eth", "debug", "txpool"];
const SCHEMAS: &str = "schemas";
/// Names the folder with outside vectors; otherwise `../shared/vectors` beside the repository.
const FOLDER_VARIABLE: &str = "HEQI_VECTORS";
/// The page with all methods.
const PAGE: &str = include_str!("../../../../docs/en/json-rpc.md");

/// A described method.
#[derive(Clone, Debug)]
pub struct Method {
    /// Name.
    pub name: String,
    /// Schema of each parameter, and whether it must be there.
    pub params: Vec<(Value, bool)>,
}

/// Everything that is described.
#[derive(Clone, Debug)]
pub struct Descriptions {
    /// Methods of Ethereum's specification.
    pub methods: Vec<Method>,
    /// Names of all methods on our page, described or not.
    pub names: Vec<String>,
    schemas: BTreeMap<String, Value>,
}

impl Descriptions {
    /// A schema by its reference (`#/components/schemas/NAME`).
    pub fn schema(&self, reference: &str) -> Option<(&str, &Value)> {
        let name = reference.rsplit('/').next()?;
        self.schemas.get_key_value(name).map(|(name, schema)| (name.as_str(), schema))
    }

    fn read(folder: &Path) -> Result<Self> {
        let mut schemas = BTreeMap::new();
        for file in files(&folder.join(SCHEMAS))? {
            let Value::Object(found) = file else { bail!("a file of schemas is no object") };
            schemas.extend(found);
        }
        let mut methods = Vec::new();
        for part in METHODS {
            for file in files(&folder.join(part))? {
                let found = file.as_array().cloned().unwrap_or_default();
                methods.extend(found.iter().filter_map(method));
            }
        }
        ensure!(methods.len() > 30 && schemas.len() > 30, "too little is described");
        Ok(Self { methods, names: names(PAGE), schemas })
    }
}

fn method(described: &Value) -> Option<Method> {
    let params = described["params"].as_array().cloned().unwrap_or_default();
    let param = |param: &Value| (param["schema"].clone(), param["required"] == true);
    let name = described["name"].as_str()?.to_owned();
    Some(Method { name, params: params.iter().map(param).collect() })
}

fn files(folder: &Path) -> Result<Vec<Value>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path)?;
        serde_saphyr::from_str(&text).wrap_err_with(|| path.display().to_string())
    };
    paths.iter().map(read).collect()
}

/// What stands in backquotes in the first column of the tables of methods.
fn names(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let quoted = first.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let methods = quoted.filter(|name| name.contains('_') && !name.contains(' '));
    methods.map(str::to_owned).collect()
}

fn folder() -> PathBuf {
    std::env::var_os(FOLDER_VARIABLE).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    )
}

/// The descriptions, or nothing where they are not there.
///
/// # Errors
/// They cannot be read.
pub fn find() -> Result<Option<Descriptions>> {
    let sources = folder().join("execution-apis").join("src");
    sources.is_dir().then(|| Descriptions::read(&sources)).transpose()
}

/// Why there is nothing to ask.
pub fn missing() -> String {
    format!(
        "no folder {}/execution-apis/src. The data comes from github.com/ethereum/execution-apis, \
         folder src; set {FOLDER_VARIABLE} to the folder that holds it",
        folder().display()
    )
}

#[cfg(test)]
mod tests {
    use super::{PAGE, names};

    #[test]
    fn our_page_names_our_methods() {
        let names = names(PAGE);
        for name in ["eth_chainId", "net_version", "heqi_getFinalityProof", "trace_block"] {
            assert!(names.iter().any(|found| found == name), "{name}");
        }
        assert!(names.len() > 80, "{}", names.len());
    }
}
