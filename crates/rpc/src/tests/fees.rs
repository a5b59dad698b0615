//! Prices told, charged and reported agree: whatever is sent, in both fee modes (B5).

use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, TxKind, U256};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use types::FeeMode;

use super::{
    client::{Account, Server, rich},
    ledger::{CHAIN_ID, PRICED, REVERTER},
};

/// Base fee of metered test ledgers, wei.
const BASE_FEE_WEI: u128 = 1_000;
const PERCENTILES: [f64; 5] = [0.0, 20.0, 50.0, 99.5, 100.0];

/// A transaction by its fee fields; those above the base fee as distances from it.
#[derive(Clone, Copy, Debug)]
struct Offer {
    kind: u8,
    above_base_wei: u128,
    tip_wei: u128,
    value_wei: u64,
    reverts: bool,
}

impl Offer {
    fn max_fee(self, base: u128) -> u128 {
        base + self.above_base_wei
    }

    fn tip(self, base: u128) -> u128 {
        self.tip_wei.min(self.max_fee(base))
    }

    /// What the rules of EIP-1559 make of it.
    fn price(self, base: u128) -> u128 {
        match self.kind {
            0 | 1 => self.max_fee(base),
            _ => self.max_fee(base).min(base + self.tip(base)),
        }
    }

    fn signed(self, from: &Account, nonce: u64, base: u128) -> String {
        let (to, value) = match self.reverts {
            true => (REVERTER, U256::ZERO),
            false => (PRICED, U256::from(self.value_wei)),
        };
        let (chain_id, gas_limit) = (CHAIN_ID, 120_000);
        let (max_fee_per_gas, max_priority_fee_per_gas) = (self.max_fee(base), self.tip(base));
        let gas_price = max_fee_per_gas;
        let call = TxKind::Call(to);
        match self.kind {
            0 => from.sign(TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price,
                gas_limit,
                to: call,
                value,
                ..TxLegacy::default()
            }),
            1 => from.sign(TxEip2930 {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to: call,
                value,
                ..TxEip2930::default()
            }),
            2 => from.sign(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: call,
                value,
                ..TxEip1559::default()
            }),
            _ => {
                let delegate = Authorization { chain_id: U256::from(1), address: PRICED, nonce: 0 };
                let signature = from.signature(delegate.signature_hash());
                from.sign(TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    authorization_list: vec![delegate.into_signed(signature)],
                    ..TxEip7702::default()
                })
            }
        }
    }
}

fn offers() -> impl Strategy<Value = Vec<Vec<Offer>>> {
    let above = prop_oneof![Just(0), 0..50u128, 0..1_000_000u128];
    let tip = prop_oneof![Just(0), Just(1), 0..100u128, 0..2_000_000u128];
    let offer = (prop::sample::select(vec![0, 1, 2, 4]), above, tip, 0..5u64, any::<bool>());
    let offer = offer.prop_map(|(kind, above_base_wei, tip_wei, value_wei, reverts)| Offer {
        kind,
        above_base_wei,
        tip_wei,
        value_wei,
        reverts,
    });
    prop::collection::vec(prop::collection::vec(offer, 0..6), 1..4)
}

fn number(value: &Value) -> u128 {
    let text = value.as_str().unwrap_or_else(|| panic!("no quantity: {value}"));
    u128::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
}

/// Sends block after block of offers and compares everything that tells a price.
async fn check(mode: FeeMode, blocks: &[Vec<Offer>]) {
    let server = Server::with(mode, |_| {}).await;
    let base = if mode == FeeMode::Free { 0 } else { BASE_FEE_WEI };
    let sender = rich();
    let told = async |method: &str| number(&server.ok(method, json!([])).await);
    assert_eq!(told("eth_gasPrice").await, base);
    assert_eq!(told("eth_maxPriorityFeePerGas").await, 0);
    assert_eq!(told("eth_baseFee").await, base);
    let suggested = json!([{ "from": sender.address(), "to": PRICED,
        "gasPrice": format!("{base:#x}"), "gas": "0xffff" }]);
    assert_eq!(word(&server.ok("eth_call", suggested).await), base, "GASPRICE of a call");
    let filled = server.ok("eth_fillTransaction", json!([{ "to": PRICED, "gas": "0xffff" }])).await;
    assert_eq!(number(&filled["tx"]["maxFeePerGas"]), base);
    assert_eq!(number(&filled["tx"]["maxPriorityFeePerGas"]), 0);

    let mut nonce = 0;
    for offers in blocks {
        let mut hashes = Vec::new();
        for offer in offers {
            hashes.push(server.send(offer.signed(&sender, nonce, base)).await);
            nonce += 1;
        }
        let before = balance(&server, sender.address()).await;
        server.ledger.mine().await;
        let after = balance(&server, sender.address()).await;
        let block = server.ok("eth_getBlockByNumber", json!(["latest", true])).await;
        assert_eq!(number(&block["baseFeePerGas"]), base);
        let mut tips = Vec::new();
        let mut spent = 0;
        for ((offer, hash), shown) in
            offers.iter().zip(&hashes).zip(block["transactions"].as_array().unwrap())
        {
            let price = if mode == FeeMode::Free { 0 } else { offer.price(base) };
            let receipt = server.ok("eth_getTransactionReceipt", json!([hash])).await;
            assert_eq!(number(&receipt["effectiveGasPrice"]), price, "{offer:?}");
            let transaction = server.ok("eth_getTransactionByHash", json!([hash])).await;
            assert_eq!(&transaction, shown);
            let legacy = matches!(offer.kind, 0 | 1);
            let seen = if legacy { offer.max_fee(base) } else { price };
            assert_eq!(number(&transaction["gasPrice"]), seen, "{offer:?}");
            assert_eq!(receipt["status"], if offer.reverts { "0x0" } else { "0x1" });
            if !offer.reverts {
                assert_eq!(word(&receipt["logs"][0]["data"]), price, "GASPRICE, {offer:?}");
                spent += u128::from(offer.value_wei);
            }
            let gas = number(&receipt["gasUsed"]);
            spent += gas * price;
            tips.push((price.saturating_sub(base), gas));
        }
        assert_eq!(before - after, U256::from(spent), "what was charged is what is shown");
        check_history(&server, base, tips).await;
    }
}

/// `eth_feeHistory` of the newest block against the tips and gas of its transactions.
async fn check_history(server: &Server, base: u128, mut tips: Vec<(u128, u128)>) {
    let history = server.ok("eth_feeHistory", json!(["0x1", "latest", PERCENTILES])).await;
    let fees: Vec<u128> = history["baseFeePerGas"].as_array().unwrap().iter().map(number).collect();
    assert_eq!(fees, [base, base], "this block's and the next one's");
    let ratio = history["gasUsedRatio"][0].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&ratio) && (ratio > 0.0) != tips.is_empty());
    tips.sort_unstable();
    let total: u128 = tips.iter().map(|(_, gas)| gas).sum();
    for (percentile, reward) in PERCENTILES.iter().zip(history["reward"][0].as_array().unwrap()) {
        let mut used = 0;
        let reached = tips.iter().find(|(_, gas)| {
            used += gas;
            used as f64 >= total as f64 * percentile / 100.0
        });
        assert_eq!(number(reward), reached.map_or(0, |(tip, _)| *tip), "percentile {percentile}");
    }
}

async fn balance(server: &Server, address: Address) -> U256 {
    let balance = server.ok("eth_getBalance", json!([address, "latest"])).await;
    balance.as_str().unwrap().parse().unwrap()
}

fn word(value: &Value) -> u128 {
    let text = value.as_str().unwrap();
    assert_eq!(text.len(), 66, "{text}");
    text.parse::<U256>().unwrap().to()
}

/// In many random cases; one runtime for all of them.
fn property(mode: FeeMode) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) };
    let mut runner = TestRunner::new(config);
    runner
        .run(&offers(), |blocks| {
            runtime.block_on(check(mode, &blocks));
            Ok(())
        })
        .unwrap();
}

#[test]
fn b5_fees_agree_everywhere_in_free_mode() {
    property(FeeMode::Free);
}

#[test]
fn b5_fees_agree_everywhere_in_metered_mode() {
    property(FeeMode::Metered);
}
