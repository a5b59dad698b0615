//! `load`: the bench of the ledger. See README.md.

use std::process::ExitCode;

use clap::Parser;
use eyre::{Result, bail};
use load::{arguments::Arguments, picture, run, table};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    arguments.check()?;
    let mut terminated = signal(SignalKind::terminate())?;
    // dropping the run takes its networks down
    let report = tokio::select! {
        report = run::run(&arguments) => report?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    };
    table::print(&report);
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    if let Some(folder) = &arguments.pictures {
        let names = picture::write_all(&report, folder)?;
        println!("\n{} pictures in {}", names.len(), folder.display());
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
