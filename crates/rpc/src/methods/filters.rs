//! Logs, and filters for clients that poll.

use chain::LogEntry;
use serde_json::{Value, json};

use super::trace::TextList;
use crate::{
    error::{RpcError, code},
    filters::{Changes, Watch},
    json_text::JsonText,
    log_query::{Blocks, LogQuery, heights, search},
    params::Params,
    render,
    service::Context,
    view::View,
};

/// `eth_getLogs`.
pub async fn logs(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let query: LogQuery = params.required(0)?;
    let view = context.view();
    let range = heights(&view, query.blocks)?;
    find(context, view, query, range).await
}

/// Searches where computing is allowed.
async fn find(
    context: &Context,
    view: View,
    query: LogQuery,
    range: (u64, u64),
) -> Result<JsonText, RpcError> {
    let config = context.service.config.clone();
    let work = move || {
        let found: Vec<LogEntry> = search(&view, &config, &query.filter, range)?;
        let mut list = TextList::begin()?;
        found.iter().try_for_each(|entry| list.push(&render::log(entry)))?;
        list.end()
    };
    context.service.simulations.run(work).await
}

/// `eth_newFilter`.
pub async fn new_log_filter(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let query: LogQuery = params.optional(0)?.unwrap_or_else(|| LogQuery {
        filter: Default::default(),
        blocks: Blocks::Range(Default::default(), Default::default()),
    });
    let view = context.view();
    if let Blocks::Range(from, to) = query.blocks
        && let (Some(from), Some(to)) = (fixed(&view, from), fixed(&view, to))
        && from > to
    {
        return Err(RpcError::invalid_params("invalid block range params"));
    }
    let next = view.head().number + 1;
    context.service.filters.install(Watch::Logs { query, next }).map(Value::String)
}

/// The height of an end of a range that does not move with the head.
fn fixed(view: &View, id: crate::block_id::BlockId) -> Option<u64> {
    use crate::block_id::BlockId;
    match id {
        BlockId::Latest | BlockId::Pending => None,
        BlockId::Number(number) => Some(number),
        other => view.number(other).ok().flatten(),
    }
}

/// `eth_newBlockFilter`.
pub async fn new_block_filter(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let next = context.view().head().number + 1;
    context.service.filters.install(Watch::Blocks { next }).map(Value::String)
}

/// `eth_newPendingTransactionFilter`.
pub async fn new_pending_filter(context: &Context, _: &Params) -> Result<Value, RpcError> {
    let receiver = context.service.follower.pending();
    context.service.filters.install(Watch::Pending(receiver)).map(Value::String)
}

/// `eth_uninstallFilter`.
pub async fn uninstall(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let id: String = params.required(0)?;
    Ok(Value::Bool(context.service.filters.uninstall(&id)))
}

/// `eth_getFilterChanges`.
pub async fn changes(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let id: String = params.required(0)?;
    let view = context.view();
    match context.service.filters.changes(&id, view.head().number)? {
        Changes::Pending(hashes) => Ok(JsonText::of(&hashes)),
        Changes::Blocks(from, end) => {
            let hashes: Result<Vec<_>, RpcError> =
                (from..end).map(|number| view.hash(number)).collect();
            Ok(JsonText::of(&hashes?))
        }
        Changes::Logs(query, from) => {
            let Some(range) = new_range(&view, &query, from) else {
                return Ok(json!([]).into());
            };
            let found = find_some(context, view, query, range).await;
            let rest = found.as_ref().map_or(Some(from), |(_, rest)| *rest);
            if let Some(rest) = rest {
                context.service.filters.not_reported(&id, rest);
            }
            found.map(|(logs, _)| logs)
        }
    }
}

/// Logs of a range, or of as many of its first blocks as the limits allow; then also the height from
/// which on they are missing. A filter that is polled gets on this way, however much there was.
async fn find_some(
    context: &Context,
    view: View,
    query: LogQuery,
    (first, last): (u64, u64),
) -> Result<(JsonText, Option<u64>), RpcError> {
    let mut end = last;
    loop {
        match find(context, view.clone(), query.clone(), (first, end)).await {
            Err(error) if error.code == code::LIMIT_EXCEEDED && end > first => {
                end = first + (end - first) / 2;
            }
            found => return Ok((found?, (end < last).then_some(end + 1))),
        }
    }
}

/// What of `next..=head` the filter asks for.
fn new_range(view: &View, query: &LogQuery, next: u64) -> Option<(u64, u64)> {
    let Blocks::Range(from, to) = query.blocks else {
        return None;
    };
    let first = fixed(view, from).unwrap_or(0).max(next);
    let last = fixed(view, to).unwrap_or(u64::MAX).min(view.head().number);
    (first <= last).then_some((first, last))
}

/// `eth_getFilterLogs`: everything the filter asks for up to the head.
pub async fn filter_logs(context: &Context, params: &Params) -> Result<JsonText, RpcError> {
    let id: String = params.required(0)?;
    let query = context.service.filters.log_query(&id)?;
    let view = context.view();
    let range = match query.blocks {
        Blocks::Range(from, to) => {
            let head = view.head().number;
            let first = fixed(&view, from).unwrap_or(head);
            let last = fixed(&view, to).unwrap_or(head).min(head);
            if first > last {
                return Ok(json!([]).into());
            }
            (first, last)
        }
        Blocks::Hash(_) => heights(&view, query.blocks)?,
    };
    find(context, view, query, range).await
}
