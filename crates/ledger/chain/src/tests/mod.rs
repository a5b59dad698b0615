#![allow(clippy::unwrap_used)]

mod blocks;
mod cost;
mod crash;
pub mod fixture;
mod history;
mod logs;
