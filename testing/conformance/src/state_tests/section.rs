//! One test under one fork.

use std::{path::Path, sync::Arc};

use eyre::{Context, Result, eyre};
use state::mpt::MptState;

use super::{
    archive::Archive,
    case, fork,
    format::{Indexes, Test, TestFile},
};

/// A test with the state that it begins on.
struct Prepared {
    name: String,
    test: Test,
    before: MptState,
}

/// All expectations of one test under one fork.
pub(super) struct Section {
    prepared: Arc<Prepared>,
    fork: String,
}

impl Section {
    /// The sections of a file.
    pub(super) fn of_file(archive: &Archive, file: &Path) -> Result<Vec<Self>> {
        let tests: TestFile =
            serde_json::from_str(&archive.read(file)?).wrap_err("not a test file")?;
        let mut sections = Vec::new();
        for (name, test) in tests {
            let before = case::state_before(&test.pre).wrap_err_with(|| name.clone())?;
            let forks: Vec<String> = test.post.keys().cloned().collect();
            let name = format!("{} {name}", file.display());
            let prepared = Arc::new(Prepared { name, test, before });
            sections.extend(
                forks.into_iter().map(|fork| Self { prepared: Arc::clone(&prepared), fork }),
            );
        }
        Ok(sections)
    }

    /// File, test and fork.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.prepared.name, self.fork)
    }

    /// Runs every expectation.
    pub(super) fn run(&self) -> Vec<(Indexes, Result<()>)> {
        let Prepared { test, before, .. } = &*self.prepared;
        let rules = fork::rules(&self.fork);
        let expectations = test.post.get(&self.fork).into_iter().flatten();
        expectations
            .map(|expectation| {
                let result = match &rules {
                    Some(rules) => case::check(test, before, rules, expectation),
                    None => Err(eyre!("unknown fork {}", self.fork)),
                };
                (expectation.indexes, result)
            })
            .collect()
    }
}
