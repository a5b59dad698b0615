use execution::validate::InvalidTransaction;
use types::FeeMode;

use super::fixtures::{Offer, account, free_pool, legacy, plain, rules, sender};
use crate::{
    Inserted,
    Origin::{Local, Peer},
    Pool, PoolConfig, Refusal,
};

fn refusal(result: Result<Inserted, Refusal>, code: &str, text: &str) {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal}");
    assert!(refusal.to_string().starts_with(text), "{refusal}");
}

#[test]
fn known_and_used_nonces() {
    let pool = free_pool(PoolConfig::default());
    let first = plain(1, 5);
    assert_eq!(pool.insert(first.clone(), account(5), Local), Ok(Inserted::Executable));
    refusal(pool.insert(first.clone(), account(5), Local), "POOL-0001", "already known");
    let text = "nonce too low: next nonce 5, tx nonce 4";
    refusal(pool.insert(plain(1, 4), account(5), Local), "POOL-0002", text);
    pool.on_final(1, &[(sender(1), 5, first.hash())]);
    // The lane is gone and the account was read before the block was final.
    let text = "nonce too low: next nonce 6, tx nonce 5";
    refusal(pool.insert(first, account(5), Peer), "POOL-0002", text);
    pool.check_invariants();
}

#[test]
fn gaps_up_to_the_limit() {
    let pool = free_pool(PoolConfig { nonce_gap_max: 3, ..PoolConfig::default() });
    assert_eq!(pool.insert(plain(1, 3), None, Local), Ok(Inserted::Queued));
    let text = "nonce too high: next nonce 0, tx nonce 4";
    refusal(pool.insert(plain(1, 4), None, Local), "POOL-0003", text);
    assert_eq!(pool.insert(plain(1, 0), None, Local), Ok(Inserted::Executable));
    assert_eq!(pool.insert(plain(1, 4), None, Local), Ok(Inserted::Queued));
    let status = pool.status();
    assert_eq!((status.executable, status.queued), (1, 2));
    pool.check_invariants();
}

#[test]
fn replacement_needs_ten_percent_on_both_fees() {
    let pool = free_pool(PoolConfig::default());
    let offer = |fee, tip| Offer { fee, tip, ..Offer::new(1, 0) }.signed();
    pool.insert(offer(105, 10), None, Local).unwrap();
    for (fee, tip) in [(0, 0), (200, 10), (105, 20), (115, 11), (116, 10)] {
        let result = pool.insert(offer(fee, tip), None, Local);
        refusal(result, "POOL-0004", "replacement transaction underpriced");
    }
    let raised = offer(116, 11);
    assert_eq!(pool.insert(raised.clone(), None, Local), Ok(Inserted::Executable));
    assert_eq!(pool.content_from(sender(1)).executable, vec![raised]);
    pool.insert(legacy(2, 0, Some(super::fixtures::CHAIN_ID), 0), None, Local).unwrap();
    let result = pool.insert(plain(2, 0), None, Local);
    refusal(result, "POOL-0004", "replacement transaction underpriced");
    pool.check_invariants();
}

#[test]
fn replacing_a_queued_one_keeps_it_queued() {
    let pool = free_pool(PoolConfig::default());
    assert_eq!(pool.insert(plain(1, 2), None, Local), Ok(Inserted::Queued));
    let raised = Offer { fee: 10, tip: 10, ..Offer::new(1, 2) }.signed();
    assert_eq!(pool.insert(raised, None, Local), Ok(Inserted::Queued));
    pool.check_invariants();
    assert_eq!(pool.status().queued, 1);
}

#[test]
fn totals_name_their_limit_and_spare_executable_ones() {
    let config = PoolConfig { transactions_max: 3, sender_share_max: 10, ..PoolConfig::default() };
    let pool = free_pool(config);
    pool.insert(plain(1, 0), None, Local).unwrap();
    pool.insert(plain(2, 0), None, Local).unwrap();
    let gapped = plain(3, 7);
    pool.insert(gapped.clone(), None, Local).unwrap();
    let text = "txpool is full: limit of 3 transactions";
    refusal(pool.insert(plain(4, 1), None, Local), "POOL-0005", text);
    assert_eq!(pool.insert(plain(4, 0), None, Local), Ok(Inserted::Executable));
    assert!(!pool.contains(&gapped.hash()));
    refusal(pool.insert(plain(5, 0), None, Local), "POOL-0005", text);
    assert_eq!(pool.status().executable, 3);
    pool.check_invariants();
}

#[test]
fn bytes_are_bounded_also_by_replacement() {
    let size = plain(1, 0).encoded().len();
    let pool = free_pool(PoolConfig { bytes_max: size * 2, ..PoolConfig::default() });
    pool.insert(plain(1, 0), None, Local).unwrap();
    let large = Offer { fee: 9, tip: 9, data_bytes: size * 2, ..Offer::new(1, 0) }.signed();
    let text = format!("txpool is full: limit of {} bytes", size * 2);
    refusal(pool.insert(large, None, Local), "POOL-0005", &text);
    let other = Offer { data_bytes: size, ..Offer::new(2, 0) }.signed();
    refusal(pool.insert(other, None, Local), "POOL-0005", &text);
    pool.check_invariants();
}

#[test]
fn senders_have_a_lane_limit_and_a_smaller_share_under_pressure() {
    let config = PoolConfig {
        transactions_max: 8,
        lane_transactions_max: 4,
        sender_share_max: 2,
        ..PoolConfig::default()
    };
    let pool = free_pool(config);
    for nonce in 0..4 {
        pool.insert(plain(1, nonce), None, Local).unwrap();
    }
    let text = "account limit exceeded: sender has 4 pending transactions, limit 4";
    refusal(pool.insert(plain(1, 4), None, Local), "POOL-0006", text);
    pool.insert(plain(2, 0), None, Local).unwrap();
    pool.insert(plain(2, 1), None, Local).unwrap();
    let text = "account limit exceeded: sender has 2 pending transactions, limit 2";
    refusal(pool.insert(plain(2, 2), None, Local), "POOL-0006", text);
    assert_eq!(pool.insert(plain(3, 0), None, Local), Ok(Inserted::Executable));
    pool.check_invariants();
}

#[test]
fn rules_and_account() {
    let pool = free_pool(PoolConfig::default());
    let foreign = legacy(1, 0, Some(1), 0);
    refusal(pool.insert(foreign, None, Local), "POOL-0021", "invalid sender");
    let text = "only replay-protected (EIP-155) transactions allowed over RPC";
    refusal(pool.insert(legacy(1, 0, None, 0), None, Local), "POOL-0020", text);
    let short = Offer { gas: 20_000, ..Offer::new(1, 0) }.signed();
    refusal(pool.insert(short, None, Local), "POOL-0024", "intrinsic gas too low");
    let rich = Offer { value: 5, ..Offer::new(1, 0) }.signed();
    let text = "insufficient funds for gas * price + value";
    refusal(pool.insert(rich, account(0), Local), "POOL-0031", text);
    let metered = Pool::new(PoolConfig::default(), rules(FeeMode::Metered));
    let text = "max fee per gas less than block base fee";
    refusal(metered.insert(plain(1, 0), None, Local), "POOL-0028", text);
    assert_eq!((pool.status().executable, pool.status().bytes), (0, 0));
}

#[test]
fn a_used_nonce_is_one_refusal_whoever_finds_it() {
    let found = InvalidTransaction::NonceTooLow { next: 3, nonce: 1 };
    assert_eq!(Refusal::from(found), Refusal::NonceTooLow { next: 3, nonce: 1 });
}

#[test]
fn dropped_ones_return_only_by_local_submission() {
    let pool = free_pool(PoolConfig::default());
    let bad = plain(1, 0);
    pool.insert(bad.clone(), None, Local).unwrap();
    pool.insert(plain(1, 1), None, Local).unwrap();
    assert!(pool.drop_invalid(bad.hash(), "does not pay"));
    assert!(!pool.drop_invalid(bad.hash(), "does not pay"));
    assert_eq!((pool.status().executable, pool.status().queued), (0, 1));
    let text = "transaction was dropped: does not pay";
    refusal(pool.insert(bad.clone(), None, Peer), "POOL-0007", text);
    assert_eq!(pool.unknown(&[bad.hash()]), [false]);
    assert_eq!(pool.insert(bad, None, Local), Ok(Inserted::Executable));
    assert_eq!(pool.status().executable, 2);
    pool.check_invariants();
}

#[test]
fn gapped_ones_live_for_a_number_of_blocks() {
    let pool = free_pool(PoolConfig { queued_blocks_max: 10, ..PoolConfig::default() });
    pool.on_final(5, &[]);
    let (gapped, executable) = (plain(1, 2), plain(2, 0));
    pool.insert(gapped.clone(), None, Local).unwrap();
    pool.insert(executable.clone(), None, Local).unwrap();
    pool.on_final(15, &[]);
    assert!(pool.contains(&gapped.hash()));
    pool.on_final(16, &[]);
    assert!(!pool.contains(&gapped.hash()) && pool.contains(&executable.hash()));
    pool.check_invariants();
}

#[test]
fn admission_follows_the_rules_of_the_next_block() {
    let pool = free_pool(PoolConfig::default());
    let cap = execution::transaction_gas_max(execution::SpecId::OSAKA);
    let large = |nonce, gas| Offer { gas, ..Offer::new(1, nonce) }.signed();
    assert_eq!(pool.insert(large(0, cap + 1), None, Local), Ok(Inserted::Executable));
    pool.follow_rules(execution::TransactionRules { transaction_gas_max: cap, ..pool.rules() });
    let text = "transaction gas limit too high (cap: 16777216, tx: 16777217)";
    refusal(pool.insert(large(1, cap + 1), None, Local), "POOL-0023", text);
    assert_eq!(pool.insert(large(1, cap), None, Local), Ok(Inserted::Executable));
    pool.check_invariants();
}
