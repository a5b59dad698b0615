//! A slice of what `cargo xtask sim` runs: whole seeds, and every liar for a fifth of one.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use simulation::{
    byzantine::Lie,
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

fn every(lies: &[Lie]) {
    for lie in lies {
        let choice = Choice {
            validators: Some(4),
            liar: Some(Some(*lie)),
            power_cut: Some(false),
            short: true,
        };
        let outcome = holds(4, &choice);
        assert!(outcome.fired.contains_key(lie.name()), "{} did not lie", lie.name());
    }
}

#[test]
fn the_mocks_of_the_library_break_nothing() {
    every(&Lie::ALL[..7]);
}

#[test]
fn forged_proposals_are_never_final() {
    every(&Lie::ALL[7..]);
}
