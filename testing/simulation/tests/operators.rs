//! What operators see of a network: leaders, votes, clocks, stores, and why it stands still.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use alloy_primitives::Address;
use ledger_api::StandingState;
use simulation::{Network, genesis, run, validator};
use types::{Parameters, ValidatorSet};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_status_names_leaders_voters_clocks_and_who_is_missing() {
    run(11, |context| async move {
        let seeds = [0, 1, 2, 3];
        let parameters = Parameters { heartbeat_ms: 2_000, ..Parameters::default() };
        let genesis = genesis(&seeds, parameters, Address::ZERO);
        let mut network = Network::start(context, genesis, &seeds).await;
        network.reach(&seeds, 20, MINUTE * 2).await;
        let ledger = network.ledger(0);
        let set = ValidatorSet::new(seeds.iter().map(|seed| validator(*seed)).collect()).unwrap();
        for number in 1..=20 {
            let (_, extension) = ledger.chain().header(number).unwrap().unwrap();
            let elected = consensus::leader(&set, extension.epoch, extension.view);
            assert_eq!(elected, Some(extension.leader), "block {number}");
        }
        let status = ledger.consensus_status().await;
        assert_eq!(status.leader, consensus::leader(&set, status.epoch, status.view));
        assert_eq!(status.standing.state, StandingState::Idle, "{}", status.standing.detail);
        assert_eq!((status.heights.behind(), status.evidence_count), (None, 0));
        assert!(status.heights.consensus >= 20 && status.heights.certificates >= 19);
        for seen in &status.validators {
            let key = seen.validator.key;
            assert!(seen.votes_seen > 10, "{key}: {}", seen.votes_seen);
            assert!(seen.last_vote_ms.is_some_and(|age_ms| age_ms < 10_000), "{key}");
            // All nodes of a simulation share one clock, so only the delay is left.
            let ahead_ms = seen.clock.map(|clock| clock.median_ms);
            match key == validator(0) {
                true => assert_eq!(ahead_ms, None),
                false => {
                    assert!(ahead_ms.is_some_and(|ms| (-1_000..=0).contains(&ms)), "{ahead_ms:?}")
                }
            }
        }

        network.kill(2).await;
        network.kill(3).await;
        network.sleep(MINUTE).await;
        let status = ledger.consensus_status().await;
        let stalled = status.stalled.unwrap();
        assert!(stalled.starts_with("no block for "), "{stalled}");
        let silent = |seed: u64| {
            let found = status.validators.iter().find(|seen| seen.validator.key == validator(seed));
            found.unwrap().last_vote_ms.unwrap() > 50_000
        };
        // Without a quorum no view ends, so that nobody has anything new to sign.
        assert!(silent(2) && silent(3));
        ledger.report_storage(Some("the disk is full".into()));
        let status = ledger.consensus_status().await;
        assert_eq!(status.standing.state, StandingState::Storage);
    });
}
