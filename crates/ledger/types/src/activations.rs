//! Features of the protocol that hold from a height on: which ones there are, and when a ledger
//! has them.
//!
//! The genesis file names them (`parameters.activations`). A release that does not know a name must
//! not run blocks from its height on: it would execute them by the wrong rules.

use std::collections::BTreeMap;

use crate::Parameters;

/// Features that one ledger may name.
pub const ACTIVATIONS_MAX: usize = 64;
/// Longest name of a feature, bytes.
pub const FEATURE_NAME_BYTES_MAX: usize = 64;
/// Lowest height of an activation: block 1 applies the genesis file.
const HEIGHT_MIN: u64 = 2;
/// Highest height of an activation; JSON numbers beyond it are not exact everywhere.
const HEIGHT_MAX: u64 = (1 << 53) - 1;

/// A feature that this release knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Ethereum's Osaka revision of the EVM: the cap of 2^24 gas per transaction (EIP-7825), `CLZ`
    /// (EIP-7939), the precompiled contract for secp256r1 (EIP-7951), new prices and bounds of
    /// `MODEXP` (EIP-7823, EIP-7883).
    Osaka,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Osaka];

    /// Its name in the genesis file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Osaka => "osaka",
        }
    }

    fn knows(name: &str) -> bool {
        Self::ALL.iter().any(|feature| feature.name() == name)
    }
}

/// A feature that a ledger has from a height on and that this release does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` holds from block {height} on and is not known to this release")]
pub struct UnknownActivation {
    /// Its name.
    pub name: String,
    /// First block under it.
    pub height: u64,
}

impl Parameters {
    /// First block under a feature, `None` where the ledger never has it.
    pub fn activation(&self, feature: Feature) -> Option<u64> {
        self.activations.get(feature.name()).copied()
    }

    /// Whether the block at `height` is under a feature.
    pub fn is_active(&self, feature: Feature, height: u64) -> bool {
        self.activation(feature).is_some_and(|activation| height >= activation)
    }

    /// The first feature that this release does not know.
    pub fn unknown_activation(&self) -> Option<UnknownActivation> {
        let unknown = self.activations.iter().filter(|(name, _)| !Feature::knows(name));
        let first = unknown.min_by_key(|(_, height)| **height);
        first.map(|(name, height)| UnknownActivation { name: name.clone(), height: *height })
    }

    /// Whether this release knows the rules of the block at `height`.
    ///
    /// # Errors
    /// It does not know a feature that holds there.
    pub fn check_known_at(&self, height: u64) -> Result<(), UnknownActivation> {
        match self.unknown_activation() {
            Some(unknown) if height >= unknown.height => Err(unknown),
            _ => Ok(()),
        }
    }
}

/// The first entry that breaks a bound.
pub(crate) fn check(activations: &BTreeMap<String, u64>) -> Result<(), String> {
    if activations.len() > ACTIVATIONS_MAX {
        let found = activations.len();
        return Err(format!(
            "parameters.activations has {found} entries, allowed are {ACTIVATIONS_MAX}"
        ));
    }
    for (name, height) in activations {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > FEATURE_NAME_BYTES_MAX || !name.chars().all(known) {
            return Err(format!(
                "parameters.activations: {name:.80?} is no name of 1 to {FEATURE_NAME_BYTES_MAX} \
                 small letters, digits and hyphens"
            ));
        }
        if !(HEIGHT_MIN..=HEIGHT_MAX).contains(height) {
            return Err(format!(
                "parameters.activations.{name} is {height}, allowed are {HEIGHT_MIN} to {HEIGHT_MAX}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn with(entries: &[(&str, u64)]) -> Parameters {
        let activations = entries.iter().map(|(name, height)| ((*name).into(), *height)).collect();
        Parameters { activations, ..Parameters::default() }
    }

    #[test]
    fn a_feature_holds_from_its_height_on() {
        let parameters = with(&[("osaka", 100)]);
        parameters.check().unwrap();
        assert!(!parameters.is_active(Feature::Osaka, 99));
        assert!(parameters.is_active(Feature::Osaka, 100));
        assert!(!Parameters::default().is_active(Feature::Osaka, u64::MAX));
        assert_eq!(parameters.unknown_activation(), None);
    }

    #[test]
    fn what_is_not_known_is_named_before_it_holds_and_refused_when_it_does() {
        let parameters = with(&[("later", 300), ("osaka", 100), ("sooner", 200)]);
        parameters.check().unwrap();
        let unknown = UnknownActivation { name: "sooner".into(), height: 200 };
        assert_eq!(parameters.unknown_activation(), Some(unknown.clone()));
        assert_eq!(parameters.check_known_at(199), Ok(()));
        assert_eq!(parameters.check_known_at(200), Err(unknown));
    }

    #[test]
    fn odd_names_and_heights_are_refused() {
        for entry in
            [("", 5), ("Osaka", 5), ("a b", 5), ("osaka", 0), ("osaka", 1), ("osaka", 1 << 53)]
        {
            assert!(with(&[entry]).check().is_err(), "{entry:?}");
        }
        let many: Vec<String> = (0..=ACTIVATIONS_MAX).map(|index| format!("x{index}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|name| (name.as_str(), 5)).collect();
        assert!(with(&many).check().is_err());
    }

    #[test]
    fn the_parameters_commit_to_activations_and_without_any_are_what_they_were() {
        let none = Parameters::default();
        let osaka = with(&[("osaka", 100)]);
        assert_ne!(osaka.to_rlp(), with(&[("osaka", 101)]).to_rlp());
        // One more item of the list: [["osaka", 100]].
        let (before, after) = (none.to_rlp(), osaka.to_rlp());
        assert_eq!(after[1..after.len() - 9], before[1..]);
        assert_eq!(after[after.len() - 9..], *b"\xc8\xc7\x85osaka\x64");
        let text = serde_json::to_string(&none).unwrap();
        assert!(!text.contains("activations"), "{text}");
        let text = serde_json::to_string(&osaka).unwrap();
        assert_eq!(serde_json::from_str::<Parameters>(&text).unwrap(), osaka);
    }
}
