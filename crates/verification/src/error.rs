//! Why a contract is not verified, with stable codes (pages in `docs/{en,zh}/errors.md`).

use alloy_primitives::{Address, B256};

use crate::limits;

/// One refusal. Its text has the cause and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// The request has not the form that it must have.
    #[error("the request is not understood: {0}")]
    Request(String),
    /// The request exceeds a limit.
    #[error("{what} {found} exceeds the limit of {limit}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// What was found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// No code at the address.
    #[error("there is no contract at {0:#x}: check address and network")]
    NoCode(Address),
    /// No compiler of this version.
    #[error(
        "this node has no Solidity compiler {wanted} (it has: {known}): ask its operator to add one to \
         verification.solc; without a compiler, post sources and metadata, which declares the sources"
    )]
    NoCompiler {
        /// Version asked for.
        wanted: String,
        /// Versions that there are.
        known: String,
    },
    /// Another chain.
    #[error("this node is of chain {own}, the request is for chain {asked}")]
    OtherChain {
        /// The node's chain id.
        own: u64,
        /// What was asked for.
        asked: String,
    },
    /// The compiler refused the sources.
    #[error("the sources do not compile: {0}")]
    DoesNotCompile(String),
    /// The sources have no such contract.
    #[error("the sources have no contract {0}")]
    NoSuchContract(String),
    /// Other code.
    #[error(
        "the code on the chain is not what these sources and settings compile to: check sources, \
         optimiser, EVM version and libraries"
    )]
    CodeDiffers,
    /// The same code, another metadata hash.
    #[error(
        "the code on the chain names other metadata ({expected}) than these sources and settings have \
         ({found}): something that changes no instruction differs, for example a comment, a file name or \
         a setting"
    )]
    MetadataDiffers {
        /// Hash in the code.
        expected: String,
        /// Hash of what was sent.
        found: String,
    },
    /// A source is not the one that the metadata names.
    #[error("source {name}: {cause}")]
    SourceDiffers {
        /// Its name in the metadata.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The code names no metadata.
    #[error(
        "the code on the chain does not name its metadata by an IPFS hash: compile with \
         settings.metadata.bytecodeHash \"ipfs\" and deploy again"
    )]
    NoMetadataHash,
    /// There is a proof already.
    #[error("the contract at {0:#x} is verified already")]
    AlreadyVerified(Address),
    /// Too much is waited for, worked on, or not yet read; in words.
    #[error("{0}: try again later")]
    Busy(String),
    /// The node cannot store it.
    #[error("the node cannot store the contract: {0}")]
    Store(String),
    /// The compiler did not do its work.
    #[error("the compiler failed: {0}")]
    Compiler(String),
    /// No such job.
    #[error(
        "no verification {0}: it was never asked for, or was forgotten; ask for the contract instead"
    )]
    UnknownJob(String),
    /// The account delegates to code of somebody else (EIP-7702).
    #[error("{address:#x} is an account that delegates to {target:#x}: verify that contract")]
    Delegation {
        /// The account.
        address: Address,
        /// Where its code is.
        target: Address,
    },
    /// The ledger did not answer.
    #[error("the ledger did not answer: {0}")]
    Ledger(String),
}

/// Codes in order, with the words that Sourcify's API has for them and the HTTP status.
pub const CODES: [(&str, &str, u16); 18] = [
    ("VER-0001", "invalid_parameter", 400),
    ("VER-0002", "limit_exceeded", 413),
    ("VER-0003", "contract_not_deployed", 404),
    ("VER-0004", "compiler_unavailable", 400),
    ("VER-0005", "unsupported_chain", 404),
    ("VER-0006", "compiler_error", 400),
    ("VER-0007", "contract_not_found", 400),
    ("VER-0008", "no_match", 400),
    ("VER-0009", "metadata_differs", 400),
    ("VER-0010", "source_differs", 400),
    ("VER-0011", "no_metadata_hash", 400),
    ("VER-0012", "already_verified", 409),
    ("VER-0013", "busy", 429),
    ("VER-0014", "store_failed", 507),
    ("VER-0015", "compiler_failed", 500),
    ("VER-0016", "job_not_found", 404),
    ("VER-0017", "delegated_account", 400),
    ("VER-0018", "ledger_unavailable", 503),
];

impl VerificationError {
    fn row(&self) -> (&'static str, &'static str, u16) {
        let index = match self {
            Self::Request(_) => 0,
            Self::Limit { .. } => 1,
            Self::NoCode(_) => 2,
            Self::NoCompiler { .. } => 3,
            Self::OtherChain { .. } => 4,
            Self::DoesNotCompile(_) => 5,
            Self::NoSuchContract(_) => 6,
            Self::CodeDiffers => 7,
            Self::MetadataDiffers { .. } => 8,
            Self::SourceDiffers { .. } => 9,
            Self::NoMetadataHash => 10,
            Self::AlreadyVerified(_) => 11,
            Self::Busy(_) => 12,
            Self::Store(_) => 13,
            Self::Compiler(_) => 14,
            Self::UnknownJob(_) => 15,
            Self::Delegation { .. } => 16,
            Self::Ledger(_) => 17,
        };
        CODES[index]
    }

    /// The stable code, for example `VER-0008`.
    pub fn code(&self) -> &'static str {
        self.row().0
    }

    /// The word that Sourcify's API has for it, or one of our own where it has none.
    pub fn custom_code(&self) -> &'static str {
        self.row().1
    }

    /// HTTP status of an answer that is this error.
    pub fn status(&self) -> u16 {
        self.row().2
    }

    /// Code and text.
    pub fn report(&self) -> String {
        format!("{}: {self}", self.code())
    }

    pub(crate) fn source(name: &str, cause: impl Into<String>) -> Self {
        Self::SourceDiffers { name: shortened(name), cause: cause.into() }
    }

    pub(crate) fn other_hash(name: &str, expected: B256, found: B256) -> Self {
        Self::source(name, format!("keccak256 is {found}, the metadata says {expected}"))
    }
}

/// Words from outside in a size that fits into a message.
pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= limits::COMPILER_WORDS_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = limits::COMPILER_WORDS_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
