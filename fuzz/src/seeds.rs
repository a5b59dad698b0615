//! Where fuzzing starts: the published vectors, honest messages of known validators, and texts that
//! use every field. `cargo run --example seeds` writes them to `seeds`.

mod transactions;

use alloy_primitives::{B256, Bytes};
use commonware_codec::Encode as _;
use commonware_consensus::simplex::types::{Activity, Certificate, Vote};
use consensus::{
    ConsensusBlock, Digest, StrictScheme,
    history::{
        Bodies, CertifiedHeader, HeaderEntry, Headers, HistoryRequest, Receipts, SetStep, Sets,
    },
    ledger_certificate,
};
use ed25519_dalek::Signer as _;
use pool::gossip::{Announcement, GossipMessage};
use serde_json::Value;
use types::{Block, Header, Receipt, blank_header};

use crate::fixture;

const VECTORS: &str = include_str!("../../docs/vectors/ledger-format.json");
const EXAMPLES: [(&str, &str, &str); 4] = [
    ("genesis", "smallest", include_str!("examples/genesis.json")),
    ("node_config", "every_section", include_str!("examples/node.txt")),
    ("rpc_body", "batch", include_str!("examples/batch.json")),
    ("rpc_body", "call", include_str!("examples/call.json")),
];

/// One file in `seeds`.
pub struct Seed {
    /// Its folder.
    pub target: &'static str,
    /// Its name.
    pub name: String,
    /// What it holds; the target accepts it.
    pub bytes: Vec<u8>,
}

/// All of them.
pub fn all() -> Vec<Seed> {
    let mut seeds = formats();
    seeds.extend(messages());
    seeds.extend(history());
    seeds.extend(proofs());
    seeds.extend(EXAMPLES.map(|(target, name, text)| seed(target, name, text)));
    seeds.extend(transactions::all().map(|(name, bytes)| seed("transaction", name, bytes)));
    seeds
}

fn seed(target: &'static str, name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Seed {
    Seed { target, name: name.into(), bytes: bytes.as_ref().to_vec() }
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.trim_start_matches("0x")).expect("the vectors are hex")
}

fn formats() -> Vec<Seed> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let bytes =
        |path: &str| unhex(vectors.pointer(path).and_then(Value::as_str).expect("a vector"));
    let mut seeds = vec![
        seed("genesis", "vector", vectors["genesis"]["file"].to_string()),
        seed("transaction", "legacy", bytes("/transaction/encoded")),
    ];
    for name in ["block0", "block1"] {
        seeds.push(seed("block", name, bytes(&format!("/{name}/block"))));
        seeds.push(seed("header", name, bytes(&format!("/{name}/header"))));
        seeds.push(seed("extension", name, bytes(&format!("/{name}/extension"))));
    }
    seeds
}

fn messages() -> Vec<Seed> {
    let proposal = &fixture::proposals()[1];
    let vote = fixture::vote(0, proposal);
    let certificate = fixture::certificate(3, proposal);
    let gossip =
        |name: &str, message: GossipMessage| seed("gossip_message", name, message.encode());
    let hash = B256::repeat_byte(5);
    let header = Header { number: 1, ..blank_header() };
    let block = Block::new(header, fixture::extension(), vec![Bytes::from_static(&[1; 50]); 2]);
    let block = ConsensusBlock::new(block).expect("the leader is a validator");
    let announcements = vec![Announcement { hash, size: 300 }; 2];
    let bodies = vec![Bytes::from_static(&[1; 200]), Bytes::from_static(&[2])];
    vec![
        seed("consensus_block", "block1", block.encode()),
        gossip("announce", GossipMessage::Announce(announcements)),
        gossip("request", GossipMessage::Request(vec![hash; 3])),
        gossip("bodies", GossipMessage::Bodies { transactions: bodies, missing: vec![hash] }),
        seed("consensus_message", "vote", Vote::Finalize(vote.clone()).encode()),
        seed(
            "consensus_message",
            "certificate",
            Certificate::<StrictScheme, Digest>::Finalization(certificate.clone()).encode(),
        ),
        seed("consensus_message", "report", Activity::Finalize(vote).encode()),
        seed(
            "consensus_message",
            "report_of_certificate",
            Activity::<StrictScheme, Digest>::Finalization(certificate).encode(),
        ),
    ]
}

fn history() -> Vec<Seed> {
    let seed = |name: &str, kind: u8, bytes: &[u8]| {
        seed("history_message", name, [&[kind], bytes].concat())
    };
    let body = vec![Bytes::from_static(&[1; 50]); 2];
    let block = Block::new(Header { number: 1, ..blank_header() }, fixture::extension(), body);
    let certificate = fixture::certificate(3, &fixture::proposals()[1]);
    let certificate = ledger_certificate(&certificate, fixture::participants());
    let certificate = certificate.expect("the validators made it");
    let (header, extension) = (block.header().clone(), block.extension().clone());
    let entry = |certificate| HeaderEntry {
        header: header.clone(),
        extension: extension.clone(),
        certificate,
    };
    let headers = |certificate| Headers(vec![entry(certificate)]).encode();
    let certified_header = headers(Some(certificate.clone()));
    let certified =
        CertifiedHeader { header: header.clone(), extension: extension.clone(), certificate };
    let step = SetStep { last: certified.clone(), next: fixture::set().clone() };
    let step = Sets { steps: vec![step], tip: None };
    let tip = Sets { steps: Vec::new(), tip: Some(certified) };
    let receipt =
        |logs| Receipt { transaction_type: 2, success: true, cumulative_gas_used: 7, logs };
    let log = alloy_primitives::Log::default();
    let receipts = Receipts(vec![vec![receipt(vec![log]), receipt(Vec::new())], Vec::new()]);
    let bodies = Bodies(vec![block.transactions().to_vec(), Vec::new()]);
    vec![
        seed("ask_sets", 0, &HistoryRequest::Sets { epoch: 3, asked: 9 }.encode()),
        seed("ask_headers", 0, &HistoryRequest::Headers { top: 300, count: 256 }.encode()),
        seed("ask_bodies", 0, &HistoryRequest::Bodies { top: 300, count: 64 }.encode()),
        seed("ask_receipts", 0, &HistoryRequest::Receipts { top: 300, count: 1 }.encode()),
        seed("no_sets", 1, &Sets::default().encode()),
        seed("step", 1, &step.encode()),
        seed("tip", 1, &tip.encode()),
        seed("certified_header", 2, &certified_header),
        seed("header", 2, &headers(None)),
        seed("bodies", 3, &bodies.encode()),
        seed("receipts", 4, &receipts.encode()),
    ]
}

fn proofs() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (index, proposal) in fixture::proposals().iter().enumerate() {
        for voters in [3, 4] {
            let name = format!("proposal{index}_voters{voters}");
            seeds.push(seed("finalization", name, fixture::certificate(voters, proposal).encode()));
        }
    }
    for (index, statement) in (0u8..).zip(&fixture::state().statements) {
        if let Some(proof) = &statement.proof {
            seeds.push(seed("state_proof", format!("{index}"), [&[index], &proof[..]].concat()));
        }
    }
    let key = fixture::signing_key();
    for message in [&b"\0vote"[..], b"vote"] {
        let signature = key.sign(message).to_bytes();
        let bytes = [key.verifying_key().as_bytes(), &signature[..], message].concat();
        seeds.push(seed("strict_key", format!("message{}", message.len()), bytes));
    }
    seeds
}
