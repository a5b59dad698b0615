#![allow(clippy::unwrap_used)]

mod admission;
pub(crate) mod fixtures;
mod model;
mod order;
mod refusals;
