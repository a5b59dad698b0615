//! At which height something came about, found by bisection over old states.

use alloy_primitives::Address;

use state::AccountRecord;

use super::state::account;
use crate::{
    error::{RpcError, code},
    view::View,
};

/// The lowest block after which `holds` is true of an account, if it holds at the head. What once
/// holds must hold for ever. A pruned state that would be needed is an error.
pub async fn first(
    view: &View,
    address: Address,
    holds: impl Fn(&AccountRecord) -> bool,
) -> Result<Option<u64>, RpcError> {
    let head = view.head().number;
    if !holds(&account(view, head, address).await?) {
        return Ok(None);
    }
    let (mut low, mut high) = (0, head);
    let mut pruned = None;
    // `holds` is false after `low` (or nothing is known of it) and true after `high`.
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        match account(view, middle, address).await {
            Ok(record) if holds(&record) => high = middle,
            Ok(_) => (low, pruned) = (middle, None),
            Err(error) if error.code == code::PRUNED => (low, pruned) = (middle, Some(error)),
            Err(error) => return Err(error),
        }
    }
    match pruned {
        Some(error) => Err(error),
        None => Ok(Some(high)),
    }
}
