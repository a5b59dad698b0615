//! What nodes refused, as their own logs tell: only that proves that a forged block came to the rule
//! that it breaks.
//!
//! A simulated network runs on one thread, so what its nodes log is collected per thread.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    Layer, filter::LevelFilter, layer, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Where the product tells of refused blocks.
const TARGET: &str = "engine::application";

/// A node refused a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who refused.
    pub node: u64,
    /// Hash of the block, in hexadecimal with `0x`.
    pub hash: String,
    /// The rule that it breaks.
    pub rule: String,
}

thread_local! {
    static NODE: Cell<Option<u64>> = const { Cell::new(None) };
    static REFUSED: RefCell<Vec<Refusal>> = const { RefCell::new(Vec::new()) };
}

/// Work of one node: what is logged meanwhile is this node's.
pub(super) struct OfNode<F> {
    pub(super) node: u64,
    pub(super) work: Pin<Box<F>>,
}

impl<F: Future> Future for OfNode<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let before = NODE.replace(Some(self.node));
        let polled = self.work.as_mut().poll(context);
        NODE.set(before);
        polled
    }
}

/// Takes what nodes of this thread refused since the last call.
pub fn take() -> Vec<Refusal> {
    REFUSED.take()
}

/// Collects refusals; to be part of the process's subscriber.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    Collector.with_filter(LevelFilter::WARN)
}

/// Begins to collect, unless the process has a subscriber already.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        // A subscriber that is there already has the layer.
        let _ = tracing_subscriber::registry().with(layer()).try_init();
    });
    take();
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _context: layer::Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() != Level::WARN || metadata.target() != TARGET {
            return;
        }
        let mut told = Told::default();
        event.record(&mut told);
        if let (Some(node), Some(hash), Some(rule)) = (NODE.get(), told.hash, told.rule) {
            REFUSED.with_borrow_mut(|refused| refused.push(Refusal { node, hash, rule }));
        }
    }
}

#[derive(Default)]
struct Told {
    hash: Option<String>,
    rule: Option<String>,
}

impl tracing::field::Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "hash" => self.hash = Some(format!("{value:?}")),
            "rule" => self.rule = Some(format!("{value:?}")),
            _ => {}
        }
    }
}
