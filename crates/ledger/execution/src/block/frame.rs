//! What a block does by itself, before and after its transactions, as ordered operations. Each
//! runs alone and takes effect at once, so after a missing value only that one is repeated.

use std::collections::BTreeMap;

use alloy_eips::{
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use crypto::check_validator_key;
use native::{NATIVE_CODE, layout::TEXT_BYTES_MAX};
use revm::{
    context::TxEnv,
    context_interface::result::{EVMError, ExecutionResult},
};
use system::validators::{
    self, IValidators, IValidatorsSystem, OBSERVER_NAME_BYTES_MAX, SYSTEM_ADDRESS,
};
use types::Genesis;

use super::{BlockExecutor, InvalidBlock, Pause};
use crate::{
    BEACON_ROOTS_ADDRESS, BlockEnvironment, ChainRules, HISTORY_ADDRESS,
    predeploys::{CREATE2_DEPLOYER, Creation, Predeploy, predeploys},
    system_contracts::system_contracts,
};

/// Gas of one call of the ledger itself, as EIP-2935 and EIP-4788 set it.
pub const SYSTEM_CALL_GAS: u64 = 30_000_000;
/// Gas of one call into `Validators` at genesis and at an epoch's end: 100 keys with long names
/// need less than half of it.
pub const VALIDATORS_CALL_GAS: u64 = 100_000_000;
/// Gas of deploying one predeploy.
pub const PREDEPLOY_GAS: u64 = 30_000_000;

/// One thing that a block does by itself.
#[derive(Clone, Debug)]
pub(super) struct SystemOperation {
    name: String,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    /// Writes an account as it is given.
    Account { address: Address, nonce: u64, balance: U256, code: Bytes, storage: Storage },
    /// Calls or creates, from a given account.
    Run { from: Address, kind: TxKind, data: Bytes, gas: u64 },
    /// Fails unless there is code, where given this code.
    AssertCode { address: Address, code_hash: Option<B256> },
}

type Storage = BTreeMap<U256, U256>;

impl SystemOperation {
    fn call(name: &str, to: Address, data: Bytes, gas: u64) -> Self {
        let work = Work::Run { from: SYSTEM_ADDRESS, kind: TxKind::Call(to), data, gas };
        Self { name: name.to_owned(), work }
    }

    fn code(name: &str, address: Address, code: Bytes) -> Self {
        let storage = Storage::new();
        let work = Work::Account { address, nonce: 1, balance: U256::ZERO, code, storage };
        Self { name: name.to_owned(), work }
    }
}

/// Operations before the transactions, last one first.
pub(super) fn begin(
    rules: &ChainRules,
    environment: &BlockEnvironment,
) -> Result<Vec<SystemOperation>, InvalidBlock> {
    let mut operations = match &rules.frame.genesis {
        Some(genesis) => genesis_operations(genesis, rules)?,
        None => Vec::new(),
    };
    operations.extend(ledger_calls(rules, environment));
    operations.reverse();
    Ok(operations)
}

/// The calls of every block before its transactions, in order.
fn ledger_calls(rules: &ChainRules, environment: &BlockEnvironment) -> Vec<SystemOperation> {
    let mut operations = Vec::new();
    if rules.frame.history_call {
        let data = environment.parent_hash.0.into();
        operations.push(SystemOperation::call(
            "block hash history (EIP-2935)",
            HISTORY_ADDRESS,
            data,
            SYSTEM_CALL_GAS,
        ));
    }
    if rules.frame.beacon_root_call {
        let data = environment.parent_beacon_block_root.0.into();
        operations.push(SystemOperation::call(
            "beacon roots (EIP-4788)",
            BEACON_ROOTS_ADDRESS,
            data,
            SYSTEM_CALL_GAS,
        ));
    }
    operations
}

/// A call that the ledger makes itself around the transactions of a block.
#[derive(Clone, Debug)]
pub(crate) struct SystemCall {
    /// For people.
    pub(crate) name: String,
    /// What runs.
    pub(crate) transaction: TxEnv,
    /// Type of the requests that it returns (EIP-7685), where it does.
    pub(crate) request_type: Option<u8>,
}

impl SystemOperation {
    fn system_call(self) -> Option<SystemCall> {
        let Work::Run { from, kind, data, gas } = self.work else {
            return None;
        };
        let transaction = system_transaction(from, kind, data, gas);
        Some(SystemCall { name: self.name, transaction, request_type: None })
    }
}

/// The calls before the transactions of a block that does not apply a genesis file.
pub(crate) fn system_calls_before(
    rules: &ChainRules,
    environment: &BlockEnvironment,
) -> Vec<SystemCall> {
    ledger_calls(rules, environment).into_iter().filter_map(SystemOperation::system_call).collect()
}

/// The calls after the transactions.
pub(crate) fn system_calls_after(
    rules: &ChainRules,
    environment: &BlockEnvironment,
) -> Vec<SystemCall> {
    let operations = end(rules, environment).into_iter().rev();
    let mut calls: Vec<SystemCall> = operations.filter_map(SystemOperation::system_call).collect();
    if rules.frame.request_calls {
        let requests = [
            (WITHDRAWAL_REQUEST_TYPE, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
            (CONSOLIDATION_REQUEST_TYPE, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
        ];
        calls.extend(requests.map(|(kind, contract)| SystemCall {
            name: format!("requests of type {kind} (EIP-7685)"),
            transaction: system_transaction(
                SYSTEM_ADDRESS,
                TxKind::Call(contract),
                Bytes::new(),
                SYSTEM_CALL_GAS,
            ),
            request_type: Some(kind),
        }));
    }
    calls
}

fn system_transaction(from: Address, kind: TxKind, data: Bytes, gas: u64) -> TxEnv {
    TxEnv { caller: from, kind, data, gas_limit: gas, gas_price: 0, ..TxEnv::default() }
}

/// Operations after the transactions, last one first.
pub(super) fn end(rules: &ChainRules, environment: &BlockEnvironment) -> Vec<SystemOperation> {
    let last_of_epoch = rules
        .frame
        .epoch_blocks
        .is_some_and(|blocks| blocks > 0 && environment.number % blocks == blocks - 1);
    if !last_of_epoch {
        return Vec::new();
    }
    let data = IValidatorsSystem::advanceEpochCall {}.abi_encode().into();
    vec![SystemOperation::call("end of epoch", validators::ADDRESS, data, VALIDATORS_CALL_GAS)]
}

/// Checks what [`types::Genesis::check`] cannot know: that block 1 can be executed.
pub fn check_genesis(genesis: &Genesis) -> Result<(), InvalidBlock> {
    allocation(genesis)?;
    for validator in &genesis.validators {
        let name = &validator.organisation;
        if name.len() > TEXT_BYTES_MAX {
            let reason = format!("organisation {name}: name exceeds {TEXT_BYTES_MAX} bytes");
            return Err(InvalidBlock::Genesis(reason));
        }
        check_validator_key(&validator.key)
            .map_err(|error| InvalidBlock::Genesis(format!("organisation {name}: {error}")))?;
    }
    for observer in &genesis.observers {
        let name = &observer.organisation;
        if name.is_empty() || name.len() > OBSERVER_NAME_BYTES_MAX {
            let reason =
                format!("observer {name}: a name has 1 to {OBSERVER_NAME_BYTES_MAX} bytes");
            return Err(InvalidBlock::Genesis(reason));
        }
        check_validator_key(&observer.key)
            .map_err(|error| InvalidBlock::Genesis(format!("observer {name}: {error}")))?;
    }
    Ok(())
}

fn genesis_operations(
    genesis: &Genesis,
    rules: &ChainRules,
) -> Result<Vec<SystemOperation>, InvalidBlock> {
    check_genesis(genesis)?;
    let mut operations = Vec::new();
    for (address, code) in system_contracts() {
        operations.push(SystemOperation::code("system contract", address, code));
    }
    for address in rules.native.addresses() {
        let code = Bytes::from_static(&NATIVE_CODE);
        operations.push(SystemOperation::code("native contract", address, code));
    }
    operations.extend(allocation(genesis)?);
    operations.push(initial_validators(genesis));
    operations.extend(initial_observers(genesis));
    if genesis.predeploys {
        for predeploy in predeploys().map_err(InvalidBlock::Genesis)? {
            operations.extend(deployment(predeploy, genesis));
        }
    }
    Ok(operations)
}

fn allocation(genesis: &Genesis) -> Result<Vec<SystemOperation>, InvalidBlock> {
    let mut operations = Vec::new();
    for (address, account) in &genesis.allocation {
        let taken = system_contracts().iter().any(|(system, _)| system == address);
        if taken || native::is_reserved(*address) {
            let reason = format!("allocation: {address} belongs to the platform");
            return Err(InvalidBlock::Genesis(reason));
        }
        if account.code.is_empty() && !account.storage.is_empty() {
            let reason = format!("allocation: {address} has storage but no code");
            return Err(InvalidBlock::Genesis(reason));
        }
        operations.push(SystemOperation {
            name: format!("allocation of {address}"),
            work: Work::Account {
                address: *address,
                nonce: account.nonce,
                balance: account.balance,
                code: account.code.clone(),
                storage: account.storage.clone(),
            },
        });
    }
    Ok(operations)
}

fn initial_validators(genesis: &Genesis) -> SystemOperation {
    let call = IValidatorsSystem::initializeCall {
        keys: genesis.validators.iter().map(|validator| validator.key.0.into()).collect(),
        organisations: genesis
            .validators
            .iter()
            .map(|validator| validator.organisation.clone())
            .collect(),
        admin: genesis.validator_admin,
        epochLength: genesis.parameters.epoch_blocks,
    };
    let data = call.abi_encode().into();
    SystemOperation::call("validators of epoch 0", validators::ADDRESS, data, VALIDATORS_CALL_GAS)
}

/// As if the admin had registered them, in the file's order.
fn initial_observers(genesis: &Genesis) -> impl Iterator<Item = SystemOperation> + '_ {
    genesis.observers.iter().map(|observer| {
        let (name, key, ip, port) = observer.parts();
        let title = format!("observer {name}");
        let call = IValidators::setObserverCall { key: key.into(), name, ip: ip.into(), port };
        let work = Work::Run {
            from: genesis.validator_admin,
            kind: TxKind::Call(validators::ADDRESS),
            data: call.abi_encode().into(),
            gas: VALIDATORS_CALL_GAS,
        };
        SystemOperation { name: title, work }
    })
}

/// Creates a predeploy and checks that it is where it belongs. An allocation with code at its
/// address comes first: then there is nothing to deploy.
fn deployment(predeploy: Predeploy, genesis: &Genesis) -> Vec<SystemOperation> {
    let allocated = genesis.allocation.get(&predeploy.address);
    if allocated.is_some_and(|account| !account.code.is_empty()) {
        return Vec::new();
    }
    let (from, kind, data) = match predeploy.creation {
        Creation::Keyless { from } => (from, TxKind::Create, predeploy.init_code),
        Creation::Create2 { salt } => {
            let data = [&salt[..], &predeploy.init_code[..]].concat();
            (SYSTEM_ADDRESS, TxKind::Call(CREATE2_DEPLOYER), data.into())
        }
    };
    let name = format!("predeploy {}", predeploy.name);
    let address = predeploy.address;
    let code_hash = predeploy.runtime_code_hash;
    vec![
        SystemOperation {
            name: name.clone(),
            work: Work::Run { from, kind, data, gas: PREDEPLOY_GAS },
        },
        SystemOperation { name, work: Work::AssertCode { address, code_hash } },
    ]
}

impl BlockExecutor {
    /// Runs what is left of the current list.
    pub(super) fn run_operations(&mut self) -> Result<(), Pause> {
        while let Some(operation) = self.operations.last().cloned() {
            self.run_operation(&operation)?;
            self.operations.pop();
        }
        Ok(())
    }

    fn run_operation(&mut self, operation: &SystemOperation) -> Result<(), Pause> {
        let failed = |reason: String| {
            Pause::Invalid(InvalidBlock::System { operation: operation.name.clone(), reason })
        };
        match &operation.work {
            Work::Account { address, nonce, balance, code, storage } => {
                self.state.put_account(*address, *nonce, *balance, code, storage);
                Ok(())
            }
            Work::AssertCode { address, code_hash } => {
                let found = self.state.account(*address)?.map(|info| info.code_hash);
                match (found, code_hash) {
                    (None | Some(alloy_primitives::KECCAK256_EMPTY), _) => {
                        Err(failed(format!("there is no code at {address}")))
                    }
                    (Some(found), Some(expected)) if found != *expected => {
                        Err(failed(format!("code hash at {address} is {found}, not {expected}")))
                    }
                    _ => Ok(()),
                }
            }
            Work::Run { from, kind, data, gas } => {
                let transaction = system_transaction(*from, *kind, data.clone(), *gas);
                self.run_system(transaction)?.map_err(failed)
            }
        }
    }

    fn run_system(&mut self, transaction: TxEnv) -> Result<Result<(), String>, Pause> {
        self.with_evm(|evm, _| match evm.system_call(transaction) {
            Ok(ExecutionResult::Success { .. }) => {
                let changes = evm.take_changes();
                let spec = evm.spec();
                evm.database().commit(changes, spec);
                Ok(Ok(()))
            }
            Ok(ExecutionResult::Revert { output, .. }) => Ok(Err(format!("reverted: {output}"))),
            Ok(ExecutionResult::Halt { reason, .. }) => Ok(Err(format!("halted: {reason:?}"))),
            Err(EVMError::Database(missing)) => Err(missing.into()),
            Err(error) => Ok(Err(error.to_string())),
        })
    }
}
