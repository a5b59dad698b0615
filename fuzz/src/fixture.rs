//! The known side of each target: validators with their keys, signed proposals, a state.

use std::sync::LazyLock;

use alloy_primitives::{Address, B256, U256};
use commonware_consensus::{
    simplex::types::{Finalize, Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_glue::stateful::db::DatabaseSet;
use commonware_parallel::Sequential;
use commonware_runtime::{
    Runner as _, Strategizer as _, Supervisor as _, buffer::paged::CacheRef, deterministic,
};
use commonware_utils::{NZU16, NZUsize, non_empty, ordered::Set};
use consensus::{Digest, Finalization, PublicKey, StrictScheme, validator_key};
use ed25519_dalek::SigningKey;
use state::{
    AccountRecord, Change, StateDiff, StateKey, StateValue,
    qmdb::{Databases, StateConfig, apply_diff, database_config, empty_commitment, prove},
};
use types::{Extension, Namespace, StateCommitment, ValidatorKey, ValidatorSet};

type Context = deterministic::Context;

/// Validators.
const VALIDATORS: u64 = 4;
/// Accounts in the known state; each has one slot.
const ACCOUNTS: u8 = 40;

/// An extension of a block that is not block 0.
pub fn extension() -> Extension {
    Extension {
        epoch: 2,
        view: 9,
        leader: set().keys()[0],
        parent_view: 8,
        time_ms: 1_234,
        next_validators_hash: B256::repeat_byte(1),
        state: empty_commitment(),
        genesis_commitment: None,
    }
}

/// A key whose secret is known.
pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn private_key(seed: u64) -> PrivateKey {
    PrivateKey::from_seed(seed)
}

/// What the validators sign for.
pub fn namespace() -> Namespace {
    Namespace { chain_id: 7001, genesis_hash: B256::repeat_byte(7), ledger_id: 3, incarnation: 1 }
}

/// The validators.
pub fn set() -> &'static ValidatorSet {
    static SET: LazyLock<ValidatorSet> = LazyLock::new(|| {
        let key = |seed| -> ValidatorKey { validator_key(&private_key(seed).public_key()) };
        ValidatorSet::new((0..VALIDATORS).map(key).collect()).expect("four different keys")
    });
    &SET
}

/// The validators as the library has them.
pub fn participants() -> &'static Set<PublicKey> {
    static PARTICIPANTS: LazyLock<Set<PublicKey>> =
        LazyLock::new(|| consensus::participants(set()).expect("honest keys"));
    &PARTICIPANTS
}

/// Verifies the validators' signatures.
pub fn scheme() -> &'static StrictScheme {
    static SCHEME: LazyLock<StrictScheme> =
        LazyLock::new(|| StrictScheme::verifier(&namespace(), set()).expect("honest keys"));
    &SCHEME
}

/// What the validators have signed.
pub fn proposals() -> &'static [Proposal<Digest>] {
    static PROPOSALS: LazyLock<Vec<Proposal<Digest>>> = LazyLock::new(|| {
        let proposal = |(epoch, view)| {
            let round = Round::new(Epoch::new(epoch), View::new(view));
            Proposal::new(round, View::new(view - 1), Digest::from([0xab; 32]))
        };
        [(0, 1), (3, 300)].map(proposal).to_vec()
    });
    &PROPOSALS
}

/// One validator's vote to finalize.
pub fn vote(validator: u64, proposal: &Proposal<Digest>) -> Finalize<StrictScheme, Digest> {
    let scheme = StrictScheme::new(&namespace(), set(), &private_key(validator));
    let scheme = scheme.expect("honest keys");
    Finalize::sign(&scheme, proposal.clone()).expect("a validator signs")
}

/// The certificate of the first `voters` validators.
pub fn certificate(voters: u64, proposal: &Proposal<Digest>) -> Finalization {
    let votes: Vec<_> = (0..voters).map(|validator| vote(validator, proposal)).collect();
    let made = Finalization::from_finalizes(scheme(), non_empty![@votes.iter()], &Sequential);
    made.expect("a quorum")
}

/// Something said about the known state.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Account or slot.
    pub key: StateKey,
    /// Its value, `None` where it is said to be absent.
    pub value: Option<StateValue>,
    /// The proof, `None` where the statement is false.
    pub proof: Option<Vec<u8>>,
}

/// A state, and what is said about it.
pub struct State {
    /// Commitment to it.
    pub commitment: StateCommitment,
    /// Commitment to an earlier state, in which other accounts had other values.
    pub other: StateCommitment,
    /// True and false statements by turns.
    pub statements: Vec<Statement>,
}

/// The known state; made once.
pub fn state() -> &'static State {
    static STATE: LazyLock<State> =
        LazyLock::new(|| deterministic::Runner::default().start(make_state));
    &STATE
}

async fn make_state(context: Context) -> State {
    let config = database_config::<Context>(&StateConfig {
        prefix: "known".into(),
        page_cache: CacheRef::new(NZU16!(4096), NZUsize!(64)),
        strategy: context.child("strategy").strategy(NZUsize!(1)),
    });
    let databases =
        <Databases<_> as DatabaseSet<_>>::init(context.child("state"), config, None).await;
    let mut commitments = Vec::new();
    for balance in [1, 2] {
        let batches = databases.new_batches().await;
        let sealed = apply_diff::<Context>(batches, &diff(balance)).await.expect("an empty store");
        databases.apply(sealed).await;
        commitments.push(state::qmdb::committed(&databases).await);
    }
    let keys: Vec<StateKey> = [1, ACCOUNTS, 200]
        .map(Address::repeat_byte)
        .into_iter()
        .flat_map(|address| [StateKey::Account(address), StateKey::Storage(address, U256::from(3))])
        .collect();
    let (commitment, proved) = prove(&databases, &keys).await.expect("the store answers");
    assert_eq!(commitment, commitments[1]);
    let statements = proved
        .into_iter()
        .flat_map(|item| {
            let proof = Some(item.proof.to_vec());
            let lie = Statement { key: item.key, value: lie(item.key, &item.value), proof: None };
            [Statement { key: item.key, value: item.value, proof }, lie]
        })
        .collect();
    State { commitment, other: commitments[0], statements }
}

/// Sets every account and slot; nothing of an earlier call stays as it was.
fn diff(balance: u64) -> StateDiff {
    let mut diff = StateDiff::default();
    for byte in 1..=ACCOUNTS {
        let address = Address::repeat_byte(byte);
        for (key, value) in [
            (StateKey::Account(address), account(balance)),
            (StateKey::Storage(address, U256::from(3)), StateValue::Storage(U256::from(balance))),
        ] {
            diff.changes.insert(key, Change { previous: None, current: Some(value) });
        }
    }
    diff
}

fn account(balance: u64) -> StateValue {
    let balance = U256::from(balance);
    StateValue::Account(AccountRecord { nonce: 1, balance, ..AccountRecord::default() })
}

/// Absent values are said to be there, present ones to be others.
fn lie(key: StateKey, truth: &Option<StateValue>) -> Option<StateValue> {
    match (key, truth) {
        (StateKey::Account(address), Some(_)) if address == Address::repeat_byte(1) => None,
        (StateKey::Account(_), _) => Some(account(3)),
        (StateKey::Storage(address, _), Some(_)) if address == Address::repeat_byte(1) => None,
        _ => Some(StateValue::Storage(U256::from(3))),
    }
}
