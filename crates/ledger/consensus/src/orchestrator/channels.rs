//! The three channels of simplex, split by epoch.

use commonware_p2p::{
    Channel, Message, Receiver, Sender,
    utils::mux::{Builder as _, Error, MuxHandle, Muxer, SubReceiver, SubSender},
};
use commonware_runtime::Spawner;
use commonware_utils::channel::mpsc;

/// Messages of epochs that have no engine here, with the epoch.
pub(super) type Strays<S> =
    mpsc::Receiver<(Channel, Message<<S as commonware_p2p::LimitedSender>::PublicKey>)>;

/// Both ends of one subchannel.
pub(super) type Pair<S> =
    (SubSender<S>, SubReceiver<<S as commonware_p2p::LimitedSender>::PublicKey>);

/// Splits votes, certificates and the resolver's messages by epoch.
pub(super) struct Channels<S: Sender> {
    votes: MuxHandle<S>,
    certificates: MuxHandle<S>,
    resolver: MuxHandle<S>,
    pub(super) stray_votes: Strays<S>,
    pub(super) stray_certificates: Strays<S>,
}

impl<S: Sender> Channels<S> {
    /// Starts the splitting under `context`.
    pub(super) fn start<E, R>(
        context: &E,
        votes: (S, R),
        certificates: (S, R),
        resolver: (S, R),
    ) -> Self
    where
        E: Spawner,
        R: Receiver<PublicKey = S::PublicKey>,
    {
        let (muxer, votes, stray_votes) =
            Muxer::builder(context.child("vote_mux"), votes.0, votes.1).with_backup().build();
        muxer.start();
        let (muxer, certificates, stray_certificates) =
            Muxer::builder(context.child("certificate_mux"), certificates.0, certificates.1)
                .with_backup()
                .build();
        muxer.start();
        let (muxer, resolver) = Muxer::new(context.child("resolver_mux"), resolver.0, resolver.1);
        muxer.start();
        Self { votes, certificates, resolver, stray_votes, stray_certificates }
    }

    /// Opens an epoch's subchannels: votes, certificates, resolver.
    pub(super) async fn open(&mut self, epoch: u64) -> Result<[Pair<S>; 3], Error> {
        Ok([
            self.votes.register(epoch).await?,
            self.certificates.register(epoch).await?,
            self.resolver.register(epoch).await?,
        ])
    }
}
