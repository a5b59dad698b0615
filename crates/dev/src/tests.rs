#![allow(clippy::unwrap_used)]

mod blocks;
mod contracts;
mod fixture;
mod going_back;
mod pending;
mod proofs;
