//! Crossing epochs, with the same validators and with others.

use std::time::Duration;

use commonware_codec::Encode as _;
use commonware_consensus::{
    simplex::types::{Finalize, Nullify, Proposal, Vote},
    types::{Epoch, Height, Participant, Round, View},
};
use commonware_cryptography::certificate::{Attestation, Scheme as _};
use commonware_p2p::{Recipients, Sender as _, utils::mux::Muxer};
use commonware_runtime::{Storage as _, Supervisor as _};
use consensus::{Digest, StrictScheme};

use crate::{
    app::{Script, key, private_key, set},
    cluster::{Cluster, public_key, run},
    node::{QUOTA, VOTES, signs},
};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn four_validators_cross_several_epochs() {
    run(1, |context| async move {
        let seeds = [0, 1, 2, 3];
        let cluster = Cluster::running(context, Script::new(6, &[&seeds]), &seeds).await;
        cluster.reach(&seeds, 40, MINUTE).await;
        cluster.assert_one_chain(&seeds, 40);
        for seed in seeds {
            assert!(cluster.assert_certificates(seed) >= 20);
            let tracked = cluster.ledgers[&seed].tracked.lock().unwrap().clone();
            let epochs: Vec<u64> = tracked.iter().map(|(epoch, _)| *epoch).collect();
            assert_eq!(epochs[..7], [0, 1, 2, 3, 4, 5, 6], "each epoch once, in order");
            let stale = *cluster.monitors[&seed].stale_reports.lock().unwrap();
            assert_eq!(stale, 0, "an engine outlived its epoch");
            for epoch in 0..6 {
                assert_eq!(cluster.monitors[&seed].voters(epoch).len(), 4, "epoch {epoch}");
            }
        }
        for block in cluster.ledgers[&0].blocks.lock().unwrap().values() {
            assert_eq!(block.extension().epoch, block.number() / 6, "block {}", block.number());
        }
    });
}

/// The scenario that the whole crate exists for.
async fn rotation(context: commonware_runtime::deterministic::Context) {
    let script = Script::new(8, &[&[0, 1, 2, 3], &[1, 2, 3, 4]]);
    let all = [0, 1, 2, 3, 4];
    let cluster = Cluster::running(context, script, &all).await;
    cluster.reach(&all, 30, MINUTE).await;
    cluster.assert_one_chain(&all, 30);

    let (old, new) = (key(0), key(4));
    for seed in all {
        let monitor = &cluster.monitors[&seed];
        assert!(monitor.voters(0).contains(&old), "node {seed} saw the old validator vote");
        assert!(!monitor.voters(0).contains(&new), "the new one does not vote before its epoch");
        for epoch in 1..3 {
            assert!(!monitor.voters(epoch).contains(&old), "removed, epoch {epoch}");
            assert!(monitor.voters(epoch).contains(&new), "added, epoch {epoch}");
        }
        assert!(cluster.assert_certificates(seed) >= 10, "node {seed}");
    }
    // The removed validator holds no signing scheme any more, but follows to the tip.
    assert!(signs(&cluster.nodes[&0], 0) && !signs(&cluster.nodes[&0], 1));
    assert!(!signs(&cluster.nodes[&4], 0) && signs(&cluster.nodes[&4], 1));
    let tip = cluster.height(1);
    cluster.reach(&[0], tip, MINUTE).await;
    let leaders: Vec<_> = cluster.ledgers[&1]
        .blocks
        .lock()
        .unwrap()
        .values()
        .map(|block| (block.extension().epoch, block.extension().leader))
        .collect();
    assert!(leaders.contains(&(1, new)), "the new validator leads");
    assert!(!leaders.iter().any(|(epoch, leader)| *epoch > 0 && *leader == old));
}

#[test]
fn one_validator_replaces_another() {
    run(2, rotation);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let first = run(3, rotation);
    assert_eq!(first, run(3, rotation));
    assert_ne!(first, run(4, rotation), "another seed, another run: the digest says something");
}

#[test]
fn a_set_grows_and_shrinks_and_is_replaced_entirely() {
    run(5, |context| async move {
        let sets: [&[u64]; 4] = [&[0], &[0, 1, 2, 3, 4, 5], &[4, 5, 6, 7], &[0, 1, 2, 3]];
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        let cluster = Cluster::running(context, Script::new(5, &sets), &all).await;
        cluster.reach(&all, 24, MINUTE).await;
        cluster.assert_one_chain(&all, 24);
        for (epoch, seeds) in (0..).zip(sets) {
            let allowed = set(seeds);
            let voters = cluster.monitors[&6].voters(epoch);
            assert!(voters.iter().all(|voter| allowed.keys().contains(voter)), "epoch {epoch}");
        }
        cluster.assert_certificates(7);
    });
}

/// A removed validator that goes on voting, under every index that the new set has, moves nothing
/// and is cut off.
#[test]
fn votes_of_a_removed_validator_are_refused() {
    run(6, |context| async move {
        let script = Script::new(8, &[&[0, 1, 2, 3], &[1, 2, 3, 4]]);
        let mut cluster = Cluster::running(context, script, &[0, 1, 2, 3, 4]).await;
        let others = [1, 2, 3, 4];
        cluster.reach(&others, 9, MINUTE).await;
        cluster.kill(0).await;

        let control = cluster.network.control(public_key(0));
        let (sender, receiver) = control.register(VOTES, QUOTA).await.unwrap();
        let (muxer, mut votes) = Muxer::new(cluster.context.child("rogue"), sender, receiver);
        muxer.start();
        let (mut epoch_1, _receiver) = votes.register(1).await.unwrap();
        let namespace = cluster.script.namespace();
        let former = StrictScheme::new(&namespace, &set(&[0, 1, 2, 3]), &private_key(0)).unwrap();
        let view = newest_view(&cluster, 1) + 1;
        let round = Round::new(Epoch::new(1), View::new(view));
        let proposal = Proposal::new(round, View::new(view - 1), Digest::from([6; 32]));
        for index in 0..5 {
            let own = Finalize::sign(&former, proposal.clone()).unwrap();
            let vote = Finalize {
                attestation: Attestation { signer: Participant::new(index), ..own.attestation },
                ..own
            };
            let vote: Vote<StrictScheme, Digest> = Vote::Finalize(vote);
            let _ = epoch_1.send(Recipients::All, vote.encode(), false);
        }
        cluster.sleep(1).await;
        let blocked = cluster.network.blocked().await.unwrap();
        for seed in others {
            let pair = (public_key(seed), public_key(0));
            assert!(blocked.contains(&pair), "node {seed} still listens to the removed validator");
        }
        let height = cluster.height(1) + 10;
        cluster.reach(&others, height, MINUTE).await;
        cluster.assert_one_chain(&others, height);
        for seed in others {
            assert!(!cluster.monitors[&seed].voters(1).contains(&key(0)));
            cluster.assert_certificates(seed);
        }
    });
}

fn newest_view(cluster: &Cluster, epoch: u64) -> u64 {
    let blocks = cluster.ledgers[&1].blocks.lock().unwrap();
    let views = blocks.values().filter(|block| block.extension().epoch == epoch);
    views.map(|block| block.extension().view).max().unwrap()
}

#[test]
fn old_vote_journals_are_removed_and_recent_ones_kept() {
    run(8, |context| async move {
        let mut cluster = Cluster::running(context, Script::new(4, &[&[0]]), &[0]).await;
        cluster.reach(&[0], 41, MINUTE).await;
        let newest = cluster.ledgers[&0].tracked.lock().unwrap().last().unwrap().0;
        assert!(newest >= 10);
        for epoch in 0..=newest {
            let partition = format!("node-0-votes-{epoch}");
            let kept = cluster.context.scan(&partition).await.is_ok();
            let recent = epoch + consensus::settings::VOTE_JOURNALS_KEPT > newest;
            assert_eq!(kept, recent, "epoch {epoch} of {newest}");
        }
        cluster.kill(0).await;
        cluster.boot(0).await;
        cluster.reach(&[0], 50, MINUTE).await;
    });
}

/// Not every height has a certificate of its own, but each epoch's last block has, of its epoch.
#[test]
fn each_boundary_is_certified_by_the_set_of_its_own_epoch() {
    run(7, |context| async move {
        let script = Script::new(6, &[&[0, 1, 2, 3], &[1, 2, 3, 4], &[2, 3, 4, 0]]);
        let all = [0, 1, 2, 3, 4];
        let cluster = Cluster::running(context, script.clone(), &all).await;
        cluster.reach(&all, 20, MINUTE).await;
        for (epoch, boundary) in [(0, 5), (1, 11), (2, 17)] {
            for seed in all {
                let marshal = &cluster.nodes[&seed].marshal;
                let found = marshal.get_finalization(Height::new(boundary)).await.unwrap();
                assert_eq!(found.proposal.round.epoch(), Epoch::new(epoch));
                let scheme = StrictScheme::verifier(&script.namespace(), script.set(epoch));
                let mut rng = commonware_utils::TestRng::new(1);
                let strategy = commonware_parallel::Sequential;
                assert!(found.verify(&mut rng, &scheme.unwrap(), &strategy));
            }
        }
    });
}

#[test]
fn a_vote_of_an_outsider_cannot_even_be_made() {
    let script = Script::new(8, &[&[0, 1, 2, 3]]);
    let outsider = StrictScheme::new(&script.namespace(), script.set(0), &private_key(4)).unwrap();
    assert!(outsider.me().is_none());
    let round = Round::new(Epoch::zero(), View::new(1));
    assert!(Nullify::<StrictScheme>::sign::<Digest>(&outsider, round).is_none());
}
