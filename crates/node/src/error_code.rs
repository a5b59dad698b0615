//! The one table of the node's error codes. A code never changes its meaning and is never reused;
//! `docs/en/errors.md` and `docs/zh/errors.md` explain each with cause, check and fix.

/// A stable code that users, logs and documents share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// As printed, for example `NOD-0001`.
    pub id: &'static str,
    /// What it stands for, in a few words.
    pub summary: &'static str,
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $summary:literal;)*) => {
        $($(#[$doc])* pub const $name: ErrorCode = ErrorCode { id: $id, summary: $summary };)*
        /// Every code of this crate, in order.
        pub const ALL: &[ErrorCode] = &[$($name),*];
    };
}

codes! {
    /// The configuration file could not be read.
    CONFIG_UNREADABLE = "NOD-0001", "configuration file cannot be read";
    /// The configuration file is not TOML.
    CONFIG_SYNTAX = "NOD-0002", "configuration file is not valid TOML";
    /// A key that no release knows.
    CONFIG_UNKNOWN_KEY = "NOD-0003", "unknown configuration key";
    /// A value of the wrong type, or a required one is missing.
    CONFIG_TYPE = "NOD-0004", "configuration value missing or of the wrong type";
    /// A value outside of what is allowed.
    CONFIG_RANGE = "NOD-0005", "configuration value out of range";
    /// The genesis file is missing or wrong.
    GENESIS_FILE = "NOD-0006", "genesis file missing or invalid";
    /// The node key file is missing or wrong.
    NODE_KEY = "NOD-0007", "node key file missing or invalid";
    /// Others may read the node key file.
    NODE_KEY_PERMISSIONS = "NOD-0008", "node key file readable by others";
    /// Another process uses the data folder.
    DATA_FOLDER_IN_USE = "NOD-0009", "data folder in use by another process";
    /// The data folder holds another network's data.
    DATA_FOLDER_OTHER_NETWORK = "NOD-0010", "data folder belongs to another network";
    /// The data folder cannot be created, read or written.
    DATA_FOLDER_UNUSABLE = "NOD-0011", "data folder cannot be used";
    /// No space left.
    DISK_FULL = "NOD-0012", "disk full";
    /// The RPC address cannot be bound.
    RPC_ADDRESS = "NOD-0013", "RPC address cannot be bound";
    /// The p2p address cannot be bound.
    P2P_ADDRESS = "NOD-0014", "p2p address cannot be bound";
    /// The ledger did not start.
    LEDGER_START = "NOD-0015", "ledger could not start";
    /// The ledger ended without being asked.
    LEDGER_ENDED = "NOD-0016", "ledger ended unexpectedly";
    /// Stopping took too long and was cut off.
    STOP_TIMEOUT = "NOD-0017", "graceful stop took too long";
    /// A defect: the process ended rather than run on in an unknown state.
    INTERNAL = "NOD-0018", "internal error";
    /// The data folder was written by a later release.
    DATA_FOLDER_NEWER = "NOD-0019", "data folder written by a later release";
    /// The system refused a resource that the node needs.
    SYSTEM_RESOURCE = "NOD-0020", "system resource refused";
    /// None of the configured peers is connected.
    NO_PEER = "NOD-0021", "no peer accepts this node";
    /// A validator is not connected.
    VALIDATOR_MISSING = "NOD-0022", "validator not connected";
    /// A peer's host name cannot be resolved.
    PEER_NAME = "NOD-0023", "name of a peer cannot be resolved";
    /// Free space fell below the reserve; the node stopped before the disk was full.
    DISK_RESERVE = "NOD-0024", "stopped before the disk is full";
    /// Free space is below the warning.
    DISK_LOW = "NOD-0025", "disk space low";
    /// This node's clock differs from those of the other validators.
    CLOCK_OFFSET = "NOD-0026", "clock differs from the others";
    /// Executing a final block gave something else than the other validators certified.
    DIVERGED = "NOD-0027", "state differs from the network's";
    /// The next block is under a feature of the protocol that this release does not know.
    UNKNOWN_ACTIVATION = "NOD-0028", "protocol feature not known to this release";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_up_without_gaps() {
        for (index, code) in ALL.iter().enumerate() {
            assert_eq!(code.id, format!("NOD-{:04}", index + 1));
            assert!(!code.summary.is_empty());
        }
    }

    #[test]
    fn each_code_has_its_entry_in_both_languages() {
        for (path, words) in [
            ("../../docs/en/errors.md", ["Cause", "Check", "Fix"]),
            ("../../docs/zh/errors.md", ["原因", "检查", "处理"]),
        ] {
            let text = std::fs::read_to_string(path).expect(path);
            for code in ALL {
                let entry = entry(&text, code.id).unwrap_or_else(|| panic!("{path}: {code}"));
                for word in words {
                    assert!(entry.contains(&format!("**{word}**")), "{path}: {code}: no {word}");
                }
            }
        }
    }

    fn entry<'a>(text: &'a str, id: &str) -> Option<&'a str> {
        let start = text.find(&format!("\n### {id} "))? + 1;
        let length = text[start + 3..].find("\n#").unwrap_or(text.len() - start - 3);
        Some(&text[start..start + 3 + length])
    }
}
