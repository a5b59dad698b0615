//! Hosts a ledger: configuration, data folder, life cycle, health, metrics, logs.
//!
//! [`run::run`] is a whole node process. Everything before the ledger starts is checked here, so
//! that each mistake of an operator ends in one error with a stable code ([`error_code`]), its
//! cause and the next step.

mod blocks;
mod chain_list;
pub mod config;
mod connection;
pub mod data_folder;
pub mod disk;
pub mod divergence;
pub mod error;
pub mod error_code;
pub mod examine;
pub mod files;
pub mod health;
mod ledger_link;
pub mod logs;
mod metrics;
mod open_files;
mod peers;
pub mod restore;
pub mod run;
mod server;
mod stages;
mod stop;
mod store;
mod verification;
