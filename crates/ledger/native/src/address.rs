//! Where native contracts live: `0x48455149…` ("HEQI") followed by a number.

use alloy_primitives::{Address, address};

/// The one byte of code at every native contract, so that `extcodesize` and Solidity's check for
/// a contract hold. `0xfe` (INVALID) makes any attempt to run it as bytecode fail.
pub const NATIVE_CODE: [u8; 1] = [0xfe];

const BASE: Address = address!("4845514900000000000000000000000000000000");
/// Leading bytes that all reserved addresses share; the last two are the number.
const PREFIX_BYTES: usize = 18;

/// Address of native contract `number`: 0x01 to 0xff platform, from 0x0100 on business modules.
pub const fn native_address(number: u16) -> Address {
    let mut bytes = BASE.into_array();
    let [high, low] = number.to_be_bytes();
    bytes[18] = high;
    bytes[19] = low;
    Address::new(bytes)
}

/// Whether an address belongs to the range of native contracts, taken or not. The range accepts
/// no plain value.
pub fn is_reserved(address: Address) -> bool {
    address[..PREFIX_BYTES] == BASE[..PREFIX_BYTES]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_the_number() {
        assert_eq!(native_address(1), address!("4845514900000000000000000000000000000001"));
        assert_eq!(native_address(0x0110), address!("4845514900000000000000000000000000000110"));
        assert!(is_reserved(native_address(0xffff)));
        assert!(!is_reserved(address!("4845514900000000000000000000000000010001")));
        assert!(!is_reserved(Address::ZERO));
    }
}
