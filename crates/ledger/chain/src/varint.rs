//! Numbers of variable length: 7 bits per byte, the lowest first, the top bit where more follow.

use crate::encoding::Reason;

pub(crate) fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Reads a number off the front. A number has one encoding, the shortest.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, Reason> {
    let mut number = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("a number is cut off")?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err("a number is too large".into());
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            let shortest = *byte != 0 || shift == 0;
            return if shortest { Ok(number) } else { Err("a number is not the shortest".into()) };
        }
    }
    Err("a number is too long".into())
}

/// A count or an index, read off the front.
pub(crate) fn take_usize(bytes: &mut &[u8]) -> Result<usize, Reason> {
    usize::try_from(take(bytes)?).map_err(|_| "a number is too large".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_reads_back_and_has_one_encoding(
            number in any::<u64>(),
            bits in 0..64u32,
            bytes in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut out = Vec::new();
            push(&mut out, number >> bits);
            let mut rest = &out[..];
            prop_assert_eq!(take(&mut rest), Ok(number >> bits));
            prop_assert!(rest.is_empty());
            let mut rest = &bytes[..];
            if let Ok(found) = take(&mut rest) {
                let mut again = Vec::new();
                push(&mut again, found);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }
}
