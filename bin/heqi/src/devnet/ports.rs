//! Which ports a network uses. A range is reserved by a lock file in the system's folder for
//! temporary files until its nodes listen, so that two networks that start at the same time do not
//! choose the same one.

use std::{
    fs::{File, OpenOptions},
    net::TcpListener,
    path::Path,
};

use super::record::rpc_port;
use crate::error::{self, CliError};

/// First choice.
pub const PORT_BASE_DEFAULT: u16 = 8545;
/// From one choice to the next; more than the largest network uses.
const RANGE_STEP: u16 = 200;
/// Choices that are tried.
const RANGES_MAX: u16 = 100;

/// A range that nobody else takes while this value lives.
#[derive(Debug)]
pub struct Reserved {
    /// RPC port of the first node.
    pub base: u16,
    _lock: Option<File>,
}

/// Whether a network of this size fits above `base`.
///
/// # Errors
/// A port would be 0 or above 65535.
pub fn check_range(base: u16, nodes: usize) -> Result<(), CliError> {
    let last = u32::from(base) + 10 * u32::try_from(nodes).unwrap_or(u32::MAX / 16) + 1;
    match base == 0 || last > u32::from(u16::MAX) {
        true => Err(taken(base, "the range must lie between 1 and 65535")),
        false => Ok(()),
    }
}

/// Exactly the range at `base`.
///
/// # Errors
/// A port of it is not free.
pub fn exactly(base: u16, nodes: usize, locks: &Path) -> Result<Reserved, CliError> {
    check_range(base, nodes)?;
    let lock =
        lock(base, locks).ok_or_else(|| taken(base, "another devnet that is starting uses it"))?;
    match first_taken(base, nodes) {
        Some((port, cause)) => Err(taken(port, &cause)),
        None => Ok(Reserved { base, _lock: lock }),
    }
}

/// The range at `wanted`, or the next that is free.
///
/// # Errors
/// None is.
pub fn next_free(wanted: u16, nodes: usize, locks: &Path) -> Result<Reserved, CliError> {
    let first = exactly(wanted, nodes, locks);
    if first.is_ok() {
        return first;
    }
    (0..RANGES_MAX)
        .filter_map(|step| PORT_BASE_DEFAULT.checked_add(RANGE_STEP * step))
        .find_map(|base| exactly(base, nodes, locks).ok())
        .map_or(first, Ok)
}

fn first_taken(base: u16, nodes: usize) -> Option<(u16, String)> {
    (0..nodes)
        .flat_map(|index| [rpc_port(base, index), rpc_port(base, index).saturating_add(1)])
        .find_map(|port| {
            let error = TcpListener::bind(("127.0.0.1", port)).err()?;
            Some((port, error.to_string()))
        })
}

/// `None` where another process holds it; `Some(None)` where no lock file can be had (another
/// user's, no such folder): the ports themselves are tried in any case.
fn lock(base: u16, locks: &Path) -> Option<Option<File>> {
    let path = locks.join(format!("heqi-devnet-{base}.lock"));
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let Ok(file) = opened else { return Some(None) };
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => None,
        _ => Some(Some(file)),
    }
}

fn taken(port: u16, cause: &str) -> CliError {
    CliError::new(error::PORTS, vec![("port", port.to_string()), ("cause", cause.into())])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::language::Language;

    /// A range that was free a moment ago, outside of what other tests use.
    fn free_base(offset: u16) -> u16 {
        (0..40)
            .map(|step| 20_000 + offset + 50 * step)
            .find(|base| first_taken(*base, 4).is_none())
            .unwrap()
    }

    #[test]
    fn a_taken_port_is_named() {
        let locks = tempfile::tempdir().unwrap();
        let base = free_base(0);
        drop(exactly(base, 4, locks.path()).unwrap());
        let port = rpc_port(base, 2) + 1;
        let _holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let error = exactly(base, 4, locks.path()).unwrap_err();
        assert_eq!(error.code().id, "CLI-0003");
        assert!(error.report(Language::En).contains(&format!("port {port} ")));
        let next = next_free(base, 4, locks.path()).unwrap();
        assert_ne!(next.base, base);
    }

    #[test]
    fn two_networks_that_start_together_get_different_ranges() {
        let locks = tempfile::tempdir().unwrap();
        let base = free_base(3_000);
        let first = next_free(base, 4, locks.path()).unwrap();
        let second = next_free(base, 4, locks.path()).unwrap();
        let third = next_free(base, 4, locks.path()).unwrap();
        assert_eq!(first.base, base);
        assert!(second.base != base && third.base != second.base && third.base != base);
        assert!(exactly(base, 4, locks.path()).is_err());
    }

    #[test]
    fn ranges_have_an_end() {
        assert!(check_range(0, 1).is_err());
        assert!(check_range(65_530, 1).is_err());
        assert!(check_range(65_000, 16).is_ok());
        assert!(check_range(65_400, 16).is_err());
    }
}
