//! The stores of the consensus library: that they are windows, what becomes of a node that was away
//! for longer than its peers keep blocks, how damage is repaired without an operator, and who must
//! not vote after a loss.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, TxKind};
use commonware_runtime::{Blob as _, ReadOptions, Storage as _, WriteOptions, deterministic};
use commonware_utils::{NZU64, NZUsize};
use engine::{Join, Windows};
use simulation::{Account, CHAIN_ID, GOOD, Network, genesis, machine::Machine, run_through_panics};
use types::Parameters;

const MINUTE: Duration = Duration::from_secs(60);
const EPOCH_BLOCKS: u64 = 12;
const NODES: [u64; 4] = [0, 1, 2, 3];
/// The node that is away.
const AWAY: u64 = 3;
const RETAINED: u64 = 30;
/// Windows that pass within a test.
const SMALL: Windows = Windows {
    archive_blocks: 20,
    state_log_blocks: 8,
    pruning_interval_blocks: NZUsize!(4),
    section_blocks: NZU64!(4),
};

struct Ledger {
    network: Network,
    sender: Account,
    hashes: Vec<B256>,
}

impl Ledger {
    /// The first four of `seeds` run.
    async fn start(
        context: deterministic::Context,
        seeds: &[u64],
        retained_blocks: Option<u64>,
    ) -> Self {
        let sender = Account::new(7, CHAIN_ID);
        let parameters = Parameters { epoch_blocks: EPOCH_BLOCKS, ..Parameters::default() };
        let genesis = genesis(&NODES, parameters, sender.address());
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, seeds, folder).await;
        network.link(&[seeds], GOOD).await;
        network.windows = SMALL;
        network.retained_blocks = retained_blocks;
        for seed in NODES {
            network.boot(seed).await;
        }
        network.join = Join::Auto;
        Self { network, sender, hashes: Vec::new() }
    }

    fn height(&self) -> u64 {
        self.network.ledger(0).head().number
    }

    async fn advance_by(&mut self, blocks: u64) {
        let height = self.height() + blocks;
        while self.height() < height {
            let call = self.sender.call(TxKind::Call(Address::ZERO), Bytes::new());
            let hash = self.network.submit(0, call).await;
            self.hashes.push(hash);
            self.network.succeeded(0, &[hash], MINUTE).await;
        }
    }

    /// Files of a partition of a node.
    async fn files(&self, partition: &str) -> usize {
        self.network.disk().scan(partition).await.unwrap().len()
    }

    async fn votes(&self, seed: u64) -> (bool, Option<(u64, u64)>) {
        let status = self.network.ledger(seed).consensus_status().await;
        (status.voting, status.abstaining_until)
    }

    /// Without `seed` the other two have no quorum: blocks become final only because it votes.
    async fn assert_votes(&mut self, seed: u64) {
        let other = NODES.into_iter().find(|other| *other != seed && *other != 0).unwrap();
        self.network.kill(other).await;
        self.advance_by(3).await;
        self.network.boot(other).await;
    }

    /// A node follows to the present.
    async fn present(&self, seed: u64) {
        self.network.reach(&[seed], self.height(), MINUTE).await;
    }

    async fn header_1(&self, seed: u64) {
        let ledger = self.network.ledger(seed);
        for _ in 0..6_000 {
            if ledger.chain().lowest_header() == Some(0) {
                break;
            }
            self.network.sleep(Duration::from_millis(20)).await;
        }
        let other = self.network.ledger(0);
        let top = ledger.head().number;
        for number in 0..=top {
            assert_eq!(ledger.chain().hash(number).unwrap(), other.chain().hash(number).unwrap());
        }
        assert!(ledger.finality_proof(1).await.is_ok());
    }
}

/// Whatever is retained, the library's copies are windows.
#[test]
fn the_copies_of_blocks_and_state_are_windows() {
    run_through_panics(401, |context| async move {
        let mut ledger = Ledger::start(context, &NODES, None).await;
        ledger.advance_by(50).await;
        // Two epochs, the blocks whose acknowledgement may be pending, and two files more.
        let window = 2 * EPOCH_BLOCKS + 16 + 1 + 4;
        let files_max = usize::try_from(window / 4 + 2).unwrap();
        let before = ledger.files("node-0-blocks-values").await;
        ledger.advance_by(100).await;
        let after = ledger.files("node-0-blocks-values").await;
        assert!(after <= files_max, "{after} files, at most {files_max}");
        assert!(after <= before + 2, "{after} files after {before}");
        let kept = ledger.network.ledger(0).chain().lowest_body();
        assert_eq!(kept, Some(0), "the chain store has all of them");
        ledger.network.assert_one_chain(&NODES);
    });
}

/// The chain stores serve what the archives no longer have.
#[test]
fn a_node_replays_from_peers_whose_archives_are_pruned() {
    run_through_panics(402, |context| async move {
        let mut ledger = Ledger::start(context, &[0, 1, 2, 3, 4], None).await;
        ledger.advance_by(20).await;
        ledger.network.kill(AWAY).await;
        ledger.advance_by(100).await;
        ledger.network.boot(AWAY).await;
        ledger.present(AWAY).await;
        assert_eq!((ledger.network.nodes[&AWAY].first_applied)().map(|at| at < 40), Some(true));
        ledger.network.join = Join::Replay;
        ledger.network.boot(4).await;
        ledger.present(4).await;
        assert_eq!((ledger.network.nodes[&4].first_applied)(), Some(1));
        ledger.network.assert_one_chain(&[0, AWAY, 4]);
        ledger.assert_votes(AWAY).await;
    });
}

/// Where nobody has the next block any more, the node fetches the state, keeps its blocks and its
/// journal, and votes at once.
#[test]
fn a_validator_that_was_away_for_too_long_comes_back_by_itself() {
    run_through_panics(403, |context| async move {
        let mut ledger = Ledger::start(context, &NODES, Some(RETAINED)).await;
        ledger.advance_by(20).await;
        let held = ledger.network.ledger(AWAY).head().number;
        ledger.network.kill(AWAY).await;
        ledger.advance_by(120).await;
        assert!(ledger.network.ledger(0).chain().lowest_body() > Some(held + 2 * EPOCH_BLOCKS));
        ledger.network.boot(AWAY).await;
        ledger.present(AWAY).await;
        let first = (ledger.network.nodes[&AWAY].first_applied)();
        assert!(first.is_none_or(|first| first > held + 60), "{first:?} after {held}");
        assert_eq!(ledger.votes(AWAY).await, (true, None));
        ledger.assert_votes(AWAY).await;
        ledger.header_1(AWAY).await;
        // Nothing special is left: a restart goes on as ever.
        ledger.network.kill(AWAY).await;
        ledger.advance_by(3).await;
        ledger.network.boot(AWAY).await;
        ledger.present(AWAY).await;
        ledger.assert_votes(AWAY).await;
    });
}

/// A node that runs and is cut off for too long stops with the reason; the next start repairs it.
#[test]
fn a_node_that_was_cut_off_for_too_long_says_so_and_comes_back() {
    run_through_panics(404, |context| async move {
        let mut ledger = Ledger::start(context, &NODES, Some(RETAINED)).await;
        ledger.advance_by(20).await;
        ledger.network.kill(AWAY).await;
        let machine = Machine::default();
        let starting = ledger.network.launch(AWAY, machine.clone(), None).await;
        let node = starting.wait().await.unwrap();
        ledger.network.link(&[&[0, 1, 2]], GOOD).await;
        ledger.advance_by(150).await;
        ledger.network.link(&[&NODES], GOOD).await;
        for _ in 0..300 {
            if machine.panic().is_some() {
                break;
            }
            ledger.network.sleep(Duration::from_secs(1)).await;
        }
        let reason = machine.panic().unwrap();
        assert!(reason.contains("LeftBehind"), "{reason}");
        node.abort().await;
        ledger.network.boot(AWAY).await;
        ledger.present(AWAY).await;
        ledger.assert_votes(AWAY).await;
    });
}

/// Who is to execute everything is told that nobody has everything.
#[test]
fn replay_against_pruned_peers_is_refused_in_words() {
    run_through_panics(405, |context| async move {
        let mut ledger = Ledger::start(context, &[0, 1, 2, 3, 4], Some(RETAINED)).await;
        ledger.advance_by(120).await;
        ledger.network.join = Join::Replay;
        let machine = Machine::default();
        let starting = ledger.network.launch(4, machine.clone(), None).await;
        for _ in 0..300 {
            if machine.panic().is_some() {
                break;
            }
            ledger.network.sleep(Duration::from_secs(1)).await;
        }
        let reason = machine.panic().unwrap();
        assert!(reason.contains("PeersPruned"), "{reason}");
        starting.kill().await;
    });
}

/// A validator whose journal of votes is gone abstains until the next epoch, over a restart, and
/// then votes.
#[test]
fn a_validator_that_lost_its_journal_abstains_for_the_epoch() {
    run_through_panics(406, |context| async move {
        let mut ledger = Ledger::start(context, &NODES, None).await;
        ledger.advance_by(3 * EPOCH_BLOCKS - ledger.height() % EPOCH_BLOCKS + 2).await;
        ledger.present(AWAY).await;
        let epoch = ledger.height() / EPOCH_BLOCKS;
        ledger.network.kill(AWAY).await;
        let journal = format!("node-{AWAY}-votes-{epoch}");
        ledger.network.disk().remove(&journal, None).await.unwrap();
        for _ in 0..2 {
            ledger.network.boot(AWAY).await;
            ledger.present(AWAY).await;
            ledger.network.sleep(Duration::from_secs(1)).await;
            assert_eq!(ledger.votes(AWAY).await, (false, Some((epoch, u64::MAX))));
            let status = ledger.network.ledger(AWAY).consensus_status().await;
            assert!(status.standing.detail.contains("abstains"), "{}", status.standing.detail);
            ledger.network.kill(AWAY).await;
        }
        ledger.network.boot(AWAY).await;
        ledger.advance_by(2 * EPOCH_BLOCKS).await;
        ledger.present(AWAY).await;
        assert_eq!(ledger.votes(AWAY).await, (true, None));
        ledger.assert_votes(AWAY).await;
    });
}

/// While two of four abstain, nothing can become final: abstaining is not voting a little.
#[test]
fn who_abstains_does_not_vote() {
    run_through_panics(407, |context| async move {
        let mut ledger = Ledger::start(context, &NODES, None).await;
        ledger.advance_by(3 * EPOCH_BLOCKS - ledger.height() % EPOCH_BLOCKS + 2).await;
        ledger.present(AWAY).await;
        let epoch = ledger.height() / EPOCH_BLOCKS;
        ledger.network.kill(AWAY).await;
        ledger.network.disk().remove(&format!("node-{AWAY}-votes-{epoch}"), None).await.unwrap();
        ledger.network.boot(AWAY).await;
        ledger.present(AWAY).await;
        ledger.network.kill(2).await;
        ledger.network.sleep(Duration::from_secs(5)).await;
        let height = ledger.height();
        ledger.network.sleep(MINUTE).await;
        assert_eq!(ledger.height(), height);
        ledger.network.boot(2).await;
        ledger.advance_by(3).await;
    });
}

/// What happens to a file.
#[derive(Clone, Copy)]
enum Harm {
    /// One bit of each of its pages.
    Flip,
    /// It ends at half of its length.
    Cut,
    /// It is gone.
    Remove,
}

/// Bytes of a page with its checksums.
const PAGE_BYTES: u64 = 4_096 + 12;

impl Ledger {
    /// Harms the oldest file of a partition.
    async fn harm(&self, partition: &str, harm: Harm) {
        // What a killed node held open closes a moment later.
        self.network.sleep(Duration::from_secs(1)).await;
        let context = self.network.disk();
        let mut names = context.scan(partition).await.unwrap();
        names.sort_unstable();
        let name = &names[0];
        if matches!(harm, Harm::Remove) {
            return context.remove(partition, Some(name)).await.unwrap();
        }
        let (blob, length) = context.open(partition, name).await.unwrap();
        match harm {
            Harm::Cut => blob.resize(length / 2).await.unwrap(),
            _ => {
                for offset in (0..length).step_by(PAGE_BYTES as usize) {
                    let old = blob.read_at(offset, 1, ReadOptions::default()).await.unwrap();
                    let flipped = vec![old.coalesce().as_ref()[0] ^ 1];
                    blob.write_at(offset, flipped, WriteOptions::default()).await.unwrap();
                }
            }
        }
        blob.sync().await.unwrap();
    }

    /// Starts a node as a supervisor does, until it stays up and is at the present; answers how
    /// often.
    async fn revive(&mut self, seed: u64, height: u64) -> usize {
        for start in 1..=6 {
            let machine = Machine::default();
            let mut starting = self.network.launch(seed, machine.clone(), None).await;
            let node = loop {
                match starting.up() {
                    Ok(node) => break Some(node),
                    Err(down) if machine.panic().is_some() => {
                        down.kill().await;
                        break None;
                    }
                    Err(still) => starting = still,
                }
                self.network.sleep(Duration::from_millis(20)).await;
            };
            let Some(node) = node else { continue };
            for _ in 0..3_000 {
                if machine.panic().is_some() || node.ledger.head().number >= height {
                    break;
                }
                self.network.sleep(Duration::from_millis(20)).await;
            }
            self.network.sleep(Duration::from_secs(1)).await;
            if machine.panic().is_none() && node.ledger.head().number >= height {
                self.network.nodes.insert(seed, node);
                return start;
            }
            node.abort().await;
        }
        panic!("node {seed} does not come back");
    }
}

/// A node comes back from damage, with all blocks and without contradicting what it signed.
fn comes_back(seed: u64, store: &'static str, harm: Harm, starts_max: usize, begun_anew: bool) {
    run_through_panics(seed, move |context| async move {
        let mut ledger = Ledger::start(context, &NODES, None).await;
        ledger.advance_by(60).await;
        ledger.present(AWAY).await;
        ledger.network.kill(AWAY).await;
        ledger.harm(&format!("node-{AWAY}-{store}"), harm).await;
        ledger.advance_by(5).await;
        let height = ledger.height();
        let starts = ledger.revive(AWAY, height).await;
        assert!(starts <= starts_max, "{starts} starts");
        let anew = format!("node-{AWAY}_1-state-accounts-log-blobs");
        assert_eq!(ledger.network.disk().scan(&anew).await.is_ok(), begun_anew);
        assert_eq!(ledger.votes(AWAY).await, (true, None), "its journal of votes is whole");
        ledger.assert_votes(AWAY).await;
        ledger.header_1(AWAY).await;
        for hash in ledger.hashes.clone() {
            assert!(ledger.network.ledger(AWAY).chain().transaction(hash).unwrap().is_some());
        }
        // The mark of the repair stays, and nothing is repaired twice.
        ledger.network.kill(AWAY).await;
        assert_eq!(ledger.revive(AWAY, height).await, 1);
        let again = format!("node-{AWAY}_2-state-accounts-log-blobs");
        assert!(ledger.network.disk().scan(&again).await.is_err());
    });
}

#[test]
fn flipped_bits_in_the_log_of_a_state_database_are_named_and_repaired_at_once() {
    comes_back(411, "state-accounts-log-blobs", Harm::Flip, 1, true);
}

#[test]
fn a_log_of_a_state_database_that_is_cut_off_is_repaired() {
    comes_back(412, "state-storage-log-blobs", Harm::Cut, 4, true);
}

#[test]
fn nodes_of_a_state_database_that_are_gone_are_repaired() {
    comes_back(413, "state-accounts-nodes-blobs", Harm::Remove, 4, true);
}

#[test]
fn flipped_bits_in_the_keys_of_an_archive_are_named_and_repaired_at_once() {
    comes_back(414, "blocks-keys", Harm::Flip, 1, true);
}

/// The chain store has the blocks of the archive.
#[test]
fn flipped_bits_in_the_blocks_of_an_archive_do_no_harm() {
    comes_back(415, "blocks-values", Harm::Flip, 1, false);
}

/// A ledger with one validator has nobody to ask: it executes the blocks of its chain store anew.
#[test]
fn a_single_validator_repairs_its_state_from_its_own_blocks() {
    run_through_panics(416, |context| async move {
        let sender = Account::new(7, CHAIN_ID);
        let parameters = Parameters { epoch_blocks: EPOCH_BLOCKS, ..Parameters::default() };
        let genesis = genesis(&[0], parameters, sender.address());
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, &[0], folder).await;
        network.windows = SMALL;
        network.join = Join::Auto;
        network.boot(0).await;
        let mut ledger = Ledger { network, sender, hashes: Vec::new() };
        ledger.advance_by(60).await;
        let (height, chain) = (ledger.height(), ledger.network.ledger(0));
        let hash = chain.chain().hash(height).unwrap();
        drop(chain);
        ledger.network.kill(0).await;
        ledger.harm("node-0-state-accounts-log-blobs", Harm::Flip).await;
        assert_eq!(ledger.revive(0, height).await, 1);
        assert_eq!(ledger.network.ledger(0).chain().hash(height).unwrap(), hash);
        ledger.advance_by(5).await;
        assert_eq!(ledger.network.ledger(0).chain().lowest_body(), Some(0));
    });
}
