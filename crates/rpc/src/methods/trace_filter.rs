//! `trace_filter`: the frames of a range of blocks from or to some accounts.

use alloy_primitives::Address;
use execution::trace::{Action, LocalizedTransactionTrace, TraceOutput};
use serde::Deserialize;

use super::trace::{TextList, localized};
use crate::{
    block_id::{BlockId, Tag},
    error::RpcError,
    items::OneOrMany,
    json_text::JsonText,
    limits::{TRACE_FILTER_BLOCKS_MAX, TRACE_FILTER_RESULTS_MAX},
    object::Object,
    params::Params,
    quantity::Small,
    reruns::{BlockToRun, TraceTime, traced},
    service::Context,
    view::View,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    from_block: Option<Tag>,
    to_block: Option<Tag>,
    from_address: Option<OneOrMany<Address>>,
    to_address: Option<OneOrMany<Address>>,
    mode: Mode,
    after: Option<Small>,
    count: Option<Small>,
}

/// How senders and recipients go together where both are given (Erigon).
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    /// Both must match.
    #[default]
    Intersection,
    /// One must match.
    Union,
}

/// Which frames.
struct Wanted {
    from: Option<Vec<Address>>,
    to: Option<Vec<Address>>,
    mode: Mode,
    /// Matching frames to leave out first.
    skip: u64,
    count: usize,
}

/// `trace_filter`.
pub async fn filter(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let Object(wire): Object<Wire> = params.required(0)?;
    let view = context.view();
    let (first, last) = range(&view, &wire)?;
    let asked = wire.count.map_or(u64::MAX, |Small(count)| count);
    let some = |list: Option<OneOrMany<Address>>| {
        list.map(|OneOrMany(list)| list).filter(|list| !list.is_empty())
    };
    let mut wanted = Wanted {
        from: some(wire.from_address),
        to: some(wire.to_address),
        mode: wire.mode,
        skip: wire.after.map_or(0, |Small(after)| after),
        count: usize::try_from(asked).unwrap_or(usize::MAX),
    };
    let time = TraceTime::LONGEST;
    let (deadline, service) = (time.deadline(), context.clone());
    traced(context, time, move || {
        let mut list = TextList::begin()?;
        let mut found = 0;
        for number in first.max(1)..=last {
            if found >= wanted.count {
                break;
            }
            if view.present_header(number)?.0.gas_used == 0 {
                continue;
            }
            let mut rerun = BlockToRun::new(&service, &view, number, deadline)?.start()?;
            while rerun.next_index().is_some() && found < wanted.count {
                for trace in localized(&mut rerun)? {
                    if found == wanted.count || !wanted.take(&trace) {
                        continue;
                    }
                    found += 1;
                    if found > TRACE_FILTER_RESULTS_MAX {
                        let limit = TRACE_FILTER_RESULTS_MAX;
                        let message = format!("filter matches more than {limit} traces: use count");
                        return Err(RpcError::limit(message));
                    }
                    list.push(&trace)?;
                }
            }
        }
        list.end()
    })
    .await
}

fn range(view: &View, wire: &Wire) -> Result<(u64, u64), RpcError> {
    let number = |tag: Option<Tag>| view.known(tag.map_or(BlockId::Latest, |Tag(id)| id));
    let (first, last) = (number(wire.from_block)?, number(wire.to_block)?);
    if first > last {
        return Err(RpcError::invalid_params("invalid block range params"));
    }
    if last - first >= TRACE_FILTER_BLOCKS_MAX {
        let limit = TRACE_FILTER_BLOCKS_MAX;
        return Err(RpcError::limit(format!("query exceeds max block range {limit}")));
    }
    Ok((first, last))
}

impl Wanted {
    /// Whether a frame belongs to the answer; counts down what is left out.
    fn take(&mut self, trace: &LocalizedTransactionTrace) -> bool {
        let (from, to) = ends(trace);
        let among = |list: &Option<Vec<Address>>, end: Option<Address>| {
            list.as_ref().is_none_or(|list| end.is_some_and(|end| list.contains(&end)))
        };
        let (from, to) = (among(&self.from, from), among(&self.to, to));
        let matches = match self.mode {
            // What is not given matches everything, and must not make the other one pointless.
            Mode::Union if self.from.is_some() && self.to.is_some() => from || to,
            Mode::Union | Mode::Intersection => from && to,
        };
        if !matches {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        true
    }
}

/// Who a frame comes from and goes to.
pub fn ends(trace: &LocalizedTransactionTrace) -> (Option<Address>, Option<Address>) {
    match &trace.trace.action {
        Action::Call(call) => (Some(call.from), Some(call.to)),
        Action::Create(create) => {
            let created = match &trace.trace.result {
                Some(TraceOutput::Create(output)) => Some(output.address),
                _ => None,
            };
            (Some(create.from), created)
        }
        Action::Selfdestruct(end) => (Some(end.address), Some(end.refund_address)),
        Action::Reward(reward) => (None, Some(reward.author)),
    }
}
