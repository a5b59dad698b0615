#![allow(clippy::unwrap_used)]
use super::*;

fn identity(chain_id: u64) -> NetworkIdentity {
    NetworkIdentity { chain_id, genesis_hash: B256::repeat_byte(chain_id as u8) }
}

#[test]
fn a_folder_is_made_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    let opened = DataFolder::open(&path, identity(7), DiskLimits::default()).unwrap();
    assert!(opened.ledger_folder(0).join("consensus").is_dir());
    assert!(opened.ledger_folder(0).join("chain").is_dir());
    drop(opened);
    DataFolder::open(&path, identity(7), DiskLimits::default()).unwrap();
}

#[test]
fn two_users_of_one_folder_are_refused_by_process_id() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(holder(folder.path()), None);
    let first = DataFolder::open(folder.path(), identity(7), DiskLimits::default()).unwrap();
    assert_eq!(holder(folder.path()), Some(std::process::id()));
    let error = DataFolder::open(folder.path(), identity(7), DiskLimits::default()).unwrap_err();
    assert_eq!(error.code().id, "NOD-0009");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    assert_eq!(holder(folder.path()), None);
    DataFolder::open(folder.path(), identity(7), DiskLimits::default()).unwrap();
}

#[test]
fn another_network_is_refused_with_both_names() {
    let folder = tempfile::tempdir().unwrap();
    drop(DataFolder::open(folder.path(), identity(7), DiskLimits::default()).unwrap());
    let other_chain =
        DataFolder::open(folder.path(), identity(8), DiskLimits::default()).unwrap_err();
    assert_eq!(other_chain.code().id, "NOD-0010");
    assert!(other_chain.to_string().contains("holds chain id 7"), "{other_chain}");
    let other_genesis = NetworkIdentity { genesis_hash: B256::ZERO, ..identity(7) };
    let error = DataFolder::open(folder.path(), other_genesis, DiskLimits::default()).unwrap_err();
    assert_eq!(error.code().id, "NOD-0010");
    assert!(error.report().contains("next: use the genesis file"), "{}", error.report());
}

#[test]
fn a_later_layout_and_a_broken_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.json");
    let zero = B256::ZERO;
    fs::write(&file, format!(r#"{{"format":2,"chain_id":7,"genesis_hash":"{zero}"}}"#)).unwrap();
    assert_eq!(
        DataFolder::open(folder.path(), identity(7), DiskLimits::default()).unwrap_err().code().id,
        "NOD-0019"
    );
    fs::write(&file, "{").unwrap();
    assert_eq!(
        DataFolder::open(folder.path(), identity(7), DiskLimits::default()).unwrap_err().code().id,
        "NOD-0011"
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "x").unwrap();
    let error = DataFolder::open(&path, identity(7), DiskLimits::default()).unwrap_err();
    assert_eq!(error.code().id, "NOD-0011");
    assert!(error.to_string().contains("data"), "{error}");
}
