//! State and block overrides: third and fourth parameter of `eth_call`.

use std::collections::BTreeMap;

use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, U256};
use execution::{AccountOverride, simulate::BlockOverrides};
use serde::Deserialize;

use crate::{
    limits::OVERRIDE_ENTRIES_MAX,
    object::Object,
    quantity::{Number, Slot, Small},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAccount {
    balance: Option<Number>,
    nonce: Option<Small>,
    code: Option<Bytes>,
    state: Option<BTreeMap<Slot, Slot>>,
    state_diff: Option<BTreeMap<Slot, Slot>>,
    move_precompile_to_address: Option<Address>,
}

/// Pretended accounts.
#[derive(Clone, Debug, Default)]
pub struct StateOverrides(pub BTreeMap<Address, AccountOverride>);

impl StateOverrides {
    /// Accounts and slots.
    pub fn entries(&self) -> usize {
        let slots = |slots: &Option<BTreeMap<U256, U256>>| slots.as_ref().map_or(0, BTreeMap::len);
        let of = |account: &AccountOverride| 1 + slots(&account.state) + slots(&account.state_diff);
        self.0.values().map(of).sum()
    }
}

impl<'de> Deserialize<'de> for StateOverrides {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = BTreeMap::<Address, Option<Object<WireAccount>>>::deserialize(deserializer)?;
        // As in geth, null pretends nothing.
        let wire: BTreeMap<Address, Object<WireAccount>> =
            wire.into_iter().filter_map(|(address, account)| Some((address, account?))).collect();
        let entries: usize = wire
            .values()
            .map(|Object(account)| {
                let slots =
                    |map: &Option<BTreeMap<Slot, Slot>>| map.as_ref().map_or(0, |m| m.len());
                1 + slots(&account.state) + slots(&account.state_diff)
            })
            .sum();
        if entries > OVERRIDE_ENTRIES_MAX {
            let message = format!("too many state overrides, limit {OVERRIDE_ENTRIES_MAX} entries");
            return Err(serde::de::Error::custom(message));
        }
        let accounts: Result<_, String> = wire
            .into_iter()
            .map(|(address, Object(account))| Ok((address, pretend(address, account)?)))
            .collect();
        accounts.map(Self).map_err(serde::de::Error::custom)
    }
}

fn pretend(address: Address, wire: WireAccount) -> Result<AccountOverride, String> {
    if wire.state.is_some() && wire.state_diff.is_some() {
        return Err(format!("account {address:#x} has both 'state' and 'stateDiff'"));
    }
    let words = |map: BTreeMap<Slot, Slot>| -> BTreeMap<U256, U256> {
        map.into_iter().map(|(slot, value)| (slot.0.into(), value.0.into())).collect()
    };
    Ok(AccountOverride {
        balance: wire.balance.map(|Number(balance)| balance),
        nonce: wire.nonce.map(|Small(nonce)| nonce),
        code: wire.code,
        state: wire.state.map(words),
        state_diff: wire.state_diff.map(words),
        move_precompile_to: wire.move_precompile_to_address,
    })
}

/// Pretended fields of the block as clients send them; unknown ones are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireBlock {
    number: Option<Small>,
    #[serde(alias = "timestamp")]
    time: Option<Small>,
    gas_limit: Option<Small>,
    #[serde(alias = "coinbase")]
    fee_recipient: Option<Address>,
    #[serde(alias = "random")]
    prev_randao: Option<Slot>,
    #[serde(alias = "baseFee")]
    base_fee_per_gas: Option<Small>,
    blob_base_fee: Option<Small>,
    difficulty: Option<Number>,
    withdrawals: Option<Vec<Withdrawal>>,
    beacon_root: Option<B256>,
}

/// Pretended fields of the block: what the EVM sees of them, and what only a simulated block has.
#[derive(Clone, Debug, Default)]
pub struct BlockFields(pub BlockOverrides, pub BlockExtras);

/// Fields that a call does not see.
#[derive(Clone, Debug, Default)]
pub struct BlockExtras {
    /// Withdrawals (EIP-4895).
    pub withdrawals: Vec<Withdrawal>,
    /// Root of EIP-4788.
    pub beacon_root: Option<B256>,
}

impl<'de> Deserialize<'de> for BlockFields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(wire) = Object::<WireBlock>::deserialize(deserializer)?;
        let small = |number: Option<Small>| number.map(|Small(number)| number);
        let extras = BlockExtras {
            withdrawals: wire.withdrawals.unwrap_or_default(),
            beacon_root: wire.beacon_root,
        };
        let overrides = BlockOverrides {
            number: small(wire.number),
            time: small(wire.time),
            gas_limit: small(wire.gas_limit),
            fee_recipient: wire.fee_recipient,
            prev_randao: wire.prev_randao.map(|Slot(word)| word),
            base_fee_per_gas: small(wire.base_fee_per_gas),
            blob_base_fee: small(wire.blob_base_fee).map(u128::from),
            difficulty: wire.difficulty.map(|Number(difficulty)| difficulty),
        };
        Ok(Self(overrides, extras))
    }
}
