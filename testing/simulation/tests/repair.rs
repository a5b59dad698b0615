//! Nodes whose chain store is damaged rebuild it without an operator.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, TxKind};
use commonware_runtime::deterministic;
use simulation::{Account, CHAIN_ID, GOOD, Network, genesis, run};
use types::Parameters;

const MINUTE: Duration = Duration::from_secs(60);
const EPOCH_BLOCKS: u64 = 12;
const NODES: [u64; 4] = [0, 1, 2, 3];
/// The node whose store is damaged.
const VICTIM: u64 = 2;

struct Ledger {
    network: Network,
    sender: Account,
    hashes: Vec<B256>,
    folder: PathBuf,
}

impl Ledger {
    async fn start(context: deterministic::Context) -> Self {
        let sender = Account::new(7, CHAIN_ID);
        let parameters = Parameters { epoch_blocks: EPOCH_BLOCKS, ..Parameters::default() };
        let genesis = genesis(&NODES, parameters, sender.address());
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let path = folder.path().to_owned();
        let mut network = Network::over(context, genesis, &NODES, folder).await;
        network.link(&[&NODES], GOOD).await;
        for seed in NODES {
            network.boot(seed).await;
        }
        Self { network, sender, hashes: Vec::new(), folder: path }
    }

    async fn advance_to(&mut self, height: u64) {
        while self.network.ledger(0).head().number < height {
            let call = self.sender.call(TxKind::Call(Address::ZERO), Bytes::new());
            let hash = self.network.submit(0, call).await;
            self.hashes.push(hash);
            self.network.succeeded(0, &[hash], MINUTE).await;
        }
    }

    fn store(&self) -> PathBuf {
        self.folder.join(VICTIM.to_string())
    }

    /// The victim has every block, receipt and transaction again.
    async fn assert_rebuilt(&self) {
        let height = self.network.ledger(0).head().number;
        self.network.reach(&[VICTIM], height, MINUTE).await;
        let (own, other) = (self.network.ledger(VICTIM), self.network.ledger(0));
        for _ in 0..3_000 {
            if own.chain().lowest_body() == Some(0) {
                break;
            }
            self.network.sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(own.chain().lowest_header(), Some(0));
        assert_eq!(own.chain().lowest_body(), Some(0));
        own.chain().check_everything().unwrap();
        for hash in &self.hashes {
            let location = own.chain().transaction(*hash).unwrap();
            assert!(location.is_some());
            assert_eq!(location, other.chain().transaction(*hash).unwrap());
        }
        self.network.assert_one_chain(&[0, VICTIM]);
    }
}

fn journal(store: &Path) -> PathBuf {
    let entries = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find(|path| path.extension().is_some_and(|end| end == "jnl")).unwrap()
}

/// Damages the victim's store while it is down; it comes back by itself and votes.
fn comes_back(seed: u64, damage: fn(&Path), set_aside: bool) {
    run(seed, move |context| async move {
        let mut ledger = Ledger::start(context).await;
        ledger.advance_to(3 * EPOCH_BLOCKS + 5).await;
        let reached = ledger.network.ledger(0).head().number;
        ledger.network.reach(&[VICTIM], reached, MINUTE).await;
        ledger.network.kill(VICTIM).await;
        damage(&ledger.store());
        ledger.network.boot(VICTIM).await;
        let aside = ledger.store().with_file_name(format!("{VICTIM}.damaged"));
        assert_eq!(aside.exists(), set_aside);
        ledger.advance_to(reached + 6).await;
        ledger.assert_rebuilt().await;
        // It counts: without it the other two of three have no quorum.
        ledger.network.kill(3).await;
        let height = ledger.network.ledger(0).head().number;
        ledger.advance_to(height + 4).await;
        ledger.assert_rebuilt().await;
    });
}

#[test]
fn a_store_that_lost_a_file_is_set_aside_and_rebuilt() {
    comes_back(201, |store| fs::remove_file(store.join("keyspaces/3/current")).unwrap(), true);
}

#[test]
fn a_store_that_lost_its_newest_blocks_fetches_them() {
    let lose = |store: &Path| {
        let journal = journal(store);
        let bytes = fs::read(&journal).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        fs::OpenOptions::new().write(true).open(journal).unwrap().set_len(used / 2).unwrap();
    };
    comes_back(202, lose, false);
}

#[test]
fn a_store_that_is_gone_is_rebuilt() {
    comes_back(203, |store| fs::remove_dir_all(store).unwrap(), false);
}
