//! A real node whose proposals are changed between it and the network, with votes of its own for
//! what it forged. It needs no seam in the product: it has the node's key and the node's wires.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::{B256, Bytes, TxKind};
use commonware_codec::{DecodeExt as _, Encode as _, varint::UInt};
use commonware_consensus::{
    CertifiableBlock as _,
    simplex::types::{Notarize, Proposal, Vote},
};
use commonware_cryptography::{Digestible as _, Signer as _, ed25519::PrivateKey};
use commonware_p2p::{Recipients, Sender as _, utils::mux};
use commonware_runtime::IoBuf;
use consensus::{ConsensusBlock, Digest, StrictScheme, validator_key};
use types::{Block, Namespace, transactions_root};

use super::Sets;
use crate::{Account, wires::PlainSender};

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
    originals: Mutex<BTreeSet<B256>>,
    forged: Forged,
    count: AtomicU64,
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
        Self {
            forgery,
            identity,
            namespace,
            sets,
            votes: OnceLock::new(),
            originals: Mutex::default(),
            forged,
            count: AtomicU64::new(0),
        }
    }

    /// Where it votes for what it forged.
    pub fn vote_with(&self, votes: PlainSender) {
        // A second start of the node keeps the first sender's quota out of it.
        let _ = self.votes.set(Mutex::new(votes));
    }

    /// Blocks forged so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// The forged form of a message with an own block; a vote for it follows.
    pub fn forge(&self, message: &[u8]) -> Option<IoBuf> {
        let block = ConsensusBlock::decode(message.to_vec()).ok()?;
        if block.extension().leader != validator_key(&self.identity.public_key()) {
            return None;
        }
        let forged = ConsensusBlock::new(self.change(block.block())?).ok()?;
        self.originals.lock().unwrap_or_else(PoisonError::into_inner).insert(block.block().hash());
        self.forged.insert(forged.block().hash());
        self.count.fetch_add(1, Ordering::SeqCst);
        self.vote(&forged);
        Some(forged.encode().into())
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
        if let (Some(vote), Some(votes)) = (vote, self.votes.get()) {
            let mut message = UInt(epoch).encode().to_vec();
            message.extend_from_slice(&Vote::Notarize(vote).encode());
            let mut votes = votes.lock().unwrap_or_else(PoisonError::into_inner);
            votes.send(Recipients::All, message, true);
        }
    }

    /// Whether a vote is for a block that the others will never see.
    pub fn holds_back(&self, message: &[u8]) -> bool {
        let Ok((_epoch, vote)) = mux::parse(message.to_vec().into()) else {
            return false;
        };
        let payload = match Vote::<StrictScheme, Digest>::decode(vote) {
            Ok(Vote::Notarize(vote)) => vote.proposal.payload,
            Ok(Vote::Finalize(vote)) => vote.proposal.payload,
            _ => return false,
        };
        let originals = self.originals.lock().unwrap_or_else(PoisonError::into_inner);
        originals.contains(&B256::from_slice(payload.as_ref()))
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
