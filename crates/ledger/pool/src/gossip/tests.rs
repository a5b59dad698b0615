#![allow(clippy::unwrap_used)]

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use alloy_primitives::{B256, Bytes, keccak256};
use commonware_codec::{Copying, Decode as _, Encode as _, EncodeSize as _};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Receiver as _, Recipients, Sender as _,
    simulated::{Config, Link, Network, Oracle, Receiver, Sender},
};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Clock as _, Metrics as _, Quota, Runner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZU32, NZUsize, Probability, probability};
use proptest::prelude::*;
use types::limits::TRANSACTION_BYTES_MAX;

use super::{
    ANNOUNCED_PER_PEER_MAX, Announcement, BODIES_MAX, DISTRUST_REPEATS, Gossip, GossipConfig,
    GossipMessage, HASHES_MAX, IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, MESSAGE_BYTES_MAX, PUSH_MAX,
    PUSHED_BYTES_PER_PEER_MAX, PUSHED_TRANSACTION_BYTES_MAX, REFUSED_PER_PEER_MAX, REPEAT_INTERVAL,
    REQUEST_TIMEOUT, RESPONSE_BYTES_MAX, SERVED_BYTES_PER_PEER_MAX, requests::Requests,
};
use crate::{
    Admission, Admit as _,
    Origin::Local,
    Pool, PoolConfig,
    tests::fixtures::{Accounts, Offer, free_pool},
};

type Key = ed25519::PublicKey;
type Context = deterministic::Context;
type Wire = (Sender<Key, Context>, Receiver<Key>);

struct Node {
    pool: Arc<Pool>,
    admission: Admission<Accounts, Sequential>,
}

struct Net {
    context: Context,
    oracle: Oracle<Key, Context>,
    keys: Vec<Key>,
}

impl Net {
    async fn start(context: Context, peers: u64) -> Self {
        let keys: Vec<Key> =
            (0..peers).map(|seed| ed25519::PrivateKey::from_seed(seed).public_key()).collect();
        let config = Config {
            max_size: MESSAGE_BYTES_MAX as u32,
            max_peers_per_set: NZUsize!(8),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(3),
        };
        let (network, oracle) =
            Network::new_with_peers(context.child("network"), config, keys.clone()).await;
        network.start();
        Self { context, oracle, keys }
    }

    async fn link(&self, from: usize, to: usize, success_rate: Probability) {
        for (from, to) in [(from, to), (to, from)] {
            let link = Link {
                latency: Duration::from_millis(10),
                jitter: Duration::from_millis(3),
                success_rate,
            };
            self.oracle
                .add_link(self.keys[from].clone(), self.keys[to].clone(), link)
                .await
                .unwrap();
        }
    }

    async fn wire(&self, peer: usize) -> Wire {
        let quota = Quota::per_second(NZU32!(100_000));
        self.oracle.control(self.keys[peer].clone()).register(0, quota).await.unwrap()
    }

    async fn node(&self, peer: usize) -> Node {
        let pool = Arc::new(free_pool(PoolConfig::default()));
        let admission = Admission::new(Arc::clone(&pool), Accounts::default(), Sequential);
        let context = self.context.child("gossip").with_attribute("peer", peer);
        let blocker = self.oracle.control(self.keys[peer].clone());
        let config = GossipConfig::default();
        let gossip = Gossip::new(context, Arc::clone(&pool), admission.clone(), blocker, config);
        gossip.start(self.wire(peer).await);
        Node { pool, admission }
    }

    /// Waits until `holds`; panics after `seconds` of simulated time.
    async fn until(&self, seconds: u64, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..seconds * 100 {
            if holds() {
                return;
            }
            self.context.sleep(Duration::from_millis(10)).await;
        }
        panic!("not within {seconds} s: {what}");
    }

    async fn blocked(&self, by: usize, peer: usize) -> bool {
        let blocked = self.oracle.blocked().await.unwrap();
        blocked.contains(&(self.keys[by].clone(), self.keys[peer].clone()))
    }
}

impl Node {
    async fn submit(&self, transactions: Vec<Bytes>) {
        for answer in self.admission.admit(transactions, Local).await {
            answer.unwrap();
        }
    }
}

fn chain(from: u8, nonces: std::ops::Range<u64>) -> Vec<Bytes> {
    nonces.map(|nonce| Offer::new(from, nonce).bytes()).collect()
}

fn announcement(bytes: &Bytes) -> Announcement {
    Announcement { hash: keccak256(bytes), size: bytes.len() as u32 }
}

#[test]
fn pools_converge_over_lossy_links() {
    for seed in 0..3 {
        deterministic::Runner::seeded(seed).start(|context| async move {
            let net = Net::start(context, 3).await;
            for (from, to) in [(0, 1), (0, 2), (1, 2)] {
                net.link(from, to, probability!(0.7)).await;
            }
            let nodes = [net.node(0).await, net.node(1).await, net.node(2).await];
            // One sender's nonces come in at three nodes, out of order.
            let mut shared: Vec<Vec<Bytes>> = vec![Vec::new(); 3];
            for (index, bytes) in chain(9, 0..30).into_iter().enumerate() {
                shared[index % 3].push(bytes);
            }
            for (node, shared) in nodes.iter().zip(shared) {
                node.submit(shared).await;
            }
            for (number, node) in nodes.iter().enumerate() {
                for batch in chain(1 + number as u8, 0..60).chunks(20) {
                    node.submit(batch.to_vec()).await;
                    net.context.sleep(Duration::from_millis(5)).await;
                }
            }
            let all = |node: &Node| node.pool.status().executable == 3 * 60 + 30;
            net.until(60, "all pools hold all", || nodes.iter().all(all)).await;
            for node in &nodes {
                node.pool.check_invariants();
            }
        });
    }
}

#[test]
fn a_late_joiner_catches_up_and_idle_pools_stay_empty() {
    deterministic::Runner::seeded(4).start(|context| async move {
        let net = Net::start(context, 3).await;
        net.link(0, 1, probability!(1.0)).await;
        let (first, second) = (net.node(0).await, net.node(1).await);
        first.submit(chain(1, 0..20)).await;
        net.until(1, "direct peer", || second.pool.status().executable == 20).await;
        net.context.sleep(Duration::from_secs(3)).await;
        // The third hears of it from the second only.
        let third = net.node(2).await;
        net.link(1, 2, probability!(1.0)).await;
        net.until(5, "late joiner", || third.pool.status().executable == 20).await;
        let included: Vec<_> = third
            .pool
            .content(99)
            .executable
            .iter()
            .map(|held| (held.sender(), held.nonce(), held.hash()))
            .collect();
        for node in [&first, &second, &third] {
            node.pool.on_final(1, &included);
        }
        net.context.sleep(Duration::from_secs(10)).await;
        for node in [&first, &second, &third] {
            assert_eq!(node.pool.status(), Default::default());
        }
    });
}

#[test]
fn large_transactions_pass_within_message_limits() {
    deterministic::Runner::seeded(5).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let (first, second) = (net.node(0).await, net.node(1).await);
        let large = (0..24).map(|nonce| {
            Offer { data_bytes: 120_000, gas: 6_000_000, ..Offer::new(1, nonce) }.bytes()
        });
        first.submit(large.collect()).await;
        net.until(5, "2.8 MB of bodies", || second.pool.status().executable == 24).await;
    });
}

#[test]
fn what_is_submitted_goes_out_at_once_and_large_ones_when_asked_for() {
    deterministic::Runner::seeded(9).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let (_sender, mut receiver) = net.wire(0).await;
        let small = Offer::new(1, 0).bytes();
        let data_bytes = PUSHED_TRANSACTION_BYTES_MAX;
        let large = Offer { data_bytes, gas: 6_000_000, ..Offer::new(2, 0) }.bytes();
        node.submit(vec![large.clone(), small.clone()]).await;
        let mut sent = Vec::new();
        for _ in 0..2 {
            let (_, bytes) = receiver.recv().await.unwrap();
            sent.push(GossipMessage::decode_cfg(bytes::Bytes::from(bytes), &()).unwrap());
        }
        assert_eq!(sent[0], GossipMessage::Push(vec![small]));
        assert_eq!(sent[1], GossipMessage::Announce(vec![announcement(&large)]));
    });
}

#[test]
fn pushed_bodies_are_taken_once_and_up_to_a_bound() {
    deterministic::Runner::seeded(10).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let (mut sender, _receiver) = net.wire(0).await;
        let mut push = |bodies: Vec<Bytes>| {
            sender.send(Recipients::All, GossipMessage::Push(bodies).encode(), false);
        };
        let first = Offer::new(1, 0).bytes();
        let poor = Offer { value: 1, ..Offer::new(2, 0) }.bytes();
        push(vec![first.clone(), poor, first.clone()]);
        push(vec![first]);
        net.until(1, "the first", || node.pool.status().executable == 1).await;
        // The bound is used up with what is known, up to the next interval.
        net.context.sleep(Duration::from_secs(1)).await;
        let filler = Offer { data_bytes: 120_000, gas: 6_000_000, ..Offer::new(3, 0) }.bytes();
        for _ in 0..=PUSHED_BYTES_PER_PEER_MAX / filler.len() {
            push(vec![filler.clone()]);
        }
        push(chain(1, 1..2));
        net.context.sleep(Duration::from_millis(300)).await;
        assert_eq!(node.pool.status().executable, 2);
        net.context.sleep(Duration::from_secs(1)).await;
        push(chain(1, 1..2));
        net.until(1, "a new interval", || node.pool.status().executable == 3).await;
        assert!(!net.blocked(1, 0).await);
    });
}

/// Each pushed transaction is new, signed and refused: what costs a receiver most.
#[test]
fn a_flood_of_refused_pushes_is_not_looked_at_for_long() {
    deterministic::Runner::seeded(11).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let (mut sender, _receiver) = net.wire(0).await;
        let mut push = |bodies: Vec<Bytes>| {
            sender.send(Recipients::All, GossipMessage::Push(bodies).encode(), false);
        };
        let ahead = |number| Offer::new(2, 10_000 + number).bytes();
        for turn in 0..=REFUSED_PER_PEER_MAX as u64 / 512 {
            push((0..512).map(|number| ahead(turn * 512 + number)).collect());
            net.context.sleep(Duration::from_millis(20)).await;
        }
        net.context.sleep(REPEAT_INTERVAL).await;
        push(chain(1, 0..1));
        net.context.sleep(REPEAT_INTERVAL).await;
        assert_eq!(node.pool.status(), Default::default());
        net.context.sleep(REPEAT_INTERVAL * DISTRUST_REPEATS).await;
        push(chain(1, 0..1));
        net.until(1, "it is listened to again", || node.pool.status().executable == 1).await;
        assert!(!net.blocked(1, 0).await);
    });
}

#[test]
fn an_announcer_that_does_not_answer_is_replaced() {
    deterministic::Runner::seeded(6).start(|context| async move {
        let net = Net::start(context, 3).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let (mut silent, _) = net.wire(0).await;
        let (mut honest, mut requests) = net.wire(2).await;
        let body = Offer::new(1, 0).bytes();
        let message = GossipMessage::Announce(vec![announcement(&body)]).encode();
        silent.send(Recipients::All, message.clone(), false);
        net.context.sleep(Duration::from_millis(50)).await;
        net.link(1, 2, probability!(1.0)).await;
        honest.send(Recipients::All, message, false);
        let (asker, request) = requests.recv().await.unwrap();
        let request = GossipMessage::decode_cfg(bytes::Bytes::from(request), &()).unwrap();
        assert_eq!(request, GossipMessage::Request(vec![keccak256(&body)]));
        let bodies = GossipMessage::Bodies { transactions: vec![body], missing: vec![] };
        honest.send(Recipients::One(asker), bodies.encode(), false);
        net.until(1, "body", || node.pool.status().executable == 1).await;
        assert!(!net.blocked(1, 0).await && !net.blocked(1, 2).await);
    });
}

#[test]
fn garbage_blocks_its_sender() {
    let undecodable = Bytes::from_static(&[0x02, 0xc0]);
    let bodies = GossipMessage::Bodies { transactions: vec![undecodable.clone()], missing: vec![] };
    let announce = GossipMessage::Announce(vec![announcement(&undecodable)]);
    let push = GossipMessage::Push(vec![undecodable.clone()]);
    let hostile: [Vec<Vec<u8>>; 5] = [
        vec![push.encode().to_vec()],
        vec![vec![]],
        vec![vec![7, 7, 7]],
        vec![vec![0xff; 100_000]],
        vec![announce.encode().to_vec(), bodies.encode().to_vec()],
    ];
    for (seed, messages) in hostile.into_iter().enumerate() {
        deterministic::Runner::seeded(seed as u64).start(|context| async move {
            let net = Net::start(context, 2).await;
            net.link(0, 1, probability!(1.0)).await;
            let node = net.node(1).await;
            let (mut sender, _receiver) = net.wire(0).await;
            for message in messages {
                sender.send(Recipients::All, message, false);
                net.context.sleep(Duration::from_millis(100)).await;
            }
            net.context.sleep(Duration::from_millis(100)).await;
            assert!(net.blocked(1, 0).await);
            assert_eq!(node.pool.status(), Default::default());
            node.submit(chain(1, 0..1)).await;
        });
    }
}

#[test]
fn what_a_blocked_peer_had_sent_before_is_not_read() {
    deterministic::Runner::seeded(11).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let _node = net.node(1).await;
        let (mut sender, _receiver) = net.wire(0).await;
        for _ in 0..20 {
            sender.send(Recipients::All, vec![7, 7, 7], false);
        }
        net.context.sleep(Duration::from_millis(200)).await;
        assert!(net.blocked(1, 0).await);
        let metrics = net.context.encode();
        let blocked: Vec<&str> =
            metrics.lines().filter(|line| line.contains("blocked_total")).collect();
        assert!(blocked.iter().any(|line| line.ends_with(" 1")), "{blocked:?}");
    });
}

#[test]
fn unwanted_and_refused_bodies_change_nothing_and_block_nobody() {
    deterministic::Runner::seeded(7).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let (mut sender, mut receiver) = net.wire(0).await;
        let unasked = Offer::new(1, 0).bytes();
        let poor = Offer { value: 1, ..Offer::new(2, 0) }.bytes();
        let unknown = B256::repeat_byte(9);
        let messages = [
            GossipMessage::Bodies { transactions: vec![unasked], missing: vec![unknown] },
            GossipMessage::Announce(vec![announcement(&poor); 3]),
            GossipMessage::Bodies { transactions: vec![poor.clone(); 5], missing: vec![] },
            GossipMessage::Announce(vec![announcement(&poor)]),
            GossipMessage::Request(vec![unknown]),
        ];
        for message in messages {
            sender.send(Recipients::All, message.encode(), false);
            net.context.sleep(Duration::from_millis(100)).await;
        }
        let mut answers = Vec::new();
        for _ in 0..2 {
            let (_, bytes) = receiver.recv().await.unwrap();
            answers.push(GossipMessage::decode_cfg(bytes::Bytes::from(bytes), &()).unwrap());
        }
        // Asked for once although announced twice, and told what is not held.
        assert_eq!(answers[0], GossipMessage::Request(vec![keccak256(&poor)]));
        let missing = GossipMessage::Bodies { transactions: vec![], missing: vec![unknown] };
        assert_eq!(answers[1], missing);
        assert_eq!(node.pool.status(), Default::default());
        assert!(!net.blocked(1, 0).await);
    });
}

#[test]
fn a_flood_of_unasked_bodies_blocks_its_sender() {
    deterministic::Runner::seeded(9).start(|context| async move {
        let net = Net::start(context, 3).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let (mut sender, mut receiver) = net.wire(0).await;
        let noise: Vec<Bytes> = (0..BODIES_MAX).map(|n| n.to_be_bytes().to_vec().into()).collect();
        let bodies = GossipMessage::Bodies { transactions: noise, missing: vec![] }.encode();
        sender.send(Recipients::All, bodies.clone(), false);
        // What was asked for is taken, however much else was sent.
        let good = Offer::new(1, 0).bytes();
        let announce = GossipMessage::Announce(vec![announcement(&good)]).encode();
        sender.send(Recipients::All, announce, false);
        receiver.recv().await.unwrap();
        let answer = GossipMessage::Bodies { transactions: vec![good], missing: vec![] };
        sender.send(Recipients::All, answer.encode(), false);
        net.until(1, "body", || node.pool.status().executable == 1).await;
        sender.send(Recipients::All, bodies.clone(), false);
        net.context.sleep(Duration::from_millis(100)).await;
        assert!(!net.blocked(1, 0).await);
        sender.send(Recipients::All, bodies, false);
        net.context.sleep(Duration::from_millis(100)).await;
        assert!(net.blocked(1, 0).await);
    });
}

fn numbered(number: u64, size: u32) -> Announcement {
    Announcement { hash: keccak256(number.to_be_bytes()), size }
}

#[test]
fn memory_and_flight_are_bounded_per_peer() {
    let now = SystemTime::UNIX_EPOCH;
    let mut requests = Requests::new();
    for number in 0..ANNOUNCED_PER_PEER_MAX as u64 + 500 {
        requests.announced(&"flooder", &numbered(number, 200));
    }
    assert_eq!(requests.wanted_count(), ANNOUNCED_PER_PEER_MAX);
    requests.announced(&"other", &numbered(1 << 40, 200));
    let asked: Vec<usize> = requests.next(now).iter().map(|(_, hashes)| hashes.len()).collect();
    assert_eq!(asked, [IN_FLIGHT_MAX, 1]);
    assert!(requests.next(now).is_empty(), "nothing more until answers come");

    let mut requests = Requests::new();
    for number in 0..100 {
        requests.announced(&"large", &numbered(number, IN_FLIGHT_BYTES_MAX as u32 / 8));
    }
    assert_eq!(requests.next(now)[0].1.len(), 8);
    let mut requests = Requests::new();
    requests.announced(&"liar", &numbered(1, u32::MAX));
    assert_eq!(requests.next(now)[0].1.len(), 1, "a false size does not stall the queue");
}

#[test]
fn time_outs_and_missing_ones_go_to_the_next_announcer() {
    let start = SystemTime::UNIX_EPOCH;
    let mut requests = Requests::new();
    let wanted = numbered(1, 100);
    for peer in ["a", "b", "b", "c"] {
        requests.announced(&peer, &wanted);
    }
    assert_eq!(requests.next(start), [("a", vec![wanted.hash])]);
    requests.missing(&"b", &wanted.hash);
    requests.expire(start + REQUEST_TIMEOUT - Duration::from_millis(1));
    assert!(requests.next(start).is_empty(), "neither b's answer nor an early look counts");
    requests.expire(requests.next_deadline().unwrap());
    let later = start + REQUEST_TIMEOUT;
    assert_eq!(requests.next(later), [("b", vec![wanted.hash])]);
    requests.missing(&"b", &wanted.hash);
    assert_eq!(requests.next(later), [("c", vec![wanted.hash])]);
    requests.forget(&"c");
    assert_eq!(requests.wanted_count(), 0);
    requests.announced(&"a", &wanted);
    assert_eq!(requests.next(later), [("a", vec![wanted.hash])]);
    assert!(requests.arrived(&wanted.hash) && !requests.arrived(&wanted.hash));
    requests.admitted(&wanted.hash, true);
    requests.announced(&"a", &wanted);
    assert_eq!(requests.wanted_count(), 0, "refused a moment ago");
    requests.age_refused();
    requests.age_refused();
    requests.announced(&"a", &wanted);
    assert_eq!(requests.wanted_count(), 1);
    requests.expire(later + REQUEST_TIMEOUT * 9);
    assert_eq!(requests.next_deadline(), None);
}

#[test]
fn answers_leave_no_heap_of_deadlines() {
    let mut requests = Requests::new();
    for round in 0..40u64 {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(round);
        for number in 0..1_000 {
            requests.announced(&"a", &numbered(round * 1_000 + number, 100));
        }
        for hash in requests.next(now).remove(0).1 {
            requests.missing(&"a", &hash);
        }
    }
    assert_eq!(requests.wanted_count(), 0);
    assert!(requests.deadline_count() <= HASHES_MAX + 1_000);
}

#[test]
fn a_greedy_peer_is_served_up_to_a_bound() {
    deterministic::Runner::seeded(8).start(|context| async move {
        let net = Net::start(context, 2).await;
        net.link(0, 1, probability!(1.0)).await;
        let node = net.node(1).await;
        let large = Offer { data_bytes: 120_000, gas: 6_000_000, ..Offer::new(1, 0) }.bytes();
        let hash = keccak256(&large);
        node.submit(vec![large.clone()]).await;
        let (mut sender, mut receiver) = net.wire(0).await;
        // 41 MB are asked for within one interval.
        let request = GossipMessage::Request(vec![hash; 16]).encode();
        for _ in 0..22 {
            sender.send(Recipients::All, request.clone(), false);
        }
        let mut bytes = 0;
        let deadline = net.context.current() + Duration::from_millis(500);
        loop {
            commonware_macros::select! {
                message = receiver.recv() => {
                    bytes += bytes::Bytes::from(message.unwrap().1).len();
                },
                () = net.context.sleep_until(deadline) => break,
            }
        }
        assert!(bytes > SERVED_BYTES_PER_PEER_MAX - RESPONSE_BYTES_MAX, "{bytes}");
        assert!(bytes < SERVED_BYTES_PER_PEER_MAX + 2 * RESPONSE_BYTES_MAX, "{bytes}");
    });
}

fn hashes(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<B256>> {
    proptest::collection::vec(any::<[u8; 32]>().prop_map(B256::from), range)
}

fn messages() -> impl Strategy<Value = GossipMessage> {
    let announcement = (any::<[u8; 32]>(), any::<u32>())
        .prop_map(|(hash, size)| Announcement { hash: hash.into(), size });
    let body = || proptest::collection::vec(any::<u8>(), 1..300).prop_map(Bytes::from);
    prop_oneof![
        proptest::collection::vec(announcement, 1..50).prop_map(GossipMessage::Announce),
        hashes(1..50).prop_map(GossipMessage::Request),
        proptest::collection::vec(body(), 1..20).prop_map(GossipMessage::Push),
        (proptest::collection::vec(body(), 1..20), hashes(0..20))
            .prop_map(|(transactions, missing)| GossipMessage::Bodies { transactions, missing }),
    ]
}

proptest! {
    #[test]
    fn messages_survive_the_wire(message in messages()) {
        let bytes = message.encode();
        prop_assert_eq!(bytes.len(), message.encode_size());
        prop_assert_eq!(GossipMessage::decode_cfg(bytes.clone(), &()).unwrap(), message);
        for cut in 0..bytes.len() {
            prop_assert!(GossipMessage::decode_cfg(bytes.slice(..cut), &()).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(GossipMessage::decode_cfg(longer, &()).is_err());
    }

    #[test]
    fn garbage_never_panics_and_decodes_one_way(
        tag in 0u8..5,
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [&[tag][..], &rest].concat();
        if let Ok(message) = GossipMessage::decode_cfg(Copying(&bytes), &()) {
            prop_assert_eq!(message.encode().to_vec(), bytes);
        }
    }
}

#[test]
fn counts_beyond_the_limits_are_refused() {
    let too_many = GossipMessage::Request(vec![B256::ZERO; HASHES_MAX + 1]);
    let too_long = GossipMessage::Bodies {
        transactions: vec![vec![0; TRANSACTION_BYTES_MAX + 1].into()],
        missing: vec![],
    };
    let empty_body =
        GossipMessage::Bodies { transactions: vec![Bytes::new()], missing: vec![B256::ZERO] };
    let nothing = GossipMessage::Bodies { transactions: vec![], missing: vec![] };
    for message in [
        too_many,
        too_long,
        empty_body,
        nothing,
        GossipMessage::Announce(vec![]),
        GossipMessage::Push(vec![]),
        GossipMessage::Push(vec![Bytes::from_static(&[1]); PUSH_MAX + 1]),
    ] {
        assert!(GossipMessage::decode_cfg(message.encode(), &()).is_err());
    }
    let most = GossipMessage::Request(vec![B256::ZERO; HASHES_MAX]);
    assert!(GossipMessage::decode_cfg(most.encode(), &()).is_ok());
}
