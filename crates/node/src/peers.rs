//! Tells the operator about missing connections: the network library refuses a node with another
//! genesis, clock or key without a word, on both sides. Pure: what was seen goes in, notices come
//! out.

use std::collections::BTreeMap;
use std::{sync::Arc, time::Duration};

use crate::{
    error_code,
    health::{CLOCK_OFFSET_WARN_MS, Observation, Phase},
    server::NodeState,
    stop::StopSignal,
};

/// How often connections are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Time without any peer after which the operator is told, milliseconds.
const ALONE_AFTER_MS: u64 = 10_000;
/// Time without one validator after which the operator is told, milliseconds.
const MISSING_AFTER_MS: u64 = 15_000;
/// How often a node that stays alone says so, milliseconds.
const REPEAT_MS: u64 = 60_000;

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Notice {
    /// No configured peer is connected, for so many seconds.
    Alone(u64),
    /// The first peer is connected after [`Notice::Alone`].
    InCompany,
    /// The validator of this organisation is not connected, for so many seconds.
    Missing(String, u64),
    /// It is connected again after [`Notice::Missing`].
    Back(String),
    /// The clocks of the others are so many milliseconds ahead of this node's.
    Clock(i64),
    /// The clocks agree again after [`Notice::Clock`].
    ClocksAgree,
}

/// Since when something is missing, and when it was said last.
#[derive(Clone, Copy, Debug)]
struct Absence {
    since_ms: u64,
    told_ms: Option<u64>,
}

/// What was missing at the last look. Bounded by the number of validators.
#[derive(Debug, Default)]
struct PeerWatch {
    alone: Option<Absence>,
    missing: BTreeMap<String, Absence>,
    clock_is_off: bool,
}

impl PeerWatch {
    /// Compares with the last look; `now_ms` only ever grows.
    fn look(&mut self, seen: &Observation, now_ms: u64) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.look_for_company(seen, now_ms, &mut notices);
        self.look_for_validators(seen, now_ms, &mut notices);
        notices.extend(self.look_at_clock(seen));
        notices
    }

    /// Once per change; half of the bound tells that the clocks agree again.
    fn look_at_clock(&mut self, seen: &Observation) -> Option<Notice> {
        let ahead_ms = seen.others_ahead_ms?;
        let off_ms = ahead_ms.unsigned_abs();
        let bound_ms = CLOCK_OFFSET_WARN_MS.unsigned_abs();
        if !self.clock_is_off && off_ms > bound_ms {
            self.clock_is_off = true;
            return Some(Notice::Clock(ahead_ms));
        }
        if self.clock_is_off && off_ms < bound_ms / 2 {
            self.clock_is_off = false;
            return Some(Notice::ClocksAgree);
        }
        None
    }

    fn look_for_company(&mut self, seen: &Observation, now_ms: u64, notices: &mut Vec<Notice>) {
        if !seen.is_alone() {
            if self.alone.take().is_some_and(|absence| absence.told_ms.is_some()) {
                notices.push(Notice::InCompany);
            }
            return;
        }
        let absence = self.alone.get_or_insert(Absence { since_ms: now_ms, told_ms: None });
        let time_ms = now_ms.saturating_sub(absence.since_ms);
        let due = match absence.told_ms {
            None => time_ms >= ALONE_AFTER_MS,
            Some(told_ms) => now_ms.saturating_sub(told_ms) >= REPEAT_MS,
        };
        if due {
            absence.told_ms = Some(now_ms);
            notices.push(Notice::Alone(time_ms / 1_000));
        }
    }

    fn look_for_validators(&mut self, seen: &Observation, now_ms: u64, notices: &mut Vec<Notice>) {
        for (organisation, connected) in &seen.validators {
            if *connected {
                let gone = self.missing.remove(organisation);
                if gone.is_some_and(|absence| absence.told_ms.is_some()) {
                    notices.push(Notice::Back(organisation.clone()));
                }
                continue;
            }
            let begin = Absence { since_ms: now_ms, told_ms: None };
            let absence = self.missing.entry(organisation.clone()).or_insert(begin);
            let time_ms = now_ms.saturating_sub(absence.since_ms);
            // A node that is alone is told why as a whole.
            if absence.told_ms.is_none() && time_ms >= MISSING_AFTER_MS && !seen.is_alone() {
                absence.told_ms = Some(now_ms);
                notices.push(Notice::Missing(organisation.clone(), time_ms / 1_000));
            }
        }
        self.missing.retain(|name, _| seen.validators.iter().any(|(found, _)| found == name));
    }
}

/// Looks at the connections until the node stops.
pub(crate) async fn follow(state: Arc<NodeState>, stop: StopSignal) {
    let begin = tokio::time::Instant::now();
    let mut watch = PeerWatch::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            () = stop.stopped() => return,
        }
        if state.phase() != Phase::Running {
            continue;
        }
        let Some(seen) = state.observe().await else { continue };
        let now_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        for notice in watch.look(&seen, now_ms) {
            tell(&notice, &seen);
        }
    }
}

fn tell(notice: &Notice, seen: &Observation) {
    match notice {
        Notice::Alone(seconds) => tracing::warn!(
            code = error_code::NO_PEER.id,
            genesis = %seen.genesis_hash,
            peers_configured = seen.peers_configured,
            next = "check that the peers run and are reachable at their addresses in [[p2p.peers]], that `heqi genesis hash` gives the same hash there, that clocks differ by less than 10 s, and that the peers list this node's key",
            "no peer accepts this node: none connected for {seconds} s"
        ),
        Notice::InCompany => tracing::info!(peers = seen.peers, "peers are connected"),
        Notice::Missing(organisation, seconds) => tracing::warn!(
            code = error_code::VALIDATOR_MISSING.id,
            organisation,
            next = "check that its node runs and is reachable at its address in [[p2p.peers]], that `heqi genesis hash` gives the same hash there, and that clocks differ by less than 10 s",
            "validator {organisation} is not connected for {seconds} s"
        ),
        Notice::Clock(ahead_ms) => tracing::warn!(
            code = error_code::CLOCK_OFFSET.id,
            ahead_ms,
            next = "check time synchronisation on this machine: chronyc tracking, timedatectl",
            "the other validators' clocks are {ahead_ms} ms ahead of this one"
        ),
        Notice::ClocksAgree => tracing::info!("clocks agree again"),
        Notice::Back(organisation) => tracing::info!(organisation, "validator is connected again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peers: usize, connected: [bool; 2]) -> Observation {
        let validators = ["A", "B"].into_iter().map(String::from).zip(connected).collect();
        Observation { peers, peers_configured: 2, validators, ..Observation::default() }
    }

    #[test]
    fn a_node_without_peers_says_so_after_ten_seconds_and_every_minute() {
        let mut watch = PeerWatch::default();
        let alone = seen(0, [true, false]);
        let mut told = Vec::new();
        for now_ms in (5_000..=140_000).step_by(5_000) {
            told.extend(watch.look(&alone, now_ms));
        }
        assert_eq!(told, [Notice::Alone(10), Notice::Alone(70), Notice::Alone(130)]);
        assert_eq!(watch.look(&seen(1, [true, true]), 145_000), [Notice::InCompany]);
        assert!(watch.look(&seen(1, [true, true]), 150_000).is_empty());
    }

    #[test]
    fn a_missing_validator_is_told_once_and_when_it_is_back() {
        let mut watch = PeerWatch::default();
        let gone = seen(1, [true, false]);
        let told: Vec<_> = (0..20).flat_map(|n| watch.look(&gone, n * 5_000)).collect();
        assert_eq!(told, [Notice::Missing("B".into(), 15)]);
        assert_eq!(watch.look(&seen(2, [true, true]), 100_000), [Notice::Back("B".into())]);
    }

    #[test]
    fn a_wrong_clock_is_told_once_and_when_it_is_right_again() {
        let mut watch = PeerWatch::default();
        let with =
            |ahead_ms| Observation { others_ahead_ms: Some(ahead_ms), ..seen(2, [true, true]) };
        let told: Vec<_> = [-40, 1_000, 1_500, 1_500, 900, 600, 400, -30, -2_000]
            .into_iter()
            .flat_map(|ahead_ms| watch.look(&with(ahead_ms), 0))
            .collect();
        assert_eq!(told, [Notice::Clock(1_500), Notice::ClocksAgree, Notice::Clock(-2_000)]);
        assert!(watch.look(&seen(2, [true, true]), 0).is_empty(), "nothing was measured");
    }

    #[test]
    fn short_breaks_and_networks_of_one_are_silent() {
        let mut watch = PeerWatch::default();
        for now_ms in (0..100_000).step_by(5_000) {
            let up = now_ms % 10_000 == 0;
            assert!(watch.look(&seen(usize::from(up), [true, up]), now_ms).is_empty());
        }
        let single = Observation { peers_configured: 0, ..seen(0, [true, true]) };
        assert!((0..100).all(|n| watch.look(&single, 200_000 + n * 5_000).is_empty()));
    }
}
