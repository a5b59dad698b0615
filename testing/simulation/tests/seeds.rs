//! A slice of what `cargo xtask sim` runs: whole seeds, and every liar for a fifth of one.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use simulation::{
    byzantine::{Forgery, Lie},
    campaign::{Outcome, run_seed},
    scenario::Choice,
};

fn holds(seed: u64, choice: &Choice) -> Outcome {
    let outcome = run_seed(seed, choice);
    let told = outcome.timeline.join("\n");
    assert_eq!(outcome.violation, None, "seed {seed}, {choice:?}\n{told}");
    outcome
}

#[test]
fn a_seed_does_what_every_seed_must() {
    let outcome = holds(1, &Choice { validators: Some(4), ..Choice::default() });
    assert!(outcome.heights >= 200 && outcome.transactions >= 2_000 && outcome.epochs >= 1);
    assert!(outcome.fired.values().sum::<u64>() >= 3, "{:?}", outcome.fired);
}

#[test]
fn seven_validators_hold() {
    holds(2, &Choice { validators: Some(7), short: true, ..Choice::default() });
}

#[test]
fn a_power_cut_loses_nothing_and_stays_the_same_run() {
    let choice = Choice { power_cut: Some(true), short: true, ..Choice::default() };
    let first = holds(3, &choice);
    assert_eq!(first.fired.get("power cut"), Some(&1));
    let again = run_seed(3, &choice);
    assert_eq!((first.digest, first.timeline), (again.digest, again.timeline));
}

fn lies(lie: Lie) -> Outcome {
    let choice =
        Choice { validators: Some(4), liar: Some(Some(lie)), power_cut: Some(false), short: true };
    let outcome = holds(4, &choice);
    let told = outcome.timeline.join("\n");
    assert!(outcome.fired.contains_key(lie.name()), "{} did not strike\n{told}", lie.name());
    outcome
}

#[test]
fn the_mocks_of_the_library_break_nothing() {
    for lie in &Lie::ALL[..7] {
        lies(*lie);
    }
}

/// Two votes for one view end as evidence, which every run holds against the liar's key, at every
/// honest node that was up: here nobody is down for long. The equivocator shows each node one vote
/// only, so nobody has both.
#[test]
fn conflicting_votes_end_as_evidence_and_honest_nodes_are_never_accused() {
    for lie in [Lie::Conflicter, Lie::Nuller] {
        let outcome = lies(lie);
        let told = outcome.timeline.join("\n");
        let accusers = outcome.accused.get(lie.name()).map_or(0, BTreeSet::len);
        assert!(accusers >= 2, "{accusers} nodes have evidence of {}\n{told}", lie.name());
    }
    assert!(lies(Lie::Equivocator).accused.is_empty());
}

#[test]
fn whoever_signs_badly_is_cut_off() {
    lies(Lie::BadSignatures);
}

/// Each forged block comes to the very rule that it breaks.
#[test]
fn forged_proposals_are_refused_for_what_is_wrong_with_them() {
    let rules = [
        (Forgery::StateRoot, "stateRoot"),
        (Forgery::ReceiptsRoot, "receiptsRoot"),
        (Forgery::InvalidTransaction, "transaction"),
        (Forgery::RepeatedTransaction, "transaction"),
        (Forgery::TimeOfParent, "extension.time"),
        (Forgery::NextValidators, "extension.nextValidators"),
    ];
    for (forgery, rule) in rules {
        let outcome = lies(Lie::Forger(forgery));
        assert_eq!(outcome.rules, [rule.to_owned()].into(), "{forgery:?}");
    }
}
