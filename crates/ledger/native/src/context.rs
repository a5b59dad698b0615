//! Everything that a native contract can see and do.

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, keccak256};
use alloy_sol_types::{SolError, SolEvent};

use crate::{Host, HostError, gas};

/// The call being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallContext {
    /// Who called: an account, a contract, or the system address.
    pub caller: Address,
    /// The native contract's own address.
    pub target: Address,
    /// Whether the call may change nothing.
    pub is_static: bool,
    /// Gas that may be used.
    pub gas_limit: u64,
}

/// The block being executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockContext {
    /// Height.
    pub number: u64,
    /// Block time, seconds since the Unix epoch.
    pub timestamp: u64,
    /// EIP-155 chain id.
    pub chain_id: u64,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Reverted with this data, a Solidity error; unused gas returns to the caller.
    Revert(Bytes),
    /// Ran out of gas.
    OutOfGas,
    /// A change during a static call; as in the EVM it uses up all gas.
    StaticViolation,
    /// A value is missing at the host; the call will be repeated.
    Host,
}

impl Failure {
    /// Reverts with a typed Solidity error.
    pub fn revert(error: impl SolError) -> Self {
        Self::Revert(error.abi_encode().into())
    }

    /// Reverts as Solidity's `require(false, reason)` does.
    pub fn reason(reason: &str) -> Self {
        Self::revert(alloy_sol_types::Revert::from(reason))
    }
}

impl From<HostError> for Failure {
    fn from(_: HostError) -> Self {
        Self::Host
    }
}

/// Call, block and storage, each access charged.
pub struct Context<'a> {
    call: CallContext,
    block: BlockContext,
    gas_remaining: u64,
    host: &'a mut dyn Host,
}

impl<'a> Context<'a> {
    /// Begins a call.
    pub fn new(call: CallContext, block: BlockContext, host: &'a mut dyn Host) -> Self {
        Self { gas_remaining: call.gas_limit, call, block, host }
    }

    /// The call being served.
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    /// The block being executed.
    pub fn block(&self) -> &BlockContext {
        &self.block
    }

    /// Gas not used yet.
    pub fn gas_remaining(&self) -> u64 {
        self.gas_remaining
    }

    /// Uses gas.
    pub fn charge(&mut self, amount: u64) -> Result<(), Failure> {
        match self.gas_remaining.checked_sub(amount) {
            Some(rest) => {
                self.gas_remaining = rest;
                Ok(())
            }
            None => {
                self.gas_remaining = 0;
                Err(Failure::OutOfGas)
            }
        }
    }

    /// Reads one of the contract's slots.
    pub fn load(&mut self, slot: U256) -> Result<U256, Failure> {
        self.charge(gas::READ_WARM)?;
        let loaded = self.host.load(self.call.target, slot)?;
        if loaded.is_cold {
            self.charge(gas::READ_COLD - gas::READ_WARM)?;
        }
        Ok(loaded.value)
    }

    /// Writes one of the contract's slots.
    pub fn store(&mut self, slot: U256, value: U256) -> Result<(), Failure> {
        self.refuse_static()?;
        self.charge(gas::WRITE_SAME)?;
        let before = self.host.store(self.call.target, slot, value)?;
        let change = if before.value == value {
            gas::WRITE_SAME
        } else if before.value.is_zero() {
            gas::WRITE_NEW
        } else {
            gas::WRITE_CHANGE
        };
        let cold = if before.is_cold { gas::READ_COLD } else { 0 };
        self.charge(change - gas::WRITE_SAME + cold)
    }

    /// keccak256, charged for inputs of up to two words.
    pub fn hash(&mut self, bytes: &[u8]) -> Result<B256, Failure> {
        self.charge(gas::HASH)?;
        Ok(keccak256(bytes))
    }

    /// Writes a Solidity event to the log.
    pub fn emit(&mut self, event: &impl SolEvent) -> Result<(), Failure> {
        self.refuse_static()?;
        let data: LogData = event.encode_log_data();
        let topics = data.topics().len() as u64 * gas::LOG_TOPIC;
        self.charge(gas::LOG + topics + data.data.len() as u64 * gas::LOG_BYTE)?;
        self.host.log(Log { address: self.call.target, data });
        Ok(())
    }

    fn refuse_static(&self) -> Result<(), Failure> {
        if self.call.is_static { Err(Failure::StaticViolation) } else { Ok(()) }
    }
}
