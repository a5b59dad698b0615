//! The way in for bytes from outside: decode, recover, check, read the accounts, insert.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use commonware_parallel::Strategy;
use execution::validate::{TransactionRules, check_transaction};
use state::{AccountRecord, StateKey, StateReader, StateValue};
use types::Transaction;

use crate::{Origin, Pool, Refusal};

/// Transactions that are decoded and recovered in one piece of work.
const BATCH_TRANSACTIONS_MAX: usize = 1_024;

/// What lets transactions in.
pub trait Admit: Clone + Send + Sync + 'static {
    /// Admits EIP-2718 encodings; answers hash or refusal for each, in order.
    fn admit(
        &self,
        encoded: Vec<Bytes>,
        origin: Origin,
    ) -> impl Future<Output = Vec<Result<B256, Refusal>>> + Send;
}

/// Admission to a pool: the CPU work runs on `strategy`, accounts are read through `reader`, which
/// must always show the newest final state.
#[derive(Clone, Debug)]
pub struct Admission<R, S> {
    pool: Arc<Pool>,
    reader: R,
    strategy: S,
}

type Prepared = Result<Arc<Transaction>, Refusal>;

impl<R: StateReader + Clone + 'static, S: Strategy> Admission<R, S> {
    /// Admission to `pool`.
    pub const fn new(pool: Arc<Pool>, reader: R, strategy: S) -> Self {
        Self { pool, reader, strategy }
    }

    /// Everything that needs no state, in parallel. What is known costs a hash.
    async fn prepare(&self, encoded: Vec<Bytes>, origin: Origin) -> Vec<Prepared> {
        let pool = Arc::clone(&self.pool);
        let count = encoded.len();
        let work = move |strategy: S| {
            let hashes = strategy.map_collect_vec(&encoded, keccak256);
            let known: Vec<bool> = match origin {
                Origin::Local => hashes.iter().map(|hash| pool.contains(hash)).collect(),
                Origin::Peer => pool.unknown(&hashes).into_iter().map(|unknown| !unknown).collect(),
            };
            let rules = pool.rules();
            let unseen = encoded.into_iter().zip(hashes).zip(known);
            strategy.map_collect_vec(unseen, |((bytes, hash), known)| {
                if known { Err(Refusal::AlreadyKnown) } else { decode(bytes, hash, &rules) }
            })
        };
        self.strategy.spawn(count, work).await
    }

    /// The senders' accounts, in one read.
    async fn accounts(
        &self,
        prepared: &[Prepared],
    ) -> Result<BTreeMap<Address, Option<AccountRecord>>, Refusal> {
        let senders: BTreeMap<Address, ()> =
            prepared.iter().flatten().map(|transaction| (transaction.sender(), ())).collect();
        let keys: Vec<StateKey> = senders.keys().copied().map(StateKey::Account).collect();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let values = self.reader.read_many(&keys).await?;
        let record = |value: Option<StateValue>| match value {
            Some(StateValue::Account(record)) => Some(record),
            _ => None,
        };
        Ok(senders.into_keys().zip(values.into_iter().map(record)).collect())
    }

    async fn admit_batch(&self, encoded: Vec<Bytes>, origin: Origin) -> Vec<Result<B256, Refusal>> {
        let prepared = self.prepare(encoded, origin).await;
        let accounts = self.accounts(&prepared).await;
        let insert = |transaction: Arc<Transaction>| {
            let accounts = accounts.as_ref().map_err(Clone::clone)?;
            let account = accounts.get(&transaction.sender()).copied().flatten();
            let hash = transaction.hash();
            self.pool.insert_checked(transaction, account, origin).map(|_| hash)
        };
        prepared.into_iter().map(|prepared| prepared.and_then(insert)).collect()
    }
}

impl<R: StateReader + Clone + 'static, S: Strategy> Admit for Admission<R, S> {
    async fn admit(&self, encoded: Vec<Bytes>, origin: Origin) -> Vec<Result<B256, Refusal>> {
        let mut results = Vec::with_capacity(encoded.len());
        for batch in encoded.chunks(BATCH_TRANSACTIONS_MAX) {
            results.extend(self.admit_batch(batch.to_vec(), origin).await);
        }
        results
    }
}

fn decode(encoded: Bytes, hash: B256, rules: &TransactionRules) -> Prepared {
    // A copy: the bytes may be a slice of a whole message, which the pool must not keep alive.
    let encoded = Bytes::copy_from_slice(&encoded);
    let transaction = Transaction::decode_hashed(encoded, hash)?;
    check_transaction(&transaction, rules)?;
    Ok(Arc::new(transaction))
}
