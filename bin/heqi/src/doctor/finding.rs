//! One thing that the doctor found.

use serde_json::{Value, json};

use crate::language::Language;

/// How bad it is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Works, and should be looked at.
    Warning,
    /// Does not work, or harms the network.
    Problem,
}

impl Severity {
    /// Stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident;)*) => {
        $($(#[$doc])* pub const $name: Kind =
            Kind { code: $code, severity: Severity::$severity };)*
        /// Every kind of finding.
        #[cfg(test)]
        pub const ALL: &[Kind] = &[$($name),*];
    };
}

/// What kind of finding: its texts stand in the catalogue as `doctor.CODE.what`, `.cause`, `.next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable word.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
}

kinds! {
    /// Something that would keep a node from starting.
    CANNOT_START = "cannot_start", Problem;
    /// No data folder yet.
    NEVER_STARTED = "never_started", Note;
    /// The node does not run.
    NOT_RUNNING = "not_running", Warning;
    /// What the chain store holds.
    STORE_OPENS = "store_opens", Note;
    /// The key is none of the genesis validators'.
    KEY_NO_VALIDATOR = "key_no_validator", Note;
    /// Free space below the warning.
    DISK_LOW = "disk_low", Warning;
    /// No answer.
    UNREACHABLE = "unreachable", Problem;
    /// The ledger is being opened.
    STARTING = "starting_up", Warning;
    /// `/readyz` says no.
    NOT_READY = "not_ready", Problem;
    /// Too few validators connected, or too few vote.
    NO_QUORUM = "no_quorum", Problem;
    /// The ledger does not advance.
    STALLED = "stalled", Problem;
    /// Blocks are being caught up.
    CATCHING_UP = "catching_up", Warning;
    /// A store of the node is behind.
    STORE_BEHIND = "store_behind", Problem;
    /// A validator is not connected.
    VALIDATOR_MISSING = "validator_missing", Warning;
    /// A connected validator does not vote.
    VALIDATOR_SILENT = "validator_silent", Warning;
    /// A validator's clock differs.
    CLOCK_OF_VALIDATOR = "clock_of_validator", Warning;
    /// The node's clock differs from those of the others.
    CLOCK_OF_NODE = "clock_of_node", Problem;
    /// The node's clock differs from this machine's.
    CLOCK_HERE = "clock_here", Warning;
    /// A validator signed conflicting votes.
    EVIDENCE = "evidence", Problem;
    /// Blocks whose execution on the node differed.
    DIVERGENCE = "divergence", Problem;
    /// The same, of a node whose files are not here.
    DIVERGENCE_REMOTE = "divergence_remote", Problem;
    /// The node is a validator that does not know what its key signed before.
    ABSTAINING = "abstaining", Warning;
    /// The node gave up damaged or too old stores and fetched the state anew.
    STORES_GIVEN_UP = "stores_given_up", Note;
    /// The node does not vote.
    NOT_VOTING = "not_voting", Note;
    /// Nodes of different networks.
    OTHER_NETWORK = "other_network", Problem;
    /// Different blocks at one height.
    OTHER_BLOCK = "other_block", Problem;
    /// Different states at one height.
    OTHER_STATE = "other_state", Problem;
    /// A node is behind the others.
    BEHIND_OTHERS = "behind_others", Warning;
    /// Different releases.
    OTHER_VERSION = "other_version", Warning;
}

/// A finding with what fills its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// Which node or folder.
    pub place: String,
    /// Fills the places in the texts.
    pub values: Vec<(&'static str, String)>,
}

impl Finding {
    /// A finding about `place`.
    pub fn new(kind: Kind, place: &str, values: Vec<(&'static str, String)>) -> Self {
        Self { kind, place: place.into(), values }
    }

    fn part(&self, part: &str, language: Language) -> String {
        language.text(&format!("doctor.{}.{part}", self.kind.code), &self.values)
    }

    /// For people.
    pub fn human(&self, language: Language) -> String {
        let severity = match self.kind.severity {
            Severity::Note => language.text("severity_note", &[]),
            Severity::Warning => language.text("severity_warning", &[]),
            Severity::Problem => language.text("severity_problem", &[]),
        };
        let [what, cause, next] = ["what", "cause", "next"].map(|part| self.part(part, language));
        let (cause_label, next_label) = (language.text("cause", &[]), language.text("next", &[]));
        format!(
            "{severity}[{}] {}: {what}\n  {cause_label}: {cause}\n  {next_label}: {next}",
            self.kind.code, self.place
        )
    }

    /// For programs.
    pub fn json(&self, language: Language) -> Value {
        json!({
            "severity": self.kind.severity.name(),
            "code": self.kind.code,
            "place": self.place,
            "what": self.part("what", language),
            "cause": self.part("cause", language),
            "next": self.part("next", language),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_texts_in_both_languages() {
        for kind in ALL {
            for language in [Language::En, Language::Zh] {
                let finding = Finding::new(*kind, "here", Vec::new());
                for part in ["what", "cause", "next"] {
                    let text = finding.part(part, language);
                    assert!(!text.starts_with("doctor."), "{text}");
                }
                assert!(finding.human(language).contains(kind.code));
            }
        }
    }

    #[test]
    fn no_text_is_left_over() {
        for catalogue in ["messages/en.toml", "messages/zh.toml"] {
            let text = std::fs::read_to_string(catalogue).unwrap_or_default();
            let keys = text.lines().filter_map(|line| line.strip_prefix("\"doctor."));
            for key in keys {
                let code = key.split('.').next().unwrap_or_default();
                assert!(ALL.iter().any(|kind| kind.code == code), "{catalogue}: {code}");
            }
        }
    }
}
