#![allow(clippy::unwrap_used)]

use std::{num::NonZeroUsize, sync::Arc};

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

/// Pages in memory, of which one may be missing or changed.
struct Kept(std::collections::BTreeMap<PageRequest, Vec<u8>>);

impl ReadPages for Kept {
    async fn page(&self, page: PageRequest) -> Result<Vec<u8>, PageError> {
        let found = self.0.get(&page).cloned();
        found.ok_or_else(|| PageError::Unread(format!("no page {page:?}")))
    }
}

fn pages_config(context: &deterministic::Context, prefix: &str) -> StateConfig {
    StateConfig {
        prefix: prefix.into(),
        page_cache: CacheRef::new(NZU16!(4096), NZUsize!(64)),
        strategy: context.child("strategy").strategy(THREADS),
    }
}

/// A state of many operations, whose first ones are pruned.
async fn grown(context: &deterministic::Context) -> (Databases<deterministic::Context>, StateDiff) {
    let source = open(context, "grown").await;
    let mut last = diff();
    let mut block = diff();
    for height in 1u64..60 {
        for index in 0..40u64 {
            let address = Address::left_padding_from(&(index * 31 + height % 50).to_be_bytes());
            let record = AccountRecord { nonce: height, ..AccountRecord::default() };
            let slot = StateKey::Storage(address, U256::from(index));
            let word = StateValue::Storage(U256::from(height));
            let account = (StateKey::Account(address), StateValue::Account(record));
            for (key, value) in [account, (slot, word)] {
                block.changes.insert(key, Change { previous: None, current: Some(value) });
            }
        }
        let batches = source.new_batches().await;
        let sealed = apply_diff::<deterministic::Context>(batches, &block).await.unwrap();
        source.apply(sealed).await;
        last.changes.extend(std::mem::take(&mut block).changes);
    }
    (source, last)
}

async fn kept(
    databases: &Databases<deterministic::Context>,
    state: &types::StateCommitment,
) -> Kept {
    let mut kept = Kept(Default::default());
    for database in Database::ALL {
        for page in pages(database, database.commitment(state)) {
            let bytes = read_page(databases, page).await.unwrap().unwrap();
            verify_page(database.commitment(state), page, &bytes).unwrap();
            kept.0.insert(page, bytes);
        }
    }
    kept
}

#[test]
fn a_state_is_rebuilt_from_its_pages_while_the_original_moves_on() {
    deterministic::Runner::default().start(|context| async move {
        let (source, last) = grown(&context).await;
        let state = committed(&source).await;
        assert!(state.accounts.range_start > 0 && state.storage.range_start > 0);
        let first = pages(Database::Accounts, &state.accounts).next().unwrap();
        let before = read_page(&source, first).await.unwrap().unwrap();

        // Later blocks change neither a page nor its proof.
        let mut later = StateDiff::default();
        for height in 0..20u64 {
            let key = StateKey::Account(Address::repeat_byte(9));
            let record = AccountRecord { nonce: height, ..AccountRecord::default() };
            let current = Some(StateValue::Account(record));
            later.changes.insert(key, Change { previous: None, current });
            let batches = source.new_batches().await;
            source
                .apply(apply_diff::<deterministic::Context>(batches, &later).await.unwrap())
                .await;
        }
        assert_ne!(committed(&source).await, state);
        assert_eq!(read_page(&source, first).await.unwrap().unwrap(), before);

        let kept = Arc::new(kept(&source, &state).await);
        assert!(kept.0.len() > 6, "{} pages", kept.0.len());
        let config = pages_config(&context, "rebuilt");
        let rebuilt = rebuild(&context.child("rebuild"), &config, &state, kept).await.unwrap();
        assert_eq!(committed(&rebuilt).await, state);
        drop(rebuilt);

        // It is on disk, and is what it was.
        let config = database_config::<deterministic::Context>(&config);
        let targets = Some(sync_targets::<deterministic::Context>(&state));
        let opened =
            <Databases<_> as DatabaseSet<_>>::init(context.child("opened"), config, targets).await;
        assert_eq!(committed(&opened).await, state);
        let keys: Vec<StateKey> = last.changes.keys().copied().collect();
        let expected: Vec<_> = last.changes.values().map(|change| change.current.clone()).collect();
        assert_eq!(CommittedReader(opened).read_many(&keys).await.unwrap(), expected);
    });
}

#[test]
fn a_page_with_a_changed_bit_is_not_believed() {
    deterministic::Runner::default().start(|context| async move {
        let source = open(&context, "source").await;
        let batches = source.new_batches().await;
        let sealed = apply_diff::<deterministic::Context>(batches, &diff()).await.unwrap();
        source.apply(sealed).await;
        let state = committed(&source).await;
        let kept = kept(&source, &state).await;
        for (page, bytes) in &kept.0 {
            let commitment = page.database.commitment(&state);
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(verify_page(commitment, *page, &changed).is_err(), "bit {bit} of {page:?}");
            }
            let cut = &bytes[..bytes.len() - 1];
            assert!(verify_page(commitment, *page, cut).is_err());
            let shifted = PageRequest { start: page.start + 1, ..*page };
            assert!(verify_page(commitment, shifted, bytes).is_err());
        }
        // What is not held is no error.
        let beyond = PageRequest { database: Database::Code, size: 1 << 40, start: 0, count: 1 };
        assert_eq!(read_page(&source, beyond).await, Ok(None));
        let too_many = PageRequest { count: PAGE_OPERATIONS + 1, size: 2, ..beyond };
        assert_eq!(read_page(&source, too_many).await, Ok(None));
        let largest = PageRequest { size: u64::MAX, start: u64::MAX - 1, ..beyond };
        assert_eq!(read_page(&source, largest).await, Ok(None));
    });
}

#[test]
fn a_missing_or_changed_page_rebuilds_nothing() {
    deterministic::Runner::default().start(|context| async move {
        let (source, _) = grown(&context).await;
        let state = committed(&source).await;
        let whole = kept(&source, &state).await;
        let names: Vec<PageRequest> = whole.0.keys().copied().collect();
        for (round, page) in names.into_iter().enumerate() {
            for change in [true, false] {
                let mut pages = whole.0.clone();
                match change {
                    true => pages.get_mut(&page).unwrap()[40] ^= 1,
                    false => drop(pages.remove(&page)),
                }
                let config = pages_config(&context, &format!("broken-{round}-{change}"));
                let (child, kept) = (context.child("broken"), Arc::new(Kept(pages)));
                let error = rebuild(&child, &config, &state, kept).await.err().unwrap();
                assert!(error.to_string().starts_with(page.database.name()), "{error}");
            }
        }
    });
}
