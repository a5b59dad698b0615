//! The command line.

use std::path::PathBuf;

use alloy_primitives::Address;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{dev::DevRequest, language::Language};

/// Heqi (合契): a ledger that several organisations run together.
#[derive(Debug, Parser)]
#[command(name = "heqi", version, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    /// Language of text for people (default: from the locale).
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Language>,
    /// Form of data.
    #[arg(short, long, global = true, value_enum, default_value_t = OutputForm::Human)]
    pub output: OutputForm,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Form of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people.
    Human,
    /// One JSON value.
    Json,
}

impl OutputForm {
    /// Whether data is printed as JSON.
    pub fn is_json(self) -> bool {
        self == Self::Json
    }
}

/// Nouns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A node.
    Node {
        /// Verb.
        #[command(subcommand)]
        command: NodeCommand,
    },
    /// Node keys.
    Keys {
        /// Verb.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Genesis files.
    Genesis {
        /// Verb.
        #[command(subcommand)]
        command: GenesisCommand,
    },
    /// Snapshots: the state of a running node in a folder or an S3-compatible store, and new nodes
    /// from it.
    Snapshot {
        /// Verb.
        #[command(subcommand)]
        command: SnapshotCommand,
    },
    /// Where a node stands.
    Status {
        /// URL of the node.
        #[arg(long, env = "ETH_RPC_URL", default_value = "http://127.0.0.1:8545")]
        rpc: String,
    },
    /// What is wrong with a node or a network, why, and what to do. Without options: node.toml or
    /// devnet in the current folder, else the node on this machine.
    Doctor(DoctorRequest),
    /// A ledger of one process for development, with the options and methods of anvil and Hardhat.
    Dev(DevRequest),
    /// Projects for developers of contracts.
    Init {
        /// What kind.
        #[command(subcommand)]
        command: InitCommand,
    },
    /// A whole network on this machine, for development.
    Devnet {
        /// Verb.
        #[command(subcommand)]
        command: DevnetCommand,
    },
}

/// What `heqi doctor` looks at.
#[derive(Clone, Debug, Default, Args)]
pub struct DoctorRequest {
    /// Nodes to ask and compare, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub rpc: Vec<String>,
    /// Configuration file of a node, running or not.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Data folder without a configuration.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Folder of a devnet: all of its nodes.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// The same as `--output json`.
    #[arg(long)]
    pub json: bool,
}

/// Verbs of `heqi node`.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Run a node until SIGINT or SIGTERM.
    Run {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Stop when standard input ends.
        #[arg(long, hide = true)]
        stop_with_parent: bool,
    },
    /// Print every configuration key as a Markdown page.
    ConfigReference,
}

/// Verbs of `heqi keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a node key; an existing file is never overwritten.
    New {
        /// File to write.
        #[arg(long, default_value = "node-key.pem")]
        out: PathBuf,
    },
    /// Print the public key of a node key file.
    Show {
        /// File to read.
        #[arg(default_value = "node-key.pem")]
        file: PathBuf,
    },
}

/// Verbs of `heqi genesis`.
#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Write a genesis file; an existing file is never overwritten.
    New(GenesisRequest),
    /// Print the genesis hash.
    Hash {
        /// File to read.
        #[arg(default_value = "genesis.json")]
        file: PathBuf,
    },
    /// Check a genesis file and print what it says.
    Check {
        /// File to read.
        #[arg(default_value = "genesis.json")]
        file: PathBuf,
    },
}

/// What a new genesis says.
#[derive(Clone, Debug, Args)]
pub struct GenesisRequest {
    /// File to write.
    #[arg(long, default_value = "genesis.json")]
    pub out: PathBuf,
    /// EIP-155 chain id.
    #[arg(long)]
    pub chain_id: u64,
    /// A validator as `ORGANISATION=PUBLIC_KEY`; once per validator.
    #[arg(long = "validator", required = true)]
    pub validators: Vec<String>,
    /// An observer as `NAME=PUBLIC_KEY@IP:PORT`; once per observer.
    #[arg(long = "observer")]
    pub observers: Vec<String>,
    /// Account that may set the next validator set.
    #[arg(long)]
    pub validator_admin: Address,
    /// A balance as `ADDRESS=WEI`; once per account.
    #[arg(long = "alloc")]
    pub allocation: Vec<String>,
    /// dev, prod or conformance.
    #[arg(long, default_value = "prod")]
    pub profile: String,
}

/// Kinds of `heqi init`.
#[derive(Debug, Subcommand)]
pub enum InitCommand {
    /// A Foundry and a Hardhat 3 project with a contract, its test and its deployment, ready for a
    /// network; nothing is overwritten.
    Solidity(InitRequest),
}

/// What `heqi init solidity` is asked for.
#[derive(Clone, Debug, Args)]
pub struct InitRequest {
    /// Folder to write, absent or empty.
    #[arg(default_value = "solidity")]
    pub dir: PathBuf,
    /// URL of a node of the network.
    #[arg(long, env = "ETH_RPC_URL", default_value = "http://127.0.0.1:8545")]
    pub rpc: String,
    /// EIP-155 chain id (default: the node is asked).
    #[arg(long)]
    pub chain_id: Option<u64>,
}

/// Verbs of `heqi snapshot`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Write a snapshot of a running node, which goes on meanwhile.
    Create(SnapshotCreateRequest),
    /// Check every byte of a snapshot against the genesis file.
    Verify(SnapshotVerifyRequest),
    /// Make the data folder of a new node out of a snapshot.
    Restore(SnapshotRestoreRequest),
}

/// How an S3-compatible store is reached. Credentials, region and endpoint come from the environment:
/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL.
#[derive(Clone, Copy, Debug, Args)]
pub struct StoreOptions {
    /// Reach the store without TLS as well: everybody on the way can read and change the snapshot.
    #[arg(long)]
    pub allow_http: bool,
}

/// What `heqi snapshot create` is asked for.
#[derive(Clone, Debug, Args)]
pub struct SnapshotCreateRequest {
    /// Where to write it: a folder that is absent or empty, or s3://bucket/prefix without any file.
    #[arg(long)]
    pub to: String,
    /// How a store is reached.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Configuration of the node to ask, for its address and genesis file.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// URL of the node to ask (default: from --config, else http://127.0.0.1:8545).
    #[arg(long)]
    pub rpc: Option<String>,
    /// Genesis file that the node's answers are checked with (default: from --config, else
    /// genesis.json).
    #[arg(long)]
    pub genesis: Option<PathBuf>,
}

/// What `heqi snapshot verify` is asked for.
#[derive(Clone, Debug, Args)]
pub struct SnapshotVerifyRequest {
    /// Where the snapshot is: a folder or s3://bucket/prefix.
    #[arg(long)]
    pub from: String,
    /// How a store is reached.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Genesis file of the network.
    #[arg(long, default_value = "genesis.json")]
    pub genesis: PathBuf,
}

/// What `heqi snapshot restore` is asked for.
#[derive(Clone, Debug, Args)]
pub struct SnapshotRestoreRequest {
    /// Where the snapshot is: a folder or s3://bucket/prefix.
    #[arg(long)]
    pub from: String,
    /// How a store is reached.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Genesis file of the network.
    #[arg(long, default_value = "genesis.json")]
    pub genesis: PathBuf,
    /// Data folder to make; absent or empty.
    #[arg(long)]
    pub data: PathBuf,
}

/// Verbs of `heqi devnet`.
#[derive(Debug, Subcommand)]
pub enum DevnetCommand {
    /// Make or continue a network; stays until Ctrl-C unless detached.
    Up(UpRequest),
    /// Stop all nodes.
    Down {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
    },
    /// Show all nodes.
    Status {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
    },
    /// Stop the node of one organisation.
    Stop {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
        /// Name, short name or node number (`bank-a`, `node1`, `1`).
        org: String,
    },
    /// Start the node of one organisation.
    Start {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
        /// Name, short name or node number (`bank-a`, `node1`, `1`).
        org: String,
    },
    /// Add a node to a running network and wait until it follows, or votes.
    Join(JoinRequest),
    /// Stop all nodes and forget the chain; keys and ports stay, the chain id is new.
    Reset {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
    },
    /// Show the development accounts with their keys.
    Accounts {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
    },
    /// Print shell variables: eval "$(heqi devnet env)".
    Env {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
    },
    /// Show the end of the nodes' logs.
    Logs {
        /// Folder of the network.
        #[command(flatten)]
        place: Place,
        /// Name, short name or node number; all nodes without it.
        org: Option<String>,
        /// Lines of each node.
        #[arg(short = 'n', long, default_value_t = 50)]
        lines: usize,
    },
}

/// Where the network's files are.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Folder of the network.
    #[arg(long, default_value = "devnet")]
    pub dir: PathBuf,
}

/// What `heqi devnet up` is asked for.
#[derive(Clone, Debug, Args)]
pub struct UpRequest {
    /// Folder of the network.
    #[command(flatten)]
    pub place: Place,
    /// Organisations, 1 to 16 (default 4); an existing network keeps its number.
    #[arg(long)]
    pub orgs: Option<usize>,
    /// RPC port of the first node; node i has this plus 10 · (i − 1), its p2p port is one higher.
    /// Default: 8545, or the next free range.
    #[arg(long)]
    pub port_base: Option<u16>,
    /// Return once block 1 is final and let the nodes run on.
    #[arg(long)]
    pub detach: bool,
    /// Give the development accounts a balance (a new network only).
    #[arg(long)]
    pub fund: bool,
}

/// What `heqi devnet join` is asked for.
#[derive(Clone, Debug, Args)]
pub struct JoinRequest {
    /// Folder of the network.
    #[command(flatten)]
    pub place: Place,
    /// Name of its organisation, in Latin letters; default: the next free one.
    #[arg(long)]
    pub name: Option<String>,
    /// It follows and serves without voting (the default).
    #[arg(long, conflicts_with = "validator")]
    pub observer: bool,
    /// It votes from one of the next epochs on.
    #[arg(long)]
    pub validator: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_script_contract_parses() {
        for line in [
            "heqi devnet up --dir D --orgs 7 --port-base 9000 -o json --detach",
            "heqi devnet up --dir D",
            "heqi devnet start --dir D node2",
            "heqi devnet stop --dir D Court",
            "heqi devnet down --dir D",
            "heqi devnet join --dir D --name Regulator --observer",
            "heqi devnet join --validator",
            "heqi -o json devnet status",
            "heqi devnet logs 1 -n 5",
            "heqi node run --config node.toml",
            "heqi status --rpc http://127.0.0.1:1",
            "heqi snapshot create --to D --config node.toml",
            "heqi -o json snapshot create --to D --rpc http://127.0.0.1:1 --genesis G",
            "heqi snapshot verify --from D",
            "heqi snapshot verify --from s3://bucket/prefix --allow-http",
            "heqi snapshot restore --from D --genesis G --data X",
            "heqi init solidity",
            "heqi init solidity D --rpc https://node.example --chain-id 4242",
            "heqi doctor",
            "heqi doctor --rpc http://127.0.0.1:1,http://127.0.0.1:2 --json",
            "heqi doctor --dir D",
            "heqi doctor --config node.toml --lang zh",
            "heqi --lang zh devnet env",
        ] {
            Arguments::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
        }
        assert!(Arguments::try_parse_from(["heqi", "devnet", "up", "--colour"]).is_err());
    }
}
