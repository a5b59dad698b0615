//! Finds the key that a mistyped one was probably meant to be.

/// Longest key that is compared, characters; longer ones are no typing mistakes.
const COMPARED_CHARACTERS_MAX: usize = 64;

/// The candidate with the fewest edits, if few enough for a typing mistake. A candidate's last
/// part counts too, so that a known name in the wrong section is found.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    if wrong.chars().count() > COMPARED_CHARACTERS_MAX {
        return None;
    }
    let name = last(&wrong);
    candidates
        .map(|candidate| {
            let whole = (edits(&wrong, candidate), 0);
            let name_only = (edits(name, last(candidate)), 1);
            (whole.min(name_only), candidate)
        })
        .filter(|((count, _), candidate)| *count <= 1.max(last(candidate).chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal
/// string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["data_dir", "rpc.listen", "p2p.listen", "rpc.allowed_hosts"];

    #[test]
    fn counts_edits() {
        for (a, b, count) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("abc", "abc", 0), ("listne", "listen", 1)]
        {
            assert_eq!(edits(a, b), count, "{a} {b}");
        }
    }

    #[test]
    fn finds_typing_mistakes_and_nothing_else() {
        let found = |wrong| nearest(wrong, KEYS.into_iter());
        assert_eq!(found("rpc.lisen"), Some("rpc.listen"));
        assert_eq!(found("p2p.lsiten"), Some("p2p.listen"));
        assert_eq!(found("datadir"), Some("data_dir"));
        assert_eq!(found("Data-Dir"), Some("data_dir"));
        assert_eq!(found("allowed_host"), Some("rpc.allowed_hosts"));
        assert_eq!(found("colour"), None);
        assert_eq!(found(&"x".repeat(1_000_000)), None);
    }
}
