#![allow(clippy::unwrap_used)]

mod backfill;
mod blocks;
mod cost;
mod crash;
mod damage;
pub mod fixture;
mod history;
mod logs;
mod retention;
mod rewind;
