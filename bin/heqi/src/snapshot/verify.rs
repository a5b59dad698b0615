//! `heqi snapshot verify`.

use std::time::Instant;

use snapshot::Snapshot;

use super::{Progress, failed, place, print};
use crate::{Output, arguments::SnapshotVerifyRequest, error::CliError};

/// Checks every byte of a snapshot against the genesis file.
pub fn run(request: &SnapshotVerifyRequest, output: Output) -> Result<(), CliError> {
    let begin = Instant::now();
    let genesis = node::files::load_genesis(&request.genesis)?;
    let place = place(&request.from, request.store)?;
    let snapshot =
        Snapshot::open(place.clone(), &genesis).map_err(|error| failed(&place, error))?;
    let mut progress = Progress::new(output);
    let checked = snapshot.check_pages(&mut |bytes| progress.tell(bytes));
    checked.map_err(|error| failed(&place, error))?;
    print("snapshot_verified", &place, (snapshot.manifest(), &snapshot.digest()), begin, output);
    Ok(())
}
