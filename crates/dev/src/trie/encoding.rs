//! Nodes as bytes, and proofs made of them.

use std::sync::Arc;

use alloy_primitives::{Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable as _, Header};

use super::{
    LeafValue,
    nodes::{Kind, Node},
};

/// Encodings from this length on are named by their hash.
const INLINE_BYTES_MAX: usize = 32;

/// `rlp([path, value])`, `rlp([path, child])` or `rlp([child × 16, ""])`.
pub(super) fn encoded<V: LeafValue>(node: &Node<V>) -> Vec<u8> {
    let mut items = Vec::new();
    match &node.kind {
        Kind::Leaf { path, value } => {
            packed(path, true).as_slice().encode(&mut items);
            value.encoded().as_slice().encode(&mut items);
        }
        Kind::Extension { path, child } => {
            packed(path, false).as_slice().encode(&mut items);
            items.extend_from_slice(reference(child));
        }
        Kind::Branch(children) => {
            for child in children {
                match child {
                    Some(child) => items.extend_from_slice(reference(child)),
                    None => items.push(EMPTY_STRING_CODE),
                }
            }
            items.push(EMPTY_STRING_CODE);
        }
    }
    let mut out = Vec::with_capacity(items.len() + 3);
    Header { list: true, payload_length: items.len() }.encode(&mut out);
    out.extend_from_slice(&items);
    out
}

fn reference<V: LeafValue>(node: &Arc<Node<V>>) -> &[u8] {
    node.reference.get_or_init(|| {
        let encoded = encoded(node);
        if encoded.len() < INLINE_BYTES_MAX {
            return encoded;
        }
        alloy_rlp::encode(keccak256(&encoded))
    })
}

/// Hex prefix encoding: parity and kind in the first nibble, two nibbles per byte.
fn packed(path: &[u8], leaf: bool) -> Vec<u8> {
    let kind = if leaf { 0x20 } else { 0 };
    let (odd, rest) = path.split_at(path.len() % 2);
    let first = odd.first().map_or(kind, |nibble| kind | 0x10 | nibble);
    let pairs = rest.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]);
    std::iter::once(first).chain(pairs).collect()
}

/// Adds the nodes on the way along `path`.
pub(super) fn prove<V: LeafValue>(
    node: &Arc<Node<V>>,
    path: &[u8],
    is_root: bool,
    proof: &mut Vec<Bytes>,
) {
    let bytes = encoded(node);
    if is_root || bytes.len() >= INLINE_BYTES_MAX {
        proof.push(bytes.into());
    }
    match &node.kind {
        Kind::Leaf { .. } => {}
        Kind::Extension { path: held, child } => {
            if let Some(rest) = path.strip_prefix(&held[..]) {
                prove(child, rest, false, proof);
            }
        }
        Kind::Branch(children) => {
            if let Some(child) = &children[usize::from(path[0])] {
                prove(child, &path[1..], false, proof);
            }
        }
    }
}
