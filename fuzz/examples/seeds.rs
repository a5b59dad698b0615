//! Writes the seeds, each after its target has accepted it.

use std::{error::Error, fs, path::Path};

use fuzz::{TARGETS, seeds};
// The instrumented library needs the fuzzer's run time also where nothing is fuzzed.
use libfuzzer_sys as _;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for seed in seeds::all() {
        let target = TARGETS.iter().find(|(name, _)| *name == seed.target);
        let (_, accepts) = target.ok_or(seed.target)?;
        let shown = format!("{}/{}", seed.target, seed.name);
        if !accepts(&seed.bytes) {
            return Err(format!("{shown} is not accepted").into());
        }
        fs::create_dir_all(folder.join(seed.target))?;
        fs::write(folder.join(&shown), &seed.bytes)?;
        println!("{shown}: {} bytes", seed.bytes.len());
    }
    Ok(())
}
