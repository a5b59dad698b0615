//! The authenticated, encrypted mesh of one ledger's nodes.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU32, time::Duration};

use commonware_consensus::{marshal, types::Epoch};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519::PrivateKey, sha256};
use commonware_glue::stateful::{db::p2p as state_sync, probe};
use commonware_p2p::{
    Address, AddressableManager as _, AddressableTrackedPeers,
    authenticated::lookup::{self, Network, Oracle},
    max_message_size,
    utils::mux::prefixed,
};
use commonware_runtime::Quota;
use commonware_storage::mmr;
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZU64, NZUsize, ordered::Map};
use consensus::{
    KeyError, PeerSets, PublicKey, StrictScheme, Variant, public_key, settings, validator_key,
};
use types::{ValidatorKey, ValidatorSet, limits::VALIDATORS_MAX};

use crate::{Config, Runtime, history};

/// Operations that a peer answers in one state-sync response.
pub(crate) const SYNC_OPERATIONS_MAX: std::num::NonZeroU64 = NZU64!(1_024);
/// Bytes of the widest operation of the three state databases.
const OPERATION_BYTES_MAX: usize = 512;
/// Peer sets whose members stay connected: this epoch's and the one before.
const TRACKED_SETS: std::num::NonZeroUsize = NZUsize!(2);
/// Messages that wait inside the network's own actors.
const MAILBOX_MAX: std::num::NonZeroUsize = NZUsize!(1_024);
/// Clock difference that a handshake tolerates.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(10);
/// Age of a handshake message.
const HANDSHAKE_AGE_MAX: Duration = Duration::from_secs(10);

/// The ends of all channels of a ledger and the network's control handles. A node has one over
/// [`open`]; simulations bring their own.
pub struct Mesh<S, R, O, B, P> {
    /// Consensus votes.
    pub votes: (S, R),
    /// Consensus certificates.
    pub certificates: (S, R),
    /// Requests for missing certificates.
    pub resolver: (S, R),
    /// Requests for missing blocks.
    pub backfill: (S, R),
    /// New blocks.
    pub blocks: (S, R),
    /// State for joining nodes.
    pub state_sync: (S, R),
    /// Gossip of transactions.
    pub transactions: (S, R),
    /// The past, for joining nodes.
    pub history: (S, R),
    /// Knows the peers.
    pub provider: O,
    /// Cuts off peers that misbehave.
    pub blocker: B,
    /// Is told the validators of each epoch.
    pub peer_sets: P,
}

/// Numbers of the channels; part of the wire format.
pub mod channel {
    /// Consensus votes.
    pub const VOTES: u64 = 0;
    /// Consensus certificates.
    pub const CERTIFICATES: u64 = 1;
    /// Requests for missing certificates.
    pub const RESOLVER: u64 = 2;
    /// Requests for missing blocks.
    pub const BACKFILL: u64 = 3;
    /// New blocks.
    pub const BLOCKS: u64 = 4;
    /// State for joining nodes.
    pub const STATE_SYNC: u64 = 5;
    /// Kept for a probe of its own; joining nodes ask on [`HISTORY`].
    pub const PROBE: u64 = 6;
    /// Gossip of transactions.
    pub const TRANSACTIONS: u64 = 7;
    /// The past, for joining nodes.
    pub const HISTORY: u64 = 8;
}

/// Messages that a peer may send on a channel, per second. The network allocates room for a burst
/// of this size from every allowed peer, so these are also a memory budget.
pub fn quota(channel: u64) -> Quota {
    let per_second: NonZeroU32 = match channel {
        channel::VOTES => NZU32!(512),
        channel::CERTIFICATES | channel::BLOCKS | channel::TRANSACTIONS => NZU32!(256),
        channel::PROBE => NZU32!(16),
        channel::HISTORY => NZU32!(32),
        _ => NZU32!(128),
    };
    Quota::per_second(per_second)
}

type Peers = Oracle<PublicKey>;
type Handshake = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;
type NodeMesh<E> =
    Mesh<lookup::Sender<PublicKey, E>, lookup::Receiver<PublicKey>, Peers, Peers, TrackedPeers>;

/// Longest message, bytes: the same on all nodes, or they disconnect each other.
pub fn message_bytes_max() -> u32 {
    let validators = u32::try_from(VALIDATORS_MAX).unwrap_or(u32::MAX);
    max_message_size(&[
        settings::simplex_payload_bytes_max(),
        marshal::max_payload_size::<Variant, StrictScheme>(validators, &()),
        probe::max_payload_size::<Variant, StrictScheme>(validators),
        prefixed(state_sync::max_payload_size::<mmr::Family, sha256::Digest>(
            SYNC_OPERATIONS_MAX,
            OPERATION_BYTES_MAX,
        )),
        pool::gossip::MESSAGE_BYTES_MAX,
        history::message_bytes_max(),
    ])
}

/// Opens the mesh of a node. Nodes of another genesis fail the handshake: it is bound to the
/// ledger's namespace.
pub(crate) fn open<E: Runtime>(context: &E, config: &Config, namespace: &[u8]) -> NodeMesh<E> {
    let (mut network, oracle) =
        Network::new(context.child("network"), settings_of(config, namespace));
    let mut register = |number| network.register(number, quota(number));
    let mesh = Mesh {
        votes: register(channel::VOTES),
        certificates: register(channel::CERTIFICATES),
        resolver: register(channel::RESOLVER),
        backfill: register(channel::BACKFILL),
        blocks: register(channel::BLOCKS),
        state_sync: register(channel::STATE_SYNC),
        transactions: register(channel::TRANSACTIONS),
        history: register(channel::HISTORY),
        peer_sets: TrackedPeers::new(oracle.clone(), config),
        blocker: oracle.clone(),
        provider: oracle,
    };
    network.start();
    mesh
}

/// Nodes in one set of peers, with this one.
fn peers_max(config: &Config) -> std::num::NonZeroUsize {
    let peers_max = usize::try_from(config.genesis.parameters.peers_max).unwrap_or(usize::MAX);
    std::num::NonZeroUsize::new(peers_max).unwrap_or(NZUsize!(4))
}

fn settings_of(config: &Config, namespace: &[u8]) -> lookup::Config<Handshake> {
    let handshake = Cups::new(
        Sake {
            signer: config.identity.clone(),
            synchrony_bound: CLOCK_SKEW_MAX,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let mut settings = lookup::Config::local(
        handshake,
        namespace,
        config.listen,
        peers_max(config),
        message_bytes_max(),
        MAILBOX_MAX,
    );
    settings.allow_private_ips = config.allow_private_addresses;
    settings.tracked_peer_sets = TRACKED_SETS;
    settings
}

/// Tells the network whom to stay connected to: the validators of the epoch and, beside them,
/// every other configured node and every observer registered on chain. Nobody else can connect.
///
/// Nodes beside the validators are accepted, never dialled. An operator's configuration says more
/// about a key's address than the chain.
pub struct TrackedPeers {
    network: Peers,
    configured: BTreeMap<ValidatorKey, SocketAddr>,
    observers: BTreeMap<ValidatorKey, SocketAddr>,
    own_key: ValidatorKey,
    /// The network takes each epoch once; a node that looks for the network names epoch 0 before
    /// consensus does.
    newest: Option<(Epoch, ValidatorSet)>,
    /// Sets named to the network so far: the next one's number.
    named: u64,
    /// Other nodes that one set may have; the network ends the process beyond it.
    others_max: usize,
}

impl TrackedPeers {
    pub(crate) fn new(network: Peers, config: &Config) -> Self {
        let configured = config.peers.iter().map(|peer| (peer.key, peer.address)).collect();
        let own_key = validator_key(&config.identity.public_key());
        Self {
            network,
            configured,
            observers: BTreeMap::new(),
            own_key,
            newest: None,
            named: 0,
            others_max: peers_max(config).get().saturating_sub(1),
        }
    }

    fn address(&self, key: &ValidatorKey) -> Option<SocketAddr> {
        self.configured.get(key).or_else(|| self.observers.get(key)).copied()
    }

    /// Names the present set to the network.
    fn name(&mut self) {
        let Some((epoch, validators)) = &self.newest else { return };
        let mut room = self.others_max;
        let primary = self.addressed(validators.keys().iter(), &mut room);
        let others = self.configured.keys().chain(self.observers.keys());
        let secondary =
            self.addressed(others.filter(|key| !validators.keys().contains(key)), &mut room);
        match (primary, secondary) {
            (Ok(primary), Ok(secondary)) => {
                self.network.track(self.named, AddressableTrackedPeers::new(primary, secondary));
                self.named = self.named.saturating_add(1);
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%epoch, %error, "a node's key is no curve point");
            }
        }
    }

    /// Those of `keys` with an address, other than this node, at most `room`, which shrinks by them.
    fn addressed<'a>(
        &self,
        keys: impl Iterator<Item = &'a ValidatorKey>,
        room: &mut usize,
    ) -> Result<Map<PublicKey, Address>, KeyError> {
        let mut known = BTreeMap::new();
        for key in keys.filter(|key| **key != self.own_key) {
            let Some(address) = self.address(key) else {
                tracing::warn!(%key, "no address is known for a validator");
                continue;
            };
            if known.len() >= *room && !known.contains_key(key) {
                tracing::warn!(%key, "not connected: more nodes than peers_max in the genesis file");
                continue;
            }
            known.insert(*key, address);
        }
        *room = room.saturating_sub(known.len());
        let peers: Result<Vec<_>, KeyError> = known
            .iter()
            .map(|(key, address)| Ok((public_key(key)?, Address::Symmetric(*address))))
            .collect();
        Ok(Map::from_iter_dedup(peers?))
    }
}

impl PeerSets for TrackedPeers {
    fn track(&mut self, epoch: Epoch, validators: &ValidatorSet) {
        if self.newest.as_ref().is_some_and(|(newest, _)| *newest >= epoch) {
            return;
        }
        self.newest = Some((epoch, validators.clone()));
        self.name();
    }

    fn observe(&mut self, observers: &[(ValidatorKey, SocketAddr)]) {
        let before = std::mem::take(&mut self.observers);
        self.observers = observers.iter().copied().collect();
        let removed = before.keys().any(|key| !self.observers.contains_key(key));
        self.name();
        if removed {
            // The network keeps the members of several sets: the older ones must go.
            for _ in 1..TRACKED_SETS.get() {
                self.name();
            }
        }
    }
}
