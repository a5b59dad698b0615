//! `heqi devnet`: a whole network of real node processes on one machine.
//!
//! Everything lies in one folder: `devnet.json` (what the network is), `genesis.json`, and one
//! folder per organisation with its configuration, key, data and log. Whether a node runs is read
//! from the lock of its data folder, never from a remembered process id. In the foreground the
//! supervising process holds a pipe to every node it started; when it ends, however it ends, the
//! nodes see the end of the pipe and stop.

mod accounts;
mod admin;
mod control;
mod create;
mod join;
mod organisations;
mod ports;
mod process;
mod ready;
mod record;
mod show;
mod supervise;
mod up;

use crate::{Output, arguments::DevnetCommand, error::CliError};

pub use accounts::{Account, accounts};
pub use record::{Devnet, Member};

/// Runs one verb.
///
/// # Errors
/// See the codes in [`crate::error`].
pub fn execute(command: DevnetCommand, output: Output) -> Result<(), CliError> {
    match command {
        DevnetCommand::Up(request) => up::up(&request, output),
        DevnetCommand::Down { place } => control::down(&place.dir, output),
        DevnetCommand::Status { place } => show::status(&Devnet::load(&place.dir)?, output),
        DevnetCommand::Stop { place, org } => control::stop(&place.dir, &org, output),
        DevnetCommand::Start { place, org } => control::start(&place.dir, &org, output),
        DevnetCommand::Join(request) => join::join(&request, output),
        DevnetCommand::Reset { place } => control::reset(&place.dir, output),
        DevnetCommand::Accounts { place } => show::accounts(&Devnet::load(&place.dir)?, output),
        DevnetCommand::Env { place } => show::env(&Devnet::load(&place.dir)?, output),
        DevnetCommand::Logs { place, org, lines } => {
            show::logs(&Devnet::load(&place.dir)?, org.as_deref(), lines)
        }
    }
}
