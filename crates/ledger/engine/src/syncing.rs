//! Serving the state databases to nodes that join.

use commonware_codec::Codec;
use commonware_cryptography::sha256;
use commonware_glue::stateful::db::{
    Shared,
    p2p::{Actor, Config, Mailbox},
};
use commonware_p2p::{
    Blocker, Provider, Receiver, Sender,
    utils::mux::{self, Muxer},
};
use commonware_storage::{mmr, qmdb::sync::Source};
use commonware_utils::{NZDuration, NZUsize};
use consensus::PublicKey;
use state::qmdb::{AccountsDb, CodeDb, StorageDb};

use crate::{Runtime, network::SYNC_OPERATIONS_MAX};

/// Requests that wait for one database.
const MAILBOX_MAX: std::num::NonZeroUsize = NZUsize!(256);
/// How long a peer may take to answer.
const FETCH_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);
/// Pause before a request is repeated.
const FETCH_RETRY: std::time::Duration = std::time::Duration::from_millis(100);

type Operation<DB> = <Shared<DB> as Source>::Op;
/// Handle through which a database is fetched and, once open, served.
pub(crate) type Resolver<DB> = Mailbox<DB, mmr::Family, Operation<DB>, sha256::Digest>;

/// Starts the service of all three databases on the one channel.
///
/// # Errors
/// The channel is closed.
pub(crate) async fn serve_all<E, S, R, O, B>(
    context: &E,
    own_key: &PublicKey,
    (peers, blocker): (&O, &B),
    (sender, receiver): (S, R),
) -> Result<(Resolver<AccountsDb<E>>, Resolver<StorageDb<E>>, Resolver<CodeDb<E>>), mux::Error>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    O: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let (muxer, mut channels) = Muxer::new(context.child("mux"), sender, receiver);
    muxer.start();
    let service = |name| (context.child(name), own_key.clone(), (peers.clone(), blocker.clone()));
    let (child, key, oracle) = service("accounts");
    let accounts = serve::<E, AccountsDb<E>, O, B>(child, key, oracle, channels.register(0).await?);
    let (child, key, oracle) = service("storage");
    let storage = serve::<E, StorageDb<E>, O, B>(child, key, oracle, channels.register(1).await?);
    let (child, key, oracle) = service("code");
    let code = serve::<E, CodeDb<E>, O, B>(child, key, oracle, channels.register(2).await?);
    Ok((accounts, storage, code))
}

/// Starts the service of one database on its subchannel.
fn serve<E, DB, O, B>(
    context: E,
    own_key: PublicKey,
    (peers, blocker): (O, B),
    messages: (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
) -> Resolver<DB>
where
    E: Runtime,
    O: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    DB: Send + Sync + 'static,
    Shared<DB>: Source<Family = mmr::Family, Digest = sha256::Digest>,
    Operation<DB>: Codec<Cfg = ()> + Send + Clone + 'static,
{
    let (actor, resolver) = Actor::<E, PublicKey, _, _, mmr::Family, DB>::new(
        context,
        Config {
            peer_provider: peers,
            blocker,
            database: None,
            mailbox_size: MAILBOX_MAX,
            me: Some(own_key),
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            max_serve_ops: SYNC_OPERATIONS_MAX,
            priority_requests: false,
            priority_responses: false,
        },
    );
    actor.start(messages);
    resolver
}
