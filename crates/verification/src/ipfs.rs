//! The hash by which Solidity's compiler names metadata: an IPFS content identifier (CIDv0), which is
//! the SHA-256 of the file in IPFS's default form: UnixFS in protocol buffers, chunks of 256 KiB under
//! one node with up to 174 links. 174 chunks are 43.5 MiB, more than a request may have.

use sha2::{Digest as _, Sha256};

/// SHA-256 with its two bytes of multihash in front: function 0x12, 32 bytes.
pub(crate) type Multihash = [u8; 34];

/// Bytes of one chunk.
const CHUNK_BYTES: usize = 256 * 1024;

/// The hash of a file's content.
pub(crate) fn hash(content: &[u8]) -> Multihash {
    let mut chunks = content.chunks(CHUNK_BYTES);
    match (chunks.next(), chunks.next()) {
        (None, _) => multihash(&leaf(&[])),
        (Some(only), None) => multihash(&leaf(only)),
        _ => multihash(&parent(content)),
    }
}

/// As people write it: base 58, beginning with `Qm`.
pub(crate) fn text(hash: &Multihash) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<u8> = Vec::new();
    for byte in hash {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).expect("a remainder of 58 fits");
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).expect("a remainder of 58 fits"));
            carry /= 58;
        }
    }
    digits.iter().rev().map(|digit| char::from(ALPHABET[usize::from(*digit)])).collect()
}

fn multihash(node: &[u8]) -> Multihash {
    let mut hash = [0; 34];
    hash[..2].copy_from_slice(&[0x12, 0x20]);
    hash[2..].copy_from_slice(&Sha256::digest(node));
    hash
}

/// A node without links whose data is a UnixFS file: type (field 1) 2, data (field 2), size (field 3).
fn leaf(chunk: &[u8]) -> Vec<u8> {
    let mut file = vec![0x08, 0x02];
    if !chunk.is_empty() {
        bytes(&mut file, 0x12, chunk);
    }
    number(&mut file, 0x18, chunk.len());
    let mut node = Vec::with_capacity(file.len() + 8);
    bytes(&mut node, 0x0a, &file);
    node
}

/// A node with one link per chunk; its data has the sizes of the chunks (field 4).
fn parent(content: &[u8]) -> Vec<u8> {
    let mut node = Vec::new();
    let mut file = vec![0x08, 0x02];
    number(&mut file, 0x18, content.len());
    for chunk in content.chunks(CHUNK_BYTES) {
        let block = leaf(chunk);
        let mut link = Vec::new();
        bytes(&mut link, 0x0a, &multihash(&block));
        bytes(&mut link, 0x12, b"");
        number(&mut link, 0x18, block.len());
        bytes(&mut node, 0x12, &link);
        number(&mut file, 0x20, chunk.len());
    }
    bytes(&mut node, 0x0a, &file);
    node
}

fn bytes(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    number(out, tag, value.len());
    out.extend_from_slice(value);
}

/// A tag and a varint.
fn number(out: &mut Vec<u8>, tag: u8, value: usize) {
    out.push(tag);
    let mut rest = value;
    while rest > 0x7f {
        out.push(u8::try_from(rest & 0x7f).expect("seven bits fit") | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).expect("at most 127"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_ipfs() {
        // `ipfs add` of this text, as in the documentation of IPFS.
        let known = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
        assert_eq!(text(&hash(b"hello world\n")), known);
        // The empty file of every IPFS node.
        assert_eq!(text(&hash(b"")), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
    }

    #[test]
    fn large_metadata_has_the_hash_that_the_compiler_wrote() {
        // Three chunks: a source of 600,000 letters as literal content. The hash stands in the code
        // that solc 0.8.37 made.
        let text =
            include_str!("../fixtures/large.metadata.json").replace("@A@", &"a".repeat(600_000));
        let written = "1220f34ac51219d730aecd1c7750ef61a8f53f9804ecd9136c85695b228ad7d9d853";
        let found: String =
            hash(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, written);
    }
}
