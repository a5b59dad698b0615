//! Transfers signed before the clock starts.

use std::thread;

use alloy_primitives::Address;
use eyre::{Result, eyre};

use crate::{
    accounts::{Account, Signed},
    random::Random,
    token::Token,
};

/// One signed transfer.
pub struct Transfer {
    /// Ready to be sent.
    pub signed: Signed,
    /// Index of the sender.
    pub from: usize,
    /// Index of the recipient.
    pub to: usize,
    /// Index of the node it is sent to: an account always uses the same one.
    pub node: usize,
}

/// Signs `count` transfers, the senders in turn, on all processors.
///
/// # Errors
/// See [`Account::sign`].
pub fn sign(
    token: &Token,
    accounts: &[Account],
    first_nonces: &[u64],
    nodes: usize,
    count: usize,
    seed: u64,
) -> Result<Vec<Transfer>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = count.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .step_by(part)
            .map(|start| {
                scope.spawn(move || {
                    (start..(start + part).min(count))
                        .map(|index| one(token, accounts, first_nonces, nodes, index, seed))
                        .collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for worker in workers {
            all.extend(worker.join().map_err(|_| eyre!("a signing thread failed"))??);
        }
        Ok(all)
    })
}

fn one(
    token: &Token,
    accounts: &[Account],
    first_nonces: &[u64],
    nodes: usize,
    index: usize,
    seed: u64,
) -> Result<Transfer> {
    let from = index % accounts.len();
    let to = Random::new(seed ^ index as u64).below(accounts.len() as u64) as usize;
    let nonce = first_nonces[from] + (index / accounts.len()) as u64;
    let recipient: Address = accounts[to].address;
    let signed = token.transfer(&accounts[from], nonce, recipient)?;
    Ok(Transfer { signed, from, to, node: from % nodes })
}
