//! What is answered, as bytes. The formats stand in `docs/en/ledger-format.md`.

use alloy_primitives::{B256, Bytes, Log};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable as _};
use types::{
    Certificate, DecodeError, Extension, Header, Receipt, ValidatorKey, ValidatorSet,
    ValidatorSignature, decode_header,
    limits::{TRANSACTION_BYTES_MAX, VALIDATORS_MAX},
};

use super::{
    ANSWER_BYTES_MAX, BODIES_MAX, HEADERS_MAX, ITEMS_MAX, STEPS_MAX,
    rlp::{Reader, list},
};

/// Topics of one log (yellow paper 4.3.1).
const TOPICS_MAX: usize = 4;

/// A header with what proves that it is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// Its extension.
    pub extension: Extension,
    /// A certificate of exactly this block.
    pub certificate: Certificate,
}

/// How one epoch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetStep {
    /// The epoch's last block.
    pub last: CertifiedHeader,
    /// Who certifies the next epoch.
    pub next: ValidatorSet,
}

/// Answer to [`HistoryRequest::Sets`](super::HistoryRequest::Sets).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// Ends of epochs from the one asked for, at most [`STEPS_MAX`].
    pub steps: Vec<SetStep>,
    /// The newest certified block, where all ends of epochs before it fit into the answer.
    pub tip: Option<CertifiedHeader>,
}

/// A header, final because the one above names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEntry {
    /// The header.
    pub header: Header,
    /// Its extension.
    pub extension: Extension,
    /// A certificate of exactly this block, where there is one.
    pub certificate: Option<Certificate>,
}

/// Answer to [`HistoryRequest::Headers`](super::HistoryRequest::Headers), highest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<HeaderEntry>);

/// Answer to [`HistoryRequest::Bodies`](super::HistoryRequest::Bodies): EIP-2718 transactions by
/// block, highest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bodies(pub Vec<Vec<Bytes>>);

/// Answer to [`HistoryRequest::Receipts`](super::HistoryRequest::Receipts), by block, highest
/// first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipts(pub Vec<Vec<Receipt>>);

impl Sets {
    /// `rlp([[[certified header, [key, …]], …], certified header or ""])`, where a certified header
    /// is `[header, extension, certificate]`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        list(&mut out, |out| {
            list(out, |out| self.steps.iter().for_each(|step| write_step(out, step)));
            match &self.tip {
                Some(tip) => write_certified(out, tip),
                None => out.push(EMPTY_STRING_CODE),
            }
        });
        out
    }

    /// Reads an answer from outside.
    ///
    /// # Errors
    /// What is not canonical or exceeds a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "validator sets";
        let sets = whole(FIELD, bytes, |reader| {
            let mut body = reader.list()?;
            let steps = body.list()?.items(STEPS_MAX, read_step)?;
            let tip = read_optional(&mut body, read_certified)?;
            body.end()?;
            Ok(Self { steps, tip })
        })?;
        canonical(FIELD, bytes, sets, Self::encode)
    }
}

impl Headers {
    /// `rlp([[header, extension, certificate or ""], …])`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        list(&mut out, |out| {
            for entry in &self.0 {
                list(out, |out| {
                    entry.header.encode(out);
                    entry.extension.encode(out);
                    match &entry.certificate {
                        Some(certificate) => write_certificate(out, certificate),
                        None => out.push(EMPTY_STRING_CODE),
                    }
                });
            }
        });
        out
    }

    /// Reads an answer from outside.
    ///
    /// # Errors
    /// What is not canonical or exceeds a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "headers";
        let entries = whole(FIELD, bytes, |reader| {
            reader.list()?.items(HEADERS_MAX, |reader| {
                let mut body = reader.list()?;
                let header = decode_header(body.raw_list()?)?;
                let extension = Extension::decode(body.raw_list()?)?;
                let certificate = read_optional(&mut body, read_certificate)?;
                body.end()?;
                Ok(HeaderEntry { header, extension, certificate })
            })
        })?;
        canonical(FIELD, bytes, Self(entries), Self::encode)
    }
}

impl Bodies {
    /// `rlp([[transaction, …], …])`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        list(&mut out, |out| {
            for body in &self.0 {
                list(out, |out| body.iter().for_each(|transaction| transaction.encode(out)));
            }
        });
        out
    }

    /// Reads an answer from outside.
    ///
    /// # Errors
    /// What is not canonical or exceeds a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "bodies";
        let mut left = ITEMS_MAX;
        let bodies = whole(FIELD, bytes, |reader| {
            reader.list()?.items(BODIES_MAX, |reader| {
                let body = reader.list()?.items(left, |reader| {
                    let transaction: Bytes = reader.value()?;
                    bound(FIELD, transaction.len(), TRANSACTION_BYTES_MAX)?;
                    Ok(transaction)
                })?;
                left -= body.len();
                Ok(body)
            })
        })?;
        canonical(FIELD, bytes, Self(bodies), Self::encode)
    }
}

impl Receipts {
    /// `rlp([[[type, success, cumulative gas, [log, …]], …], …])`; blooms follow from the logs.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        list(&mut out, |out| {
            for receipts in &self.0 {
                list(out, |out| receipts.iter().for_each(|receipt| write_receipt(out, receipt)));
            }
        });
        out
    }

    /// Reads an answer from outside.
    ///
    /// # Errors
    /// What is not canonical or exceeds a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "receipts";
        let mut left = ITEMS_MAX;
        let blocks = whole(FIELD, bytes, |reader| {
            reader.list()?.items(BODIES_MAX, |reader| {
                let receipts = reader.list()?.items(left, read_receipt)?;
                left -= receipts.len();
                Ok(receipts)
            })
        })?;
        canonical(FIELD, bytes, Self(blocks), Self::encode)
    }
}

fn bound(field: &'static str, size: usize, limit: usize) -> Result<(), DecodeError> {
    if size > limit { Err(DecodeError::TooLarge { field, size, limit }) } else { Ok(()) }
}

/// Reads all of `bytes`.
fn whole<T>(
    field: &'static str,
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    bound(field, bytes.len(), ANSWER_BYTES_MAX)?;
    let mut reader = Reader::new(field, bytes);
    let value = read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

fn canonical<T>(
    field: &'static str,
    bytes: &[u8],
    value: T,
    encode: impl FnOnce(&T) -> Vec<u8>,
) -> Result<T, DecodeError> {
    if encode(&value) == bytes { Ok(value) } else { Err(DecodeError::NotCanonical { field }) }
}

/// An empty string stands for nothing.
fn read_optional<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if reader.take_empty_string() { Ok(None) } else { read(reader).map(Some) }
}

fn write_step(out: &mut Vec<u8>, step: &SetStep) {
    list(out, |out| {
        write_certified(out, &step.last);
        list(out, |out| step.next.keys().iter().for_each(|key| key.0.encode(out)));
    });
}

fn read_step(reader: &mut Reader<'_>) -> Result<SetStep, DecodeError> {
    let mut body = reader.list()?;
    let last = read_certified(&mut body)?;
    let keys = body.list()?;
    let invalid = keys.invalid("validators are no set");
    let keys = keys.items(VALIDATORS_MAX, |reader| Ok(ValidatorKey(reader.value()?)))?;
    body.end()?;
    Ok(SetStep { last, next: ValidatorSet::new(keys).map_err(|_| invalid)? })
}

fn write_certified(out: &mut Vec<u8>, block: &CertifiedHeader) {
    list(out, |out| {
        block.header.encode(out);
        block.extension.encode(out);
        write_certificate(out, &block.certificate);
    });
}

fn read_certified(reader: &mut Reader<'_>) -> Result<CertifiedHeader, DecodeError> {
    let mut body = reader.list()?;
    let header = decode_header(body.raw_list()?)?;
    let extension = Extension::decode(body.raw_list()?)?;
    let certificate = read_certificate(&mut body)?;
    body.end()?;
    Ok(CertifiedHeader { header, extension, certificate })
}

/// `[epoch, view, parent view, block hash, [[key, signature], …]]`.
fn write_certificate(out: &mut Vec<u8>, certificate: &Certificate) {
    list(out, |out| {
        certificate.epoch.encode(out);
        certificate.view.encode(out);
        certificate.parent_view.encode(out);
        certificate.block_hash.encode(out);
        list(out, |out| {
            for ValidatorSignature { key, signature } in &certificate.signatures {
                list(out, |out| {
                    key.0.encode(out);
                    signature.encode(out);
                });
            }
        });
    });
}

fn read_certificate(reader: &mut Reader<'_>) -> Result<Certificate, DecodeError> {
    let mut body = reader.list()?;
    let (epoch, view, parent_view) = (body.value()?, body.value()?, body.value()?);
    let block_hash: B256 = body.value()?;
    let signatures = body.list()?.items(VALIDATORS_MAX, |reader| {
        let mut pair = reader.list()?;
        let (key, signature) = (ValidatorKey(pair.value()?), pair.value()?);
        pair.end()?;
        Ok(ValidatorSignature { key, signature })
    })?;
    body.end()?;
    Ok(Certificate { epoch, view, parent_view, block_hash, signatures })
}

fn write_receipt(out: &mut Vec<u8>, receipt: &Receipt) {
    list(out, |out| {
        receipt.transaction_type.encode(out);
        receipt.success.encode(out);
        receipt.cumulative_gas_used.encode(out);
        receipt.logs.encode(out);
    });
}

fn read_receipt(reader: &mut Reader<'_>) -> Result<Receipt, DecodeError> {
    let mut body = reader.list()?;
    let receipt = Receipt {
        transaction_type: body.value()?,
        success: body.value()?,
        cumulative_gas_used: body.value()?,
        logs: body.list()?.items(ANSWER_BYTES_MAX, |reader| {
            let log: Log = reader.value()?;
            if log.topics().len() > TOPICS_MAX {
                return Err(reader.invalid("a log has at most four topics"));
            }
            Ok(log)
        })?,
    };
    body.end()?;
    Ok(receipt)
}
