//! Receipts and senders of a block, as bytes (described in the crate's documentation).
//!
//! Who sent, who wrote a log and who a topic names are mostly the same few accounts, so addresses
//! and topics stand once per block and are named by number. Blooms follow from the logs, and the
//! cumulative gas from the gas of each transaction.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, Bytes, Log};
use types::Receipt;

use crate::{
    encoding::Reason,
    varint::{push, take, take_usize},
};

const SUCCESS: u8 = 0x80;
/// Topics of one log, by the EVM.
const TOPICS_MAX: u64 = 4;
/// Zeros before an address in a topic.
const PADDING_BYTES: usize = 12;

/// Words of one length, each once, in the order of their first use.
struct Words<W> {
    numbers: HashMap<W, u64>,
    bytes: Vec<u8>,
}

impl<W: AsRef<[u8]> + Copy + Eq + std::hash::Hash> Words<W> {
    fn new() -> Self {
        Self { numbers: HashMap::new(), bytes: Vec::new() }
    }

    fn number(&mut self, word: W) -> u64 {
        let next = self.numbers.len() as u64;
        *self.numbers.entry(word).or_insert_with(|| {
            self.bytes.extend_from_slice(word.as_ref());
            next
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        push(out, self.numbers.len() as u64);
        out.extend_from_slice(&self.bytes);
    }
}

/// `addresses || words || count || (sender || type and success (1) || gas || count of logs || (writer
/// || count of topics || topic… || length of data || data)…)…`, numbers variable.
pub(crate) fn encode_receipts(senders: &[Address], receipts: &[Receipt]) -> Vec<u8> {
    let (mut addresses, mut words) = (Words::new(), Words::new());
    let mut rows = Vec::new();
    let mut gas = 0u64;
    for (sender, receipt) in senders.iter().zip(receipts) {
        push(&mut rows, addresses.number(*sender));
        rows.push(receipt.transaction_type | if receipt.success { SUCCESS } else { 0 });
        push(&mut rows, receipt.cumulative_gas_used.wrapping_sub(gas));
        gas = receipt.cumulative_gas_used;
        push(&mut rows, receipt.logs.len() as u64);
        for log in &receipt.logs {
            push(&mut rows, addresses.number(log.address));
            push(&mut rows, log.topics().len() as u64);
            for topic in log.topics() {
                push(&mut rows, topic_number(&mut addresses, &mut words, topic));
            }
            push(&mut rows, log.data.data.len() as u64);
            rows.extend_from_slice(&log.data.data);
        }
    }
    let mut out = Vec::with_capacity(addresses.bytes.len() + words.bytes.len() + rows.len() + 16);
    addresses.write(&mut out);
    words.write(&mut out);
    push(&mut out, receipts.len() as u64);
    out.extend_from_slice(&rows);
    out
}

/// Twice the number of an address that the topic is, or of the word and one more.
fn topic_number(addresses: &mut Words<Address>, words: &mut Words<B256>, topic: &B256) -> u64 {
    if topic[..PADDING_BYTES].iter().all(|byte| *byte == 0) {
        addresses.number(Address::from_word(*topic)) * 2
    } else {
        words.number(*topic) * 2 + 1
    }
}

fn take_words<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Reason> {
    let count = take_usize(bytes)?;
    let taken = count.checked_mul(length).and_then(|length| bytes.split_at_checked(length));
    let (words, rest) = taken.ok_or("words are cut off")?;
    *bytes = rest;
    Ok(words)
}

fn word(words: &[u8], length: usize, number: u64) -> Result<&[u8], Reason> {
    let start = usize::try_from(number).ok().and_then(|number| number.checked_mul(length));
    let found = start.and_then(|start| words.get(start..start.checked_add(length)?));
    found.ok_or_else(|| format!("word {number} is absent"))
}

fn take_byte(bytes: &mut &[u8]) -> Result<u8, Reason> {
    let (byte, rest) = bytes.split_first().ok_or("a receipt is cut off")?;
    *bytes = rest;
    Ok(*byte)
}

/// What the numbers of a block name.
struct Named<'a> {
    addresses: &'a [u8],
    words: &'a [u8],
}

impl Named<'_> {
    fn address(&self, number: u64) -> Result<Address, Reason> {
        word(self.addresses, Address::len_bytes(), number).map(Address::from_slice)
    }

    fn topic(&self, number: u64) -> Result<B256, Reason> {
        match number % 2 {
            0 => self.address(number / 2).map(|address| address.into_word()),
            _ => word(self.words, B256::len_bytes(), number / 2).map(B256::from_slice),
        }
    }

    fn take_log(&self, bytes: &mut &[u8]) -> Result<Log, Reason> {
        let address = self.address(take(bytes)?)?;
        let count = take(bytes)?;
        if count > TOPICS_MAX {
            return Err(format!("a log has {count} topics"));
        }
        let topics: Result<Vec<B256>, Reason> =
            (0..count).map(|_| self.topic(take(bytes)?)).collect();
        let length = take_usize(bytes)?;
        let (data, rest) = bytes.split_at_checked(length).ok_or("data of a log is cut off")?;
        *bytes = rest;
        Ok(Log::new_unchecked(address, topics?, Bytes::copy_from_slice(data)))
    }
}

/// Reverse of [`encode_receipts`].
pub(crate) fn decode_receipts(bytes: &[u8]) -> Result<(Vec<Address>, Vec<Receipt>), Reason> {
    let mut rest = bytes;
    let addresses = take_words(&mut rest, Address::len_bytes())?;
    let words = take_words(&mut rest, B256::len_bytes())?;
    let named = Named { addresses, words };
    let count = take_usize(&mut rest)?;
    // Each receipt takes several bytes.
    if count > rest.len() {
        return Err(format!("{count} receipts in {} bytes", rest.len()));
    }
    let (mut senders, mut receipts) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut gas = 0u64;
    for _ in 0..count {
        senders.push(named.address(take(&mut rest)?)?);
        let kind = take_byte(&mut rest)?;
        gas = gas.wrapping_add(take(&mut rest)?);
        let logs = take(&mut rest)?;
        let logs: Result<Vec<Log>, Reason> = (0..logs).map(|_| named.take_log(&mut rest)).collect();
        receipts.push(Receipt {
            transaction_type: kind & !SUCCESS,
            success: kind & SUCCESS != 0,
            cumulative_gas_used: gas,
            logs: logs?,
        });
    }
    if rest.is_empty() { Ok((senders, receipts)) } else { Err("bytes after the end".into()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word_of(kind: u8) -> B256 {
        match kind % 3 {
            0 => Address::repeat_byte(kind / 3).into_word(),
            1 => B256::ZERO,
            _ => B256::repeat_byte(kind),
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_receipts(&bytes);
        }

        #[test]
        fn receipts_read_back(
            gas in any::<u64>(),
            rows in prop::collection::vec(
                (0..5u8, any::<bool>(), prop::collection::vec(any::<u8>(), 0..5)),
                0..20,
            ),
            data in prop::collection::vec(any::<u8>(), 0..100),
            cut in any::<prop::sample::Index>(),
        ) {
            let senders: Vec<Address> =
                rows.iter().map(|(kind, ..)| Address::repeat_byte(*kind)).collect();
            let receipts: Vec<Receipt> = rows
                .into_iter()
                .enumerate()
                .map(|(index, (transaction_type, success, kinds))| {
                    let topics: Vec<B256> = kinds.iter().map(|kind| word_of(*kind)).collect();
                    let writer = Address::repeat_byte(transaction_type);
                    let log = Log::new_unchecked(writer, topics, data.clone().into());
                    Receipt {
                        transaction_type,
                        success,
                        cumulative_gas_used: gas.wrapping_mul(index as u64),
                        logs: vec![log; kinds.len()],
                    }
                })
                .collect();
            let bytes = encode_receipts(&senders, &receipts);
            prop_assert_eq!(decode_receipts(&bytes), Ok((senders, receipts)));
            prop_assert!(decode_receipts(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn a_transfer_takes_its_two_accounts_and_little_more() {
        let account = |number: u8| Address::repeat_byte(number);
        let topics = vec![B256::repeat_byte(0xdd), account(1).into_word(), account(2).into_word()];
        let log = Log::new_unchecked(account(9), topics, vec![0; 32].into());
        let receipt = Receipt {
            transaction_type: 2,
            success: true,
            cumulative_gas_used: 35_000,
            logs: vec![log],
        };
        let one = encode_receipts(&[account(1)], std::slice::from_ref(&receipt)).len();
        let two = encode_receipts(&[account(1); 2], &[receipt.clone(), receipt]).len();
        assert_eq!(one, 1 + 3 * 20 + 1 + 32 + 1 + 12 + 32);
        // The gas of the second takes one byte, since the cumulative gas is the same.
        assert_eq!(two - one, 10 + 32);
    }
}
