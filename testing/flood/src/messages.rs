//! What is sent: noise, and messages that a node cannot tell from honest ones before it has done
//! the work that they ask for.

use alloy_primitives::{Address, B256, TxKind, hex};
use bytes::{BufMut as _, Bytes, BytesMut};
use clap::ValueEnum;
use commonware_codec::Encode as _;
use commonware_consensus::{marshal::resolver::handler::Key, types::Height};
use consensus::{Digest, history::HistoryRequest};
use engine::channel;
use eyre::{Result, ensure};
use load::{
    accounts::{Account, Call},
    random::Random,
};
use pool::gossip::{Announcement, BODIES_MAX, GossipMessage, HASHES_MAX};

/// Transactions of garbage in a message of bodies, and their length, bytes: about 1 MiB together.
const BODIES: usize = 1_024;
const BODY_BYTES: usize = 1_000;
/// Pushed transactions in a message, all different, and their first nonce.
const PUSHES: u64 = 512;
const PUSHED_NONCE: u64 = 1_000_000;
/// Heights asked for begin at 1 and stay below this.
const HEIGHTS: u64 = 200;
/// Blocks asked for in one question about the past.
const HISTORY_BLOCKS: u32 = 64;
/// Different messages made beforehand; they are sent in turn.
const VARIANTS: usize = 32;

/// Kinds of floods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Random bytes on any channel.
    Garbage,
    /// Nothing at all: connected and silent, for comparison.
    Silence,
    /// Announcements of transactions that do not exist.
    Announcements,
    /// Requests for transactions that do not exist.
    Requests,
    /// Transactions that nobody asked for.
    Bodies,
    /// Signed transactions far ahead of their sender's nonce, pushed like new ones.
    Pushes,
    /// Requests for final blocks.
    Blocks,
    /// Questions about the past.
    History,
}

/// An endless row of messages for one channel.
pub struct Flood {
    channel: u64,
    messages: Vec<Bytes>,
    next: usize,
}

impl Flood {
    /// A flood of this kind; `channel` and `bytes` matter to garbage only, `chain_id` to signed
    /// transactions.
    ///
    /// # Errors
    /// `bytes` is more than the network allows.
    pub fn new(kind: Kind, channel: u64, bytes: usize, chain_id: u64) -> Result<Self> {
        let most = engine::message_bytes_max() as usize;
        ensure!(bytes <= most, "the network's messages have at most {most} bytes");
        let mut random = Random::new(0xf1_00d);
        let channel = match kind {
            Kind::Garbage | Kind::Silence => channel,
            Kind::Announcements | Kind::Requests | Kind::Bodies | Kind::Pushes => {
                channel::TRANSACTIONS
            }
            Kind::Blocks => channel::BACKFILL,
            Kind::History => channel::HISTORY,
        };
        let count = if kind == Kind::Silence { 0 } else { VARIANTS };
        let messages: Result<Vec<Bytes>> = match kind {
            Kind::Pushes => (0..count as u64).map(|number| pushes(number, chain_id)).collect(),
            _ => (0..count as u64)
                .map(|number| Ok(message(kind, number, bytes, &mut random)))
                .collect(),
        };
        Ok(Self { channel, messages: messages?, next: 0 })
    }

    /// Channel that it is for.
    pub fn channel(&self) -> u64 {
        self.channel
    }

    /// The next message; `None` in silence.
    pub fn next(&mut self) -> Option<Bytes> {
        let found = self.messages.get(self.next % self.messages.len().max(1)).cloned();
        self.next += 1;
        found
    }
}

fn message(kind: Kind, number: u64, bytes: usize, random: &mut Random) -> Bytes {
    match kind {
        Kind::Garbage | Kind::Silence | Kind::Pushes => noise(bytes, random),
        Kind::Announcements => {
            let one = |_| Announcement { hash: hash(random), size: 200 };
            GossipMessage::Announce((0..HASHES_MAX).map(one).collect()).encode()
        }
        Kind::Requests => {
            GossipMessage::Request((0..HASHES_MAX).map(|_| hash(random)).collect()).encode()
        }
        Kind::Bodies => {
            let count = BODIES.min(BODIES_MAX);
            let transactions = (0..count).map(|_| noise(BODY_BYTES, random).into()).collect();
            GossipMessage::Bodies { transactions, missing: Vec::new() }.encode()
        }
        Kind::Blocks => {
            let height = Height::new(1 + number * 5 % HEIGHTS);
            request(number, &Key::<Digest>::Finalized { height }.encode())
        }
        Kind::History => {
            let (top, count) = (HEIGHTS, HISTORY_BLOCKS);
            let question = match number % 3 {
                0 => HistoryRequest::Headers { top, count },
                1 => HistoryRequest::Bodies { top, count },
                _ => HistoryRequest::Receipts { top, count },
            };
            request(number, &question.encode())
        }
    }
}

/// Each costs its receiver the recovery of a signer.
fn pushes(number: u64, chain_id: u64) -> Result<Bytes> {
    let call = Call { to: TxKind::Call(Address::ZERO), data: Default::default() };
    let account = Account::derive(0xf1_00d, number)?;
    let signed = |offset| {
        let signed = account.sign(chain_id, PUSHED_NONCE + offset, 21_000, &call)?;
        Ok(hex::decode(signed.raw)?.into())
    };
    let transactions: Result<Vec<_>> = (0..PUSHES).map(signed).collect();
    Ok(GossipMessage::Push(transactions?).encode())
}

/// A question in the form of the library's resolver: id, tag 0, key.
fn request(id: u64, key: &[u8]) -> Bytes {
    let mut message = BytesMut::new();
    message.put_u64(id);
    message.put_u8(0);
    message.put_slice(key);
    message.freeze()
}

fn hash(random: &mut Random) -> B256 {
    let bytes = noise(32, random);
    B256::from_slice(&bytes)
}

fn noise(length: usize, random: &mut Random) -> Bytes {
    let mut bytes = BytesMut::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.put_u64(random.next());
    }
    bytes.truncate(length);
    bytes.freeze()
}
