//! Options of `heqi dev`, named as in anvil.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, ValueEnum};

/// What `heqi dev` is asked for.
#[derive(Clone, Debug, Args)]
pub struct DevRequest {
    /// Development accounts.
    #[arg(short, long, default_value_t = 10)]
    pub accounts: usize,
    /// Phrase that the accounts' keys are derived from (default: the public one of all development
    /// nodes, test test … junk).
    #[arg(short, long)]
    pub mnemonic: Option<String>,
    /// Ether of each account.
    #[arg(long, default_value_t = 10_000)]
    pub balance: u64,
    /// Seconds between blocks (default: a block with each transaction).
    #[arg(short, long, conflicts_with = "no_mining")]
    pub block_time: Option<f64>,
    /// Make blocks only when asked to (evm_mine).
    #[arg(long)]
    pub no_mining: bool,
    /// Revision of the EVM.
    #[arg(long, value_enum, default_value_t = HardFork::Prague)]
    pub hardfork: HardFork,
    /// Let contracts of any size be deployed.
    #[arg(long)]
    pub disable_code_size_limit: bool,
    /// Wei per gas; 0 charges nothing, as networks in free mode.
    #[arg(long, alias = "block-base-fee-per-gas", default_value_t = 0)]
    pub base_fee: u64,
    /// Gas of a block.
    #[arg(long)]
    pub gas_limit: Option<u64>,
    /// EIP-155 chain id.
    #[arg(long, default_value_t = 31_337)]
    pub chain_id: u64,
    /// What blocks commit to: mpt for Ethereum's state trie, so that eth_getProof answers.
    #[arg(long, value_enum, default_value_t = StateForm::Plain)]
    pub state: StateForm,
    /// File with the accounts to begin with, written when the ledger stops.
    #[arg(long)]
    pub state_file: Option<PathBuf>,
    /// Time of block 0, seconds since the Unix epoch (default: now).
    #[arg(long)]
    pub timestamp: Option<u64>,
    /// Leave out what block 1 deploys for Ethereum's tools (CREATE2 deployer, Multicall3 and others).
    #[arg(long)]
    pub no_predeploys: bool,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 for any that is free.
    #[arg(short, long, default_value_t = 8545)]
    pub port: u16,
    /// Print nothing but errors.
    #[arg(long)]
    pub silent: bool,
}

/// Revision of the EVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HardFork {
    /// As on Heqi's ledgers.
    Prague,
    /// What comes after it.
    Osaka,
}

/// What blocks commit to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateForm {
    /// A hash over all changes, quick to make; nothing can be proved by it.
    Plain,
    /// Ethereum's Merkle Patricia trie.
    Mpt,
}
