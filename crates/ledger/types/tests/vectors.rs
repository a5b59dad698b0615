//! The formats of `docs/en/ledger-format.md`, frozen as `docs/vectors/ledger-format.json`.
//!
//! A change that makes this test fail changes what networks have agreed on at their genesis. To
//! write the file anew on purpose, run the test with `HEQI_WRITE_VECTORS=1`.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::PathBuf};

use alloy_primitives::{Address, B256, Bytes, Log, U256, b256, hex};
use serde_json::{Value, json};
use types::{
    AllocatedAccount, Block, Certificate, DatabaseCommitment, Extension, FeeMode, Genesis,
    GenesisValidator, Namespace, Parameters, Profile, Receipt, StateCommitment, Transaction,
    ValidatorKey, account_key, code_chunk_key, next_mix_hash, receipts_root, storage_key,
    transactions_root,
};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../docs/vectors/ledger-format.json")
}

fn genesis() -> Genesis {
    let mut storage = BTreeMap::new();
    storage.insert(U256::from(1), U256::from(2));
    let account = AllocatedAccount {
        balance: U256::from(1_000_000_000_000_000_000u64),
        nonce: 1,
        code: Bytes::from(vec![0x60, 0x00]),
        storage,
    };
    Genesis {
        format: 1,
        chain_id: 7_412_883,
        ledger_id: 0,
        profile: Profile::Dev,
        time_ms: 1_760_000_000_123,
        parameters: Parameters { block_gas_limit: 60_000_000, ..Parameters::default() },
        validators: (1..=4u8)
            .map(|index| GenesisValidator {
                organisation: format!("Organisation {index}"),
                key: ValidatorKey([index; 32]),
            })
            .collect(),
        observers: Vec::new(),
        validator_admin: Address::repeat_byte(0xad),
        predeploys: true,
        allocation: BTreeMap::from([(Address::repeat_byte(0x11), account)]),
    }
}

fn empty_state() -> StateCommitment {
    let current =
        |root, ops_root| DatabaseCommitment { root, ops_root, range_start: 0, range_end: 1 };
    StateCommitment {
        accounts: current(
            b256!("e80cce8fa138450eaead3fc11fadfa45b26cb5952c46f179b1408a5588038c18"),
            b256!("05cb2b46d1e0abd25593701c7fae0b0da0372cc4ba6d3705909fcbe88fdd4c22"),
        ),
        storage: current(
            b256!("d1875f5fd0c3a1c770c129918a5a69b5ac9b5f7c44b304f411265d1274154b7d"),
            b256!("e355f044b4fe6e1d816571a52d0187eb4138913d80bdc7aae30d0b91ef85e667"),
        ),
        code: current(
            b256!("b8375e640af8ddce733102fbc8be611bbc6d15fce5cba6ea524b11883fe178ed"),
            b256!("b8375e640af8ddce733102fbc8be611bbc6d15fce5cba6ea524b11883fe178ed"),
        ),
    }
}

/// EIP-155's own example: nonce 9, 20 gwei, 21,000 gas, 1 ether to 0x35…35, chain id 1.
const TRANSACTION: &str = "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";

fn child(parent: &Block, transaction: &Bytes, receipt: &Receipt) -> Block {
    let leader = ValidatorKey([2; 32]);
    let database = |byte: u8| DatabaseCommitment {
        root: B256::repeat_byte(byte),
        ops_root: B256::repeat_byte(byte + 1),
        range_start: 3,
        range_end: 300,
    };
    let extension = Extension {
        epoch: 0,
        view: 5,
        leader,
        parent_view: 0,
        time_ms: 1_760_000_001_001,
        next_validators_hash: parent.extension().next_validators_hash,
        state: StateCommitment { accounts: database(1), storage: database(3), code: database(5) },
        genesis_commitment: None,
    };
    let mut header = parent.header().clone();
    header.parent_hash = parent.hash();
    header.number = 1;
    header.gas_used = 21_000;
    header.mix_hash = next_mix_hash(parent.header().mix_hash, &leader.0, 5);
    header.transactions_root = transactions_root(std::slice::from_ref(transaction));
    header.receipts_root = receipts_root(std::slice::from_ref(receipt));
    header.logs_bloom = receipt.bloom();
    Block::new(header, extension, vec![transaction.clone()])
}

fn block_vector(block: &Block) -> Value {
    json!({
        "block": hex::encode_prefixed(alloy_rlp::encode(block)),
        "header": hex::encode_prefixed(alloy_rlp::encode(block.header())),
        "extension": hex::encode_prefixed(alloy_rlp::encode(block.extension())),
        "extraData": block.header().extra_data,
        "stateRoot": block.header().state_root,
        "timestamp": block.header().timestamp,
        "hash": block.hash(),
    })
}

fn vectors() -> Value {
    let genesis = genesis();
    let block0 = genesis.block(empty_state()).unwrap();
    let transaction = Transaction::decode(hex::decode(TRANSACTION).unwrap().into()).unwrap();
    let log = Log::new_unchecked(
        Address::repeat_byte(0x22),
        vec![B256::repeat_byte(0x33)],
        Bytes::from(vec![0x44; 5]),
    );
    let receipt = Receipt {
        transaction_type: 0,
        success: true,
        cumulative_gas_used: 21_000,
        logs: vec![log],
    };
    let typed = Receipt { transaction_type: 2, ..receipt.clone() };
    let block1 = child(&block0, transaction.encoded(), &receipt);
    let namespace = Namespace {
        chain_id: genesis.chain_id,
        genesis_hash: block0.hash(),
        ledger_id: 0,
        incarnation: 0,
    };
    let certificate = Certificate {
        epoch: 0,
        view: 300,
        parent_view: 299,
        block_hash: block1.hash(),
        signatures: vec![],
    };
    json!({
        "genesis": {
            "file": genesis,
            "allocationHash": genesis.allocation_hash(),
            "commitment": genesis.commitment(),
            "validatorSetHash": genesis.validator_set().unwrap().hash(),
        },
        "block0": block_vector(&block0),
        "block1": block_vector(&block1),
        "transaction": {
            "encoded": transaction.encoded(),
            "hash": transaction.hash(),
            "sender": transaction.sender(),
        },
        "receipts": {
            "type0": hex::encode_prefixed(receipt.encoded()),
            "type2": hex::encode_prefixed(typed.encoded()),
            "rootOfBoth": receipts_root(&[receipt, typed]),
        },
        "stateKeys": {
            "account": account_key(Address::repeat_byte(0x11)),
            "storage": storage_key(Address::repeat_byte(0x11), U256::from(1)),
            "codeChunk": code_chunk_key(B256::repeat_byte(0x77), 1),
        },
        "namespace": hex::encode_prefixed(namespace.to_bytes()),
        "signedBytes": hex::encode_prefixed(certificate.signed_bytes(&namespace)),
        "quorum": (1..=10).map(types::quorum).collect::<Vec<_>>(),
    })
}

#[test]
fn formats_are_those_of_the_published_vectors() {
    #[allow(clippy::disallowed_methods)] // rewriting the file is asked for from outside
    let write = std::env::var_os("HEQI_WRITE_VECTORS").is_some();
    if write {
        let text = serde_json::to_string_pretty(&vectors()).unwrap();
        std::fs::write(path(), text + "\n").unwrap();
    }
    let published: Value = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(vectors(), published);
}

#[test]
fn published_blocks_decode_and_name_their_genesis() {
    let published: Value = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    for name in ["block0", "block1"] {
        let bytes = hex::decode(published[name]["block"].as_str().unwrap()).unwrap();
        let block = Block::decode(&bytes).unwrap();
        assert_eq!(json!(block.hash()), published[name]["hash"]);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let same = Block::decode(&changed).is_ok_and(|other| {
                other.hash() == block.hash() && other.transactions() == block.transactions()
            });
            assert!(!same, "bit {bit} of {name} is not covered");
        }
    }
    let text = serde_json::to_string(&published["genesis"]["file"]).unwrap();
    let genesis = Genesis::from_json(&text).unwrap();
    assert_eq!(json!(genesis.block(empty_state()).unwrap().hash()), published["block0"]["hash"]);
    assert_eq!(genesis.parameters.fee_mode, FeeMode::Free);
}
