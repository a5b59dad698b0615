//! What is asked for: `tag (1) || height or epoch (8) || number (4)`, numbers big endian.

use std::fmt;

use bytes::BufMut;
use commonware_codec::{Buf, Error as CodecError, FixedSize, Read, ReadExt as _, Write};
use commonware_utils::Span;

use super::{BODIES_MAX, HEADERS_MAX};

const FIELD: &str = "history request";

/// A question about the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HistoryRequest {
    /// How the validators changed from `epoch` on, and the newest certified block (tag 0).
    Sets {
        /// First epoch whose last header is wanted.
        epoch: u64,
        /// Any number: lets a node put the same question to several peers.
        asked: u32,
    },
    /// Headers with extensions and certificates (tag 1).
    Headers {
        /// Highest height; the answer goes down from it.
        top: u64,
        /// Heights wanted, 1 to [`HEADERS_MAX`].
        count: u32,
    },
    /// Transactions of blocks (tag 2).
    Bodies {
        /// Highest height; the answer goes down from it.
        top: u64,
        /// Heights wanted, 1 to [`BODIES_MAX`].
        count: u32,
    },
    /// Receipts of blocks (tag 3).
    Receipts {
        /// Highest height; the answer goes down from it.
        top: u64,
        /// Heights wanted, 1 to [`BODIES_MAX`].
        count: u32,
    },
}

impl HistoryRequest {
    const fn parts(self) -> (u8, u64, u32) {
        match self {
            Self::Sets { epoch, asked } => (0, epoch, asked),
            Self::Headers { top, count } => (1, top, count),
            Self::Bodies { top, count } => (2, top, count),
            Self::Receipts { top, count } => (3, top, count),
        }
    }
}

impl fmt::Display for HistoryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sets { epoch, .. } => write!(f, "validators from epoch {epoch}"),
            Self::Headers { top, count } => write!(f, "{count} headers down from {top}"),
            Self::Bodies { top, count } => write!(f, "{count} bodies down from {top}"),
            Self::Receipts { top, count } => {
                write!(f, "receipts of {count} blocks down from {top}")
            }
        }
    }
}

impl Write for HistoryRequest {
    fn write(&self, buf: &mut impl BufMut) {
        let (tag, height, number) = self.parts();
        buf.put_u8(tag);
        buf.put_u64(height);
        buf.put_u32(number);
    }
}

impl FixedSize for HistoryRequest {
    const SIZE: usize = 1 + 8 + 4;
}

impl Read for HistoryRequest {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, CodecError> {
        let (tag, height, number) = (u8::read(buf)?, u64::read(buf)?, u32::read(buf)?);
        let within = |limit: usize| {
            let count = usize::try_from(number).unwrap_or(usize::MAX);
            if height > 0 && (1..=limit).contains(&count) {
                Ok(number)
            } else {
                Err(CodecError::Invalid(FIELD, "asks for nothing or for too much"))
            }
        };
        Ok(match tag {
            0 => Self::Sets { epoch: height, asked: number },
            1 => Self::Headers { top: height, count: within(HEADERS_MAX)? },
            2 => Self::Bodies { top: height, count: within(BODIES_MAX)? },
            3 => Self::Receipts { top: height, count: within(BODIES_MAX)? },
            tag => return Err(CodecError::InvalidEnum(tag)),
        })
    }
}

impl Span for HistoryRequest {}
