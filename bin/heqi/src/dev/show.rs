//! What a development ledger prints at its start.

use std::net::SocketAddr;

use ::dev::{DEFAULT_MNEMONIC, DevLedger};
use alloy_primitives::hex;
use ledger_api::{Development as _, Ledger as _};
use serde_json::{Value, json};

use super::{DevRequest, serve::CLIENT_VERSION};
use crate::Output;

/// Accounts, keys and address.
pub fn ledger(request: &DevRequest, ledger: &DevLedger, address: SocketAddr, output: Output) {
    if output.json {
        println!("{}", object(request, ledger, address));
        return;
    }
    let language = output.language;
    let accounts = ledger.dev_accounts().iter().enumerate();
    let addresses: Vec<String> = accounts
        .clone()
        .map(|(index, account)| format!("({index}) {} ({} ETH)", account.address, request.balance))
        .collect();
    let keys: Vec<String> = accounts
        .map(|(index, account)| {
            format!("({index}) {}", hex::encode_prefixed(account.key.secret().expose()))
        })
        .collect();
    let values = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("accounts", addresses.join("\n")),
        ("keys", keys.join("\n")),
        ("mnemonic", mnemonic(request).to_owned()),
        ("chain_id", request.chain_id.to_string()),
        ("base_fee", request.base_fee.to_string()),
        ("gas_limit", ledger.info().gas_limit.to_string()),
        ("time", (ledger.genesis().time_ms / 1_000).to_string()),
        ("address", address.to_string()),
    ];
    println!("{}", language.text("dev_started", &values));
}

fn mnemonic(request: &DevRequest) -> &str {
    request.mnemonic.as_deref().unwrap_or(DEFAULT_MNEMONIC)
}

fn object(request: &DevRequest, ledger: &DevLedger, address: SocketAddr) -> Value {
    let accounts: Vec<Value> = ledger
        .dev_accounts()
        .iter()
        .map(|account| {
            let key = hex::encode_prefixed(account.key.secret().expose());
            json!({ "address": account.address, "private_key": key })
        })
        .collect();
    json!({
        "rpc": format!("http://{address}"),
        "client_version": CLIENT_VERSION,
        "chain_id": request.chain_id,
        "mnemonic": mnemonic(request),
        "accounts": accounts,
        "base_fee_wei": request.base_fee,
        "gas_limit": ledger.info().gas_limit,
        "genesis_hash": ledger.genesis_hash(),
    })
}
