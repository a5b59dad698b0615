//! Values loaded so far and those changed by the block: the database that revm reads.
//!
//! A value that was not loaded is an error that names it ([`Missing`]); the caller loads it and
//! runs the transaction again. So execution needs no I/O, no runtime and no second thread.

mod changes;
mod overrides;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, HashMap},
};
use revm::{
    Database, bytecode::Bytecode, database_interface::DBErrorMarker, primitives::hardfork::SpecId,
    state::AccountInfo,
};
use state::{AccountRecord, StateKey, StateValue};

use crate::{
    BlockHashes,
    system_contracts::{HISTORY_ADDRESS, history_slot},
};

pub use overrides::AccountOverride;

/// Missing values noted before a run stops at the next one.
const COLLECTED_KEYS_MAX: usize = 16 * 1024;

/// A value that execution needs and that was not provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("value of the state not loaded: {0:?}")]
pub struct Missing(pub StateKey);

impl DBErrorMarker for Missing {}

/// Answers one key at a time while a transaction runs.
pub trait ValueSource: Send {
    /// The value before the block; the outer `None` where no answer will come.
    fn value(&mut self, key: StateKey) -> Option<Option<StateValue>>;
}

/// One contract's slots.
#[derive(Clone, Debug, Default)]
struct Slots {
    values: HashMap<U256, U256>,
    /// Slots that are not listed are zero: the account was created or destroyed in this block.
    complete: bool,
}

/// The state as one block sees and changes it.
///
/// Hash maps are only looked up; whatever is listed or iterated is ordered.
pub struct BlockState {
    /// As provided, before the block.
    originals: HashMap<StateKey, Option<StateValue>>,
    accounts: AddressMap<Option<AccountInfo>>,
    storage: AddressMap<Slots>,
    code: B256Map<Bytecode>,
    written: BTreeSet<StateKey>,
    wiped: BTreeSet<Address>,
    overrides: AddressMap<AccountOverride>,
    block_hashes: BlockHashes,
    /// Everything that was not provided is absent: the state before block 1.
    empty: bool,
    /// Number and hash of the parent, where the history contract may not have it yet.
    parent: Option<(u64, B256)>,
    /// While set, a missing value is noted and read as absent, so that one run finds several.
    collected: Option<BTreeSet<StateKey>>,
    /// Misses so far, also of values that were noted before.
    misses: u64,
    /// While set, answers what is missing.
    source: Option<Box<dyn ValueSource>>,
}

impl BlockState {
    /// Nothing loaded yet.
    pub fn new(block_hashes: BlockHashes) -> Self {
        Self {
            originals: HashMap::default(),
            accounts: AddressMap::default(),
            storage: AddressMap::default(),
            code: B256Map::default(),
            written: BTreeSet::new(),
            wiped: BTreeSet::new(),
            overrides: AddressMap::default(),
            block_hashes,
            empty: false,
            parent: None,
            collected: None,
            misses: 0,
            source: None,
        }
    }

    /// The state before block 1: nothing is there, so nothing needs to be loaded.
    pub(crate) fn before_genesis(block_hashes: BlockHashes) -> Self {
        Self { empty: true, ..Self::new(block_hashes) }
    }

    /// Whether a value was provided.
    pub fn is_loaded(&self, key: &StateKey) -> bool {
        self.empty || self.originals.contains_key(key)
    }

    /// Adds a value as it was before the block; a second value for the same key is ignored.
    pub fn provide(&mut self, key: StateKey, value: Option<StateValue>) {
        if self.originals.contains_key(&key) {
            return;
        }
        self.originals.insert(key, value.clone());
        match (key, value) {
            (StateKey::Account(address), value) => self.provide_account(address, value),
            (StateKey::Storage(address, slot), value) => {
                let value = match value {
                    Some(StateValue::Storage(value)) => value,
                    _ => U256::ZERO,
                };
                let slots = self.storage.entry(address).or_default();
                if !slots.complete {
                    slots.values.entry(slot).or_insert(value);
                }
            }
            (StateKey::Code(hash), Some(StateValue::Code(code))) => {
                self.code.entry(hash).or_insert_with(|| bytecode(code));
            }
            (StateKey::Code(_), _) => {}
        }
    }

    fn provide_account(&mut self, address: Address, value: Option<StateValue>) {
        let record = match value {
            Some(StateValue::Account(record)) => Some(record),
            _ => None,
        };
        let info = self.overridden(address, record.map(account_info));
        self.accounts.entry(address).or_insert(info);
    }

    /// A loaded account, `None` inside where it is absent.
    pub(crate) fn account(&self, address: Address) -> Result<Option<&AccountInfo>, Missing> {
        match self.accounts.get(&address) {
            Some(info) => Ok(info.as_ref()),
            None if self.empty => Ok(None),
            None => Err(Missing(StateKey::Account(address))),
        }
    }

    /// The state after a parent whose hash the history contract does not hold yet; later hashes
    /// read as zero.
    pub(crate) fn set_parent(&mut self, number: u64, hash: B256) {
        self.parent = Some((number, hash));
    }

    /// From here on `BLOCKHASH` finds the hash of the parent of the block that comes next.
    pub(crate) fn add_parent(&mut self, number: u64, hash: B256) {
        if let BlockHashes::Provided(hashes) = &mut self.block_hashes {
            hashes.insert(number, hash);
        }
        self.set_parent(number, hash);
    }

    /// From here on missing values are noted instead of stopping a run. What runs meanwhile must
    /// not be committed.
    pub(crate) fn begin_collecting(&mut self) {
        self.collected = Some(BTreeSet::new());
    }

    /// The values noted; a miss stops a run again.
    pub(crate) fn end_collecting(&mut self) -> BTreeSet<StateKey> {
        self.collected.take().unwrap_or_default()
    }

    /// Misses so far, also of values that were noted before.
    pub(crate) fn misses(&self) -> u64 {
        self.misses
    }

    /// From here on `source` answers what is missing; `None` ends it.
    pub(crate) fn ask(&mut self, source: Option<Box<dyn ValueSource>>) {
        self.source = source;
    }

    /// After a miss: asks the source for the value, or notes the key to be read as absent, or
    /// stops the run.
    fn miss(&mut self, missing: Missing) -> Result<(), Missing> {
        self.misses += 1;
        if let Some(source) = &mut self.source {
            let value = source.value(missing.0).ok_or(missing)?;
            self.provide(missing.0, value);
            return Ok(());
        }
        match &mut self.collected {
            Some(keys) if keys.len() < COLLECTED_KEYS_MAX => {
                keys.insert(missing.0);
                Ok(())
            }
            _ => Err(missing),
        }
    }

    fn loaded_code(&self, hash: B256) -> Result<Bytecode, Missing> {
        if hash == KECCAK256_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        self.code.get(&hash).cloned().ok_or(Missing(StateKey::Code(hash)))
    }

    fn loaded_slot(&self, address: Address, slot: U256) -> Result<U256, Missing> {
        let slots = self.storage.get(&address);
        match slots.and_then(|slots| slots.values.get(&slot)) {
            Some(value) => Ok(*value),
            None if self.empty || slots.is_some_and(|slots| slots.complete) => Ok(U256::ZERO),
            None => Err(Missing(StateKey::Storage(address, slot))),
        }
    }
}

impl Database for BlockState {
    type Error = Missing;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Missing> {
        let missing = match self.account(address) {
            Ok(info) => return Ok(info.cloned()),
            Err(missing) => missing,
        };
        self.miss(missing)?;
        Ok(self.account(address).ok().flatten().cloned())
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Missing> {
        let missing = match self.loaded_code(hash) {
            Ok(code) => return Ok(code),
            Err(missing) => missing,
        };
        self.miss(missing)?;
        Ok(self.loaded_code(hash).unwrap_or_default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Missing> {
        let missing = match self.loaded_slot(address, slot) {
            Ok(value) => return Ok(value),
            Err(missing) => missing,
        };
        self.miss(missing)?;
        Ok(self.loaded_slot(address, slot).unwrap_or_default())
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Missing> {
        if let BlockHashes::Provided(hashes) = &self.block_hashes {
            return Ok(hashes.get(&number).copied().unwrap_or_default());
        }
        match self.parent {
            Some((parent, hash)) if number == parent => Ok(hash),
            Some((parent, _)) if number > parent => Ok(B256::ZERO),
            _ => self.storage(HISTORY_ADDRESS, history_slot(number)).map(B256::from),
        }
    }
}

/// Bytes as code. Bytes that look like a delegation (EIP-7702) but are none run as plain code.
pub(crate) fn bytecode(code: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}

fn account_info(record: AccountRecord) -> AccountInfo {
    AccountInfo {
        nonce: record.nonce,
        balance: record.balance,
        code_hash: record.code_hash,
        ..AccountInfo::default().without_code()
    }
}

fn account_record(info: &AccountInfo) -> AccountRecord {
    AccountRecord { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash }
}

/// Whether a touched account without nonce, balance and code ceases to exist (EIP-161). Under older
/// rules, which conformance suites run, it stays as an empty account.
fn removes_empty_accounts(spec: SpecId) -> bool {
    spec.is_enabled_in(SpecId::SPURIOUS_DRAGON)
}

/// Whether self-destruction may still remove an account that is older than the transaction.
fn destroys_old_accounts(spec: SpecId) -> bool {
    !spec.is_enabled_in(SpecId::CANCUN)
}
