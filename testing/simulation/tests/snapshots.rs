//! Snapshots of running nodes, and nodes restored from them.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_sol_types::SolCall as _;
use commonware_runtime::{Supervisor as _, deterministic};
use commonware_utils::NZUsize;
use consensus::history::Sets;
use engine::{Join, snapshot::Beginning};
use ledger_api::{Ledger, LedgerError, SnapshotPart};
use simulation::{
    Account, CHAIN_ID, GOOD, Network, genesis,
    machine::{Host, Machine},
    run_deep, validator,
};
use snapshot::{Origin, Place, Snapshot, create};
use state::{
    StateError, StateKey, StateValue,
    qmdb::{Database, pages},
};
use system::validators::IValidators;
use tempfile::TempDir;
use types::Parameters;

const MINUTE: Duration = Duration::from_secs(60);
const EPOCH_BLOCKS: u64 = 20;
/// Blocks that keep their bodies: fewer than lie between a snapshot and a node restored from it.
const RETAINED: u64 = 25;

/// A network whose state grows: a contract that writes a new slot with every call.
struct Growing {
    network: Network,
    folder: Arc<TempDir>,
    admin: Account,
    contract: Address,
    called: u64,
}

impl Growing {
    async fn start(context: deterministic::Context, founders: &[u64], others: &[u64]) -> Self {
        let mut admin = Account::new(7, CHAIN_ID);
        let parameters = Parameters { epoch_blocks: EPOCH_BLOCKS, ..Parameters::default() };
        let genesis = genesis(founders, parameters, admin.address());
        let seeds = [founders, others].concat();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, &seeds, folder.clone()).await;
        network.link(&[&seeds], GOOD).await;
        network.retained_blocks = Some(RETAINED);
        for seed in founders {
            network.boot(*seed).await;
        }
        // Slot 0 counts the calls; slot n of call n holds n.
        let code = hex!("600d600c600039600d6000f3" "60005460010180600055805500");
        let create = admin.call(TxKind::Create, code.to_vec().into());
        let contract = admin.address().create(admin.nonce() - 1);
        let hash = network.submit(founders[0], create).await;
        network.succeeded(founders[0], &[hash], MINUTE).await;
        Self { network, folder, admin, contract, called: 0 }
    }

    async fn call(&mut self, rounds: usize) {
        let mut hashes = Vec::new();
        for _ in 0..rounds {
            let call = self.admin.call(TxKind::Call(self.contract), Bytes::new());
            hashes.push(self.network.submit(0, call).await);
            self.called += 1;
            self.network.sleep(Duration::from_millis(60)).await;
        }
        self.network.succeeded(0, &hashes[hashes.len() - 1..], MINUTE).await;
    }

    async fn call_to(&mut self, height: u64) {
        while self.network.ledger(0).head().number < height {
            self.call(5).await;
        }
    }

    async fn elect(&mut self, seeds: &[u64]) {
        let keys = seeds.iter().map(|seed| B256::from(validator(*seed).0)).collect();
        let call = IValidators::setNextValidatorsCall { keys }.abi_encode();
        let encoded = self.admin.call(TxKind::Call(system::validators::ADDRESS), call.into());
        self.network.submit(0, encoded).await;
    }

    async fn slot(&self, seed: u64, slot: u64, height: u64) -> Result<U256, LedgerError> {
        let key = StateKey::Storage(self.contract, U256::from(slot));
        let found = self.network.ledger(seed).read_state(height, vec![key]).await?;
        Ok(match found[0] {
            Some(StateValue::Storage(value)) => value,
            None => U256::ZERO,
            ref other => panic!("{other:?}"),
        })
    }

    /// Takes a snapshot of node 0 while transactions go on.
    async fn snapshot(&mut self, name: &str) -> Snapshot {
        let ledger = self.network.ledger(0);
        let mut parts = Vec::new();
        let mut epoch = 0;
        let tip = loop {
            let part = SnapshotPart::Validators { epoch };
            let bytes = answered(&*ledger, part).await;
            let sets = Sets::decode(&bytes).unwrap();
            parts.push((part, bytes));
            epoch += sets.steps.len() as u64;
            if let Some(tip) = sets.tip {
                break tip;
            }
        };
        let top = tip.header.number;
        for part in
            [SnapshotPart::Bodies { top, count: 1 }, SnapshotPart::Receipts { top, count: 1 }]
        {
            parts.push((part, answered(&*ledger, part).await));
        }
        for database in Database::ALL {
            for page in pages(database, database.commitment(&tip.extension.state)) {
                let part = SnapshotPart::State(page);
                parts.push((part, answered(&*ledger, part).await));
                self.call(1).await;
            }
        }
        assert!(ledger.head().number > top, "it went on meanwhile");
        let place = Place::folder(self.folder.path().join(name));
        let mut origin = Parts(parts);
        let created = create(&mut origin, &self.network.genesis, &place, &mut |_| {}).unwrap();
        assert_eq!(created.manifest.height, top);
        let snapshot = Snapshot::open(place, &self.network.genesis).unwrap();
        snapshot.check_pages(&mut |_| {}).unwrap();
        snapshot
    }

    /// Makes the stores of node `seed`, which must not have any.
    async fn restore(&self, seed: u64, snapshot: Arc<Snapshot>) {
        let context = self.network.context.child("restore").with_attribute("seed", seed);
        let host = Host::new(context, self.network.files.clone(), Machine::default(), seed);
        let beginning = Beginning {
            sets: snapshot.proved().sets.clone(),
            block: snapshot.proved().block.clone(),
            transactions: snapshot.transactions().to_vec(),
            receipts: snapshot.receipts().to_vec(),
        };
        let place = engine::snapshot::Place {
            genesis: self.network.genesis.clone(),
            chain_folder: self.chain_folder(seed),
            partition_prefix: format!("node-{seed}"),
            worker_threads: NZUsize!(1),
            cache_pages: NZUsize!(256),
        };
        let restored = engine::snapshot::restore(&host, &place, &beginning, snapshot);
        Box::pin(restored).await.unwrap_or_else(|error| panic!("{error}"));
    }

    fn chain_folder(&self, seed: u64) -> std::path::PathBuf {
        self.folder.path().join(seed.to_string())
    }
}

async fn answered(ledger: &dyn Ledger, part: SnapshotPart) -> Vec<u8> {
    ledger.snapshot_part(part).await.unwrap().unwrap_or_else(|| panic!("no {part:?}")).to_vec()
}

/// What a node answered.
struct Parts(Vec<(SnapshotPart, Vec<u8>)>);

impl Origin for Parts {
    type Error = std::convert::Infallible;

    fn part(&mut self, part: SnapshotPart) -> Result<Option<Vec<u8>>, Self::Error> {
        let found = self.0.iter().find(|(found, _)| *found == part);
        Ok(found.map(|(_, bytes)| bytes.clone()))
    }
}

/// Blocks are pruned between the snapshot and the present, and the validators change: the node
/// starts from the snapshot, fetches what changed, and executes nothing that lies below.
#[test]
fn a_restored_node_joins_peers_that_have_pruned_and_executes_no_block_below_its_snapshot() {
    run_deep(201, |context| async move {
        let mut growing = Growing::start(context, &[0, 1, 2, 3], &[4]).await;
        growing.call_to(8).await;
        growing.elect(&[0, 1, 2]).await;
        growing.call_to(EPOCH_BLOCKS + 6).await;
        let snapshot = Arc::new(growing.snapshot("snapshot").await);
        let height = snapshot.manifest().height;
        let called = growing.slot(0, 0, height).await.unwrap();
        growing.elect(&[1, 2, 3]).await;
        growing.call_to(height + 2 * EPOCH_BLOCKS).await;
        let pruned = growing.network.ledger(0);
        assert!(pruned.chain().lowest_body() > Some(height), "nobody has the next block any more");

        growing.restore(4, snapshot).await;
        growing.network.join = Join::Auto;
        let before = growing.network.ledger(0).head().number;
        growing.network.boot(4).await;
        growing.call(10).await;
        let now = growing.network.ledger(0).head().number;
        growing.network.reach(&[4], now, MINUTE).await;

        let ledger = growing.network.ledger(4);
        let anchor = ledger.chain().oldest_state();
        assert!(anchor + 4 >= before && anchor > height, "anchor {anchor}, network at {before}");
        assert_eq!((growing.network.nodes[&4].first_applied)(), Some(anchor + 1));
        for slot in [0, 1, called.to::<u64>(), called.to::<u64>() + 1, growing.called] {
            let expected = growing.slot(0, slot, now).await.unwrap();
            assert!(expected > U256::ZERO, "slot {slot}");
            assert_eq!(growing.slot(4, slot, now).await.unwrap(), expected, "slot {slot}");
        }
        let refused = growing.slot(4, 0, height).await;
        assert!(matches!(refused, Err(LedgerError::State(StateError::Pruned { .. }))));

        // The past is filled in, and a restart changes nothing.
        for _ in 0..3_000 {
            if ledger.chain().lowest_header() == Some(0) {
                break;
            }
            growing.network.sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(ledger.chain().lowest_header(), Some(0));
        assert!(ledger.finality_proof(1).await.is_ok());
        drop(ledger);
        growing.network.kill(4).await;
        growing.network.boot(4).await;
        growing.call(5).await;
        let now = growing.network.ledger(0).head().number;
        growing.network.reach(&[4], now, MINUTE).await;
        assert_eq!(growing.slot(4, 0, now).await, growing.slot(0, 0, now).await);
    });
}

/// Without anybody who knows more, a node begins at the block of its snapshot.
#[test]
fn the_only_validator_is_restored_without_peers() {
    run_deep(202, |context| async move {
        let mut growing = Growing::start(context, &[0], &[]).await;
        growing.call_to(EPOCH_BLOCKS + 6).await;
        let snapshot = Arc::new(growing.snapshot("snapshot").await);
        let height = snapshot.manifest().height;
        let called = growing.slot(0, 0, height).await.unwrap();
        growing.network.kill(0).await;
        lose_everything(&growing, 0);

        growing.restore(0, snapshot.clone()).await;
        growing.network.join = Join::Auto;
        growing.network.boot(0).await;
        growing.network.reach(&[0], height, MINUTE).await;
        let ledger = growing.network.ledger(0);
        assert_eq!(ledger.head().number, height);
        assert_eq!(ledger.head().hash, snapshot.manifest().block_hash);
        assert_eq!(growing.slot(0, 0, height).await, Ok(called));
        let block = ledger.chain().block(height).unwrap().unwrap();
        assert_eq!(block.transactions(), snapshot.transactions());
        // It cannot know what it signed since, and signs nothing that could contradict it.
        assert!(ledger.consensus_status().await.abstaining_until.is_some());
    });
}

fn lose_everything(growing: &Growing, seed: u64) {
    growing.network.files.remove_all(&format!("node-{seed}"));
    std::fs::remove_dir_all(growing.chain_folder(seed)).unwrap();
}

/// A page that is lost or changed restores nothing.
#[test]
fn a_damaged_snapshot_is_refused_while_it_is_restored() {
    run_deep(203, |context| async move {
        let mut growing = Growing::start(context, &[0, 1, 2, 3], &[]).await;
        growing.call_to(EPOCH_BLOCKS + 6).await;
        let snapshot = growing.snapshot("snapshot").await;
        let file = growing.folder.path().join("snapshot/storage-000000.pages");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let snapshot = Arc::new(snapshot);
        let context = growing.network.context.child("restore");
        let host = Host::new(context, growing.network.files.clone(), Machine::default(), 9);
        let beginning = Beginning {
            sets: snapshot.proved().sets.clone(),
            block: snapshot.proved().block.clone(),
            transactions: snapshot.transactions().to_vec(),
            receipts: snapshot.receipts().to_vec(),
        };
        let place = engine::snapshot::Place {
            genesis: growing.network.genesis.clone(),
            chain_folder: growing.chain_folder(9),
            partition_prefix: "node-9".into(),
            worker_threads: NZUsize!(1),
            cache_pages: NZUsize!(256),
        };
        let restored = engine::snapshot::restore(&host, &place, &beginning, snapshot.clone());
        let error = Box::pin(restored).await.unwrap_err();
        assert!(error.to_string().starts_with("state: storage: "), "{error}");
        let named = snapshot.failure().unwrap().to_string();
        assert!(named.starts_with("storage-000000.pages: "), "{named}");
    });
}
