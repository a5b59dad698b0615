//! What a user of a development ledger may ask for.

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, Signature};
use ledger_api::{
    BlockPlan, Development, DevelopmentError, DevelopmentInfo, Edit, Mining, NextBlock,
    PendingBlock,
};

use crate::{clock::check_after, ledger::DevLedger, rules::GAS_LIMIT_MAX};

/// Least gas limit of a block: one transfer.
const GAS_LIMIT_MIN: u64 = 21_000;
/// Least time between two blocks that are made in intervals, milliseconds.
const INTERVAL_MS_MIN: u64 = 10;
/// Longest time between two blocks that a user may set, seconds: a year.
const TIMESTAMP_INTERVAL_S_MAX: u64 = 366 * 24 * 60 * 60;

impl DevLedger {
    fn head_timestamp(&self) -> u64 {
        self.store.head.get().time_ms / 1_000
    }
}

impl Development for DevLedger {
    fn info(&self) -> DevelopmentInfo {
        let (writer, settings) = (self.writer(), self.settings());
        DevelopmentInfo {
            instance_id: writer.instance_id,
            spec: self.config.spec,
            mining: writer.mining,
            base_fee_wei: settings.base_fee_wei,
            gas_limit: settings.gas_limit,
        }
    }

    fn accounts(&self) -> Vec<Address> {
        self.accounts.iter().map(|account| account.address).collect()
    }

    fn sign_hash(&self, address: Address, hash: B256) -> Result<Signature, DevelopmentError> {
        let account = self.account_of(address).ok_or(DevelopmentError::UnknownAccount(address))?;
        Ok(account.key.sign_hash(hash))
    }

    fn send(&self, sender: Address, unsigned: TxEnvelope) -> Result<B256, DevelopmentError> {
        self.send_from(sender, unsigned)
    }

    fn send_unsigned(
        &self,
        sender: Address,
        unsigned: TxEnvelope,
    ) -> Result<B256, DevelopmentError> {
        self.send_without_signature(sender, unsigned)
    }

    fn sign(&self, address: Address, unsigned: TxEnvelope) -> Result<Bytes, DevelopmentError> {
        self.sign_transaction(address, unsigned)
    }

    fn pending(&self) -> Result<PendingBlock, DevelopmentError> {
        Ok(self.pending_block()?)
    }

    fn mine(&self, plan: BlockPlan) -> Result<u64, DevelopmentError> {
        self.make_planned(plan)
    }

    fn set_mining(&self, mining: Mining) -> Result<(), DevelopmentError> {
        if let Mining::Interval(interval_ms) = mining
            && interval_ms < INTERVAL_MS_MIN
        {
            let text = format!("{interval_ms} ms between blocks are below {INTERVAL_MS_MIN} ms");
            return Err(DevelopmentError::Value(text));
        }
        let mut writer = self.writer();
        writer.mining = mining;
        writer.ticked = std::time::Instant::now();
        if mining == Mining::Instant {
            self.make_executable(&mut writer)?;
        }
        Ok(())
    }

    fn now_s(&self) -> u64 {
        let writer = self.writer();
        writer.clock.next_timestamp(self.head_timestamp())
    }

    fn increase_time(&self, seconds: u64) -> Result<i64, DevelopmentError> {
        self.writer().clock.increase(seconds)
    }

    fn set_time(&self, timestamp: u64) -> Result<i64, DevelopmentError> {
        let mut writer = self.writer();
        check_after(timestamp, self.head_timestamp())?;
        writer.clock.set(timestamp)
    }

    fn set_next_block(&self, fields: NextBlock) -> Result<(), DevelopmentError> {
        let mut writer = self.writer();
        if let Some(gas_limit) = fields.gas_limit
            && !(GAS_LIMIT_MIN..=GAS_LIMIT_MAX).contains(&gas_limit)
        {
            return Err(DevelopmentError::Value(format!(
                "gas limit {gas_limit} is not between {GAS_LIMIT_MIN} and {GAS_LIMIT_MAX}"
            )));
        }
        if let Some(timestamp) = fields.timestamp {
            let previous = self.head_timestamp();
            writer.clock.set_next(timestamp, previous)?;
        }
        writer.prev_randao = fields.prev_randao.or(writer.prev_randao);
        let before = self.settings();
        let mut settings = before;
        settings.base_fee_wei = fields.base_fee_wei.unwrap_or(before.base_fee_wei);
        settings.gas_limit = fields.gas_limit.unwrap_or(before.gas_limit);
        settings.beneficiary = fields.beneficiary.unwrap_or(before.beneficiary);
        self.set_settings(settings);
        let rules_changed =
            (settings.base_fee_wei, settings.gas_limit) != (before.base_fee_wei, before.gas_limit);
        if rules_changed {
            self.restart_pool(Vec::new());
        }
        Ok(())
    }

    fn set_timestamp_interval(&self, seconds: Option<u64>) -> Result<(), DevelopmentError> {
        if seconds.is_some_and(|seconds| seconds > TIMESTAMP_INTERVAL_S_MAX) {
            let limit = TIMESTAMP_INTERVAL_S_MAX;
            return Err(DevelopmentError::Value(format!("at most {limit} s between blocks")));
        }
        self.writer().clock.interval_s = seconds;
        Ok(())
    }

    fn edit(&self, address: Address, edit: Edit) -> Result<(), DevelopmentError> {
        self.edit_value(address, edit)
    }

    fn snapshot(&self) -> Result<u64, DevelopmentError> {
        self.take_snapshot()
    }

    fn revert(&self, snapshot: u64) -> Result<bool, DevelopmentError> {
        Ok(self.revert_to(snapshot)?)
    }

    fn reset(&self) -> Result<(), DevelopmentError> {
        Ok(self.begin_anew()?)
    }

    fn impersonate(&self, address: Address, impersonated: bool) {
        let mut writer = self.writer();
        match impersonated {
            true => writer.impersonated.insert(address),
            false => writer.impersonated.remove(&address),
        };
    }

    fn impersonate_all(&self, impersonated: bool) {
        self.writer().impersonates_all = impersonated;
    }

    fn drop_transaction(&self, hash: B256) -> bool {
        let _writer = self.writer();
        self.pool.drop_invalid(hash, "dropped by the user of this development ledger")
    }

    fn drop_transactions(&self, sender: Option<Address>) {
        let _writer = self.writer();
        match sender {
            None => self.pool.restart(self.pool_rules(&self.settings())),
            Some(sender) => {
                let held = self.pool.content_from(sender);
                for transaction in held.executable.iter().chain(&held.queued) {
                    self.pool.drop_invalid(transaction.hash(), "dropped with its sender");
                }
            }
        }
    }

    fn dump(&self) -> Result<Bytes, DevelopmentError> {
        self.dump_state()
    }

    fn load(&self, dump: &[u8]) -> Result<(), DevelopmentError> {
        self.load_state(dump)
    }
}
