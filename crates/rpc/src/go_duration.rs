//! Durations as Go writes them (`time.ParseDuration`): `5s`, `300ms`, `1m30s`. Tracing options have
//! them.

use std::time::Duration;

/// Reads a duration; `None` where it is none, is negative or has more than 64 bits of
/// nanoseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = 0u128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit_ns, after) = unit(after)?;
        total = total.checked_add(nanoseconds(whole, fraction, unit_ns)?)?;
        rest = after;
    }
    u64::try_from(total).ok().map(Duration::from_nanos)
}

fn nanoseconds(whole: &str, fraction: &str, unit_ns: u128) -> Option<u128> {
    // More digits than nanoseconds can have are cut off, as Go does.
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10u128.pow(fraction.len() as u32);
    let number = |digits: &str| match digits {
        "" => Some(0),
        digits => digits.parse::<u64>().ok().map(u128::from),
    };
    let whole = number(whole)?.checked_mul(unit_ns)?;
    let part = number(fraction)?.checked_mul(unit_ns)? / scale;
    whole.checked_add(part)
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn unit(text: &str) -> Option<(u128, &str)> {
    const UNITS: [(&str, u128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS.iter().find_map(|(name, unit_ns)| Some((*unit_ns, text.strip_prefix(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let ms = |text: &str| parse(text).map(|duration| duration.as_micros());
        for (text, microseconds) in [
            ("5s", 5_000_000),
            ("300ms", 300_000),
            ("1m30s", 90_000_000),
            ("1.5s", 1_500_000),
            (".5s", 500_000),
            ("2h", 7_200_000_000),
            ("7us", 7),
            ("7\u{b5}s", 7),
            ("0", 0),
        ] {
            assert_eq!(ms(text), Some(microseconds), "{text}");
        }
        for bad in ["", "5", "s", "-5s", "5x", "5s3", ".s", "1e3s", "99999999999999999999s", "5 s"]
        {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }
}
