#![allow(clippy::unwrap_used)]

use super::*;

const CONFIGURATION: &str = r#"{
    "chainId": 7, "homesteadBlock": 0, "eip150Block": 3, "eip155Block": 6, "eip158Block": 6,
    "byzantiumBlock": 9, "constantinopleBlock": 12, "petersburgBlock": 15, "istanbulBlock": 18,
    "berlinBlock": 24, "londonBlock": 27, "terminalTotalDifficulty": 100,
    "shanghaiTime": 390, "cancunTime": 420, "pragueTime": 450, "osakaTime": 480, "bpo1Time": 510,
    "blobSchedule": {
        "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
        "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
        "osaka": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
        "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193}
    }
}"#;

fn at(number: u64, timestamp: u64, difficulty: u64) -> Schedule {
    let configuration: ForkConfiguration = serde_json::from_str(CONFIGURATION).unwrap();
    let difficulty_before = U256::from(difficulty);
    configuration.schedule(Position { number, timestamp, difficulty_before })
}

#[test]
fn forks_begin_where_the_file_says() {
    let cases = [
        (2, 20, 0, SpecId::HOMESTEAD),
        (3, 30, 0, SpecId::TANGERINE),
        (8, 80, 0, SpecId::SPURIOUS_DRAGON),
        (9, 90, 0, SpecId::BYZANTIUM),
        (12, 120, 0, SpecId::PETERSBURG),
        (26, 260, 0, SpecId::BERLIN),
        (27, 270, 99, SpecId::LONDON),
        (36, 360, 100, SpecId::MERGE),
        (39, 390, 99, SpecId::LONDON),
        (39, 390, 100, SpecId::SHANGHAI),
        (42, 420, 100, SpecId::CANCUN),
        (45, 479, 100, SpecId::PRAGUE),
        (90, 999, 100, SpecId::OSAKA),
    ];
    for (number, timestamp, difficulty, spec) in cases {
        assert_eq!(at(number, timestamp, difficulty).rules.spec, spec, "block {number}");
    }
}

#[test]
fn the_first_constantinople_ends_with_petersburg() {
    assert_eq!(at(14, 140, 0).rules, Rules::constantinople());
    assert_eq!(at(15, 150, 0).rules, Rules::new(SpecId::PETERSBURG));
}

#[test]
fn blob_parameters_follow_the_schedule() {
    let blobs = |timestamp| at(50, timestamp, 100).blobs;
    assert_eq!(blobs(419), None);
    assert_eq!(blobs(420).unwrap().max_blobs_per_tx, 6);
    assert_eq!(blobs(450).unwrap().max_blobs_per_tx, 9);
    let osaka = blobs(480).unwrap();
    assert_eq!((osaka.max_blobs_per_tx, osaka.blob_base_cost), (6, BLOB_BASE_COST));
    let bpo1 = blobs(510).unwrap();
    assert_eq!((bpo1.target_blob_count, bpo1.max_blob_count, bpo1.max_blobs_per_tx), (10, 15, 6));
}
