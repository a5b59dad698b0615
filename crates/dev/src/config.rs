//! Settings of a development ledger. The defaults are what people know from other development
//! nodes, and free fees, as Heqi's ledgers have them.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256, keccak256};
use crypto::{NodeKey, Secret};
use execution::SpecId;
use ledger_api::Mining;
use types::{AllocatedAccount, FeeMode, Genesis, GenesisValidator, Parameters, Profile};

use crate::{
    accounts::{DEFAULT_MNEMONIC, DevAccount, derive},
    clock::machine_time_s,
    error::DevError,
};

/// Chain id that tools expect of a development node.
pub const CHAIN_ID_DEFAULT: u64 = 31_337;
/// Accounts unless told otherwise.
pub const ACCOUNTS_DEFAULT: usize = 10;
/// Ether of each account unless told otherwise.
pub const BALANCE_ETHER_DEFAULT: u64 = 10_000;

/// What the `stateRoot` of blocks is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateBackEnd {
    /// A hash over all changes so far: nothing can be proved by it, as little as a node's answers
    /// to `eth_getProof`.
    #[default]
    Plain,
    /// Root of Ethereum's Merkle Patricia trie: `eth_getProof` answers.
    MerklePatricia,
}

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevConfig {
    /// EIP-155 chain id. Default 31337.
    pub chain_id: u64,
    /// Development accounts. Default 10.
    pub accounts: usize,
    /// Phrase that their keys are derived from.
    pub mnemonic: String,
    /// Wei of each account. Default 10,000 ether.
    pub balance_wei: U256,
    /// When blocks are made. Default: with each transaction.
    pub mining: Mining,
    /// Revision of the EVM. Default Prague, as on Heqi's ledgers.
    pub spec: SpecId,
    /// Whether code of any size can be deployed. Default false.
    pub code_size_unlimited: bool,
    /// Wei per gas; 0, the default, is free mode: nothing is charged, whatever is offered.
    pub base_fee_wei: u64,
    /// Gas of a block. Default 60,000,000.
    pub gas_limit: u64,
    /// What blocks commit to.
    pub state: StateBackEnd,
    /// Whether block 1 deploys what Ethereum's tools expect. Default true.
    pub predeploys: bool,
    /// Time of block 0, seconds since the Unix epoch; the machine's time where it is `None`.
    pub genesis_time_s: Option<u64>,
}

impl Default for DevConfig {
    fn default() -> Self {
        Self {
            chain_id: CHAIN_ID_DEFAULT,
            accounts: ACCOUNTS_DEFAULT,
            mnemonic: DEFAULT_MNEMONIC.to_owned(),
            balance_wei: ether(BALANCE_ETHER_DEFAULT),
            mining: Mining::Instant,
            spec: SpecId::PRAGUE,
            code_size_unlimited: false,
            base_fee_wei: 0,
            gas_limit: Parameters::default().block_gas_limit,
            state: StateBackEnd::Plain,
            predeploys: true,
            genesis_time_s: None,
        }
    }
}

/// Ether in wei.
pub fn ether(count: u64) -> U256 {
    U256::from(count) * U256::from(10u64).pow(U256::from(18u64))
}

impl DevConfig {
    /// The accounts with their keys.
    ///
    /// # Errors
    /// The phrase has none, or there are too many.
    pub fn derive_accounts(&self) -> Result<Vec<DevAccount>, DevError> {
        derive(&self.mnemonic, self.accounts).map_err(|error| DevError::Option(error.to_string()))
    }

    /// The genesis file of a ledger with these accounts. Its validator has a key that everybody
    /// knows and that signs nothing.
    pub(crate) fn genesis(&self, accounts: &[DevAccount]) -> Result<Genesis, DevError> {
        let held = |account: &DevAccount| {
            let balance = self.balance_wei;
            (account.address, AllocatedAccount { balance, ..AllocatedAccount::default() })
        };
        // The machine's clock has passed this second when block 1 comes.
        let time_s = self.genesis_time_s.unwrap_or_else(|| machine_time_s().saturating_sub(1));
        let allocation: BTreeMap<Address, AllocatedAccount> = match self.balance_wei.is_zero() {
            true => BTreeMap::new(),
            false => accounts.iter().map(held).collect(),
        };
        let key = NodeKey::from_secret(Secret::new(keccak256("heqi dev validator").0));
        let genesis = Genesis {
            format: 1,
            chain_id: self.chain_id,
            ledger_id: 0,
            profile: Profile::Dev,
            time_ms: time_s.saturating_mul(1_000),
            parameters: Parameters {
                block_gas_limit: self.gas_limit,
                fee_mode: if self.base_fee_wei == 0 { FeeMode::Free } else { FeeMode::Metered },
                base_fee_wei: self.base_fee_wei,
                ..Parameters::default()
            },
            validators: vec![GenesisValidator {
                organisation: "development".to_owned(),
                key: key.public(),
            }],
            observers: Vec::new(),
            validator_admin: accounts.first().map(|account| account.address).unwrap_or_default(),
            predeploys: self.predeploys,
            allocation,
        };
        genesis.check()?;
        Ok(genesis)
    }
}
