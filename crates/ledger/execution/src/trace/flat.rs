//! geth's `flatCallTracer`: the tree of `callTracer` as a list. (The library's list is Parity's, with
//! other errors and other gas at its root.)

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_trace::geth::CallFrame;
use revm::{
    interpreter::InstructionResult,
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};
use revm_inspectors::tracing::types::CallTraceNode;
use serde::{Deserialize, Serialize};

use super::TracePlace;

/// geth's text, which the library does not tell from other shortages of gas.
const CODE_STORAGE_OUT_OF_GAS: &str = "contract creation code storage out of gas";
/// Frames whose type says that an account ended.
const SELFDESTRUCT: &str = "SELFDESTRUCT";

/// What is wanted; unknown fields are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlatOptions {
    convert_parity_errors: bool,
    include_precompiles: bool,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlatFrame {
    action: FlatAction,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<B256>,
    block_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<FlatResult>,
    subtraces: usize,
    trace_address: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_hash: Option<B256>,
    transaction_position: u64,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlatAction {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlatResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_used: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Bytes>,
}

/// Names in geth's words what the library does not tell apart: creations that could not pay for
/// their code (such a frame returned code and ran out of gas all the same), and precompiled
/// contracts that refused the length of their input.
pub(super) fn name_errors(frame: &mut CallFrame, nodes: &[CallTraceNode], index: usize) {
    let Some(node) = nodes.get(index) else {
        return;
    };
    match node.trace.status {
        Some(InstructionResult::OutOfGas)
            if node.kind().is_any_create() && !node.trace.output.is_empty() =>
        {
            frame.error = Some(CODE_STORAGE_OUT_OF_GAS.to_owned());
        }
        Some(InstructionResult::PrecompileError) => {
            let refused = wrong_length(node.trace.address, node.trace.data.len());
            frame.error = refused.map(ToOwned::to_owned).or(frame.error.take());
        }
        _ => {}
    }
    let frames = frame.calls.iter_mut().filter(|call| call.typ != SELFDESTRUCT);
    for (call, child) in frames.zip(&node.children) {
        name_errors(call, nodes, *child);
    }
}

/// geth's text where the input of a precompiled contract has a length that it cannot have: BLAKE2F
/// (EIP-152), pairing (EIP-197), point evaluation (EIP-4844), BLS12-381 (EIP-2537).
fn wrong_length(precompile: Address, length: usize) -> Option<&'static str> {
    let number = U256::from_be_slice(precompile.as_slice());
    let parts = |size: usize| length > 0 && length.is_multiple_of(size);
    let fits = match u8::try_from(number).ok()? {
        0x08 => {
            let text = "bad elliptic curve pairing size";
            return (!length.is_multiple_of(192)).then_some(text);
        }
        0x09 => length == 213,
        0x0a => length == 192,
        0x0b => length == 256,
        0x0c => parts(160),
        0x0d => length == 512,
        0x0e => parts(288),
        0x0f => parts(384),
        0x10 => length == 64,
        0x11 => length == 128,
        _ => return None,
    };
    (!fits).then_some("invalid input length")
}

impl FlatOptions {
    /// The list, root first.
    pub(super) fn flatten(
        self,
        root: CallFrame,
        spec: SpecId,
        place: TracePlace,
    ) -> Vec<FlatFrame> {
        let hidden: BTreeSet<Address> = match self.include_precompiles {
            true => BTreeSet::new(),
            false => {
                let all = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
                all.addresses().copied().collect()
            }
        };
        let mut frames = Vec::new();
        self.add(root, Vec::new(), &hidden, &place, &mut frames);
        frames
    }

    fn add(
        self,
        mut call: CallFrame,
        trace_address: Vec<usize>,
        hidden: &BTreeSet<Address>,
        place: &TracePlace,
        frames: &mut Vec<FlatFrame>,
    ) {
        let mut calls = std::mem::take(&mut call.calls);
        calls.retain(|call| {
            let plain = call.typ == "CALL" || call.typ == "STATICCALL";
            !(plain && call.to.is_some_and(|to| hidden.contains(&to)))
        });
        let error = call.error.clone();
        let reverted = error.as_deref() == Some("execution reverted");
        let (kind, action, result) = parts(call);
        frames.push(FlatFrame {
            action,
            block_hash: place.block_hash,
            block_number: place.block_number.unwrap_or_default(),
            result: result.filter(|_| error.is_none() || reverted),
            error: error.map(|error| self.error(error)),
            subtraces: calls.len(),
            trace_address: trace_address.clone(),
            transaction_hash: place.hash,
            transaction_position: place.index.unwrap_or_default() as u64,
            kind,
        });
        for (position, call) in calls.into_iter().enumerate() {
            let mut address = trace_address.clone();
            address.push(position);
            self.add(call, address, hidden, place, frames);
        }
    }

    /// Parity's words where they are asked for.
    fn error(self, error: String) -> String {
        if !self.convert_parity_errors {
            return error;
        }
        let parity = match error.as_str() {
            CODE_STORAGE_OUT_OF_GAS | "gas uint64 overflow" | "max code size exceeded" => {
                "Out of gas"
            }
            other if other.starts_with("out of gas") => "Out of gas",
            "invalid jump destination" => "Bad jump destination",
            "execution reverted" => "Reverted",
            "return data out of bounds" => "Out of bounds",
            "stack limit reached 1024 (1023)" => "Out of stack",
            "precompiled failed" | "invalid input length" => "Built-in failed",
            other if other.starts_with("invalid opcode:") => "Bad instruction",
            other if other.starts_with("stack underflow") => "Stack underflow",
            _ => return error,
        };
        parity.to_owned()
    }
}

/// Type, action and result of a frame.
fn parts(call: CallFrame) -> (&'static str, FlatAction, Option<FlatResult>) {
    let name = call.typ.to_lowercase();
    let output = Some(call.output.unwrap_or_default());
    match call.typ.as_str() {
        SELFDESTRUCT => {
            let action = FlatAction {
                address: Some(call.from),
                balance: call.value,
                refund_address: call.to,
                ..FlatAction::default()
            };
            ("suicide", action, None)
        }
        "CREATE" | "CREATE2" => {
            let action = FlatAction {
                creation_method: Some(name),
                from: Some(call.from),
                gas: Some(call.gas),
                init: Some(call.input),
                value: call.value,
                ..FlatAction::default()
            };
            let result = FlatResult {
                address: call.to,
                code: output,
                gas_used: Some(call.gas_used),
                output: None,
            };
            ("create", action, Some(result))
        }
        _ => {
            let action = FlatAction {
                call_type: Some(name),
                from: Some(call.from),
                gas: Some(call.gas),
                input: Some(call.input),
                to: call.to,
                value: call.value,
                ..FlatAction::default()
            };
            let gas_used = Some(call.gas_used);
            ("call", action, Some(FlatResult { gas_used, output, ..FlatResult::default() }))
        }
    }
}
