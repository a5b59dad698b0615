#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use alloy_primitives::{Address, Bytes, U256, keccak256};
use commonware_consensus::types::{Epoch, Height, Round, View};
use commonware_glue::stateful::db::{Anchor, DatabaseSet, StateSyncSet, SyncEngineConfig};
use commonware_runtime::{
    Runner as _, Strategizer as _, Supervisor as _, buffer::paged::CacheRef, deterministic,
};
use commonware_utils::{NZU16, NZU64, NZUsize, channel::ring};

use super::*;
use crate::{AccountRecord, Change, StateDiff, StateKey, StateReader as _, StateValue};

const THREADS: NonZeroUsize = NZUsize!(1);

async fn open(
    context: &deterministic::Context,
    label: &'static str,
) -> Databases<deterministic::Context> {
    let config = config(context, "test");
    <Databases<_> as DatabaseSet<_>>::init(context.child(label), config, None).await
}

fn config(
    context: &deterministic::Context,
    prefix: &str,
) -> <Databases<deterministic::Context> as DatabaseSet<deterministic::Context>>::Config {
    database_config::<deterministic::Context>(&StateConfig {
        prefix: prefix.into(),
        page_cache: CacheRef::new(NZU16!(4096), NZUsize!(64)),
        strategy: context.child("strategy").strategy(THREADS),
    })
}

#[test]
fn empty_commitment_is_that_of_fresh_databases() {
    deterministic::Runner::default().start(|context| async move {
        let databases = open(&context, "fresh").await;
        assert_eq!(committed(&databases).await, empty_commitment());
        let targets = <Databases<deterministic::Context> as DatabaseSet<_>>::initial_sync_targets();
        assert!(targets == sync_targets::<deterministic::Context>(&empty_commitment()));
    });
}

fn diff() -> StateDiff {
    let code = Bytes::from(vec![0x5b; 700]);
    let address = Address::repeat_byte(1);
    let record = AccountRecord { nonce: 1, balance: U256::from(7), code_hash: keccak256(&code) };
    let mut diff = StateDiff::default();
    for (key, value) in [
        (StateKey::Account(address), StateValue::Account(record)),
        (StateKey::Storage(address, U256::from(3)), StateValue::Storage(U256::from(9))),
        (StateKey::Code(keccak256(&code)), StateValue::Code(code)),
    ] {
        diff.changes.insert(key, Change { previous: None, current: Some(value) });
    }
    diff
}

#[test]
fn a_diff_is_read_back_from_batches_and_after_a_restart() {
    deterministic::Runner::default().start(|context| async move {
        let keys: Vec<StateKey> = diff().changes.keys().copied().collect();
        let expected: Vec<Option<StateValue>> =
            diff().changes.values().map(|change| change.current.clone()).collect();
        let sealed_commitment = {
            let databases = open(&context, "first").await;
            let sealed =
                apply_diff::<deterministic::Context>(databases.new_batches().await, &diff())
                    .await
                    .unwrap();
            let child =
                <Databases<deterministic::Context> as DatabaseSet<_>>::fork_batches(&sealed);
            let reader = BatchReader::<deterministic::Context>(&child);
            assert_eq!(reader.read_many(&keys).await.unwrap(), expected);
            // The same code again must not be set twice.
            let again = apply_diff::<deterministic::Context>(child, &diff()).await.unwrap();
            assert_ne!(commitment(&again).code.root, commitment(&sealed).code.root);
            databases.apply(sealed.clone()).await;
            assert!(databases.finalize().await.durable().await);
            assert_eq!(committed(&databases).await, commitment(&sealed));
            commitment(&sealed)
        };
        let databases = open(&context, "second").await;
        assert_eq!(committed(&databases).await, sealed_commitment);
        assert_eq!(CommittedReader(databases).read_many(&keys).await.unwrap(), expected);
    });
}

#[test]
fn code_is_cut_and_joined() {
    use super::values::{chunk_count, code_chunks, join_chunks};
    for length in [0usize, 1, 251, 252, 253, 508, 509, 24_576] {
        let code: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let chunks = code_chunks(&code);
        assert_eq!(chunk_count(&chunks[0]).unwrap(), chunks.len());
        assert_eq!(join_chunks(&chunks).unwrap()[..], code[..]);
    }
}

#[test]
fn proofs_hold_for_their_value_and_root_only() {
    deterministic::Runner::default().start(|context| async move {
        let databases = open(&context, "proofs").await;
        let absent = StateKey::Account(Address::repeat_byte(2));
        let (empty, proved) = prove(&databases, &[absent]).await.unwrap();
        verify(&empty, &proved[0]).unwrap();
        let sealed = apply_diff::<deterministic::Context>(databases.new_batches().await, &diff())
            .await
            .unwrap();
        databases.apply(sealed).await;
        let address = Address::repeat_byte(1);
        let keys = [
            StateKey::Account(address),
            absent,
            StateKey::Storage(address, U256::from(3)),
            StateKey::Storage(address, U256::from(4)),
        ];
        let (root, proved) = prove(&databases, &keys).await.unwrap();
        for item in &proved {
            verify(&root, item).unwrap();
            assert!(verify(&empty, item).is_err());
            for bit in 0..item.proof.len() * 8 {
                let mut bytes = item.proof.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let changed = ProvedValue { proof: bytes.into(), ..item.clone() };
                assert!(verify(&root, &changed).is_err(), "bit {bit} of {:?}", item.key);
            }
        }
        assert!(proved[0].value.is_some() && proved[1].value.is_none());
        let other =
            ProvedValue { value: Some(StateValue::Storage(U256::from(8))), ..proved[2].clone() };
        assert_eq!(verify(&root, &other), Err(ProofError::Mismatch));
    });
}

/// A joining node gets all three databases from peers, against what a block commits to, and ends
/// with the same roots and values, also where the peer has removed old operations.
#[test]
fn the_tuple_is_state_synced_from_a_pruned_peer() {
    deterministic::Runner::default().start(|context| async move {
        let source = open(&context, "source").await;
        let mut last = diff();
        let mut sealed =
            apply_diff::<deterministic::Context>(source.new_batches().await, &last).await.unwrap();
        source.apply(sealed.clone()).await;
        for height in 2u64..200 {
            for index in 0..20u64 {
                let address = Address::repeat_byte(u8::try_from(index).unwrap());
                let value = StateValue::Storage(U256::from(height));
                let key = StateKey::Storage(address, U256::from(index * 7 + height % 5));
                last.changes.insert(key, Change { previous: None, current: Some(value) });
            }
            sealed = apply_diff::<deterministic::Context>(source.new_batches().await, &last)
                .await
                .unwrap();
            source.apply(sealed.clone()).await;
        }
        let target = commitment(&sealed);
        assert!(target.accounts.range_start > 0 && target.storage.range_start > 0);
        let targets = sync_targets::<deterministic::Context>(&target);
        source.prune(&targets).await;
        assert!(source.finalize().await.durable().await);

        let (_keep_open, tip_updates) = ring::channel(NZUsize!(1));
        let anchor = Anchor {
            height: Height::new(200),
            round: Round::new(Epoch::zero(), View::new(200)),
            digest: Key::from([7u8; 32]),
        };
        let (synced, reached) = <Databases<deterministic::Context> as StateSyncSet<_, _>>::sync(
            context.child("joiner"),
            config(&context, "joiner"),
            source.clone(),
            anchor,
            targets,
            tip_updates,
            SyncEngineConfig {
                fetch_batch_size: NZU64!(64),
                apply_batch_size: NZU64!(256),
                max_outstanding_requests: NZUsize!(4),
            },
        )
        .await
        .unwrap();
        assert_eq!(reached.height, Height::new(200));
        assert_eq!(committed(&synced).await, target);
        let keys: Vec<StateKey> = last.changes.keys().copied().collect();
        let expected: Vec<_> = last.changes.values().map(|change| change.current.clone()).collect();
        assert_eq!(CommittedReader(synced).read_many(&keys).await.unwrap(), expected);
    });
}
