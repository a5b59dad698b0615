//! Nodes that join a running network with an empty folder.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_sol_types::SolCall as _;
use bytes::Bytes as Payload;
use chain::ChainStore;
use commonware_p2p::simulated::Link;
use commonware_resolver::{Consumer, Delivery, Outcome, p2p};
use commonware_runtime::{Supervisor as _, deterministic};
use commonware_utils::{NZDuration, NZUsize, channel::oneshot};
use consensus::{
    PublicKey,
    history::{
        Bodies, CertifiedHeader, HeaderEntry, Headers, HistoryRequest, Receipts, SetStep, Sets,
        last_of_epoch,
    },
    verify_ledger_certificate,
};
use engine::Join;
use ledger_api::LedgerError;
use simulation::{
    Account, CHAIN_ID, GOOD, Network, genesis, machine::Machine, run_deep, validator,
};
use state::{StateError, StateKey, StateValue};
use system::validators::IValidators;
use types::{Genesis, Parameters, ValidatorSet};

const MINUTE: Duration = Duration::from_secs(60);
const EPOCH_BLOCKS: u64 = 20;
const FOUNDERS: [u64; 4] = [0, 1, 2, 3];
/// Runs in which a liar must be asked once.
const RUNS_MAX: u64 = 5;

/// Adds one to slot 0 whenever it is called: `sstore(0, add(sload(0), 1))`.
fn counter() -> Bytes {
    hex!("6009600c60003960096000f3" "600160005401600055" "00").to_vec().into()
}

fn parameters() -> Parameters {
    Parameters { epoch_blocks: EPOCH_BLOCKS, ..Parameters::default() }
}

/// A network under transactions.
struct Busy {
    network: Network,
    admin: Account,
    contract: Address,
    hashes: Vec<B256>,
    via: Vec<u64>,
}

impl Busy {
    /// Founders `via` run and `others` do not, yet; a contract is deployed.
    async fn start(
        context: deterministic::Context,
        via: &[u64],
        others: &[u64],
        retained_blocks: Option<u64>,
    ) -> Self {
        let mut admin = Account::new(7, CHAIN_ID);
        let genesis = genesis(&FOUNDERS, parameters(), admin.address());
        let mut seeds = via.to_vec();
        seeds.extend(others);
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, &seeds, folder).await;
        network.link(&[&seeds], GOOD).await;
        network.retained_blocks = retained_blocks;
        for seed in via {
            network.boot(*seed).await;
        }
        let create = admin.call(TxKind::Create, counter());
        let contract = admin.address().create(admin.nonce() - 1);
        let hash = network.submit(via[0], create).await;
        network.succeeded(via[0], &[hash], MINUTE).await;
        Self { network, admin, contract, hashes: vec![hash], via: via.to_vec() }
    }

    /// Counts until the network has reached `height`.
    async fn count_to(&mut self, height: u64) {
        while self.network.ledger(self.via[0]).head().number < height {
            self.count(5).await;
        }
    }

    async fn count(&mut self, rounds: usize) {
        for round in 0..rounds {
            let call = self.admin.call(TxKind::Call(self.contract), Bytes::new());
            let via = self.via[round % self.via.len()];
            self.hashes.push(self.network.submit(via, call).await);
            self.network.sleep(Duration::from_millis(60)).await;
        }
        let last = *self.hashes.last().unwrap();
        self.network.succeeded(self.via[0], &[last], MINUTE).await;
    }

    async fn change_validators(&mut self, seeds: &[u64]) {
        let keys = seeds.iter().map(|seed| B256::from(validator(*seed).0)).collect();
        let call = IValidators::setNextValidatorsCall { keys }.abi_encode();
        let encoded = self.admin.call(TxKind::Call(system::validators::ADDRESS), call.into());
        self.hashes.push(self.network.submit(self.via[0], encoded).await);
    }

    /// The counter's value at `height` on a node.
    async fn counted(&self, seed: u64, height: u64) -> Result<U256, LedgerError> {
        let key = StateKey::Storage(self.contract, U256::ZERO);
        let found = self.network.ledger(seed).read_state(height, vec![key]).await?;
        match found[0] {
            Some(StateValue::Storage(value)) => Ok(value),
            ref other => panic!("{other:?}"),
        }
    }

    /// Waits until a node has caught up and fetched everything down to block 1.
    async fn complete(&self, seed: u64) {
        let height = self.network.ledger(self.via[0]).head().number;
        self.network.reach(&[seed], height, MINUTE).await;
        for _ in 0..3_000 {
            let ledger = self.network.ledger(seed);
            let chain = ledger.chain();
            if chain.lowest_header() == Some(0) && chain.lowest_body() == Some(0) {
                return;
            }
            self.network.sleep(Duration::from_millis(20)).await;
        }
        let ledger = self.network.ledger(seed);
        let lowest = (ledger.chain().lowest_header(), ledger.chain().lowest_body());
        panic!("node {seed} does not complete its chain, lowest header and body {lowest:?}");
    }

    /// A node has the very chain of the others, with certificates, receipts and old transactions.
    fn assert_complete(&self, seed: u64) {
        let height = self.network.assert_one_chain(&[self.via[0], seed]);
        let (own, other) = (self.network.ledger(seed), self.network.ledger(self.via[0]));
        assert!(height > 2 * EPOCH_BLOCKS);
        for hash in &self.hashes {
            let location = own.chain().transaction(*hash).unwrap();
            assert_eq!(location, other.chain().transaction(*hash).unwrap());
        }
        let mut certified = 0;
        for number in 1..height.saturating_sub(20) {
            assert_eq!(own.chain().header(number).unwrap(), other.chain().header(number).unwrap());
            assert_eq!(
                own.chain().senders(number).unwrap(),
                other.chain().senders(number).unwrap()
            );
            certified += usize::from(assert_certificate(
                own.chain(),
                &own.namespace(),
                number,
                &self.network.genesis,
            ));
        }
        assert!(certified > 20, "{certified} certificates");
    }
}

/// Whether there is a certificate; if so, it holds.
fn assert_certificate(
    chain: &ChainStore,
    namespace: &types::Namespace,
    number: u64,
    genesis: &Genesis,
) -> bool {
    let found = chain.certificate_at_or_above(number).unwrap();
    let Some((_, certificate)) = found.filter(|(height, _)| *height == number) else {
        return false;
    };
    let set = match certificate.epoch {
        0 => genesis.validator_set().unwrap(),
        epoch => chain.validators(epoch).unwrap().unwrap(),
    };
    assert_eq!(Some(certificate.block_hash), chain.hash(number).unwrap());
    verify_ledger_certificate(namespace, &set, &certificate).unwrap();
    true
}

#[test]
fn an_empty_node_joins_by_state_sync_and_fetches_the_past() {
    run_deep(101, |context| async move {
        let mut busy = Busy::start(context, &FOUNDERS, &[4], None).await;
        busy.count_to(8).await;
        busy.change_validators(&[0, 1, 2]).await;
        busy.count_to(2 * EPOCH_BLOCKS + 6).await;
        let before = busy.network.ledger(0).head().number;

        busy.network.join = Join::Auto;
        busy.network.boot(4).await;
        busy.count(20).await;
        let height = busy.network.ledger(0).head().number;
        busy.network.reach(&[4], height, MINUTE).await;

        // It executed nothing below the block whose state it fetched.
        let joined = busy.network.ledger(4);
        let anchor = joined.chain().oldest_state();
        assert!(anchor + 4 >= before, "anchor {anchor}, network at {before}");
        let first = (busy.network.nodes[&4].first_applied)().unwrap();
        assert_eq!(first, anchor + 1);

        // It has the same state.
        for number in [height, anchor] {
            let other = busy.counted(0, number).await.unwrap();
            assert_eq!(busy.counted(4, number).await.unwrap(), other);
        }
        let refused = busy.counted(4, anchor - 1).await;
        let pruned = StateError::Pruned { height: anchor - 1, oldest: anchor };
        assert_eq!(refused, Err(LedgerError::State(pruned)));
        assert!(!joined.consensus_status().await.voting);

        // And the past.
        busy.complete(4).await;
        busy.assert_complete(4);
        assert!(joined.finality_proof(1).await.is_ok());

        // A restart changes nothing, and the node can serve the next one.
        drop(joined);
        busy.network.kill(4).await;
        busy.network.boot(4).await;
        busy.count(5).await;
        let height = busy.network.ledger(0).head().number;
        busy.network.reach(&[4], height, MINUTE).await;
        busy.assert_complete(4);
    });
}

/// Where bodies are pruned, a node fetches those that it is meant to keep, and all headers.
#[test]
fn a_node_joins_peers_that_have_pruned() {
    const RETAINED: u64 = 25;
    run_deep(105, |context| async move {
        let mut busy = Busy::start(context, &FOUNDERS, &[4], Some(RETAINED)).await;
        busy.count_to(3 * EPOCH_BLOCKS + 6).await;
        assert!(busy.network.ledger(0).chain().lowest_body() > Some(EPOCH_BLOCKS));
        busy.network.join = Join::Auto;
        busy.network.boot(4).await;
        busy.count(5).await;
        let ledger = busy.network.ledger(4);
        let chain = ledger.chain();
        for _ in 0..3_000 {
            if chain.lowest_header() == Some(0) && chain.next_body_to_backfill().is_none() {
                break;
            }
            busy.network.sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(chain.lowest_header(), Some(0));
        assert_eq!(chain.next_body_to_backfill(), None);
        let height = busy.network.ledger(0).head().number;
        busy.network.reach(&[4], height, MINUTE).await;
        let other = busy.network.ledger(0);
        for number in 1..=height {
            assert_eq!(chain.header(number).unwrap(), other.chain().header(number).unwrap());
        }
        for number in height - RETAINED / 2..=height {
            assert_eq!(chain.receipts(number).unwrap(), other.chain().receipts(number).unwrap());
        }
        assert!(chain.receipts(EPOCH_BLOCKS).is_err(), "nobody has it any more");
        assert!(ledger.finality_proof(1).await.is_ok());
    });
}

/// A validator of the newest epoch that joins votes: without it, the others have no quorum.
#[test]
fn a_new_validator_joins_by_state_sync_and_votes() {
    run_deep(102, |context| async move {
        let mut busy = Busy::start(context, &FOUNDERS, &[4], None).await;
        busy.count_to(8).await;
        busy.change_validators(&[0, 1, 2, 4]).await;
        busy.count_to(2 * EPOCH_BLOCKS + 6).await;
        busy.network.join = Join::Auto;
        busy.network.boot(4).await;
        busy.complete(4).await;
        // It cannot know that it never signed anything, and waits until that cannot matter.
        let ledger = busy.network.ledger(4);
        assert!(ledger.consensus_status().await.abstaining_until.is_some());
        for _ in 0..100 {
            if ledger.consensus_status().await.voting {
                break;
            }
            busy.count(1).await;
        }
        busy.network.kill(0).await;
        busy.network.kill(3).await;
        busy.via = vec![1, 2, 4];
        busy.count(5).await;
        let last = *busy.hashes.last().unwrap();
        for seed in [1, 2, 4] {
            busy.network.succeeded(seed, &[last], MINUTE).await;
        }
        busy.assert_complete(4);
    });
}

/// Killed again and again, at any moment of joining, it joins in the end.
#[test]
fn a_crash_at_any_moment_of_joining_does_no_harm() {
    run_deep(103, |context| async move {
        let mut busy = Busy::start(context, &FOUNDERS, &[4], None).await;
        busy.count_to(2 * EPOCH_BLOCKS + 6).await;
        busy.network.join = Join::Auto;
        for life_ms in (3..300).step_by(9) {
            let starting = busy.network.launch(4, Machine::default(), None).await;
            busy.network.sleep(Duration::from_millis(life_ms)).await;
            starting.kill().await;
        }
        busy.network.boot(4).await;
        busy.count(5).await;
        busy.complete(4).await;
        busy.assert_complete(4);
    });
}

/// A network that is only starting is not waited for.
#[test]
fn a_new_network_starts_at_once() {
    run_deep(104, |context| async move {
        let genesis = genesis(&FOUNDERS, parameters(), Address::ZERO);
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, &FOUNDERS, folder).await;
        network.join = Join::Auto;
        network.link(&[&FOUNDERS], GOOD).await;
        let started = commonware_runtime::Clock::current(&network.context);
        let mut starting = Vec::new();
        for seed in FOUNDERS {
            starting.push(network.launch(seed, Machine::default(), None).await);
        }
        for (seed, node) in FOUNDERS.into_iter().zip(starting) {
            network.nodes.insert(seed, node.wait().await.unwrap());
        }
        let up = commonware_runtime::Clock::current(&network.context);
        assert!(up.duration_since(started).unwrap() < Duration::from_millis(500));
        network.reach(&FOUNDERS, 1, Duration::from_secs(3)).await;
    });
}

/// What a lying peer lies about. Everything else it answers honestly, from another node's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Sets,
    Tip,
    Headers,
    Certificates,
    Bodies,
    Receipts,
    Garbage,
}

#[derive(Clone)]
struct Liar {
    lie: Lie,
    source: Arc<dyn ledger_api::Ledger>,
}

impl Liar {
    fn certified(&self, number: u64) -> CertifiedHeader {
        let chain = self.source.chain();
        let (header, extension) = chain.header(number).unwrap().unwrap();
        let (height, certificate) = chain.certificate_at_or_above(number).unwrap().unwrap();
        assert_eq!(height, number);
        CertifiedHeader { header, extension, certificate }
    }

    fn sets(&self, first: u64) -> Sets {
        let chain = self.source.chain();
        let head = chain.head().unwrap();
        let mut steps = Vec::new();
        for epoch in first.. {
            let last = last_of_epoch(EPOCH_BLOCKS, epoch).unwrap();
            if last > head {
                break;
            }
            let next = chain.validators(epoch + 1).unwrap().unwrap();
            steps.push(SetStep { last: self.certified(last), next });
        }
        let tip = (1..=head).rev().find(|number| {
            chain.certificate_at_or_above(*number).unwrap().is_some_and(|(at, _)| at == *number)
        });
        let mut sets = Sets { steps, tip: tip.map(|number| self.certified(number)) };
        match self.lie {
            Lie::Sets => {
                let keys = (20..24).map(validator).collect();
                if let Some(step) = sets.steps.first_mut() {
                    step.next = ValidatorSet::new(keys).unwrap();
                }
            }
            Lie::Tip => sets.tip.as_mut().unwrap().header.number += 1,
            _ => {}
        }
        sets
    }

    fn answer(&self, request: HistoryRequest) -> Vec<u8> {
        let chain = self.source.chain();
        let down = |top: u64, count: u32| (top.saturating_sub(u64::from(count)) + 1..=top).rev();
        match request {
            _ if self.lie == Lie::Garbage => vec![0xc1; 40],
            HistoryRequest::Sets { epoch, .. } => self.sets(epoch).encode(),
            HistoryRequest::Headers { top, count } => {
                let entry = |number| {
                    let (mut header, extension) = chain.header(number).unwrap().unwrap();
                    let found = chain.certificate_at_or_above(number).unwrap();
                    let mut certificate = found
                        .filter(|(height, _)| *height == number)
                        .map(|(_, certificate)| certificate);
                    if self.lie == Lie::Headers && number + 3 < top {
                        header.gas_used += 1;
                    }
                    if let Some(bent) =
                        certificate.as_mut().filter(|_| self.lie == Lie::Certificates)
                    {
                        bent.signatures[1].signature[9] ^= 1;
                    }
                    HeaderEntry { header, extension, certificate }
                };
                Headers(down(top, count).map(entry).collect()).encode()
            }
            HistoryRequest::Bodies { top, count } => {
                let body = |number| {
                    let mut body = chain.block(number).unwrap().unwrap().transactions().to_vec();
                    if self.lie == Lie::Bodies {
                        body.pop();
                    }
                    body
                };
                Bodies(down(top, count).map(body).collect()).encode()
            }
            HistoryRequest::Receipts { top, count } => {
                let receipts = |number| {
                    let mut receipts = chain.receipts(number).unwrap().unwrap().to_vec();
                    if let Some(receipt) =
                        receipts.first_mut().filter(|_| self.lie == Lie::Receipts)
                    {
                        receipt.success = !receipt.success;
                    }
                    receipts
                };
                Receipts(down(top, count).map(receipts).collect()).encode()
            }
        }
    }
}

impl p2p::Producer for Liar {
    type Key = HistoryRequest;

    fn produce(&mut self, request: HistoryRequest) -> oneshot::Receiver<Payload> {
        let (sender, receiver) = oneshot::channel();
        let _ = sender.send(self.answer(request).into());
        receiver
    }
}

impl Consumer for Liar {
    type Key = HistoryRequest;
    type Value = Payload;
    type Subscriber = ();
    type Outcome = Outcome;

    fn deliver(
        &mut self,
        _: Delivery<HistoryRequest, ()>,
        _: Payload,
    ) -> oneshot::Receiver<Outcome> {
        unreachable!("it asks nothing")
    }
}

/// Puts a lying peer into the place of node `seed`. It ends with the handle.
async fn lie(network: &Network, seed: u64, liar: Liar) -> p2p::Mailbox<HistoryRequest, PublicKey> {
    let key: PublicKey = simulation::public_key(seed);
    let control = network.oracle.control(key.clone());
    let number = engine::channel::HISTORY;
    let messages = control.register(number, engine::quota(number)).await.unwrap();
    let (engine, mailbox) = p2p::Engine::new(
        network.context.child("liar").with_attribute("seed", seed),
        p2p::Config {
            peer_provider: network.oracle.manager(),
            blocker: control,
            consumer: liar.clone(),
            producer: liar,
            mailbox_size: NZUsize!(16),
            me: Some(key),
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
    );
    engine.start(messages);
    mailbox
}

/// Founder 3 and five others lie; the node joins all the same and has blocked whoever lied to it.
/// Whom it asks is drawn from the seed, so some runs ask no liar; in one of them it must.
fn joins_among_liars(seed: u64, what: Lie) {
    assert!((0..RUNS_MAX).any(|further| is_caught(seed + 1_000 * further, what)), "{what:?}");
}

/// Whether the joining node asked a liar, and caught it.
fn is_caught(seed: u64, what: Lie) -> bool {
    let caught = Arc::new(AtomicBool::new(false));
    let found = Arc::clone(&caught);
    run_deep(seed, move |context| async move {
        let liars = [3, 9, 10, 11, 12, 13];
        let others: Vec<u64> = liars.into_iter().chain([4]).collect();
        let mut busy = Busy::start(context, &[0, 1, 2], &others, None).await;
        busy.count_to(2 * EPOCH_BLOCKS + 6).await;
        let mut handles = Vec::new();
        for liar in liars {
            let source = busy.network.ledger(0);
            handles.push(lie(&busy.network, liar, Liar { lie: what, source }).await);
        }
        // The honest are slower, so that a lie about the validators comes first.
        let slow = Link { latency: Duration::from_millis(60), ..GOOD };
        for honest in [0, 1, 2] {
            let (from, to) = (simulation::public_key(honest), simulation::public_key(4));
            busy.network.oracle.remove_link(from.clone(), to.clone()).await.unwrap();
            busy.network.oracle.add_link(from, to, slow.clone()).await.unwrap();
        }
        busy.network.join = Join::Auto;
        busy.network.boot(4).await;
        busy.count(5).await;
        busy.complete(4).await;
        busy.assert_complete(4);
        let blocked = busy.network.oracle.blocked().await.unwrap();
        let joiner = simulation::public_key(4);
        let by_joiner: Vec<&PublicKey> =
            blocked.iter().filter(|(by, _)| *by == joiner).map(|(_, peer)| peer).collect();
        found.store(!by_joiner.is_empty(), Ordering::SeqCst);
        for peer in by_joiner {
            assert!(liars.iter().any(|liar| simulation::public_key(*liar) == *peer));
        }
    });
    caught.load(Ordering::SeqCst)
}

#[test]
fn peers_that_lie_about_validators_are_blocked() {
    joins_among_liars(111, Lie::Sets);
    joins_among_liars(112, Lie::Tip);
}

#[test]
fn peers_that_lie_about_headers_are_blocked() {
    joins_among_liars(113, Lie::Headers);
    joins_among_liars(114, Lie::Certificates);
}

#[test]
fn peers_that_lie_about_bodies_and_receipts_are_blocked() {
    joins_among_liars(115, Lie::Bodies);
    joins_among_liars(116, Lie::Receipts);
}

#[test]
fn peers_that_answer_with_garbage_are_blocked() {
    joins_among_liars(117, Lie::Garbage);
}
