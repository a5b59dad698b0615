//! Call objects of `eth_call`, `eth_estimateGas` and `eth_fillTransaction`.

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes};
use execution::{ChainRules, simulate::CallRequest};
use serde::Deserialize;

use crate::{
    error::{RpcError, code},
    object::Object,
    quantity::{Number, Small},
};

/// A call object as clients send it. Unknown fields (web3.js: `chain`, `hardfork`, `networkId`) are
/// ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<Small>,
    #[serde(rename = "gasLimit")]
    gas_limit_alias: Option<Small>,
    gas_price: Option<Number>,
    max_fee_per_gas: Option<Number>,
    max_priority_fee_per_gas: Option<Number>,
    value: Option<Number>,
    nonce: Option<Small>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    access_list: Option<AccessList>,
    chain_id: Option<Small>,
    authorization_list: Option<Vec<SignedAuthorization>>,
    blob_versioned_hashes: Option<Vec<B256>>,
    max_fee_per_blob_gas: Option<Number>,
    #[serde(rename = "type")]
    kind: Option<Small>,
}

/// A checked call object, with what only `eth_fillTransaction` looks at beside it.
#[derive(Clone, Debug, Default)]
pub struct CallObject {
    /// What is simulated.
    pub call: CallRequest,
    /// Nonce.
    pub nonce: Option<u64>,
    /// EIP-2718 type asked for.
    pub kind: Option<u64>,
    /// Chain id, which must be this chain's.
    pub chain_id: Option<u64>,
}

impl<'de> Deserialize<'de> for CallObject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(wire) = Object::<Wire>::deserialize(deserializer)?;
        let fee = |number: Option<Number>| match number.map(|number| u128::try_from(number.0)) {
            None => Ok(None),
            Some(Ok(fee)) => Ok(Some(fee)),
            Some(Err(_)) => Err(serde::de::Error::custom("a fee must have at most 128 bits")),
        };
        let input = match (wire.input, wire.data) {
            (Some(input), Some(data)) if input != data => {
                return Err(serde::de::Error::custom(
                    "both \"data\" and \"input\" are set and not equal. Please use \"input\" to \
                     pass transaction call data",
                ));
            }
            (input, data) => input.or(data).unwrap_or_default(),
        };
        let call = CallRequest {
            from: wire.from,
            to: wire.to,
            gas: wire.gas.or(wire.gas_limit_alias).map(|Small(gas)| gas),
            gas_price: fee(wire.gas_price)?,
            max_fee_per_gas: fee(wire.max_fee_per_gas)?,
            max_priority_fee_per_gas: fee(wire.max_priority_fee_per_gas)?,
            value: wire.value.map(|Number(value)| value).unwrap_or_default(),
            data: input,
            access_list: wire.access_list,
            authorization_list: wire.authorization_list.unwrap_or_default(),
            blob_versioned_hashes: wire.blob_versioned_hashes.unwrap_or_default(),
            max_fee_per_blob_gas: fee(wire.max_fee_per_blob_gas)?,
        };
        check_fees(&call).map_err(serde::de::Error::custom)?;
        let small = |number: Option<Small>| number.map(|Small(number)| number);
        Ok(Self {
            call,
            nonce: small(wire.nonce),
            kind: small(wire.kind),
            chain_id: small(wire.chain_id),
        })
    }
}

const BLOBS_REFUSED: &str = "transaction type not supported: blob transactions (type 3)";

fn check_fees(call: &CallRequest) -> Result<(), &'static str> {
    let (max_fee, tip) = (call.max_fee_per_gas, call.max_priority_fee_per_gas);
    if call.gas_price.is_some() && (max_fee.is_some() || tip.is_some()) {
        return Err("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    }
    if max_fee.zip(tip).is_some_and(|(max_fee, tip)| tip > max_fee) {
        return Err("max priority fee per gas higher than max fee per gas");
    }
    Ok(())
}

impl CallObject {
    /// Refuses other chains, types that the ledger does not accept, and combinations that no type
    /// has.
    pub fn check(&self, rules: &ChainRules) -> Result<(), RpcError> {
        let chain_id = rules.chain_id;
        let refuse = |message: String| Err(RpcError::new(code::SERVER, message));
        match self.chain_id {
            Some(have) if have != chain_id => {
                return refuse(format!(
                    "chainId does not match node's (have={have}, want={chain_id})"
                ));
            }
            _ => {}
        }
        let blobs = self.kind == Some(3) || !self.call.blob_versioned_hashes.is_empty();
        match self.kind {
            _ if blobs && rules.blobs.is_none() => refuse(BLOBS_REFUSED.to_owned()),
            Some(kind) if kind > 4 => refuse(format!("transaction type not supported: {kind}")),
            _ if !self.call.authorization_list.is_empty() && self.call.to.is_none() => {
                refuse("EIP-7702 transaction cannot be used to create contract".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<CallObject, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn unknown_fields_null_and_both_spellings_are_accepted() {
        let call = read(
            r#"{"to":null,"from":null,"data":"0x01","input":"0x01","chain":"mainnet","hardfork":"x",
                "networkId":5,"gas":"0x5208","value":"0x00","accessList":null,"deep":{"a":[{}]}}"#,
        )
        .unwrap();
        assert_eq!((call.call.to, call.call.data.len(), call.call.gas), (None, 1, Some(21_000)));
        assert_eq!(read("{}").unwrap().call.data.len(), 0);
    }

    #[test]
    fn contradictions_are_refused() {
        for bad in [
            r#"{"data":"0x01","input":"0x02"}"#,
            r#"{"gasPrice":"0x1","maxFeePerGas":"0x1"}"#,
            r#"{"maxFeePerGas":"0x1","maxPriorityFeePerGas":"0x2"}"#,
            r#"{"to":"0x12"}"#,
            r#"{"data":"zz"}"#,
            r#"{"value":"-0x1"}"#,
            "[]",
            "\"x\"",
            "5",
            r#"{"gas":"0x10000000000000000"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
