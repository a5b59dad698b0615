//! Why bytes from outside were refused.

/// A refused encoding. The text names the field, so that the sender can find the mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The RLP itself is broken or not canonical.
    #[error("{field}: invalid RLP: {source}")]
    Rlp {
        /// Which structure was being read.
        field: &'static str,
        /// What the RLP decoder said.
        source: alloy_rlp::Error,
    },
    /// Bytes remain after the end of the value.
    #[error("{field}: {extra} bytes after the end")]
    Trailing {
        /// Which structure was being read.
        field: &'static str,
        /// How many bytes remain.
        extra: usize,
    },
    /// More bytes or items than the limit allows.
    #[error("{field}: {size} exceeds the limit of {limit}")]
    TooLarge {
        /// Which structure was being read.
        field: &'static str,
        /// Size found, in the limit's unit.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Decodes, but is not what the value encodes to.
    #[error("{field}: not the canonical encoding")]
    NotCanonical {
        /// Which structure was being read.
        field: &'static str,
    },
    /// Decodes, but a field holds a value that the format does not allow.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl DecodeError {
    pub(crate) fn rlp(field: &'static str) -> impl Fn(alloy_rlp::Error) -> Self {
        move |source| Self::Rlp { field, source }
    }

    pub(crate) fn trailing(field: &'static str, rest: &[u8]) -> Result<(), Self> {
        match rest.len() {
            0 => Ok(()),
            extra => Err(Self::Trailing { field, extra }),
        }
    }

    pub(crate) fn bound(field: &'static str, size: usize, limit: usize) -> Result<(), Self> {
        if size > limit { Err(Self::TooLarge { field, size, limit }) } else { Ok(()) }
    }
}
