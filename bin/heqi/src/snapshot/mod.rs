//! `heqi snapshot`: the state of a running node in a folder or an object store, and back.

mod create;
mod origin;
mod restore;
mod verify;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use snapshot::{Manifest, Place, SnapshotError};

use crate::{
    Output,
    arguments::{SnapshotCommand, StoreOptions},
    error::{self, CliError},
};

/// Time between two lines about progress.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// Runs a verb.
///
/// # Errors
/// What went wrong, with its code.
pub fn execute(command: SnapshotCommand, output: Output) -> Result<(), CliError> {
    match command {
        SnapshotCommand::Create(request) => create::run(&request, output),
        SnapshotCommand::Verify(request) => verify::run(&request, output),
        SnapshotCommand::Restore(request) => restore::run(&request, output),
    }
}

/// The place that a user names: a folder or a store.
fn place(text: &str, store: StoreOptions) -> Result<Place, CliError> {
    Place::parse(text, store.allow_http).map_err(|failure| failed_at(text, failure))
}

/// Tells how far a command is, now and then.
struct Progress {
    output: Output,
    told: Instant,
}

impl Progress {
    fn new(output: Output) -> Self {
        Self { output, told: Instant::now() }
    }

    fn tell(&mut self, bytes: u64) {
        if self.told.elapsed() >= REPORT_INTERVAL {
            self.told = Instant::now();
            let megabytes = (bytes / 1_000_000).to_string();
            eprintln!("{}", self.output.language.text("snapshot_bytes", &[("mb", megabytes)]));
        }
    }
}

/// What all verbs print.
fn print(
    key: &str,
    place: &Place,
    (manifest, digest): (&Manifest, &str),
    begin: Instant,
    output: Output,
) {
    let seconds = begin.elapsed().as_secs_f64();
    if output.json {
        println!("{}", described(place, manifest, digest, seconds));
        return;
    }
    let values = [
        ("place", place.to_string()),
        ("height", manifest.height.to_string()),
        ("hash", manifest.block_hash.to_string()),
        ("root", manifest.state_root.to_string()),
        ("files", manifest.files.len().to_string()),
        ("mb", format!("{:.1}", manifest.bytes() as f64 / 1e6)),
        ("digest", digest.to_owned()),
        ("seconds", format!("{seconds:.1}")),
    ];
    println!("{}", output.language.text(key, &values));
}

fn described(place: &Place, manifest: &Manifest, digest: &str, seconds: f64) -> Value {
    json!({
        "place": place.to_string(),
        "chain_id": manifest.chain_id,
        "genesis_hash": manifest.genesis_hash,
        "height": manifest.height,
        "block_hash": manifest.block_hash,
        "state_root": manifest.state_root,
        "time_ms": manifest.time_ms,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
        "manifest_sha256": digest,
        "seconds": seconds,
    })
}

/// A snapshot's failure in the words of the command line.
fn failed(place: &Place, failure: SnapshotError) -> CliError {
    failed_at(&place.to_string(), failure)
}

fn failed_at(place: &str, failure: SnapshotError) -> CliError {
    let text = |code, cause: String| {
        CliError::new(code, vec![("place", place.to_owned()), ("cause", cause)])
    };
    match failure {
        SnapshotError::Incomplete { .. }
        | SnapshotError::Damaged { .. }
        | SnapshotError::Missing(_)
        | SnapshotError::Extra(_) => text(error::SNAPSHOT_DAMAGED, failure.to_string()),
        SnapshotError::OtherNetwork { .. }
        | SnapshotError::Newer { .. }
        | SnapshotError::Unproved(_)
        | SnapshotError::Genesis(_) => text(error::SNAPSHOT_UNPROVED, failure.to_string()),
        SnapshotError::Occupied(path) => occupied(Path::new(&path)),
        // It names the place itself.
        SnapshotError::Place { .. } => text(error::SNAPSHOT_PLACE, failure.to_string()),
    }
}

/// Something is there already.
fn occupied(path: &Path) -> CliError {
    CliError::new(error::EXISTS, vec![("path", path.display().to_string())])
}
