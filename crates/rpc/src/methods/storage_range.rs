//! `debug_storageRangeAt`: the slots of an account in the middle of a block, in the order of the
//! hashes of their keys.
//!
//! The state is found by hashed keys and lists nothing. What lists the slots are the old values, which
//! name every slot that a block changed: all of them where none were dropped since the account came.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::ChangedSlots;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    block_id::BlockId,
    error::{RpcError, code},
    json_text::{BoundedText, JsonText},
    limits::{STORAGE_RANGE_RESULTS_MAX, STORAGE_RANGE_SLOTS_MAX},
    params::Params,
    quantity::Small,
    reruns::{BlockToRun, Rerun, TraceTime, traced},
    service::Context,
};

/// Slots that are read at once.
const SLOTS_AT_ONCE: usize = 256;

#[derive(Serialize)]
struct SlotValue {
    key: B256,
    value: B256,
}

/// Up to so many slots, by the hashes of their keys, and where the next page begins.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    storage: BTreeMap<B256, SlotValue>,
    next_key: Option<B256>,
}

/// `debug_storageRangeAt`: block, transaction before which the account is looked at, account, the
/// hash to begin at, and how many slots at most.
pub async fn at(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let block: BlockId = params.required(0)?;
    let Small(index) = params.required(1)?;
    let address: Address = params.required(2)?;
    let start: Bytes = params.required(3)?;
    let Small(count) = params.required(4)?;
    let start = padded(&start).ok_or_else(|| RpcError::argument(3, "more than 32 bytes"))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(STORAGE_RANGE_RESULTS_MAX);
    let view = context.view();
    let (number, time) = (view.known(block)?, TraceTime::default());
    let block = BlockToRun::new(context, &view, number, time.deadline())?;
    let transactions = block.transactions();
    // An empty block has a state before its transactions all the same.
    let index = usize::try_from(index).ok().filter(|at| *at < transactions.max(1));
    let index = index.ok_or_else(|| {
        let text = "transaction index out of range";
        RpcError::new(code::SERVER, format!("{text}: block {number} has {transactions}"))
    })?;
    let ledger = context.service.ledger.clone();
    traced(context, time, move || {
        let mut rerun = block.start()?;
        rerun.skip_to(index)?;
        let changed = ledger.changed_slots(address, STORAGE_RANGE_SLOTS_MAX + 1)?;
        if rerun.slots(address, &[])?.is_none() {
            return BoundedText::of(&Page::default());
        }
        let slots = known(changed, ledger.oldest_state())?;
        let ordered: BTreeMap<B256, U256> =
            slots.into_iter().map(|slot| (keccak256(B256::from(slot)), slot)).collect();
        BoundedText::of(&page(&mut rerun, address, ordered.range(start..), count)?)
    })
    .await
}

/// A beginning of a hash, as the first hash that begins so.
fn padded(start: &[u8]) -> Option<B256> {
    (start.len() <= 32).then(|| B256::right_padding_from(start))
}

fn known(changed: ChangedSlots, oldest: u64) -> Result<Vec<U256>, RpcError> {
    if changed.slots.len() > STORAGE_RANGE_SLOTS_MAX {
        let text = format!("the account has more than {STORAGE_RANGE_SLOTS_MAX} slots");
        return Err(RpcError::limit(text).with_data(help()));
    }
    if !changed.all {
        let text = format!(
            "debug_storageRangeAt needs every change since the account came, and old values are \
             kept here after block {oldest} only; ask a node with history_blocks = \"archive\""
        );
        return Err(RpcError::new(code::NOT_SUPPORTED, text).with_data(help()));
    }
    Ok(changed.slots)
}

/// What shows slots without listing them.
fn help() -> Value {
    let text =
        "debug_traceTransaction with prestateTracer shows the slots that a transaction touched";
    json!({ "help": text })
}

fn page<'a>(
    rerun: &mut Rerun,
    address: Address,
    mut ordered: impl Iterator<Item = (&'a B256, &'a U256)>,
    count: usize,
) -> Result<Page, RpcError> {
    let mut page = Page::default();
    loop {
        let (hashes, slots): (Vec<B256>, Vec<U256>) = ordered.by_ref().take(SLOTS_AT_ONCE).unzip();
        if hashes.is_empty() {
            return Ok(page);
        }
        let values = rerun.slots(address, &slots)?.unwrap_or_default();
        let held = hashes.into_iter().zip(slots).zip(values);
        for ((hash, slot), value) in held.filter(|(_, value)| !value.is_zero()) {
            if page.storage.len() == count {
                page.next_key = Some(hash);
                return Ok(page);
            }
            page.storage.insert(hash, SlotValue { key: slot.into(), value: value.into() });
        }
    }
}
