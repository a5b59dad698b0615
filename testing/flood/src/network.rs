//! The mesh as a node opens it, with the same identity and without its own limits.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::Path,
    time::Duration,
};

use commonware_codec::DecodeExt as _;
use commonware_cryptography::{ChaCha20Poly1305, ed25519::PrivateKey};
use commonware_p2p::{
    Address, AddressableManager as _, AddressableTrackedPeers,
    authenticated::lookup::{self, Network},
};
use commonware_runtime::{Quota, Supervisor as _, tokio::Context};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::ordered::Map;
use consensus::{PublicKey, public_key};
use eyre::{Result, WrapErr, bail, eyre};
use node::config::{Config, PeerAddress};
use types::Namespace;

/// Messages per second that this program allows itself: more than any node takes.
const QUOTA_PER_SECOND: NonZeroU32 = NonZeroU32::new(10_000).expect("above 0");
/// Messages that wait in the network's own queues.
const MAILBOX_MAX: NonZeroUsize = NonZeroUsize::new(64).expect("above 0");
/// As nodes have it (`crates/ledger/engine/src/network.rs`).
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Who this program is, and to whom it speaks.
pub struct Identity {
    key: PrivateKey,
    listen: SocketAddr,
    chain_id: u64,
    namespace: [u8; Namespace::LENGTH],
    peers: Vec<(PublicKey, SocketAddr)>,
}

impl Identity {
    /// What the node of this configuration file would be.
    ///
    /// # Errors
    /// A file is missing or damaged, or a peer has a name instead of an address.
    pub fn load(path: &Path) -> Result<Self> {
        let config = Config::from_file(path).map_err(|error| eyre!("{error}"))?;
        let genesis = node::files::load_genesis(&config.genesis_file)?;
        let namespace = Namespace {
            chain_id: genesis.chain_id,
            genesis_hash: node::files::genesis_hash(&genesis)?,
            ledger_id: genesis.ledger_id,
            incarnation: 0,
        };
        let key = node::files::load_node_key(&config.node_key_file)?;
        let seed = bytes::Bytes::copy_from_slice(&key.secret().expose()[..]);
        let mut peers = Vec::new();
        for peer in &config.p2p.peers {
            let PeerAddress::Socket(address) = peer.address else {
                bail!("{} is a name, an address is needed", peer.address);
            };
            peers.push((public_key(&peer.key)?, address));
        }
        let key = PrivateKey::decode(seed).wrap_err("node key")?;
        let (listen, chain_id) = (config.p2p.listen, genesis.chain_id);
        Ok(Self { key, listen, chain_id, namespace: namespace.to_bytes(), peers })
    }
}

impl Identity {
    /// Chain of the network.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }
}

/// Connects to all peers; answers the end of one channel.
pub fn open(
    context: &Context,
    identity: Identity,
    channel: u64,
) -> lookup::Sender<PublicKey, Context> {
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: identity.key,
            synchrony_bound: HANDSHAKE_TIME_MAX,
            max_handshake_age: HANDSHAKE_TIME_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let peers_max = NonZeroUsize::new(identity.peers.len() + 1).unwrap_or(NonZeroUsize::MIN);
    let settings = lookup::Config::local(
        handshake,
        &identity.namespace,
        identity.listen,
        peers_max,
        engine::message_bytes_max(),
        MAILBOX_MAX,
    );
    let (mut network, mut oracle) = Network::new(context.child("network"), settings);
    // What nodes send must be taken, or the connection ends: they know channels 0 to 8.
    let mut chosen = None;
    for number in (0..=8).chain((channel > 8).then_some(channel)) {
        let (sender, receiver) = network.register(number, Quota::per_second(QUOTA_PER_SECOND));
        // A dropped receiver only loses its messages.
        drop(receiver);
        if number == channel {
            chosen = Some(sender);
        }
    }
    let known = identity.peers.into_iter().map(|(key, at)| (key, Address::Symmetric(at)));
    let peers = Map::from_iter_dedup(known);
    oracle.track(0, AddressableTrackedPeers::new(peers, Map::default()));
    network.start();
    chosen.expect("every channel is registered, the given one as well")
}
