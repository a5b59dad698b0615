//! Errors of the command line: one table of codes with exit codes; texts are in the catalogue.

use node::{error::NodeError, error_code::ErrorCode};

use crate::language::Language;

/// A code with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CliCode {
    /// The stable code.
    pub code: ErrorCode,
    /// Exit code: 1 mistake of the user, 2 refused, 3 unreachable, 4 too slow.
    pub exit: u8,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $exit:literal, $summary:literal;)*) => {
        $($(#[$doc])* pub const $name: CliCode =
            CliCode { code: ErrorCode { id: $id, summary: $summary }, exit: $exit };)*
        /// Every code of the command line, in order.
        pub const ALL: &[CliCode] = &[$($name),*];
    };
}

codes! {
    /// The folder is no devnet.
    NO_DEVNET = "CLI-0001", 1, "no devnet in the folder";
    /// A number of organisations that is not supported or not the network's.
    ORGANISATIONS = "CLI-0002", 1, "number of organisations not possible";
    /// A port is taken or cannot exist.
    PORTS = "CLI-0003", 1, "port not free";
    /// No such organisation.
    UNKNOWN_ORGANISATION = "CLI-0004", 1, "no such organisation";
    /// The network runs already.
    RUNNING = "CLI-0005", 2, "devnet already running";
    /// A node ended while it started.
    NODE_ENDED = "CLI-0006", 1, "node ended at start";
    /// Block 1 did not become final in time.
    NOT_FINAL = "CLI-0007", 4, "no final block in time";
    /// No connection.
    UNREACHABLE = "CLI-0008", 3, "node not reachable";
    /// An answer that is not understood.
    ANSWER = "CLI-0009", 3, "answer not understood";
    /// A file would be overwritten.
    EXISTS = "CLI-0010", 2, "file exists";
    /// A file cannot be read or written.
    FILE = "CLI-0011", 1, "file cannot be used";
    /// An argument is wrong.
    ARGUMENT = "CLI-0012", 1, "argument not understood";
    /// A node did not stop in time.
    NOT_STOPPED = "CLI-0013", 4, "node did not stop in time";
    /// Another command works on the same network.
    BUSY = "CLI-0014", 2, "devnet busy with another command";
    /// The node answered too slowly.
    TIMEOUT = "CLI-0015", 4, "answer too slow";
    /// A process could not be started.
    PROCESS = "CLI-0016", 1, "process could not be started";
    /// A node did not join.
    JOIN = "CLI-0017", 1, "node did not join the devnet";
    /// A file of a snapshot is missing, damaged or does not belong to it.
    SNAPSHOT_DAMAGED = "CLI-0018", 2, "snapshot damaged or incomplete";
    /// A snapshot is whole and says what the genesis file does not prove.
    SNAPSHOT_UNPROVED = "CLI-0019", 2, "snapshot not proved by the genesis file";
    /// A folder or store of snapshots cannot be used.
    SNAPSHOT_PLACE = "CLI-0020", 1, "place of snapshots cannot be used";
    /// A node has no state to make a snapshot of.
    SNAPSHOT_ABSENT = "CLI-0021", 4, "no state for a snapshot";
    /// An option of a development ledger has no meaning.
    DEV_OPTION = "CLI-0022", 1, "development ledger not possible";
    /// A development ledger was to keep its state among a node's data.
    DEV_NODE_FOLDER = "CLI-0023", 2, "data folder of a node";
    /// The port of a development ledger is taken.
    DEV_PORT = "CLI-0024", 1, "port of the development ledger not free";
}

/// An error as the user sees it.
#[derive(Debug)]
pub struct CliError {
    kind: Kind,
    reported: bool,
}

#[derive(Debug)]
enum Kind {
    Own { code: CliCode, values: Vec<(&'static str, String)> },
    Node(Box<NodeError>),
}

impl CliError {
    /// An error whose catalogue texts are filled with `values`.
    pub fn new(code: CliCode, values: Vec<(&'static str, String)>) -> Self {
        Self { kind: Kind::Own { code, values }, reported: false }
    }

    /// A file that cannot be used.
    pub fn file(path: &std::path::Path, cause: impl ToString) -> Self {
        let values = vec![("path", path.display().to_string()), ("cause", cause.to_string())];
        Self::new(FILE, values)
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match &self.kind {
            Kind::Own { code, .. } => code.code,
            Kind::Node(error) => error.code(),
        }
    }

    /// What is wrong, in English: for the doctor, which has its own words around it.
    pub fn cause(&self) -> String {
        match &self.kind {
            Kind::Own { code, values } => {
                Language::En.text(&format!("error.{}.cause", code.code.id), values)
            }
            Kind::Node(error) => error.to_string(),
        }
    }

    /// The process's exit code.
    pub fn exit(&self) -> u8 {
        match &self.kind {
            Kind::Own { code, .. } => code.exit,
            Kind::Node(error) => error.exit_code(),
        }
    }

    /// Marks the error as shown already.
    #[must_use]
    pub fn reported(self) -> Self {
        Self { reported: true, ..self }
    }

    /// Whether it was shown already.
    pub fn is_reported(&self) -> bool {
        self.reported
    }

    /// Code, cause and next step.
    pub fn report(&self, language: Language) -> String {
        match &self.kind {
            Kind::Node(error) => error.report(),
            Kind::Own { code, values } => {
                let id = code.code.id;
                let cause = language.text(&format!("error.{id}.cause"), values);
                let next = language.text(&format!("error.{id}.next"), values);
                let label = language.text("next", &[]);
                format!("error[{id}]: {cause}\n  {label}: {next}")
            }
        }
    }
}

impl From<NodeError> for CliError {
    fn from(error: NodeError) -> Self {
        Self { kind: Kind::Node(Box::new(error)), reported: false }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codes_count_up_and_have_texts_in_both_languages() {
        for (index, code) in ALL.iter().enumerate() {
            assert_eq!(code.code.id, format!("CLI-{:04}", index + 1));
            assert!((1..=4).contains(&code.exit));
            for language in [Language::En, Language::Zh] {
                let report = CliError::new(*code, Vec::new()).report(language);
                assert!(!report.contains("error.CLI"), "{report}");
            }
        }
    }

    #[test]
    fn each_code_has_its_page_in_both_languages() {
        for path in ["../../docs/en/errors.md", "../../docs/zh/errors.md"] {
            let text = std::fs::read_to_string(path).unwrap();
            for code in ALL {
                let id = code.code.id;
                assert!(text.contains(&format!("\n### {id} ")), "{path}: {id}");
            }
        }
    }
}
