//! `debug_storageRangeAt` over a real chain store's old values.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::ChainOptions;
use ledger_api::Ledger as _;
use serde_json::{Value, json};

use super::client::{Server, rich};

/// Runtime code that stores its second word at the slot that its first word names.
const WRITER: &[u8] = &[0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x00];

fn hashed(slot: u64) -> B256 {
    keccak256(U256::from(slot).to_be_bytes::<32>())
}

fn input(slot: u64, value: u64) -> Bytes {
    [slot, value].map(|word| U256::from(word).to_be_bytes::<32>()).concat().into()
}

/// A writer deployed in block 2 and written to in blocks 3 and 4.
async fn written(server: &Server) -> Address {
    let sender = rich();
    server.send(sender.deploy(0, WRITER)).await;
    server.ledger.mine().await;
    let writer = sender.address().create(0);
    let mut nonce = 1;
    for block in [&[(1, 10), (2, 20), (3, 30), (1, 11)][..], &[(2, 0), (4, 40), (1, 12)]] {
        for (slot, value) in block {
            server.send(sender.call(nonce, writer, &input(*slot, *value))).await;
            nonce += 1;
        }
        server.ledger.mine().await;
    }
    writer
}

fn page(slots: &[(u64, u64)], next: Option<B256>) -> Value {
    let entry = |(slot, value): &(u64, u64)| {
        let word = |number: u64| B256::from(U256::from(number));
        (hashed(*slot).to_string(), json!({ "key": word(*slot), "value": word(*value) }))
    };
    let storage: serde_json::Map<_, _> = slots.iter().map(entry).collect();
    json!({ "storage": storage, "nextKey": next })
}

#[tokio::test]
async fn slots_are_listed_as_they_were_before_a_transaction() {
    let server = Server::start().await;
    let writer = written(&server).await;
    let at = async |block: &str, index: u64, start: B256, count: u64| {
        server.ok("debug_storageRangeAt", json!([block, index, writer, start, count])).await
    };
    let all = async |block: &str, index| at(block, index, B256::ZERO, 100).await;
    assert_eq!(all("0x2", 0).await, page(&[], None));
    assert_eq!(all("0x3", 0).await, page(&[], None));
    assert_eq!(all("0x3", 2).await, page(&[(1, 10), (2, 20)], None));
    assert_eq!(all("0x4", 0).await, page(&[(1, 11), (2, 20), (3, 30)], None));
    assert_eq!(all("0x4", 1).await, page(&[(1, 11), (3, 30)], None));
    assert_eq!(all("latest", 2).await, page(&[(1, 11), (3, 30), (4, 40)], None));
    // By hash, in the order of the hashed keys, page after page; a cleared slot is on none.
    let mut order = [1, 3, 4].map(|slot| (hashed(slot), slot));
    order.sort_unstable();
    let value = |slot| (slot, if slot == 1 { 11 } else { slot * 10 });
    let [first, second, third] = order;
    let hash = server.ledger.head().hash.to_string();
    let one = page(&[value(first.1)], Some(second.0));
    assert_eq!(at(&hash, 2, B256::ZERO, 1).await, one);
    let rest = page(&[value(second.1), value(third.1)], None);
    assert_eq!(at(&hash, 2, second.0, 2).await, rest);
    assert_eq!(at(&hash, 2, third.0, 0).await, page(&[], Some(third.0)));
    assert_eq!(at(&hash, 2, B256::repeat_byte(0xff), 9).await, page(&[], None));
    let short = json!([hash, 2, writer, "0x", 9]);
    let all_three = page(&[value(first.1), value(second.1), value(third.1)], None);
    assert_eq!(server.ok("debug_storageRangeAt", short).await, all_three);
    let nobody = json!(["0x4", 0, Address::repeat_byte(0x99), B256::ZERO, 9]);
    assert_eq!(server.ok("debug_storageRangeAt", nobody).await, page(&[], None));
}

#[tokio::test]
async fn storage_that_cannot_be_listed_is_refused_in_words() {
    let server = Server::start().await;
    let writer = written(&server).await;
    let start = B256::ZERO;
    for (params, code, words) in [
        (json!(["0x4", 3, writer, start, 9]), -32000, "out of range: block 4 has 3"),
        (json!(["0x0", 0, writer, start, 9]), -32000, "genesis is not traceable"),
        (json!(["0x77", 0, writer, start, 9]), -32000, "not found"),
        (json!(["0x4", 0, writer, "0x0", 9]), -32602, "argument 3"),
        (json!(["0x4", 0, writer, format!("{start}00"), 9]), -32602, "32 bytes"),
        (json!(["0x4", 0, writer, start]), -32602, "argument 4"),
    ] {
        let (found, text) = server.error("debug_storageRangeAt", params.clone()).await;
        assert!(found == code && text.contains(words), "{params}: {found} {text}");
    }
}

/// The predeployed contracts are older than the window, the writer came within it.
#[tokio::test]
async fn what_came_after_the_dropped_history_is_still_listed() {
    let options = ChainOptions { history_blocks: Some(2), retained_blocks: None };
    let server = Server::with_chain(options).await;
    let writer = written(&server).await;
    let ask = |account: Address| json!(["0x4", 0, account, B256::ZERO, 9]);
    let listed = server.ok("debug_storageRangeAt", ask(writer)).await;
    assert_eq!(listed, page(&[(1, 11), (2, 20), (3, 30)], None));
    let old = system::validators::ADDRESS;
    let (code, text) = server.error("debug_storageRangeAt", ask(old)).await;
    assert!(code == -32004 && text.contains("archive"), "{code} {text}");
    let whole = Server::start().await;
    whole.ledger.mine().await;
    let listed = whole.ok("debug_storageRangeAt", json!(["latest", 0, old, "0x", 4_096])).await;
    assert!(listed["storage"].as_object().is_some_and(|slots| !slots.is_empty()), "{listed}");
}
