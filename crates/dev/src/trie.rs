//! A Merkle Patricia trie (yellow paper, appendix D) that keeps its old versions.
//!
//! Nodes are shared between versions, so a version costs what it changed, and keeping the state of
//! every block is cheap. Keys are hashes: all of one length, so no branch has a value of its own.

mod encoding;
mod nodes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, b256, keccak256};

use nodes::Node;

/// Root of a trie without entries: keccak256(rlp("")).
pub const EMPTY_ROOT: B256 =
    b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// What a leaf holds.
pub trait LeafValue: Clone {
    /// Its encoding, never empty.
    fn encoded(&self) -> Vec<u8>;
}

/// One version of a trie. A clone is another name for it.
#[derive(Debug)]
pub struct Trie<V>(Option<Arc<Node<V>>>);

impl<V> Clone for Trie<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: LeafValue> Trie<V> {
    /// Sets or replaces a value.
    pub fn insert(&mut self, key: B256, value: V) {
        self.0 = Some(nodes::insert(self.0.as_ref(), &nibbles(key), value));
    }

    /// Removes a value; nothing happens where there is none.
    pub fn remove(&mut self, key: B256) {
        if let Some(root) = &self.0
            && let Some(rest) = nodes::remove(root, &nibbles(key))
        {
            self.0 = rest;
        }
    }

    /// The value at a key.
    pub fn get(&self, key: B256) -> Option<&V> {
        nodes::get(self.0.as_ref()?, &nibbles(key))
    }

    /// The root's hash.
    pub fn root(&self) -> B256 {
        self.0.as_ref().map_or(EMPTY_ROOT, |root| keccak256(encoding::encoded(root)))
    }

    /// Encoded nodes from the root to the key or to where it is missing (EIP-1186). Nodes that
    /// stand inside their parent are not listed by themselves.
    pub fn proof(&self, key: B256) -> Vec<Bytes> {
        let mut proof = Vec::new();
        if let Some(root) = &self.0 {
            encoding::prove(root, &nibbles(key), true, &mut proof);
        }
        proof
    }
}

fn nibbles(key: B256) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect()
}
