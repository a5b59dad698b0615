//! A block as it travels and rests: `rlp([header, extension, [transaction, …]])`.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};

use crate::{
    DecodeError, Extension, Header, decode_header,
    limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX},
};

/// Header, extension and opaque EIP-2718 transactions, with the hash computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    extension: Extension,
    transactions: Vec<Bytes>,
    hash: B256,
}

impl Block {
    /// Puts a block together: `extraData`, `stateRoot` and `timestamp` follow from the extension.
    pub fn new(mut header: Header, extension: Extension, transactions: Vec<Bytes>) -> Self {
        header.extra_data = Bytes::copy_from_slice(extension.hash().as_slice());
        header.state_root = extension.state.state_root();
        header.timestamp = extension.time_ms / 1000;
        let hash = header.hash_slow();
        Self { header, extension, transactions, hash }
    }

    /// Puts a block together whose header is taken as it is: a development ledger's, whose
    /// `stateRoot` is another than the extension's, or one of another chain. Only what a node reads
    /// from its own store may come this way, never what arrives from outside.
    pub fn as_given(header: Header, extension: Extension, transactions: Vec<Bytes>) -> Self {
        let hash = header.hash_slow();
        Self { header, extension, transactions, hash }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The extension.
    pub fn extension(&self) -> &Extension {
        &self.extension
    }

    /// EIP-2718 encodings, in order.
    pub fn transactions(&self) -> &[Bytes] {
        &self.transactions
    }

    /// keccak256(rlp(header)).
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Height.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// Reads a block from outside. Checks every relation between the parts that needs neither the
    /// parent nor execution, except the transactions root (which verification computes anyway).
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "block";
        DecodeError::bound(FIELD, bytes.len(), BLOCK_BYTES_MAX)?;
        let rlp = DecodeError::rlp(FIELD);
        let mut rest = bytes;
        let mut body = RlpHeader::decode_bytes(&mut rest, true).map_err(&rlp)?;
        DecodeError::trailing(FIELD, rest)?;
        let header = decode_header(raw_list(&mut body).map_err(&rlp)?)?;
        let extension = Extension::decode(raw_list(&mut body).map_err(&rlp)?)?;
        let transactions = decode_transactions(&mut body)?;
        DecodeError::trailing(FIELD, body)?;
        let hash = header.hash_slow();
        let block = Self { header, extension, transactions, hash };
        block.check_relations()?;
        if block.length() != bytes.len() {
            return Err(DecodeError::NotCanonical { field: FIELD });
        }
        Ok(block)
    }

    fn check_relations(&self) -> Result<(), DecodeError> {
        let invalid = |field, reason| Err(DecodeError::Invalid { field, reason });
        if self.header.extra_data[..] != self.extension.hash()[..] {
            return invalid("header.extraData", "is not the hash of the extension");
        }
        if self.header.state_root != self.extension.state.state_root() {
            return invalid("header.stateRoot", "does not follow from the extension's roots");
        }
        if self.header.timestamp != self.extension.time_ms / 1000 {
            return invalid("header.timestamp", "does not follow from the extension's time");
        }
        if (self.header.number == 0) != self.extension.genesis_commitment.is_some() {
            return invalid("extension.genesisCommitment", "belongs to block 0 and to no other");
        }
        Ok(())
    }

    fn payload_length(&self) -> usize {
        self.header.length() + self.extension.length() + self.transactions.length()
    }
}

impl Encodable for Block {
    fn length(&self) -> usize {
        let payload = self.payload_length();
        payload + alloy_rlp::length_of_length(payload)
    }

    fn encode(&self, out: &mut dyn bytes::BufMut) {
        RlpHeader { list: true, payload_length: self.payload_length() }.encode(out);
        self.header.encode(out);
        self.extension.encode(out);
        self.transactions.encode(out);
    }
}

/// Splits off one list with its header, undecoded.
fn raw_list<'a>(buf: &mut &'a [u8]) -> alloy_rlp::Result<&'a [u8]> {
    let whole = *buf;
    RlpHeader::decode_bytes(buf, true)?;
    Ok(&whole[..whole.len() - buf.len()])
}

fn decode_transactions(buf: &mut &[u8]) -> Result<Vec<Bytes>, DecodeError> {
    const FIELD: &str = "block.transactions";
    let rlp = DecodeError::rlp(FIELD);
    let mut list = RlpHeader::decode_bytes(buf, true).map_err(&rlp)?;
    let mut transactions = Vec::new();
    while !list.is_empty() {
        let transaction = Bytes::decode(&mut list).map_err(&rlp)?;
        DecodeError::bound(FIELD, transaction.len(), TRANSACTION_BYTES_MAX)?;
        transactions.push(transaction);
        DecodeError::bound(FIELD, transactions.len(), BLOCK_TRANSACTIONS_MAX)?;
    }
    Ok(transactions)
}
