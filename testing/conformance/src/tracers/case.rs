//! One case.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use alloy_consensus::TxEnvelope;
use alloy_eips::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use execution::{
    ChainRules,
    trace::{GethTracer, TracePlace, trace_one},
};
use eyre::{Result, eyre};
use revm::context::BlockEnv;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::{
    difference,
    state::{Account, Values},
};
use crate::chain::{ForkConfiguration, Position, body};

/// A number as geth's files have it: JSON number, decimal text, or hex text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(pub(super) U256);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            other => return Err(de::Error::custom(format!("no number: {other}"))),
        };
        let number = match text.strip_prefix("0x") {
            Some("") => Ok(U256::ZERO),
            Some(digits) => U256::from_str_radix(digits, 16),
            None => U256::from_str_radix(&text, 10),
        };
        number.map(Self).map_err(de::Error::custom)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Genesis {
    alloc: BTreeMap<Address, Account>,
    config: Value,
    #[serde(default)]
    mix_hash: B256,
    excess_blob_gas: Option<Number>,
    blob_gas_used: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    number: Number,
    difficulty: Number,
    timestamp: Number,
    gas_limit: Number,
    miner: Address,
    base_fee_per_gas: Option<Number>,
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case {
    genesis: Genesis,
    context: Context,
    input: Bytes,
    #[serde(default)]
    tracer_config: Value,
    result: Value,
}

impl Case {
    pub(super) fn read(path: &Path) -> Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Traces the transaction and compares.
    pub(super) fn check(&self, tracer: &str) -> Result<()> {
        // Go reads names whatever their case, and one file counts on it.
        let names = self.genesis.config.as_object().into_iter().flatten();
        let mut config: Value =
            names.map(|(name, value)| (lower_first(name), value.clone())).collect();
        if config.get("chainId").is_none() {
            config["chainId"] = json!(1);
        }
        let configuration: ForkConfiguration = serde_json::from_value(config)?;
        let schedule = configuration.schedule(Position {
            number: self.context.number.0.saturating_to(),
            timestamp: self.context.timestamp.0.saturating_to(),
            difficulty_before: U256::ZERO,
        });
        let rules =
            ChainRules::ethereum(configuration.chain_id, schedule.rules.spec, BTreeMap::new());
        let transaction = TxEnvelope::decode_2718(&mut &self.input[..])?;
        let sender = body::sender(&transaction, &schedule)?;
        let mut revm = schedule.rules.configuration(configuration.chain_id);
        // As geth's test does.
        revm.tx_chain_id_check = false;
        let options = json!({ "tracer": tracer, "tracerConfig": self.tracer_config });
        let tracer = GethTracer::new(serde_json::from_value(options)?)?;
        let values = Arc::new(Values::of(&self.genesis.alloc));
        let place = TracePlace {
            block_number: Some(self.context.number.0.saturating_to()),
            ..TracePlace::default()
        };
        let (trace, _) = trace_one(
            &values,
            (revm, self.block(&schedule)),
            &rules,
            body::environment(&transaction, sender),
            &tracer,
            place,
        )?;
        let found = comparable(serde_json::to_value(&trace)?);
        match difference::first("result", &comparable(self.result.clone()), &found) {
            None => Ok(()),
            Some(difference) => Err(eyre!(difference)),
        }
    }

    fn block(&self, schedule: &crate::chain::Schedule) -> BlockEnv {
        let context = &self.context;
        let mut block = BlockEnv {
            number: context.number.0,
            beneficiary: context.miner,
            timestamp: context.timestamp.0,
            gas_limit: context.gas_limit.0.saturating_to(),
            basefee: context.base_fee_per_gas.unwrap_or_default().0.saturating_to(),
            difficulty: context.difficulty.0,
            prevrandao: schedule.rules.is_merged().then_some(self.genesis.mix_hash),
            blob_excess_gas_and_price: None,
            slot_num: 0,
        };
        if let (Some(excess), Some(used)) =
            (self.genesis.excess_blob_gas, self.genesis.blob_gas_used)
        {
            let sum = excess.0.saturating_add(used.0);
            let target = U256::from(3 * 131_072);
            schedule.rules.set_blob_price(&mut block, sum.saturating_sub(target).saturating_to());
        } else {
            schedule.rules.set_blob_price(&mut block, 0);
        }
        block
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// What geth's own test compares. It reads both sides into structures without the place of a flat
/// frame, in which what is absent is zero: members of flat frames, indexes and positions of logs.
fn comparable(mut trace: Value) -> Value {
    match &mut trace {
        Value::Array(frames) => frames.iter_mut().for_each(flat_frame),
        Value::Object(_) => logs(&mut trace),
        _ => {}
    }
    trace
}

fn flat_frame(frame: &mut Value) {
    let Some(members) = frame.as_object_mut() else { return };
    for place in ["blockHash", "blockNumber", "transactionHash", "transactionPosition", "time"] {
        members.remove(place);
    }
    let zeros = [json!(Address::ZERO), json!("0x"), json!("0x0")];
    for part in ["action", "result"] {
        if let Some(Value::Object(part)) = members.get_mut(part) {
            part.retain(|_, value| !zeros.contains(value));
        }
    }
    if members.get("result").is_some_and(|result| *result == json!({})) {
        members.remove("result");
    }
}

fn logs(frame: &mut Value) {
    if let Some(Value::Array(logs)) = frame.get_mut("logs") {
        for log in logs {
            for name in ["index", "position"] {
                if log.get(name).is_none() {
                    log[name] = json!("0x0");
                }
            }
        }
    }
    if let Some(Value::Array(calls)) = frame.get_mut("calls") {
        calls.iter_mut().for_each(logs);
    }
}
