//! A small network with an epoch behind it, and a node that answers.

use std::{collections::BTreeMap, num::NonZeroUsize, path::Path, sync::LazyLock};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use commonware_glue::stateful::db::DatabaseSet;
use commonware_runtime::{
    Runner as _, Strategizer as _, Supervisor as _, buffer::paged::CacheRef, deterministic,
};
use commonware_utils::{NZU16, NZUsize};
use consensus::history::{Bodies, CertifiedHeader, Receipts, SetStep, Sets};
use ed25519_dalek::{Signer as _, SigningKey};
use ledger_api::SnapshotPart;
use state::{
    AccountRecord, Change, StateDiff, StateKey, StateValue,
    qmdb::{
        Database, Databases, StateConfig, apply_diff, committed, database_config, empty_commitment,
        pages, read_page,
    },
};
use types::{
    Block, Certificate, Extension, Genesis, GenesisValidator, Header, Namespace, Receipt,
    StateCommitment, ValidatorKey, ValidatorSet, ValidatorSignature,
};

use crate::{Created, Origin, Place, Snapshot, SnapshotError, create};

pub const EPOCH_BLOCKS: u64 = 4;
const THREADS: NonZeroUsize = NZUsize!(1);

fn signer(seed: u64) -> SigningKey {
    let mut secret = [7u8; 32];
    secret[..8].copy_from_slice(&seed.to_be_bytes());
    SigningKey::from_bytes(&secret)
}

fn key(seed: u64) -> ValidatorKey {
    ValidatorKey(signer(seed).verifying_key().to_bytes())
}

/// Validators of an epoch: {0,1,2,3}, {1,2,3,4}, …
pub fn set(epoch: u64) -> ValidatorSet {
    ValidatorSet::new((epoch..epoch + 4).map(key).collect()).unwrap()
}

pub fn genesis() -> Genesis {
    let text = r#"{"format":1,"chain_id":7001,"profile":"dev","time_ms":5,"validators":[],
        "validator_admin":"0x0000000000000000000000000000000000000001"}"#;
    let mut genesis: Genesis = serde_json::from_str(text).unwrap();
    genesis.parameters.epoch_blocks = EPOCH_BLOCKS;
    genesis.validators = (0..4)
        .map(|seed| GenesisValidator { organisation: format!("org {seed}"), key: key(seed) })
        .collect();
    genesis
}

fn namespace() -> Namespace {
    let genesis_hash = genesis().block(empty_commitment()).unwrap().hash();
    Namespace { chain_id: 7001, genesis_hash, ledger_id: 0, incarnation: 0 }
}

fn certificate(epoch: u64, signing_epoch: u64, block_hash: B256) -> Certificate {
    let mut certificate =
        Certificate { epoch, view: 7, parent_view: 6, block_hash, signatures: Vec::new() };
    let message = certificate.signed_bytes(&namespace());
    let mut signatures: Vec<ValidatorSignature> = (signing_epoch..signing_epoch + 3)
        .map(|seed| ValidatorSignature {
            key: key(seed),
            signature: signer(seed).sign(&message).to_bytes(),
        })
        .collect();
    signatures.sort_unstable_by_key(|signature| signature.key);
    certificate.signatures = signatures;
    certificate
}

fn body() -> Vec<Bytes> {
    vec![Bytes::from_static(&[2; 80])]
}

fn receipts() -> Vec<Receipt> {
    let logs = Vec::new();
    vec![Receipt { transaction_type: 2, success: true, cumulative_gas_used: 21_000, logs }]
}

fn block(number: u64, state: StateCommitment) -> Block {
    let template = genesis().block(empty_commitment()).unwrap();
    let extension = Extension {
        epoch: number / EPOCH_BLOCKS,
        next_validators_hash: set((number + 1) / EPOCH_BLOCKS).hash(),
        state,
        genesis_commitment: None,
        ..template.extension().clone()
    };
    let header = Header {
        number,
        transactions_root: types::transactions_root(&body()),
        receipts_root: types::receipts_root(&receipts()),
        ..template.header().clone()
    };
    Block::new(header, extension, body())
}

type StatePages = BTreeMap<state::qmdb::PageRequest, Vec<u8>>;

/// A state with some accounts, slots and code, in pages.
static STATE: LazyLock<(StateCommitment, StatePages)> = LazyLock::new(|| {
    deterministic::Runner::default().start(|context| async move {
        let config = database_config::<deterministic::Context>(&StateConfig {
            prefix: "test".into(),
            page_cache: CacheRef::new(NZU16!(4096), NZUsize!(64)),
            strategy: context.child("strategy").strategy(THREADS),
        });
        let child = context.child("state");
        let databases =
            <Databases<deterministic::Context> as DatabaseSet<_>>::init(child, config, None).await;
        let batches = databases.new_batches().await;
        databases
            .apply(apply_diff::<deterministic::Context>(batches, &diff()).await.unwrap())
            .await;
        let state = committed(&databases).await;
        let mut found = StatePages::new();
        for database in Database::ALL {
            for page in pages(database, database.commitment(&state)) {
                found.insert(page, read_page(&databases, page).await.unwrap().unwrap());
            }
        }
        (state, found)
    })
});

fn diff() -> StateDiff {
    let code = Bytes::from(vec![0x5b; 700]);
    let mut values = vec![(StateKey::Code(keccak256(&code)), StateValue::Code(code))];
    for index in 0..20u8 {
        let address = Address::repeat_byte(index);
        let record = AccountRecord { nonce: index.into(), ..AccountRecord::default() };
        values.push((StateKey::Account(address), StateValue::Account(record)));
        let slot = StateKey::Storage(address, U256::from(index));
        values.push((slot, StateValue::Storage(U256::from(9))));
    }
    let mut diff = StateDiff::default();
    for (key, value) in values {
        diff.changes.insert(key, Change { previous: None, current: Some(value) });
    }
    diff
}

/// A node that answers from memory.
#[derive(Clone)]
pub struct Answers {
    pub tip: CertifiedHeader,
    pub silent: bool,
    parts: Vec<(SnapshotPart, Vec<u8>)>,
    asked: Vec<SnapshotPart>,
}

impl Answers {
    pub fn new() -> Self {
        let (state, pages) = &*STATE;
        let mut answers = Self {
            tip: Self::certified_with(*state, EPOCH_BLOCKS + 1, 1, 1),
            silent: false,
            parts: Vec::new(),
            asked: Vec::new(),
        };
        let last = Self::certified_with(empty_commitment(), EPOCH_BLOCKS - 1, 0, 0);
        let walked = Sets { steps: vec![SetStep { last, next: set(1) }], tip: None };
        let newest = Sets { steps: Vec::new(), tip: Some(answers.tip.clone()) };
        let top = EPOCH_BLOCKS + 1;
        answers.parts = vec![
            (SnapshotPart::Validators { epoch: 0 }, walked.encode()),
            (SnapshotPart::Validators { epoch: 1 }, newest.encode()),
            (SnapshotPart::Bodies { top, count: 1 }, Bodies(vec![body()]).encode()),
            (SnapshotPart::Receipts { top, count: 1 }, Receipts(vec![receipts()]).encode()),
        ];
        let pages = pages.iter().map(|(page, bytes)| (SnapshotPart::State(*page), bytes.clone()));
        answers.parts.extend(pages);
        answers
    }

    /// A block with a certificate of `epoch` by the validators of `signing_epoch`.
    pub fn certified(&self, number: u64, epoch: u64, signing_epoch: u64) -> CertifiedHeader {
        Self::certified_with(STATE.0, number, epoch, signing_epoch)
    }

    fn certified_with(
        state: StateCommitment,
        number: u64,
        epoch: u64,
        signing_epoch: u64,
    ) -> CertifiedHeader {
        let block = block(number, state);
        CertifiedHeader {
            header: block.header().clone(),
            extension: block.extension().clone(),
            certificate: certificate(epoch, signing_epoch, block.hash()),
        }
    }

    pub fn parts(&self) -> Vec<SnapshotPart> {
        self.parts.iter().map(|(part, _)| *part).collect()
    }

    pub fn change(&mut self, part: SnapshotPart, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.parts.iter_mut().find(|(found, _)| *found == part).unwrap().1);
    }

    pub fn remove(&mut self, part: SnapshotPart) {
        self.parts.retain(|(found, _)| *found != part);
    }

    /// How often it was asked for a part.
    pub fn asked(&self, part: SnapshotPart) -> usize {
        self.asked.iter().filter(|asked| **asked == part).count()
    }
}

impl Origin for Answers {
    type Error = &'static str;

    fn part(&mut self, part: SnapshotPart) -> Result<Option<Vec<u8>>, &'static str> {
        if self.silent {
            return Err("silent");
        }
        self.asked.push(part);
        let found = self.parts.iter().find(|(found, _)| *found == part);
        Ok(found.map(|(_, bytes)| bytes.clone()))
    }
}

pub fn create_in(folder: &Path) -> (Answers, Created) {
    let mut answers = Answers::new();
    let place = Place::folder(folder);
    let created = create(&mut answers, &genesis(), &place, &mut |_| {});
    let created = created.unwrap_or_else(|error| panic!("{error}"));
    (answers, created)
}

pub fn open(folder: &Path) -> Result<Snapshot, SnapshotError> {
    Snapshot::open(Place::folder(folder), &genesis())
}

pub fn verify(folder: &Path) -> Result<(), SnapshotError> {
    open(folder)?.check_pages(&mut |_| {})
}
