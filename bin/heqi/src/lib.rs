//! The `heqi` program as a library, so that everything in it can be tested without a process.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 mistake
//! of the user, 2 refused, 3 unreachable, 4 too slow, 5 no space.

mod arguments;
mod dev;
pub mod devnet;
mod doctor;
pub mod error;
mod genesis;
pub mod http;
mod init;
mod keys;
mod language;
mod signals;
mod snapshot;
mod status;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use arguments::{Arguments, Command, GenesisCommand, InitCommand, KeysCommand, NodeCommand};
use error::CliError;
use language::Language;

/// What a command prints and how.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Language of text for people.
    pub language: Language,
    /// Whether data is printed as JSON.
    pub json: bool,
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing can only fail where nobody reads.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 1 } else { 0 });
        }
    };
    let language = Language::choose(arguments.lang, |name| std::env::var(name).ok());
    let output = Output { language, json: arguments.output.is_json() };
    match execute(arguments.command, output) {
        Ok(exit) => exit,
        Err(error) => {
            if !error.is_reported() {
                eprintln!("{}", error.report(language));
            }
            ExitCode::from(error.exit())
        }
    }
}

fn execute(command: Command, output: Output) -> Result<ExitCode, CliError> {
    let done = match command {
        Command::Doctor(request) => {
            let healthy = doctor::run(&request, output)?;
            return Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Node { command } => match command {
            NodeCommand::Run { config, stop_with_parent } => run_node(&config, stop_with_parent),
            NodeCommand::ConfigReference => {
                print!("{}", node::config::reference(output.language.of_reference()));
                Ok(())
            }
        },
        Command::Init { command: InitCommand::Solidity(request) } => {
            init::solidity(&request, output)
        }
        Command::Keys { command } => match command {
            KeysCommand::New { out } => keys::new(&out, output),
            KeysCommand::Show { file } => keys::show(&file, output),
        },
        Command::Genesis { command } => match command {
            GenesisCommand::New(request) => genesis::new(&request, output),
            GenesisCommand::Hash { file } => genesis::hash(&file, output),
            GenesisCommand::Check { file } => genesis::check(&file, output),
        },
        Command::Snapshot { command } => snapshot::execute(command, output),
        Command::Status { rpc } => status::show(&rpc, output),
        Command::Devnet { command } => devnet::execute(command, output),
        Command::Dev(request) => dev::run(&request, output),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// A JSON log carries the error itself: it is not printed a second time.
fn run_node(config: &std::path::Path, stop_with_parent: bool) -> Result<(), CliError> {
    let config = node::config::Config::from_file(config)?;
    node::run::run(&config, stop_with_parent).map_err(|failure| {
        let error = CliError::from(failure.error);
        if failure.logged { error.reported() } else { error }
    })
}
