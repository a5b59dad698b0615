//! A node whose own state is wrong: it refuses what the others agree on, says so in a file when they
//! have made it final, and stops, again at every start, until its state comes from the others.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, TxKind};
use commonware_cryptography::Crc32;
use commonware_runtime::{Blob as _, ReadOptions, Storage as _, WriteOptions};
use serde_json::Value;
use simulation::{
    Account, CHAIN_ID, GOOD, Network, genesis, machine::Machine, run_through_panics, validator,
};
use types::{Parameters, account_key};

const MINUTE: Duration = Duration::from_secs(60);
const NODES: [u64; 4] = [0, 1, 2, 3];
const OTHERS: [u64; 3] = [0, 1, 2];
/// The node whose disk lies.
const VICTIM: u64 = 3;
/// Content of a page of the library's logs, and the record of its two checksums.
const PAGE_BYTES: usize = 4_096;
const SLOT_BYTES: usize = 6;
/// First byte of an operation that writes a key; the key of the next account stands elsewhere.
const UPDATE: u8 = 0xd2;
/// Where an operation on an account has the last byte of the balance, after its key.
const BALANCE_AFTER_KEY: usize = 8 + 31;

/// Sends one transaction and waits until the others have it.
async fn send(network: &Network, account: &mut Account) {
    let call = account.call(TxKind::Call(Address::ZERO), Bytes::new());
    let hash = network.submit(0, call).await;
    network.succeeded(0, &[hash], MINUTE).await;
}

/// Gives an account a balance that it does not have in everything that the victim's log of accounts
/// says about it, with checksums that fit: as a disk or a memory does that nobody can trust. Answers
/// how often.
async fn enrich(network: &Network, address: Address) -> usize {
    let disk = network.disk();
    let partition = format!("node-{VICTIM}-state-accounts-log-blobs");
    let key = account_key(address);
    let mut changed = 0;
    for name in disk.scan(&partition).await.unwrap() {
        let (blob, length) = disk.open(&partition, &name).await.unwrap();
        let length = usize::try_from(length).unwrap();
        let bytes = blob.read_at(0, length, ReadOptions::default()).await.unwrap();
        let physical = bytes.coalesce().as_ref().to_vec();
        let mut pages: Vec<Vec<u8>> =
            physical.chunks(PAGE_BYTES + 2 * SLOT_BYTES).map(<[u8]>::to_vec).collect();
        let content: Vec<u8> =
            pages.iter().flat_map(|page| page[..page.len().min(PAGE_BYTES)].to_vec()).collect();
        let places: Vec<usize> = content
            .windows(key.len())
            .enumerate()
            .filter(|(place, found)| {
                *found == key.as_slice() && *place > 0 && content[place - 1] == UPDATE
            })
            .map(|(place, _)| place + key.len() + BALANCE_AFTER_KEY)
            .collect();
        for place in places {
            change(&mut pages[place / PAGE_BYTES], place % PAGE_BYTES);
            changed += 1;
        }
        blob.write_at(0, pages.concat(), WriteOptions::default()).await.unwrap();
        blob.sync().await.unwrap();
    }
    changed
}

/// Changes a byte of a page, and the checksums that fitted.
fn change(page: &mut [u8], place: usize) {
    let (content, record) = page.split_at_mut(PAGE_BYTES);
    let checksum = |content: &[u8], slot: &[u8]| {
        let length = usize::from(u16::from_be_bytes([slot[0], slot[1]]));
        Crc32::checksum(&content[..length]).to_be_bytes()
    };
    let fits: Vec<bool> = record
        .chunks(SLOT_BYTES)
        .map(|slot| slot[..2] != [0, 0] && slot[2..] == checksum(content, slot))
        .collect();
    assert!(fits.contains(&true), "no checksum fits");
    content[place] ^= 1;
    for (slot, _) in record.chunks_mut(SLOT_BYTES).zip(fits).filter(|(_, fits)| *fits) {
        let fitting = checksum(content, slot);
        slot[2..].copy_from_slice(&fitting);
    }
}

/// Starts the victim and waits until it ends by itself; answers its last words.
async fn ends(network: &mut Network) -> String {
    let machine = Machine::default();
    let starting = network.launch(VICTIM, machine.clone(), None).await;
    for _ in 0..1_000 {
        if let Some(words) = machine.panic() {
            starting.kill().await;
            return words;
        }
        network.sleep(Duration::from_millis(100)).await;
    }
    panic!("it goes on with a wrong state");
}

fn final_report(folder: &Path) -> Value {
    let names = fs::read_dir(folder.join(format!("reports-{VICTIM}"))).unwrap();
    let mut names = names.map(|entry| entry.unwrap().path());
    let is_final = |path: &Path| path.to_str().unwrap().ends_with("-final.json");
    let found = names.find(|path| is_final(path)).expect("a report about a final block");
    serde_json::from_str(&fs::read_to_string(found).unwrap()).unwrap()
}

#[test]
fn a_node_with_a_wrong_state_reports_the_final_block_and_stops_until_it_joins_again() {
    run_through_panics(51, |context| async move {
        let genesis = genesis(&NODES, Parameters::default(), Address::ZERO);
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut network = Network::over(context, genesis, &NODES, Arc::clone(&folder)).await;
        network.link(&[&NODES], GOOD).await;
        for seed in NODES {
            network.boot(seed).await;
        }
        let (mut quiet, mut busy) = (Account::new(1, CHAIN_ID), Account::new(2, CHAIN_ID));
        send(&network, &mut quiet).await;
        for _ in 0..20 {
            send(&network, &mut busy).await;
        }
        let height = network.ledger(0).head().number;
        network.reach(&[VICTIM], height, MINUTE).await;
        network.kill(VICTIM).await;
        // What a killed node held open closes a moment later.
        network.sleep(Duration::from_secs(1)).await;
        assert!(enrich(&network, quiet.address()).await > 0);

        // Nothing is wrong until something depends on it.
        send(&network, &mut quiet).await;
        let words = ends(&mut network).await;
        assert!(words.contains("Diverged"), "{words}");
        let report = final_report(folder.path());
        assert_eq!((&report["kind"], &report["field"]), (&"final".into(), &"stateRoot".into()));
        assert_eq!(report["node"], validator(VICTIM).to_string());
        let number = report["height"].as_u64().unwrap();
        assert!(number > height, "{number} after {height}");
        let block = network.ledger(0).chain().block(number).unwrap().unwrap();
        assert_eq!(report["hash"], block.hash().to_string());
        assert_eq!(report["found"], block.header().state_root.to_string());
        assert_ne!(report["expected"], report["found"]);

        // The others go on, and a start changes nothing.
        send(&network, &mut busy).await;
        network.assert_one_chain(&OTHERS);
        let words = ends(&mut network).await;
        assert!(words.contains("Diverged"), "{words}");

        // With an empty folder it has the others' state.
        network.sleep(Duration::from_secs(1)).await;
        network.files.remove_all(&format!("node-{VICTIM}"));
        fs::remove_dir_all(folder.path().join(VICTIM.to_string())).unwrap();
        network.join = engine::Join::StateSync;
        network.boot(VICTIM).await;
        send(&network, &mut quiet).await;
        let height = network.ledger(0).head().number;
        network.reach(&[VICTIM], height, MINUTE).await;
        let root = |seed: u64| {
            let (header, _) = network.ledger(seed).chain().header(height).unwrap().unwrap();
            header.state_root
        };
        assert_eq!(root(VICTIM), root(0));
        network.assert_one_chain(&OTHERS);
    });
}
