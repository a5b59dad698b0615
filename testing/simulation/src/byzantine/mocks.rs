//! The consensus library's liars, one per epoch, on the vote channel of a validator that runs
//! nothing else.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use commonware_consensus::{
    simplex::{
        elector::RoundRobin,
        mocks::{
            conflicter, equivocator, impersonator, nuller, nullify_only, outdated, reconfigurer,
            relay::Relay,
        },
    },
    types::{Epoch, ViewDelta},
};
use commonware_cryptography::{Sha256, ed25519::PrivateKey, keccak256::Keccak256};
use commonware_p2p::{Receiver, Sender, utils::mux::Muxer};
use commonware_runtime::{Clock as _, Handle, Spawner as _, Supervisor as _, deterministic};
use consensus::{PublicKey, StrictScheme};
use types::Namespace;

use super::{Lie, Sets, Tamper, TamperedSender};
use crate::wires::{PlainSender, WireReceiver};

/// How often a mock looks for the next epoch.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);
/// How far back an outdated voter votes, views.
const OUTDATED_VIEWS: ViewDelta = ViewDelta::new(5);

/// Runs a liar on the two channels for as long as the handle lives; counts what it says.
pub fn start_mock(
    context: deterministic::Context,
    lie: Lie,
    (identity, namespace, sets): (PrivateKey, Namespace, Sets),
    votes: (PlainSender, WireReceiver),
    certificates: (PlainSender, WireReceiver),
    said: Arc<AtomicU64>,
) -> Handle<()> {
    context.spawn(move |context| async move {
        let count = |sender| TamperedSender::new(sender, Tamper::Count(Arc::clone(&said)));
        let (muxer, mut votes) = Muxer::new(context.child("votes"), count(votes.0), votes.1);
        muxer.start();
        let (muxer, mut certificates) =
            Muxer::new(context.child("certificates"), count(certificates.0), certificates.1);
        muxer.start();
        let mut running = Vec::new();
        let mut next = 0;
        loop {
            while let Some(set) = sets.of(next) {
                let scheme = StrictScheme::new(&namespace, &set, &identity)
                    .expect("sets of running networks have strict keys");
                let opened = (votes.register(next).await, certificates.register(next).await);
                if let (true, (Ok(votes), Ok(certificates))) = (scheme.is_signer(), opened) {
                    running.push(start_in_epoch(
                        &context,
                        lie,
                        (next, scheme),
                        votes,
                        certificates,
                    ));
                }
                next += 1;
            }
            context.sleep(WATCH_INTERVAL).await;
        }
    })
}

fn start_in_epoch(
    context: &deterministic::Context,
    lie: Lie,
    (epoch, scheme): (u64, StrictScheme),
    votes: (impl Sender<PublicKey = PublicKey>, impl Receiver),
    certificates: (impl Sender, impl Receiver),
) -> Handle<()> {
    let context = context.child("liar").with_attribute("epoch", epoch);
    match lie {
        Lie::Conflicter => {
            conflicter::Conflicter::<_, _, Keccak256>::new(context, conflicter::Config { scheme })
                .start(votes)
        }
        Lie::Equivocator => {
            let config = equivocator::Config {
                scheme,
                elector: RoundRobin::<Sha256>::default(),
                epoch: Epoch::new(epoch),
                relay: Arc::new(Relay::new()),
            };
            equivocator::Equivocator::<_, _, _, Keccak256>::new(context, config)
                .start(votes, certificates)
        }
        Lie::Impersonator => impersonator::Impersonator::<_, _, Keccak256>::new(
            context,
            impersonator::Config { scheme },
        )
        .start(votes),
        Lie::Nuller => {
            nuller::Nuller::<_, _, Keccak256>::new(context, nuller::Config { scheme }).start(votes)
        }
        Lie::Outdated => {
            let config = outdated::Config { scheme, view_delta: OUTDATED_VIEWS };
            outdated::Outdated::<_, _, Keccak256>::new(context, config).start(votes)
        }
        Lie::Reconfigurer => reconfigurer::Reconfigurer::<_, _, Keccak256>::new(
            context,
            reconfigurer::Config { scheme },
        )
        .start(votes),
        // The last two are real nodes and never come here.
        Lie::NullifyOnly | Lie::BadSignatures | Lie::Forger(_) => {
            nullify_only::NullifyOnly::<_, _, Keccak256>::new(
                context,
                nullify_only::Config { scheme },
            )
            .start(votes)
        }
    }
}
