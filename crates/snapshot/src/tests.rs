#![allow(clippy::unwrap_used)]

mod fixture;

use std::{fs, path::Path};

use consensus::history::Sets;
use fixture::{Answers, EPOCH_BLOCKS, create_in, genesis, open, set, verify};
use ledger_api::SnapshotPart;
use state::qmdb::Database;

use crate::{
    CreateError, Manifest, Place, SnapshotError, create,
    manifest::{DIGEST_FILE, FileEntry, MANIFEST_FILE},
};

/// Writes the manifest anew, as somebody who forges a snapshot would.
fn forge(folder: &Path, change: impl FnOnce(&mut Manifest)) {
    let text = fs::read(folder.join(MANIFEST_FILE)).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&text).unwrap();
    change(&mut manifest);
    let text = manifest.encode();
    fs::write(folder.join(DIGEST_FILE), Manifest::digest_line(&text)).unwrap();
    fs::write(folder.join(MANIFEST_FILE), text).unwrap();
}

/// Writes a file anew and names it in the manifest.
fn forge_file(folder: &Path, name: &str, content: &[u8]) {
    fs::write(folder.join(name), content).unwrap();
    forge(folder, |manifest| {
        let entry = manifest.files.iter_mut().find(|file| file.name == name).unwrap();
        *entry = FileEntry::new(name.into(), content);
    });
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_created_is_whole_and_proved() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("snapshot");
    let (answers, created) = create_in(&folder);
    assert_eq!(
        names(&folder),
        [
            "accounts-000000.pages",
            "body.rlp",
            "code-000000.pages",
            "manifest.json",
            "manifest.sha256",
            "receipts.rlp",
            "storage-000000.pages",
            "validators-0000.rlp",
            "validators-0001.rlp",
        ]
    );
    assert_eq!(names(root.path()), ["snapshot"], "nothing is left beside it");
    let line = fs::read_to_string(folder.join(DIGEST_FILE)).unwrap();
    assert_eq!(line, format!("{}  manifest.json\n", created.digest), "as sha256sum -c reads it");

    let snapshot = open(&folder).unwrap();
    let mut read = 0;
    snapshot.check_pages(&mut |bytes| read = bytes).unwrap();
    assert!(read > 1_000);
    assert_eq!(snapshot.manifest(), &created.manifest);
    assert_eq!(snapshot.digest(), created.digest);
    assert_eq!(snapshot.proved().sets, [set(0), set(1)]);
    assert_eq!(snapshot.proved().block, answers.tip);
    assert_eq!(created.manifest.height, EPOCH_BLOCKS + 1);
    assert_eq!(created.manifest.state_root, answers.tip.header.state_root);
    assert_eq!(snapshot.transactions().len(), 1);
}

#[test]
fn every_flipped_byte_is_refused_and_its_file_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("snapshot");
    create_in(&folder);
    for name in names(&folder) {
        let path = folder.join(&name);
        let whole = fs::read(&path).unwrap();
        // Every byte of the small files, some of the pages, the first and the last among them.
        let step = (whole.len() / 200).max(1);
        for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            fs::write(&path, &changed).unwrap();
            let error = verify(&folder).unwrap_err();
            let told = match &name[..] {
                // A digest cannot tell which of the two is damaged.
                MANIFEST_FILE => DIGEST_FILE,
                name => name,
            };
            assert!(
                matches!(&error, SnapshotError::Damaged { file, .. } if file == told),
                "byte {at} of {name}: {error}"
            );
        }
        fs::write(&path, whole).unwrap();
        verify(&folder).unwrap();
    }
}

#[test]
fn what_is_cut_off_missing_or_too_much_is_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("snapshot");
    create_in(&folder);
    for name in names(&folder) {
        let path = folder.join(&name);
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let error = verify(&folder).unwrap_err();
            let expected = if name == MANIFEST_FILE { DIGEST_FILE } else { &name };
            assert!(error.to_string().starts_with(expected), "{length} bytes of {name}: {error}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(verify(&folder).is_err(), "a longer {name}");
        fs::remove_file(&path).unwrap();
        let error = verify(&folder).unwrap_err();
        match &name[..] {
            MANIFEST_FILE | DIGEST_FILE => {
                assert!(matches!(error, SnapshotError::Incomplete { .. }), "{error}");
            }
            name => assert_eq!(error, SnapshotError::Missing(name.into())),
        }
        fs::write(&path, whole).unwrap();
    }
    fs::write(folder.join("readme"), "").unwrap();
    assert_eq!(verify(&folder), Err(SnapshotError::Extra("readme".into())));
    fs::remove_file(folder.join("readme")).unwrap();
    fs::create_dir(folder.join("more")).unwrap();
    assert_eq!(verify(&folder), Err(SnapshotError::Extra("more".into())));
    let absent = verify(&root.path().join("nothing")).unwrap_err();
    assert!(matches!(absent, SnapshotError::Place { action: "read", .. }), "{absent}");
}

#[test]
fn a_snapshot_whose_manifest_was_forged_as_well_proves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        let folder = root.path().join(name);
        let (answers, _) = create_in(&folder);
        (folder, answers)
    };

    // Another state: the pages do not lead to what the block commits to.
    let (folder, _) = made("state");
    for database in Database::ALL {
        let name = format!("{}-000000.pages", database.name());
        let whole = fs::read(folder.join(&name)).unwrap();
        let mut changed = whole.clone();
        changed[60] ^= 1;
        forge_file(&folder, &name, &changed);
        let error = verify(&folder).unwrap_err();
        assert!(matches!(&error, SnapshotError::Damaged { file, .. } if *file == name), "{error}");
        forge_file(&folder, &name, &whole[..whole.len() - 1]);
        assert!(matches!(verify(&folder), Err(SnapshotError::Damaged { .. })));
        forge_file(&folder, &name, &[&whole[..], &[0, 0, 0, 0]].concat());
        assert!(matches!(verify(&folder), Err(SnapshotError::Damaged { .. })), "one page more");
        forge_file(&folder, &name, &whole);
    }
    verify(&folder).unwrap();

    // Another block, without or with certificates of the wrong validators.
    let (folder, answers) = made("block");
    let mut changed = answers.tip.clone();
    changed.header.gas_used += 1;
    for (tip, cause) in [
        (changed, "the certificate is of another block"),
        (answers.certified(EPOCH_BLOCKS + 1, 1, 0), "validator"),
        (answers.certified(EPOCH_BLOCKS + 1, 0, 0), "epoch"),
    ] {
        let forged = Sets { steps: Vec::new(), tip: Some(tip) };
        forge_file(&folder, "validators-0001.rlp", &forged.encode());
        let error = verify(&folder).unwrap_err();
        assert!(
            matches!(&error, SnapshotError::Unproved(text) if text.contains(cause)),
            "{cause}: {error}"
        );
    }

    // A manifest that names other files, or tells another block.
    let (folder, _) = made("manifest");
    let forgeries: [fn(&mut Manifest); 6] = [
        |manifest| manifest.height += 1,
        |manifest| manifest.state_root.0[0] ^= 1,
        |manifest| manifest.time_ms += 1,
        |manifest| manifest.files.reverse(),
        |manifest| manifest.files.push(manifest.files[0].clone()),
        |manifest| manifest.files.truncate(2),
    ];
    let text = fs::read(folder.join(MANIFEST_FILE)).unwrap();
    for (index, change) in forgeries.into_iter().enumerate() {
        forge(&folder, change);
        assert!(verify(&folder).is_err(), "forgery {index}");
        let original: Manifest = serde_json::from_slice(&text).unwrap();
        forge(&folder, |manifest| *manifest = original);
    }
    verify(&folder).unwrap();
    forge(&folder, |manifest| manifest.files[0].name = "../outside".into());
    assert_eq!(verify(&folder), Err(SnapshotError::Missing("../outside".into())));
    forge(&folder, |manifest| manifest.format = 2);
    assert_eq!(verify(&folder), Err(SnapshotError::Newer { found: 2, known: 1 }));

    // The snapshot of another network, and another network's genesis file.
    let (folder, _) = made("network");
    let mut other = genesis();
    other.time_ms += 1;
    let error = crate::Snapshot::open(Place::folder(&folder), &other).err().unwrap();
    assert!(matches!(error, SnapshotError::OtherNetwork { .. }), "{error}");
}

#[test]
fn nothing_is_overwritten_and_a_crash_leaves_nothing_that_looks_whole() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("snapshot");
    // What a crash leaves has another name; an empty folder may have been made in advance.
    fs::create_dir_all(root.path().join("snapshot.partial")).unwrap();
    fs::write(root.path().join("snapshot.partial/body.rlp"), "half").unwrap();
    fs::create_dir(&folder).unwrap();
    let absent = verify(&folder).unwrap_err();
    assert!(matches!(absent, SnapshotError::Incomplete { file: MANIFEST_FILE, .. }), "{absent}");
    let (mut answers, _) = create_in(&folder);
    verify(&folder).unwrap();
    assert_eq!(names(root.path()), ["snapshot"]);

    let place = Place::folder(&folder);
    let again = create(&mut answers, &genesis(), &place, &mut |_| {}).unwrap_err();
    assert!(matches!(again, CreateError::Snapshot(SnapshotError::Occupied(_))), "{again}");
    verify(&folder).unwrap();
}

#[test]
fn a_node_that_lies_or_prunes_gives_no_snapshot() {
    let root = tempfile::tempdir().unwrap();
    let place = Place::folder(root.path().join("snapshot"));
    let whole = Answers::new();
    let mut asked = 0;
    for part in whole.parts() {
        let mut lying = whole.clone();
        lying.change(part, |bytes| *bytes.last_mut().unwrap() ^= 1);
        let error = create(&mut lying, &genesis(), &place, &mut |_| {}).unwrap_err();
        assert!(matches!(error, CreateError::Wrong(_)), "{part:?}: {error}");

        let mut pruned = whole.clone();
        pruned.remove(part);
        let error = create(&mut pruned, &genesis(), &place, &mut |_| {}).unwrap_err();
        assert!(matches!(error, CreateError::Absent(_)), "{part:?}: {error}");
        let first = SnapshotPart::Validators { epoch: 0 };
        assert_eq!(pruned.asked(first), 3, "it is tried again, and not for ever");
        asked += 1;
        assert_eq!(names(root.path()), Vec::<String>::new(), "{part:?}");
    }
    assert!(asked >= 7);
    let mut silent = whole.clone();
    silent.silent = true;
    let error = create(&mut silent, &genesis(), &place, &mut |_| {}).unwrap_err();
    assert!(matches!(error, CreateError::Origin("silent")), "{error}");
}
