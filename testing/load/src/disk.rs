//! Disk of a node by store.

use std::{collections::BTreeMap, fs, path::Path};

use crate::process::disk_bytes;

/// Allocated bytes by store.
pub type Stores = BTreeMap<String, u64>;

/// Every byte of a node: what lies in its data folder, and the log beside it.
///
/// A ledger's `chain` is the chain store; in `consensus` the databases of the state are told from the
/// journals and archives of the agreement by their names.
pub fn stores(data: &Path) -> Stores {
    let mut stores = Stores::new();
    for ledger in entries(&data.join("ledgers")) {
        for (name, path) in entries(&ledger.1) {
            if name != "consensus" {
                *stores.entry(name).or_default() += size(&path);
                continue;
            }
            for (part, path) in entries(&path) {
                let store = if part.contains("state") { "state" } else { "consensus" };
                *stores.entry(store.to_owned()).or_default() += size(&path);
            }
        }
    }
    for (name, path) in data.parent().map(entries).unwrap_or_default() {
        if name.contains(".log") {
            *stores.entry("log".to_owned()).or_default() += size(&path);
        }
    }
    let known: u64 = stores.iter().filter(|(name, _)| *name != "log").map(|(_, bytes)| bytes).sum();
    stores.insert("other".to_owned(), disk_bytes(data).saturating_sub(known));
    stores
}

/// Mean growth per node, store by store, of the nodes whose folders are known.
pub fn growth_per_node(
    before: &[Option<Stores>],
    after: &[Option<Stores>],
) -> BTreeMap<String, f64> {
    let pairs: Vec<(&Stores, &Stores)> = before
        .iter()
        .zip(after)
        .filter_map(|(before, after)| Some((before.as_ref()?, after.as_ref()?)))
        .collect();
    let mut growth = BTreeMap::new();
    for (before, after) in &pairs {
        for (store, bytes) in *after {
            let from = before.get(store).copied().unwrap_or(0);
            *growth.entry(store.clone()).or_default() +=
                (*bytes as f64 - from as f64) / pairs.len() as f64;
        }
    }
    growth
}

fn entries(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}

fn size(path: &Path) -> u64 {
    if path.is_dir() { disk_bytes(path) } else { crate::process::file_bytes(path) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, path::Path};

    use super::{growth_per_node, stores};

    fn write(path: &Path, bytes: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![1; bytes]).unwrap();
    }

    #[test]
    fn each_file_belongs_to_one_store() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let ledger = data.join("ledgers/0");
        write(&ledger.join("chain/0.jnl"), 8_192);
        write(&ledger.join("consensus/ledger-state-storage-log-blobs/0"), 20_000);
        write(&ledger.join("consensus/ledger-votes-0/1"), 40_000);
        write(&ledger.join("snapshots/a"), 4_096);
        write(&folder.path().join("node.log"), 12_000);
        write(&data.join("network.json"), 10);
        let found = stores(&data);
        let at_least = [
            ("chain", 8_192),
            ("state", 20_000),
            ("consensus", 40_000),
            ("snapshots", 4_096),
            ("log", 12_000),
            ("other", 10),
        ];
        assert_eq!(found.len(), at_least.len());
        for (store, bytes) in at_least {
            assert!(found[store] >= bytes && found[store] < bytes + 40_000, "{store}: {found:?}");
        }
    }

    #[test]
    fn growth_is_the_mean_of_the_nodes_that_are_known() {
        let of = |bytes: u64| Some([("chain".to_owned(), bytes)].into());
        let growth = growth_per_node(&[of(10), None, of(30)], &[of(20), of(99), of(60)]);
        assert_eq!(growth["chain"], 20.0);
        assert!(growth_per_node(&[None], &[None]).is_empty());
    }
}
