//! Otterscan's search for the transactions of an account, calls inside transactions included.
//!
//! No index names them, so the blocks are run again one after the other, as `trace_filter` does,
//! until a page is full or the time is over.

use alloy_primitives::Address;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    blocks::transaction_object,
    ots::{page_size, slim_receipt},
    trace::localized,
    trace_filter::ends,
};
use crate::{
    error::RpcError,
    json_text::{BoundedText, JsonText},
    params::Params,
    quantity::Small,
    reruns::{BlockToRun, TraceTime, traced},
    service::Context,
    view::View,
};

/// Which way from the block named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Older,
    Newer,
}

/// Transactions with their receipts, in the order in which they were found.
#[derive(Default)]
struct Found {
    transactions: Vec<Value>,
    receipts: Vec<Value>,
}

/// `ots_searchTransactionsBefore`: account, block (0: from the newest on), transactions per page;
/// the newest first.
pub async fn before(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    search(context, params, Direction::Older).await
}

/// `ots_searchTransactionsAfter`: account, block (0: from the oldest on), transactions per page; the
/// newest first.
pub async fn after(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    search(context, params, Direction::Newer).await
}

/// A page ends with a whole block, so that the next one begins at the block beyond.
async fn search(
    context: &Context,
    params: &Params,
    direction: Direction,
) -> Result<JsonText, RpcError> {
    let address: Address = params.required(0)?;
    let Small(from) = params.required(1)?;
    let size = page_size(params.required(2)?)?;
    let (view, service, time) = (context.view(), context.clone(), TraceTime::LONGEST);
    let (head, deadline) = (view.head().number, time.deadline());
    traced(context, time, move || {
        let mut numbers: Box<dyn Iterator<Item = u64>> = match direction {
            Direction::Older if from == 0 => Box::new((1..=head).rev()),
            Direction::Older => Box::new((1..from.min(head.saturating_add(1))).rev()),
            Direction::Newer => Box::new(from.saturating_add(1)..=head),
        };
        let mut found = Found::default();
        while found.transactions.len() < size
            && let Some(number) = numbers.next()
        {
            check_time(deadline, number)?;
            if view.present_header(number)?.0.gas_used > 0 {
                let block = BlockToRun::new(&service, &view, number, deadline)?;
                found.add_block(&view, block, address, direction)?;
            }
        }
        let ended = numbers.next().is_none();
        let (first, last) = match direction {
            Direction::Older => (from == 0, ended),
            Direction::Newer => (ended, from == 0),
        };
        if direction == Direction::Newer {
            found.transactions.reverse();
            found.receipts.reverse();
        }
        BoundedText::of(&json!({
            "txs": found.transactions,
            "receipts": found.receipts,
            "firstPage": first,
            "lastPage": last,
        }))
    })
    .await
}

fn check_time(deadline: Instant, number: u64) -> Result<(), RpcError> {
    if Instant::now() < deadline {
        return Ok(());
    }
    Err(RpcError::limit(format!(
        "the search ran out of time at block {number}: no index of addresses is kept here; use \
         eth_getLogs or trace_filter"
    )))
}

impl Found {
    /// The transactions of a block in which the account calls, is called, is created, or ends.
    fn add_block(
        &mut self,
        view: &View,
        block: BlockToRun,
        address: Address,
        direction: Direction,
    ) -> Result<(), RpcError> {
        let mut rerun = block.start()?;
        let mut places = Vec::new();
        while let Some(index) = rerun.next_index() {
            let named = |(from, to): (Option<Address>, _)| [from, to].contains(&Some(address));
            if localized(&mut rerun)?.iter().map(ends).any(named) {
                places.push(index);
            }
        }
        if direction == Direction::Older {
            places.reverse();
        }
        for index in places {
            let executed = rerun.executed();
            self.transactions.push(transaction_object(view, executed, index)?);
            self.receipts.push(slim_receipt(view, executed, index)?);
        }
        Ok(())
    }
}
