//! The database of the EVM: the block's state, which reads what it misses at once.

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use execution::{BlockState, Missing};
use revm::{Database, bytecode::Bytecode, state::AccountInfo};
use state::{AccountRecord, StateDiff, StateKey, StateValue, mpt::MptState};

/// How an account with storage but without code and nonce is shown to the EVM.
///
/// Nothing may be created at such an account (EIP-7610), and the EVM, which cannot list storage,
/// tells a taken address by code hash and nonce. Neither mark can be seen otherwise: code cannot
/// read a nonce, an account without nonce, code and balance has no code hash to read, and
/// [`super::code_hash`] answers for it once it has a balance. Heqi's
/// ledgers have no such accounts, since a genesis file may not allocate them.
mod taken {
    use super::{AccountInfo, AccountRecord, B256, KECCAK256_EMPTY};

    /// Where there is no balance: the EVM takes a zero hash for no code.
    const CODE_HASH: B256 = B256::ZERO;
    /// Where there is some.
    const NONCE: u64 = u64::MAX;

    /// Whether storage would be all that makes the account.
    pub(super) fn may_be(info: &AccountInfo) -> bool {
        info.nonce == 0 && info.code_hash == KECCAK256_EMPTY
    }

    /// Marks the account.
    pub(super) fn mark(info: &mut AccountInfo) {
        if info.balance.is_zero() {
            info.code_hash = CODE_HASH;
        } else {
            info.nonce = NONCE;
        }
    }

    /// The account as it is.
    pub(super) fn unmark(record: &mut AccountRecord) {
        if record.code_hash == CODE_HASH {
            record.code_hash = KECCAK256_EMPTY;
        }
        if record.nonce == NONCE {
            record.nonce = 0;
        }
    }
}

/// A block's state over the state at its beginning.
pub(super) struct Reading<'a> {
    pub(super) state: &'a MptState,
    pub(super) block_state: BlockState,
}

impl Reading<'_> {
    /// What the block has changed so far.
    pub(super) fn diff(&self) -> StateDiff {
        let mut diff = self.block_state.diff();
        for (key, change) in &mut diff.changes {
            if let StateKey::Account(address) = key
                && let Some(StateValue::Account(record)) = &mut change.current
                && self.is_only_storage(*address)
            {
                taken::unmark(record);
            }
        }
        diff
    }

    fn read<R>(
        &mut self,
        read: impl Fn(&mut BlockState) -> Result<R, Missing>,
    ) -> Result<R, Missing> {
        match read(&mut self.block_state) {
            Err(Missing(key)) => {
                self.block_state.provide(key, self.state.get(&key));
                read(&mut self.block_state)
            }
            result => result,
        }
    }

    /// Whether the account had storage but neither code nor nonce when the block began.
    fn is_only_storage(&self, address: Address) -> bool {
        let Some(StateValue::Account(record)) = self.state.get(&StateKey::Account(address)) else {
            return false;
        };
        record.nonce == 0
            && record.code_hash == KECCAK256_EMPTY
            && self.state.storage_root(address) != Some(alloy_trie::EMPTY_ROOT_HASH)
    }
}

impl Database for Reading<'_> {
    type Error = Missing;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Missing> {
        let mut info = self.read(|state| state.basic(address))?;
        if let Some(info) = &mut info
            && taken::may_be(info)
            && self.is_only_storage(address)
        {
            taken::mark(info);
        }
        Ok(info)
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Missing> {
        self.read(|state| state.code_by_hash(hash))
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Missing> {
        self.read(|state| state.storage(address, slot))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Missing> {
        self.read(|state| state.block_hash(number))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use execution::BlockHashes;

    /// The mark is for the EVM only and never reaches the state.
    #[test]
    fn storage_without_code_takes_the_address() {
        let mut state = MptState::new();
        let address = Address::with_last_byte;
        for (number, balance, slot) in [(1, 1, 0), (2, 1, 7), (3, 0, 7)] {
            let record = AccountRecord { balance: U256::from(balance), ..AccountRecord::default() };
            let key = StateKey::Account(address(number));
            state.set(key, Some(StateValue::Account(record))).unwrap();
            let value = (slot != 0).then_some(StateValue::Storage(U256::from(slot)));
            state.set(StateKey::Storage(address(number), U256::ZERO), value).unwrap();
        }
        let block_state = BlockState::new(BlockHashes::Provided(Default::default()));
        let mut reading = Reading { state: &state, block_state };
        let mut shown = |number| {
            let info = reading.basic(address(number)).unwrap().unwrap();
            (info.nonce, info.code_hash)
        };
        assert_eq!(shown(1), (0, KECCAK256_EMPTY));
        assert_eq!(shown(2), (u64::MAX, KECCAK256_EMPTY));
        assert_eq!(shown(3), (0, B256::ZERO));
        for (nonce, code_hash) in [shown(2), shown(3)] {
            let mut record = AccountRecord { nonce, code_hash, balance: U256::ZERO };
            taken::unmark(&mut record);
            assert_eq!(record, AccountRecord::default());
        }
    }
}
