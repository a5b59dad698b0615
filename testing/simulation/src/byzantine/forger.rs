//! A real node whose proposals are changed between it and the network, with votes of its own for
//! what it forged. It needs no seam in the product: it has the node's key and the node's wires.
//!
//! Peers must see nothing but the forged block and the vote for it: two votes for one view are
//! proof, and they would block the forger before they have looked at its block. The node's own vote
//! comes out before the block does, so a vote in a view that this node leads waits until it is
//! known what went out in its place.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use alloy_primitives::{B256, Bytes, TxKind};
use commonware_codec::{DecodeExt as _, Encode as _, varint::UInt};
use commonware_consensus::{
    CertifiableBlock as _, Epochable as _, Viewable as _,
    simplex::types::{Notarize, Proposal, Vote},
};
use commonware_cryptography::{Digestible as _, Signer as _, ed25519::PrivateKey};
use commonware_p2p::{Recipients, Sender as _, utils::mux};
use commonware_runtime::IoBuf;
use consensus::{ConsensusBlock, Digest, StrictScheme, leader, validator_key};
use types::{Block, Namespace, transactions_root};

use super::Sets;
use crate::{Account, wires::PlainSender};

/// Votes that wait for their block.
const WAITING_MAX: usize = 64;

/// What is wrong with the forged blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgery {
    /// A state root that no execution gives.
    StateRoot,
    /// A receipts root that no execution gives.
    ReceiptsRoot,
    /// A transaction with a nonce that is too high.
    InvalidTransaction,
    /// A transaction of the block twice.
    RepeatedTransaction,
    /// The time is not after the parent's.
    TimeOfParent,
    /// Other validators than the state has.
    NextValidators,
}

/// Hashes of forged blocks: none may ever be final. Cloning shares them.
#[derive(Clone, Default)]
pub struct Forged(Arc<Mutex<BTreeSet<B256>>>);

impl Forged {
    /// Whether a liar made this block.
    pub fn contains(&self, hash: &B256) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(hash)
    }

    fn insert(&self, hash: B256) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
    }
}

/// Forges what one node proposes.
pub struct Forger {
    forgery: Forgery,
    identity: PrivateKey,
    namespace: Namespace,
    sets: Sets,
    votes: OnceLock<Mutex<PlainSender>>,
    told: Mutex<Told>,
    /// Forged blocks of everybody.
    forged: Forged,
}

/// What the peers may know.
#[derive(Default)]
struct Told {
    /// Blocks that went out, forged or as they were.
    sent: BTreeSet<B256>,
    /// Own blocks in whose place forged ones went out.
    originals: BTreeSet<B256>,
    /// Own forged blocks.
    forged: BTreeSet<B256>,
    /// Own votes in own views for blocks that did not go out so far.
    waiting: VecDeque<(B256, Vec<u8>)>,
}

impl Forger {
    /// A forger with a node's key.
    pub fn new(
        forgery: Forgery,
        identity: PrivateKey,
        namespace: Namespace,
        sets: Sets,
        forged: Forged,
    ) -> Self {
        let (votes, told) = (OnceLock::new(), Mutex::default());
        Self { forgery, identity, namespace, sets, votes, told, forged }
    }

    /// Where it votes for what it forged.
    pub fn vote_with(&self, votes: PlainSender) {
        // A second start of the node keeps the first sender's quota out of it.
        let _ = self.votes.set(Mutex::new(votes));
    }

    /// Own blocks that were forged.
    pub fn forged(&self) -> BTreeSet<B256> {
        self.told().forged.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The forged form of a message with an own block; a vote for it follows. `None` if the
    /// message stays as it is.
    pub fn forge(&self, message: &[u8]) -> Option<IoBuf> {
        let block = ConsensusBlock::decode(message.to_vec()).ok()?;
        let own = block.extension().leader == validator_key(&self.identity.public_key());
        let changed = own.then(|| self.change(block.block())).flatten();
        let Some(forged) = changed.and_then(|changed| ConsensusBlock::new(changed).ok()) else {
            self.release(block.block().hash());
            return None;
        };
        let (original, hash) = (block.block().hash(), forged.block().hash());
        self.forged.insert(hash);
        let first = {
            let mut told = self.told();
            told.originals.insert(original);
            told.waiting.retain(|(waiting, _)| *waiting != original);
            told.sent.insert(hash);
            told.forged.insert(hash)
        };
        if first {
            self.vote(&forged);
        }
        Some(forged.encode().into())
    }

    /// A block goes out as it is, so the votes for it may.
    fn release(&self, hash: B256) {
        let mut told = self.told();
        told.sent.insert(hash);
        let (free, still) = std::mem::take(&mut told.waiting)
            .into_iter()
            .partition(|(waiting, _)| *waiting == hash);
        told.waiting = still;
        drop(told);
        let free: VecDeque<(B256, Vec<u8>)> = free;
        free.into_iter().for_each(|(_, vote)| self.send(vote));
    }

    fn change(&self, block: &Block) -> Option<Block> {
        let (mut header, mut extension) = (block.header().clone(), block.extension().clone());
        let mut transactions = block.transactions().to_vec();
        match self.forgery {
            Forgery::StateRoot => extension.state.accounts.root.0[0] ^= 1,
            Forgery::ReceiptsRoot => header.receipts_root.0[0] ^= 1,
            Forgery::InvalidTransaction => {
                // In the place of a valid one where there is one, so that nothing else is wrong.
                transactions.pop();
                transactions.push(nonce_gap());
            }
            Forgery::RepeatedTransaction => transactions.push(transactions.first()?.clone()),
            // Genesis has this time, so no parent has less.
            Forgery::TimeOfParent => extension.time_ms = 1,
            Forgery::NextValidators => extension.next_validators_hash.0[0] ^= 1,
        }
        header.transactions_root = transactions_root(&transactions);
        Some(Block::new(header, extension, transactions))
    }

    fn vote(&self, forged: &ConsensusBlock) {
        let context = forged.context();
        let epoch = context.round.epoch().get();
        let proposal = Proposal::new(context.round, context.parent.0, forged.digest());
        let vote = self
            .sets
            .of(epoch)
            .and_then(|set| StrictScheme::new(&self.namespace, &set, &self.identity).ok())
            .and_then(|scheme| Notarize::<StrictScheme, Digest>::sign(&scheme, proposal));
        if let Some(vote) = vote {
            let mut message = UInt(epoch).encode().to_vec();
            message.extend_from_slice(&Vote::Notarize(vote).encode());
            self.send(message);
        }
    }

    fn send(&self, message: Vec<u8>) {
        if let Some(votes) = self.votes.get() {
            let mut votes = votes.lock().unwrap_or_else(PoisonError::into_inner);
            votes.send(Recipients::All, message, true);
        }
    }

    /// Whether a vote must not go out, or not now.
    pub fn holds_back(&self, message: &[u8]) -> bool {
        let Ok((_epoch, vote)) = mux::parse(message.to_vec().into()) else {
            return false;
        };
        let Ok(vote) = Vote::<StrictScheme, Digest>::decode(vote) else {
            return false;
        };
        let payload = match &vote {
            Vote::Notarize(vote) => vote.proposal.payload,
            Vote::Finalize(vote) => vote.proposal.payload,
            Vote::Nullify(_) => return false,
        };
        let hash = B256::from_slice(payload.as_ref());
        let mut told = self.told();
        if told.originals.contains(&hash) {
            return true;
        }
        if told.sent.contains(&hash) || !self.leads(vote.epoch().get(), vote.view().get()) {
            return false;
        }
        if told.waiting.len() == WAITING_MAX {
            told.waiting.pop_front();
        }
        told.waiting.push_back((hash, message.to_vec()));
        true
    }

    fn leads(&self, epoch: u64, view: u64) -> bool {
        let own = validator_key(&self.identity.public_key());
        self.sets.of(epoch).and_then(|set| leader(&set, epoch, view)) == Some(own)
    }
}

/// Signed by an account of nobody else's, with a nonce that it does not have.
fn nonce_gap() -> Bytes {
    static TRANSACTION: OnceLock<Bytes> = OnceLock::new();
    let make = || {
        let mut account = Account::new(u64::MAX, crate::CHAIN_ID);
        account.skip(7);
        account.call(TxKind::Call(alloy_primitives::Address::ZERO), Bytes::new())
    };
    TRANSACTION.get_or_init(make).clone()
}
