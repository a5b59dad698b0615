//! geth's test data of its tracers: one transaction on the accounts that it touches, and the trace
//! that geth makes of it.

mod case;
mod difference;
mod state;

use std::{fs, path::Path};

use eyre::{Context, Result};

use case::Case;

/// Folder and tracer.
const FOLDERS: [(&str, &str); 5] = [
    ("call_tracer", "callTracer"),
    ("call_tracer_withLog", "callTracer"),
    ("call_tracer_flat", "flatCallTracer"),
    ("prestate_tracer", "prestateTracer"),
    ("prestate_tracer_with_diff_mode", "prestateTracer"),
];

/// Cases whose trace differs from geth's on purpose: name, how the difference begins, why.
const DIFFERENT: [(&str, &str, &str); 2] = [
    (
        "call_tracer_withLog/frontier_create_outofstorage.json",
        "result.output: expected \"0x60606040",
        "before Homestead a creation that cannot pay for its code leaves an account without code; \
         geth shows the code that was not stored, this trace what is there. Later rules, all \
         that a ledger can have, fail such a creation",
    ),
    (
        "prestate_tracer/setcode_tx.json",
        "result.0x000000000000000000000000000000000000aaaa: expected null",
        "geth looks at the recipient before the transaction's authorisations hold and so leaves \
         out the account whose code the recipient then runs (EIP-7702); it is needed to run the \
         transaction, which is what the tracer is for",
    ),
];

/// What came out.
#[derive(Debug, Default)]
pub struct Summary {
    /// Cases whose trace is geth's.
    pub passed: usize,
    /// Cases whose trace differs as it should, with the reason.
    pub different: Vec<Failure>,
    /// The others.
    pub failures: Vec<Failure>,
}

/// A case that failed.
#[derive(Debug)]
pub struct Failure {
    /// Folder and file.
    pub case: String,
    /// What differs first.
    pub reason: String,
}

/// Runs every case.
///
/// # Errors
/// The folder cannot be read, or a file is none of geth's.
pub fn run(folder: &Path) -> Result<Summary> {
    let mut summary = Summary::default();
    for (subfolder, tracer) in FOLDERS {
        let mut files: Vec<_> = fs::read_dir(folder.join(subfolder))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        for path in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{subfolder}/{name}");
            let case = Case::read(&path).wrap_err_with(|| name.clone())?;
            match case.check(tracer) {
                Ok(()) => summary.passed += 1,
                Err(reason) => summary.add(name, format!("{reason:#}")),
            }
        }
    }
    Ok(summary)
}

impl Summary {
    fn add(&mut self, case: String, reason: String) {
        let argued = DIFFERENT
            .iter()
            .find(|(name, difference, _)| *name == case && reason.starts_with(difference));
        match argued {
            Some((_, _, why)) => self.different.push(Failure { case, reason: (*why).to_owned() }),
            None => self.failures.push(Failure { case, reason }),
        }
    }
}
