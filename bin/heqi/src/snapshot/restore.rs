//! `heqi snapshot restore`.

use std::{sync::Arc, time::Instant};

use node::restore::{Beginning, RestoreFailure};
use snapshot::Snapshot;

use super::{failed, occupied, place, print};
use crate::{
    Output,
    arguments::SnapshotRestoreRequest,
    error::{self, CliError},
};

/// Makes the data folder of a new node.
pub fn run(request: &SnapshotRestoreRequest, output: Output) -> Result<(), CliError> {
    let begin = Instant::now();
    let genesis = node::files::load_genesis(&request.genesis)?;
    let place = place(&request.from, request.store)?;
    let snapshot =
        Snapshot::open(place.clone(), &genesis).map_err(|error| failed(&place, error))?;
    let snapshot = Arc::new(snapshot);
    let beginning = Beginning {
        sets: snapshot.proved().sets.clone(),
        block: snapshot.proved().block.clone(),
        transactions: snapshot.transactions().to_vec(),
        receipts: snapshot.receipts().to_vec(),
    };
    let bytes = snapshot.manifest().bytes();
    let restored =
        node::restore::restore(&genesis, &request.data, (&beginning, bytes), snapshot.clone());
    restored.map_err(|failure| match (snapshot.failure(), failure) {
        // The library says only that a page was not to be had.
        (Some(cause), _) => failed(&place, cause),
        (None, RestoreFailure::Occupied(path)) => occupied(&path),
        (None, RestoreFailure::Node(error)) => error.into(),
        (None, RestoreFailure::Snapshot(cause)) => {
            let values = vec![("place", place.to_string()), ("cause", cause)];
            CliError::new(error::SNAPSHOT_UNPROVED, values)
        }
    })?;
    let manifest = snapshot.manifest();
    print("snapshot_restored", &place, (manifest, &snapshot.digest()), begin, output);
    if !output.json {
        let data = ("data", request.data.display().to_string());
        println!("{}", output.language.text("snapshot_start", &[data]));
    }
    Ok(())
}
