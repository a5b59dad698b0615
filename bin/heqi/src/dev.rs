//! `heqi dev`: a development ledger of one process, with the options of other development nodes.

mod arguments;
mod serve;
mod show;
mod state_file;

use std::{fs, sync::Arc};

use ::dev::{DevConfig, DevLedger, StateBackEnd, Ticker};
use alloy_primitives::U256;
use ledger_api::Mining;

use crate::{
    Output,
    error::{self, CliError},
};

pub use arguments::DevRequest;
use arguments::{HardFork, StateForm};

/// Runs a development ledger until Ctrl-C.
///
/// # Errors
/// Options that make no ledger, a port that is not free, a state file that cannot be used.
pub fn run(request: &DevRequest, output: Output) -> Result<(), CliError> {
    if let Some(file) = &request.state_file {
        state_file::refuse_node_folders(file)?;
    }
    let ledger = DevLedger::start(configuration(request)?).map_err(|error| refused(&error))?;
    if let Some(file) = &request.state_file {
        state_file::load(file, &ledger)?;
    }
    let _ticker = Ticker::start(Arc::clone(&ledger))
        .map_err(|error| CliError::new(error::PROCESS, vec![("cause", error.to_string())]))?;
    serve::until_stopped(request, &ledger, output)?;
    match &request.state_file {
        Some(file) => state_file::write(file, &ledger),
        None => Ok(()),
    }
}

fn configuration(request: &DevRequest) -> Result<DevConfig, CliError> {
    let mining = match (request.no_mining, request.block_time) {
        (true, _) => Mining::OnDemand,
        (false, Some(seconds)) => Mining::Interval(milliseconds(seconds)?),
        (false, None) => Mining::Instant,
    };
    let defaults = DevConfig::default();
    Ok(DevConfig {
        chain_id: request.chain_id,
        accounts: request.accounts,
        mnemonic: request.mnemonic.clone().unwrap_or(defaults.mnemonic),
        balance_wei: wei(request.balance),
        mining,
        spec: match request.hardfork {
            HardFork::Prague => execution::SpecId::PRAGUE,
            HardFork::Osaka => execution::SpecId::OSAKA,
        },
        code_size_unlimited: request.disable_code_size_limit,
        base_fee_wei: request.base_fee,
        gas_limit: request.gas_limit.unwrap_or(defaults.gas_limit),
        state: match request.state {
            StateForm::Plain => StateBackEnd::Plain,
            StateForm::Mpt => StateBackEnd::MerklePatricia,
        },
        predeploys: !request.no_predeploys,
        genesis_time_s: request.timestamp,
    })
}

/// Ether in wei; more than there can be becomes the largest number.
fn wei(ether: u64) -> U256 {
    U256::from(ether).saturating_mul(U256::from(10u64).pow(U256::from(18u64)))
}

/// Whole milliseconds of an interval in seconds.
fn milliseconds(seconds: f64) -> Result<u64, CliError> {
    const SECONDS_MAX: f64 = 86_400.0;
    if (0.01..=SECONDS_MAX).contains(&seconds) {
        return Ok((seconds * 1_000.0) as u64);
    }
    let cause = format!("--block-time {seconds} is not between 0.01 and {SECONDS_MAX} seconds");
    Err(option(cause))
}

fn option(cause: String) -> CliError {
    CliError::new(error::DEV_OPTION, vec![("cause", cause)])
}

fn refused(error: &::dev::DevError) -> CliError {
    option(error.to_string())
}

/// Writes a file that holds all of its content or what it held before.
fn write_whole(path: &std::path::Path, content: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("part");
    fs::write(&beside, content)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_seconds_with_fractions() {
        assert_eq!(milliseconds(1.5).unwrap(), 1_500);
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(milliseconds(wrong).is_err(), "{wrong}");
        }
    }
}
