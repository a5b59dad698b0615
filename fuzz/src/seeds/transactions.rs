//! One transaction of each type, every field in use.

use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEip2930, TxEip7702, TxEnvelope};
use alloy_eips::{
    Encodable2718 as _,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, uint};

/// x of secp256k1's generator.
const R: U256 = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);

/// Name and EIP-2718 encoding.
pub fn all() -> [(&'static str, Vec<u8>); 3] {
    let (chain_id, nonce, gas_limit, value) = (7, 1, 100_000, U256::from(5));
    let (to, input) = (Address::repeat_byte(2), Bytes::from_static(&[1, 2, 3, 4, 5]));
    let access_list = access_list();
    let access = TxEip2930 {
        chain_id,
        nonce,
        gas_price: 3,
        gas_limit,
        to: TxKind::Call(to),
        value,
        access_list: access_list.clone(),
        input: input.clone(),
    };
    let dynamic = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: 4,
        max_priority_fee_per_gas: 3,
        to: TxKind::Create,
        value,
        access_list: access_list.clone(),
        input: input.clone(),
    };
    let authorization = Authorization { chain_id: U256::from(7), address: to, nonce: 2 };
    let code = TxEip7702 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: 4,
        max_priority_fee_per_gas: 3,
        to,
        value,
        access_list,
        authorization_list: vec![authorization.into_signed(signature())],
        input,
    };
    [("access_list", signed(access)), ("dynamic_fee", signed(dynamic)), ("set_code", signed(code))]
}

fn access_list() -> AccessList {
    let address = Address::repeat_byte(3);
    AccessList(vec![AccessListItem { address, storage_keys: vec![B256::repeat_byte(4); 2] }])
}

fn signed<T>(transaction: T) -> Vec<u8>
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<Signed<T>>,
{
    TxEnvelope::from(transaction.into_signed(signature())).encoded_2718()
}

/// Recovers to somebody for every hash; whose key that is nobody knows.
fn signature() -> Signature {
    Signature::new(R, U256::from(1), false)
}
