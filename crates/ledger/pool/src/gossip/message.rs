//! The messages and their encoding.
//!
//! One tag byte, then lists: a count as varint, then the items. A hash is 32 bytes, a size 4 bytes
//! big endian, a transaction its length as varint and its EIP-2718 bytes.

use alloy_primitives::{B256, Bytes};
use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error, RangeCfg, Read, ReadExt as _, Write};
use types::limits::TRANSACTION_BYTES_MAX;

use super::{BODIES_MAX, HASHES_MAX, PUSH_MAX};

const ANNOUNCE_TAG: u8 = 0;
const REQUEST_TAG: u8 = 1;
const BODIES_TAG: u8 = 2;
const PUSH_TAG: u8 = 3;

/// Bytes of one [`Announcement`].
pub(super) const ANNOUNCEMENT_BYTES: usize = 36;
/// Bytes of tag and two counts at most.
pub(super) const OVERHEAD_BYTES_MAX: usize = 1 + 2 * 5;
/// Bytes that a transaction needs beside its own, at most.
pub(super) const LENGTH_BYTES_MAX: usize = 5;

/// "I hold this transaction."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// keccak256 of the EIP-2718 encoding.
    pub hash: B256,
    /// Length of the encoding, bytes.
    pub size: u32,
}

/// What peers send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GossipMessage {
    /// The sender holds these; 1 to [`HASHES_MAX`].
    Announce(Vec<Announcement>),
    /// The sender wants these; 1 to [`HASHES_MAX`].
    Request(Vec<B256>),
    /// Answer to a request; not both lists are empty.
    Bodies {
        /// EIP-2718 encodings, at most [`BODIES_MAX`].
        transactions: Vec<Bytes>,
        /// Hashes that were asked for and are not held (any more), at most [`HASHES_MAX`].
        missing: Vec<B256>,
    },
    /// EIP-2718 encodings of what was just submitted to the sender; 1 to [`PUSH_MAX`].
    Push(Vec<Bytes>),
}

impl Write for GossipMessage {
    fn write(&self, buf: &mut impl BufMut) {
        match self {
            Self::Announce(announcements) => {
                ANNOUNCE_TAG.write(buf);
                announcements.len().write(buf);
                for announcement in announcements {
                    buf.put_slice(announcement.hash.as_slice());
                    announcement.size.write(buf);
                }
            }
            Self::Request(hashes) => {
                REQUEST_TAG.write(buf);
                write_hashes(hashes, buf);
            }
            Self::Bodies { transactions, missing } => {
                BODIES_TAG.write(buf);
                write_transactions(transactions, buf);
                write_hashes(missing, buf);
            }
            Self::Push(transactions) => {
                PUSH_TAG.write(buf);
                write_transactions(transactions, buf);
            }
        }
    }
}

impl EncodeSize for GossipMessage {
    fn encode_size(&self) -> usize {
        1 + match self {
            Self::Announce(announcements) => {
                announcements.len().encode_size() + announcements.len() * ANNOUNCEMENT_BYTES
            }
            Self::Request(hashes) => hashes_size(hashes),
            Self::Bodies { transactions, missing } => {
                transactions_size(transactions) + hashes_size(missing)
            }
            Self::Push(transactions) => transactions_size(transactions),
        }
    }
}

impl Read for GossipMessage {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        match u8::read(buf)? {
            ANNOUNCE_TAG => read_list(buf, 1, HASHES_MAX, ANNOUNCEMENT_BYTES, |buf| {
                Ok(Announcement { hash: read_hash(buf)?, size: u32::read(buf)? })
            })
            .map(Self::Announce),
            REQUEST_TAG => read_list(buf, 1, HASHES_MAX, 32, read_hash).map(Self::Request),
            BODIES_TAG => {
                let transactions = read_list(buf, 0, BODIES_MAX, 2, read_transaction)?;
                let missing = read_list(buf, 0, HASHES_MAX, 32, read_hash)?;
                if transactions.is_empty() && missing.is_empty() {
                    return Err(Error::Invalid("GossipMessage", "bodies of nothing"));
                }
                Ok(Self::Bodies { transactions, missing })
            }
            PUSH_TAG => read_list(buf, 1, PUSH_MAX, 2, read_transaction).map(Self::Push),
            tag => Err(Error::InvalidEnum(tag)),
        }
    }
}

fn write_transactions(transactions: &[Bytes], buf: &mut impl BufMut) {
    transactions.len().write(buf);
    for transaction in transactions {
        transaction.len().write(buf);
        buf.put_slice(transaction);
    }
}

fn transactions_size(transactions: &[Bytes]) -> usize {
    let size = |bytes: &Bytes| bytes.len().encode_size() + bytes.len();
    transactions.len().encode_size() + transactions.iter().map(size).sum::<usize>()
}

fn write_hashes(hashes: &[B256], buf: &mut impl BufMut) {
    hashes.len().write(buf);
    for hash in hashes {
        buf.put_slice(hash.as_slice());
    }
}

fn hashes_size(hashes: &[B256]) -> usize {
    hashes.len().encode_size() + hashes.len() * 32
}

fn read_hash<B: Buf>(buf: &mut B) -> Result<B256, Error> {
    <[u8; 32]>::read(buf).map(B256::from)
}

fn read_transaction<B: Buf>(buf: &mut B) -> Result<Bytes, Error> {
    let length = usize::read_cfg(buf, &RangeCfg::new(1..=TRANSACTION_BYTES_MAX))?;
    let bytes: bytes::Bytes = buf.try_take_owned(length).map_err(|_| Error::EndOfBuffer)?;
    Ok(Bytes::from(bytes))
}

/// Reads a counted list. What is allocated ahead is bounded by what the message can still hold.
fn read_list<B: Buf, T>(
    buf: &mut B,
    count_min: usize,
    count_max: usize,
    item_bytes_min: usize,
    read_item: impl Fn(&mut B) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let count = usize::read_cfg(buf, &RangeCfg::new(count_min..=count_max))?;
    if buf.remaining() / item_bytes_min < count {
        return Err(Error::EndOfBuffer);
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(read_item(buf)?);
    }
    Ok(items)
}
