//! The number of files that the process may hold open: clients' connections must never take the
//! ones that the stores need, because a store that cannot open a file ends the node.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::NodeError;

/// Open files kept for stores, peers and the runtime.
pub const RESERVED: usize = 512;
/// Fewest RPC connections that are worth starting for.
const CONNECTIONS_MIN: usize = 16;

/// Raises the soft limit as far as the system lets this user, and answers how many RPC connections
/// fit below it, at most `connections_max`.
///
/// # Errors
/// The limit leaves no room for connections beside the stores.
pub fn reserve(connections_max: usize) -> Result<usize, NodeError> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Refused at most where it changes nothing; what holds is read again.
    let _ = setrlimit(Resource::Nofile, raised);
    let allowed = getrlimit(Resource::Nofile).current;
    let connections = connections_below(allowed, connections_max)?;
    if connections < connections_max {
        tracing::warn!(
            open_files_max = allowed,
            connections_max = connections,
            next = "raise the limit of open files of the service (LimitNOFILE, ulimit -n) or lower rpc.connections_max",
            "fewer RPC connections than configured: the limit of open files is too low"
        );
    }
    Ok(connections)
}

/// `allowed` is `None` where there is no limit.
fn connections_below(allowed: Option<u64>, connections_max: usize) -> Result<usize, NodeError> {
    let Some(allowed) = allowed else { return Ok(connections_max) };
    let files = usize::try_from(allowed).unwrap_or(usize::MAX);
    let room = files.saturating_sub(RESERVED);
    if room < CONNECTIONS_MIN {
        return Err(NodeError::SystemResource {
            action: "keep enough files open",
            cause: format!(
                "the limit of open files is {files}, at least {} are needed",
                RESERVED + CONNECTIONS_MIN
            ),
        });
    }
    Ok(room.min(connections_max))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stores_come_before_connections() {
        assert_eq!(connections_below(None, 2_048).unwrap(), 2_048);
        assert_eq!(connections_below(Some(20_000), 2_048).unwrap(), 2_048);
        assert_eq!(connections_below(Some(1_024), 2_048).unwrap(), 512);
        let error = connections_below(Some(256), 2_048).unwrap_err();
        assert_eq!(error.code().id, "NOD-0020");
        assert!(error.to_string().contains("at least 528"), "{error}");
    }
}
