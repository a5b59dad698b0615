//! What the command line means, and what it refuses.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::{Arguments, Phase};
use crate::{senders::Pace, workload::Workload};

fn arguments(line: &str) -> Arguments {
    Arguments::try_parse_from(line.split(' ')).unwrap()
}

fn refusal(line: &str) -> String {
    arguments(line).check().unwrap_err().to_string()
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn the_standard_set_has_every_workload_once() {
    let standard = arguments("load --devnet heqi");
    standard.check().unwrap();
    assert_eq!(standard.workloads().len(), 4);
    assert!(standard.phases().contains(&Phase::Absent));
    assert_eq!((standard.accounts(), standard.senders()), (10_000, 10_000));
    let one = arguments("load --devnet heqi --validators 1,4");
    assert!(!one.phases().contains(&Phase::Absent));
    assert_eq!(one.compared_phases(), [Phase::Single, Phase::Batched, Phase::Open]);
}

#[test]
fn quick_is_quick_but_for_what_is_named() {
    let quick = arguments("load --devnet heqi --quick");
    quick.check().unwrap();
    assert_eq!(
        (quick.phases(), quick.workloads()),
        (vec![Phase::Single, Phase::Open], vec![Workload::Erc20])
    );
    assert!(quick.estimate_s() < 90.0, "{}", quick.estimate_s());
    let longer = arguments("load --devnet heqi --quick --seconds 30 --accounts 50");
    assert_eq!((longer.window(), longer.senders()), (Duration::from_secs(30), 50));
    assert!(arguments("load --devnet heqi").estimate_s() > 600.0);
}

#[test]
fn what_cannot_be_run_is_refused_with_the_option() {
    for (line, word) in [
        ("load", "--devnet"),
        ("load --devnet heqi --seconds 0", "--seconds"),
        ("load --devnet heqi --accounts 10000001", "--accounts"),
        ("load --devnet heqi --accounts 5 --senders 6", "--senders"),
        ("load --devnet heqi --batch 3000", "--batch"),
        ("load --devnet heqi --rate 0", "--rate"),
        ("load --devnet heqi --rate NaN", "--rate"),
        ("load --devnet heqi --share inf", "--share"),
        ("load --devnet heqi --validators 4,17", "--validators"),
        ("load --devnet heqi --blocks 5", "--blocks"),
        ("load --devnet heqi --senders 500 --crowd 501 --phases questions", "--crowd"),
        ("load --rpc http://127.0.0.1:1 --phases absent", "--devnet"),
        ("load --devnet heqi --validators 1 --phases absent", "4 validators"),
        ("load --devnet heqi --phases absent --seconds 12", "--seconds"),
        ("load --devnet heqi --phases sustained", "single"),
        ("load --devnet heqi --phases sustained,single", "single"),
        ("load --devnet heqi --phases single --seconds 100000", "--sign-rate"),
    ] {
        assert!(refusal(line).contains(word), "{line}: {}", refusal(line));
    }
    assert!(Arguments::try_parse_from(["load", "--devnet", "a", "--rpc", "b"]).is_err());
    arguments("load --devnet heqi --phases sustained --peak 2000").check().unwrap();
}

#[test]
fn a_sustained_phase_sends_a_share_of_the_peak() {
    let asked = arguments("load --devnet heqi --phases single,sustained --share 0.25");
    let settings = asked.settings(Phase::Sustained, Workload::Erc20, 4, Some(2_000.0));
    assert!(matches!(settings.pace, Pace::Open { rate } if rate == 500.0));
    assert_eq!(settings.signed, 1_800_000);
    assert!(settings.ahead < settings.signed);
    let single = asked.settings(Phase::Single, Workload::Native, 1, None);
    assert_eq!((single.signed, single.ahead), (900_000, 900_000));
}
