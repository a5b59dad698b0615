//! Whole networks in one process: simulated peer-to-peer network, storage and clock, deterministic.
//!
//! The application is the smallest that is honest: blocks are real ledger blocks without
//! transactions, the "state" is the script that says which validators certify which epoch, and
//! every validator checks every block against its parent and the script.
#![allow(clippy::unwrap_used)]

mod app;
mod cluster;
mod divergence;
mod epochs;
mod faults;
mod joining;
mod node;
mod pacing;
