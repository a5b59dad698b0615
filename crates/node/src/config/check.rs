//! Bounds of the values, and what must fit together.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Config, History, Peer};

/// Longest name of an organisation, bytes.
const ORGANISATION_BYTES_MAX: usize = 128;
/// Longest list of hosts or origins, entries.
const LIST_ENTRIES_MAX: usize = 64;
/// Longest entry of such a list, bytes.
const LIST_ENTRY_BYTES_MAX: usize = 512;
const MIB: usize = 1024 * 1024;

/// The first value that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Path of the key.
    pub(super) key: &'static str,
    /// What is wrong, as the rest of a sentence that starts with the key.
    pub(super) cause: String,
}

impl Config {
    /// Whether the file must have the key.
    pub(super) fn is_required(&self, key: &str) -> bool {
        key == "organisation"
    }

    pub(super) fn first_mistake(&self) -> Option<Mistake> {
        self.check_names()
            .and_then(|()| self.check_numbers())
            .and_then(|()| self.check_peers())
            .err()
    }

    fn check_names(&self) -> Result<(), Mistake> {
        let length = self.organisation.trim().len();
        if length == 0 {
            return mistake("organisation", "is missing: it names who runs this node".into());
        }
        if length > ORGANISATION_BYTES_MAX || self.organisation.chars().any(char::is_control) {
            let cause = format!("must be 1 to {ORGANISATION_BYTES_MAX} bytes of printable text");
            return mistake("organisation", cause);
        }
        for (key, path) in [
            ("data_dir", &self.data_dir),
            ("genesis_file", &self.genesis_file),
            ("node_key_file", &self.node_key_file),
        ] {
            if path.as_os_str().is_empty() {
                return mistake(key, "is empty".into());
            }
        }
        check_list("rpc.allowed_hosts", &self.rpc.allowed_hosts)?;
        check_list("rpc.cors_origins", &self.rpc.cors_origins)?;
        check_compilers(&self.verification.solc)?;
        match crate::logs::check_level(&self.log.level) {
            Ok(()) => Ok(()),
            Err(cause) => mistake("log.level", cause),
        }
    }

    fn check_numbers(&self) -> Result<(), Mistake> {
        if let History::Blocks(blocks) = self.history_blocks {
            range_u64("history_blocks", blocks, 1, 1_000_000_000)?;
        }
        if let Some(blocks) = self.retained_blocks.blocks() {
            range_u64("retained_blocks", blocks, 1_000, 1_000_000_000)?;
        }
        range("rpc.connections_max", self.rpc.connections_max, 1, 65_536)?;
        range("rpc.requests_max", self.rpc.requests_max, 1, 65_536)?;
        range("rpc.websockets_max", self.rpc.websockets_max, 0, 65_536)?;
        let weight = u64::from(self.rpc.caller_weight_per_second);
        range_u64("rpc.caller_weight_per_second", weight, 0, 1_000_000)?;
        range("rpc.simulations_max", self.rpc.simulations_max, 1, 256)?;
        range_u64("rpc.call_gas_max", self.rpc.call_gas_max, 100_000, 10_000_000_000)?;
        range_u64("rpc.logs_blocks_max", self.rpc.logs_blocks_max, 1, 1_000_000_000)?;
        range("rpc.logs_results_max", self.rpc.logs_results_max, 1, 1_000_000)?;
        range_u64("rpc.request_timeout_ms", self.rpc.request_timeout_ms, 100, 600_000)?;
        range("pool.transactions_max", self.pool.transactions_max, 1_000, 1_000_000)?;
        range("pool.bytes_max", self.pool.bytes_max, MIB, 4096 * MIB)?;
        range("pool.lane_transactions_max", self.pool.lane_transactions_max, 16, 100_000)?;
        range_u64("pool.nonce_gap_max", self.pool.nonce_gap_max, 0, 100_000)?;
        range("runtime.consensus_threads", self.runtime.consensus_threads, 0, 256)?;
        range("runtime.rpc_threads", self.runtime.rpc_threads, 0, 256)?;
        range("runtime.worker_threads", self.runtime.worker_threads, 0, 256)?;
        range("runtime.cache_bytes", self.runtime.cache_bytes, 4 * MIB, 65_536 * MIB)?;
        self.check_storage()?;
        if self.p2p.listen.port() == 0 {
            return mistake("p2p.listen", "has port 0: the peers need a fixed one".into());
        }
        match self.p2p.listen == self.rpc.listen {
            true => mistake("p2p.listen", "is the same address as `rpc.listen`".into()),
            false => Ok(()),
        }
    }

    fn check_storage(&self) -> Result<(), Mistake> {
        const BYTES: u64 = MIB as u64;
        let (warning, reserve) = (self.storage.disk_warning_bytes, self.storage.disk_reserve_bytes);
        range_u64("storage.disk_reserve_bytes", reserve, 32 * BYTES, 512 * 1024 * BYTES)?;
        range_u64("storage.disk_warning_bytes", warning, 64 * BYTES, 1024 * 1024 * BYTES)?;
        match warning / 2 < reserve {
            true => {
                let cause = format!("is {warning}, less than twice storage.disk_reserve_bytes");
                mistake("storage.disk_warning_bytes", cause)
            }
            false => Ok(()),
        }
    }

    fn check_peers(&self) -> Result<(), Mistake> {
        let peers_max = types::limits::PEERS_MAX;
        if self.p2p.peers.len() > peers_max {
            let cause = format!("has {} entries, allowed are {peers_max}", self.p2p.peers.len());
            return mistake("p2p.peers", cause);
        }
        let mut keys = BTreeSet::new();
        match self.p2p.peers.iter().find(|peer| !keys.insert(peer.key)) {
            Some(Peer { key, organisation, .. }) => {
                mistake("p2p.peers", format!("has key {key} ({organisation}) twice"))
            }
            None => Ok(()),
        }
    }
}

fn check_list(key: &'static str, entries: &[String]) -> Result<(), Mistake> {
    if entries.len() > LIST_ENTRIES_MAX {
        return mistake(key, format!("has more than {LIST_ENTRIES_MAX} entries"));
    }
    let wrong = |entry: &&String| {
        entry.is_empty()
            || entry.len() > LIST_ENTRY_BYTES_MAX
            || !entry.chars().all(|c| c.is_ascii_graphic())
    };
    match entries.iter().find(wrong) {
        Some(entry) => {
            mistake(key, format!("has an entry that is no host or origin: `{entry:.80}`"))
        }
        None => Ok(()),
    }
}

fn check_compilers(paths: &[PathBuf]) -> Result<(), Mistake> {
    const MAX: usize = verification::limits::COMPILERS_MAX;
    if paths.len() > MAX {
        return mistake("verification.solc", format!("has more than {MAX} entries"));
    }
    match paths.iter().any(|path| path.as_os_str().is_empty()) {
        true => mistake("verification.solc", "has an empty path".into()),
        false => Ok(()),
    }
}

fn range(key: &'static str, value: usize, low: usize, high: usize) -> Result<(), Mistake> {
    range_u64(key, value as u64, low as u64, high as u64)
}

fn range_u64(key: &'static str, value: u64, low: u64, high: u64) -> Result<(), Mistake> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => mistake(key, format!("is {value}, allowed are {low} to {high}")),
    }
}

fn mistake(key: &'static str, cause: String) -> Result<(), Mistake> {
    Err(Mistake { key, cause })
}
