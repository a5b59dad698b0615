//! RLP pieces that all answers are made of.

use alloy_rlp::{Decodable, Header as RlpHeader};
use types::DecodeError;

/// Appends a list of what `fill` writes.
pub(super) fn list(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = Vec::new();
    fill(&mut payload);
    RlpHeader { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(&payload);
}

/// A reader that names what it reads in its errors.
pub(super) struct Reader<'a> {
    field: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(field: &'static str, rest: &'a [u8]) -> Self {
        Self { field, rest }
    }

    fn rlp(&self, source: alloy_rlp::Error) -> DecodeError {
        DecodeError::Rlp { field: self.field, source }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Enters a list.
    pub(super) fn list(&mut self) -> Result<Reader<'a>, DecodeError> {
        let payload = RlpHeader::decode_bytes(&mut self.rest, true);
        payload.map(|rest| Reader { field: self.field, rest }).map_err(|error| self.rlp(error))
    }

    /// Splits off one list with its header, undecoded.
    pub(super) fn raw_list(&mut self) -> Result<&'a [u8], DecodeError> {
        let whole = self.rest;
        self.list()?;
        Ok(&whole[..whole.len() - self.rest.len()])
    }

    pub(super) fn value<T: Decodable>(&mut self) -> Result<T, DecodeError> {
        T::decode(&mut self.rest).map_err(|error| self.rlp(error))
    }

    /// Skips an empty string, if one is next.
    pub(super) fn take_empty_string(&mut self) -> bool {
        match self.rest.split_first() {
            Some((&alloy_rlp::EMPTY_STRING_CODE, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(DecodeError::Trailing { field: self.field, extra }),
        }
    }

    /// Reads items until the list ends; more than `limit` is an error.
    pub(super) fn items<T>(
        mut self,
        limit: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        while !self.is_empty() {
            if items.len() == limit {
                let (field, size) = (self.field, limit.saturating_add(1));
                return Err(DecodeError::TooLarge { field, size, limit });
            }
            items.push(item(&mut self)?);
        }
        Ok(items)
    }

    pub(super) fn invalid(&self, reason: &'static str) -> DecodeError {
        DecodeError::Invalid { field: self.field, reason }
    }
}
