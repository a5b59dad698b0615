//! Contracts that Ethereum's tools expect at their well-known addresses, deployed in block 1 by
//! running their real init code from their real creators, so that addresses and code match.

use alloy_primitives::{Address, B256, Bytes, address};
use serde::Deserialize;

/// The CREATE2 deployer that `forge script` and the other predeploys rely on.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

const MANIFEST: &str = include_str!("../predeploys/manifest.json");

/// Init codes in hexadecimal, by the file name that the manifest gives.
const INIT_CODES: [(&str, &str); 6] = [
    (
        "deterministic-deployment-proxy.init.txt",
        include_str!("../predeploys/deterministic-deployment-proxy.init.txt"),
    ),
    ("multicall3.init.txt", include_str!("../predeploys/multicall3.init.txt")),
    ("createx.init.txt", include_str!("../predeploys/createx.init.txt")),
    (
        "safe-singleton-factory.init.txt",
        include_str!("../predeploys/safe-singleton-factory.init.txt"),
    ),
    ("entrypoint-0.7.init.txt", include_str!("../predeploys/entrypoint-0.7.init.txt")),
    ("entrypoint-0.8.init.txt", include_str!("../predeploys/entrypoint-0.8.init.txt")),
];

/// One contract to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predeploy {
    /// Short name.
    pub name: String,
    /// Where it must end up.
    pub address: Address,
    /// keccak256 of the code it must end up with; `None` where that depends on the chain id.
    pub runtime_code_hash: Option<B256>,
    /// Code that creates it.
    pub init_code: Bytes,
    /// How it is created.
    pub creation: Creation,
}

/// How a predeploy is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// By the first transaction of an account that nobody holds the key of.
    Keyless {
        /// The account.
        from: Address,
    },
    /// By [`CREATE2_DEPLOYER`].
    Create2 {
        /// Salt.
        salt: B256,
    },
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    address: Address,
    kind: Kind,
    from: Option<Address>,
    salt: Option<B256>,
    init_code_file: String,
    runtime_code_hash: B256,
    #[serde(default)]
    runtime_code_depends_on_chain_id: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Keyless,
    Create2,
}

/// The predeploys in the order in which they are deployed, or what is wrong with the files that
/// this release was built with.
pub fn predeploys() -> Result<Vec<Predeploy>, String> {
    let entries: Vec<Entry> =
        serde_json::from_str(MANIFEST).map_err(|error| format!("predeploy manifest: {error}"))?;
    entries.into_iter().map(predeploy).collect()
}

fn predeploy(entry: Entry) -> Result<Predeploy, String> {
    let name = entry.name;
    let text = INIT_CODES
        .iter()
        .find(|(file, _)| *file == entry.init_code_file)
        .map(|(_, text)| text.trim())
        .ok_or_else(|| format!("predeploy {name}: no file {}", entry.init_code_file))?;
    let init_code: Bytes =
        text.parse().map_err(|error| format!("predeploy {name}: init code: {error}"))?;
    let creation = match (entry.kind, entry.from, entry.salt) {
        (Kind::Keyless, Some(from), _) => Creation::Keyless { from },
        (Kind::Create2, _, Some(salt)) => Creation::Create2 { salt },
        _ => return Err(format!("predeploy {name}: neither creator nor salt")),
    };
    Ok(Predeploy {
        address: entry.address,
        runtime_code_hash: (!entry.runtime_code_depends_on_chain_id)
            .then_some(entry.runtime_code_hash),
        init_code,
        creation,
        name,
    })
}
