//! Names of a devnet's organisations.

/// Organisations of a devnet.
pub const ORGANISATIONS_MAX: usize = 16;
/// Organisations unless asked otherwise.
pub const ORGANISATIONS_DEFAULT: usize = 4;

const NAMES: [&str; ORGANISATIONS_MAX] = [
    "Bank A",
    "Supplier B",
    "Court C",
    "Regulator R",
    "Insurer D",
    "Carrier E",
    "Notary F",
    "Warehouse G",
    "Factory H",
    "Retailer I",
    "Auditor J",
    "Customs K",
    "University L",
    "Hospital M",
    "Port N",
    "Utility P",
];

/// The first `count` names.
pub fn names(count: usize) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().take(count)
}

/// Name of the organisation's folder: `Bank A` becomes `bank-a`.
pub fn short_name(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn short_names_are_different_and_fit_a_path() {
        let short: BTreeSet<String> = names(ORGANISATIONS_MAX).map(short_name).collect();
        assert_eq!(short.len(), ORGANISATIONS_MAX);
        let fits = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(short.iter().all(|name| name.chars().all(fits)));
    }
}
