//! `heqi snapshot create`.

use std::{path::PathBuf, time::Instant};

use snapshot::{CreateError, create};

use super::{Progress, failed, origin::NodeOrigin, place, print};
use crate::{
    Output,
    arguments::SnapshotCreateRequest,
    error::{self, CliError},
    http::Url,
};

/// Makes a snapshot of a running node.
pub fn run(request: &SnapshotCreateRequest, output: Output) -> Result<(), CliError> {
    let begin = Instant::now();
    let (url, genesis_file) = source(request)?;
    let genesis = node::files::load_genesis(&genesis_file)?;
    let place = place(&request.to, request.store)?;
    let mut progress = Progress::new(output);
    let mut origin = NodeOrigin(url);
    let created = create(&mut origin, &genesis, &place, &mut |bytes| progress.tell(bytes));
    let created = created.map_err(|failure| {
        let url = ("url", origin.0.to_string());
        match failure {
            CreateError::Origin(error) => error,
            CreateError::Wrong(cause) => CliError::new(error::ANSWER, vec![url, ("cause", cause)]),
            CreateError::Absent(what) => {
                CliError::new(error::SNAPSHOT_ABSENT, vec![url, ("what", what.into())])
            }
            CreateError::Snapshot(failure) => failed(&place, failure),
        }
    })?;
    print("snapshot_created", &place, (&created.manifest, &created.digest), begin, output);
    Ok(())
}

/// The node to ask and the genesis file to check its answers with.
fn source(request: &SnapshotCreateRequest) -> Result<(Url, PathBuf), CliError> {
    let configured = match &request.config {
        Some(path) => Some(node::config::Config::from_file(path)?),
        None => None,
    };
    let url = match (&request.rpc, &configured) {
        (Some(url), _) => Url::parse(url)?,
        (None, Some(config)) => Url::of_listener(config.rpc.listen),
        (None, None) => Url::local(8545),
    };
    let genesis = match (&request.genesis, configured) {
        (Some(path), _) => path.clone(),
        (None, Some(config)) => config.genesis_file,
        (None, None) => PathBuf::from("genesis.json"),
    };
    Ok((url, genesis))
}
