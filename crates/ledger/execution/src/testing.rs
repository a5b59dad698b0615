//! A small chain in memory, keys and hand-assembled contracts, for the tests of this crate.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::{Encodable2718 as _, eip7702::Authorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use futures::executor::block_on;
use k256::ecdsa::SigningKey;
use state::{StateDiff, StateError, StateKey, StateReader, StateValue};
use types::{
    AllocatedAccount, FeeMode, Genesis, GenesisValidator, Parameters, Profile, Transaction,
    ValidatorKey,
};

use crate::{
    BlockEnvironment, BlockExecutor, BlockOutcome, BuildLimits, ChainRules, DriveError, Mode,
    TransactionRules, drive, rules, simulate::BlockingReader,
};

pub(crate) const CHAIN_ID: u64 = 7_771;
pub(crate) const COINBASE: Address = Address::repeat_byte(0xcb);

/// A state in a map.
#[derive(Debug, Default)]
pub(crate) struct MemoryReader {
    pub(crate) values: BTreeMap<StateKey, StateValue>,
    pub(crate) reads: AtomicUsize,
}

impl StateReader for MemoryReader {
    async fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(keys.iter().map(|key| self.values.get(key).cloned()).collect())
    }
}

impl BlockingReader for MemoryReader {
    fn read_many(&self, keys: &[StateKey]) -> Result<Vec<Option<StateValue>>, StateError> {
        block_on(StateReader::read_many(self, keys))
    }
}

impl MemoryReader {
    /// Applies a block's changes; the values before must be as the diff says.
    pub(crate) fn apply(&mut self, diff: &StateDiff) {
        assert!(diff.wiped.is_empty());
        for (key, change) in &diff.changes {
            assert_eq!(self.values.get(key), change.previous.as_ref(), "previous of {key:?}");
            assert_ne!(change.previous, change.current, "{key:?} did not change");
            match &change.current {
                Some(value) => self.values.insert(*key, value.clone()),
                None => self.values.remove(key),
            };
        }
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        match self.values.get(&StateKey::Account(address)) {
            Some(StateValue::Account(record)) => record.balance,
            _ => U256::ZERO,
        }
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        match self.values.get(&StateKey::Account(address)) {
            Some(StateValue::Account(record)) => record.nonce,
            _ => 0,
        }
    }

    pub(crate) fn slot(&self, address: Address, slot: u64) -> U256 {
        self.word(address, U256::from(slot))
    }

    pub(crate) fn word(&self, address: Address, slot: U256) -> U256 {
        match self.values.get(&StateKey::Storage(address, slot)) {
            Some(StateValue::Storage(value)) => *value,
            _ => U256::ZERO,
        }
    }

    pub(crate) fn code(&self, address: Address) -> Option<Bytes> {
        let StateValue::Account(record) = self.values.get(&StateKey::Account(address))? else {
            return None;
        };
        match self.values.get(&StateKey::Code(record.code_hash))? {
            StateValue::Code(code) => Some(code.clone()),
            _ => None,
        }
    }
}

/// An account with its key.
pub(crate) struct Key {
    signing: SigningKey,
    pub(crate) address: Address,
}

pub(crate) fn key(number: u8) -> Key {
    let signing = SigningKey::from_slice(&[number; 32]).unwrap();
    let point = signing.verifying_key().to_encoded_point(false);
    let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
    Key { signing, address }
}

impl Key {
    pub(crate) fn sign_hash(&self, hash: B256) -> Signature {
        let (signature, id) = self.signing.sign_prehash_recoverable(hash.as_slice()).unwrap();
        let number = |bytes: &[u8]| U256::from_be_slice(bytes);
        Signature::new(
            number(&signature.r().to_bytes()),
            number(&signature.s().to_bytes()),
            id.is_y_odd(),
        )
    }

    pub(crate) fn sign<T>(&self, transaction: T) -> Arc<Transaction>
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign_hash(transaction.signature_hash());
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Arc::new(Transaction::decode(envelope.encoded_2718().into()).unwrap())
    }

    pub(crate) fn authorize(
        &self,
        address: Address,
        nonce: u64,
    ) -> alloy_eips::eip7702::SignedAuthorization {
        let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address, nonce };
        let signature = self.sign_hash(authorization.signature_hash());
        authorization.into_signed(signature)
    }
}

/// A type 2 transaction with 1 wei tip and fee, as Foundry sends it.
pub(crate) fn dynamic(
    nonce: u64,
    to: TxKind,
    value: u64,
    input: Bytes,
) -> alloy_consensus::TxEip1559 {
    alloy_consensus::TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 1_000_000,
        max_fee_per_gas: 1,
        max_priority_fee_per_gas: 1,
        to,
        value: U256::from(value),
        access_list: Default::default(),
        input,
    }
}

pub(crate) fn call(from: &Key, nonce: u64, to: Address, input: Bytes) -> Arc<Transaction> {
    from.sign(dynamic(nonce, TxKind::Call(to), 0, input))
}

/// A key that consensus takes, so that keys are in the order of their numbers.
pub(crate) fn validator_key(number: u8) -> ValidatorKey {
    (0..=255)
        .map(|second| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&[number, second]);
            ValidatorKey(key)
        })
        .find(|key| crypto::check_validator_key(key).is_ok())
        .unwrap()
}

pub(crate) fn genesis() -> Genesis {
    let funded = AllocatedAccount { balance: U256::from(1_000_000), ..Default::default() };
    Genesis {
        format: 1,
        chain_id: CHAIN_ID,
        ledger_id: 0,
        profile: Profile::Dev,
        time_ms: 1_700_000_000_000,
        parameters: Parameters { epoch_blocks: 4, fee_recipient: COINBASE, ..Default::default() },
        validators: (1u8..=4)
            .map(|number| GenesisValidator {
                organisation: format!("org{number}"),
                key: validator_key(number),
            })
            .collect(),
        observers: Vec::new(),
        validator_admin: key(9).address,
        predeploys: false,
        allocation: BTreeMap::from([(key(1).address, funded)]),
    }
}

pub(crate) fn metered(base_fee_wei: u64) -> Genesis {
    let mut genesis = genesis();
    genesis.parameters.fee_mode = FeeMode::Metered;
    genesis.parameters.base_fee_wei = base_fee_wei;
    genesis.allocation.get_mut(&key(1).address).unwrap().balance = U256::from(10u64.pow(18));
    genesis
}

/// A chain: every block is built, verified on the same state, compared, applied.
pub(crate) struct Chain {
    pub(crate) reader: MemoryReader,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) number: u64,
    pub(crate) hashes: Vec<B256>,
}

impl Chain {
    /// At height 1: the genesis file is applied.
    pub(crate) fn new(genesis: Genesis) -> Self {
        let mut chain = Self {
            reader: MemoryReader::default(),
            genesis: Arc::new(genesis),
            number: 0,
            hashes: vec![hash_of(0)],
        };
        chain.block(vec![]);
        chain
    }

    pub(crate) fn rules(&self, height: u64) -> ChainRules {
        rules(&self.genesis, height)
    }

    pub(crate) fn transaction_rules(&self) -> TransactionRules {
        TransactionRules::from_genesis(&self.genesis)
    }

    pub(crate) fn environment(&self, number: u64) -> BlockEnvironment {
        BlockEnvironment {
            number,
            time_ms: self.genesis.time_ms + number * 1000,
            beneficiary: self.genesis.parameters.fee_recipient,
            base_fee: self.genesis.parameters.base_fee_wei,
            gas_limit: self.genesis.parameters.block_gas_limit,
            prev_randao: B256::repeat_byte(7),
            parent_hash: hash_of(number - 1),
            parent_beacon_block_root: B256::ZERO,
            difficulty: U256::ZERO,
            blob_base_fee: crate::BLOB_BASE_FEE_MIN,
        }
    }

    pub(crate) fn execute(
        &self,
        transactions: Vec<Arc<Transaction>>,
        mode: Mode,
    ) -> Result<BlockOutcome, DriveError> {
        let number = self.number + 1;
        let environment = self.environment(number);
        let executor = BlockExecutor::new(environment, self.rules(number), transactions, mode);
        block_on(drive(executor, &self.reader, &crate::Here, None))
    }

    /// Builds, verifies, applies.
    pub(crate) fn block(&mut self, transactions: Vec<Arc<Transaction>>) -> BlockOutcome {
        let built =
            self.execute(transactions.clone(), Mode::Build(BuildLimits::default())).unwrap();
        let included =
            built.included.iter().map(|index| Arc::clone(&transactions[*index])).collect();
        let verified = self.execute(included, Mode::Verify).unwrap();
        assert_eq!(verified.included, (0..built.included.len()).collect::<Vec<_>>());
        let comparable =
            BlockOutcome { included: verified.included.clone(), rejected: vec![], ..built.clone() };
        assert_eq!(comparable, verified);
        self.reader.apply(&built.diff);
        self.number += 1;
        self.hashes.push(hash_of(self.number));
        built
    }
}

pub(crate) fn hash_of(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// Init code that leaves `runtime` (up to 255 bytes) as the contract's code.
pub(crate) fn init_code(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).unwrap();
    let mut code = vec![0x60, length, 0x60, 0x0c, 0x60, 0x00, 0x39, 0x60, length, 0x60, 0x00, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

/// Stores call data's first word in slot 0 and logs it without topics.
pub(crate) const STORE: &[u8] =
    &[0x5f, 0x35, 0x5f, 0x55, 0x5f, 0x35, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xa0, 0x00];

/// Reverts with call data's first word.
pub(crate) const REVERT: &[u8] = &[0x5f, 0x35, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xfd];

/// Runs `operation` (CALL 0xf1, CALLCODE 0xf2, DELEGATECALL 0xf4, STATICCALL 0xfa) on `target`
/// with the call data, stores the success flag + 1 in slot 0 and the first word of the returned
/// data in slot 1, and returns that data.
pub(crate) fn forwarder(operation: u8, target: Address) -> Vec<u8> {
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37]; // calldatacopy(0, 0, calldatasize)
    code.extend([0x5f, 0x5f, 0x36, 0x5f]); // out 0, 0; in size, 0
    if matches!(operation, 0xf1 | 0xf2) {
        code.push(0x34); // callvalue
    }
    code.push(0x73);
    code.extend_from_slice(target.as_slice());
    code.extend([0x5a, operation]);
    code.extend([0x60, 0x01, 0x01, 0x5f, 0x55]); // sstore(0, flag + 1)
    code.extend([0x3d, 0x5f, 0x5f, 0x3e]); // returndatacopy(0, 0, size)
    code.extend([0x5f, 0x51, 0x60, 0x01, 0x55]); // sstore(1, mload(0))
    code.extend([0x3d, 0x5f, 0xf3]);
    code
}
