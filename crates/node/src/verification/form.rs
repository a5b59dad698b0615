//! `application/x-www-form-urlencoded`, as bodies and queries have it.

use std::collections::BTreeMap;

use verification::VerificationError;

/// Fields that are read; more are an error.
const FIELDS_MAX: usize = 64;

/// Names and values; a name that comes twice has its last value.
pub(super) fn parse(
    text: &[u8],
    fields: &mut BTreeMap<String, String>,
) -> Result<(), VerificationError> {
    for part in text.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        if fields.len() >= FIELDS_MAX {
            let what = "the number of fields";
            return Err(VerificationError::Limit {
                what,
                found: FIELDS_MAX + 1,
                limit: FIELDS_MAX,
            });
        }
        let end = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let value = part.get(end + 1..).unwrap_or_default();
        fields.insert(decode(&part[..end])?, decode(value)?);
    }
    Ok(())
}

fn decode(text: &[u8]) -> Result<String, VerificationError> {
    let wrong = || VerificationError::Request("the form is not UTF-8 in percent encoding".into());
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(digit).ok_or_else(wrong)?;
                let low = rest.next().and_then(digit).ok_or_else(wrong)?;
                high << 4 | low
            }
            byte => *byte,
        });
    }
    String::from_utf8(out).map_err(|_| wrong())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fields(text: &[u8]) -> Result<BTreeMap<String, String>, VerificationError> {
        let mut fields = BTreeMap::new();
        parse(text, &mut fields).map(|()| fields)
    }

    #[test]
    fn forms_are_read_as_browsers_and_foundry_write_them() {
        let read = fields(b"module=contract&sourceCode=%7B%22a%22%3A+1%7D&name=%e5%90%88&empty&=x")
            .unwrap();
        assert_eq!(read["sourceCode"], "{\"a\": 1}");
        assert_eq!((&*read["name"], &*read["empty"], &*read[""]), ("合", "", "x"));
        for bad in [&b"a=%"[..], b"a=%4", b"a=%zz", b"%ff=1", b"a=\xff"] {
            assert_eq!(fields(bad).unwrap_err().code(), "VER-0001");
        }
        let many = (0..=FIELDS_MAX).map(|index| format!("{index}=1&")).collect::<String>();
        assert_eq!(fields(many.as_bytes()).unwrap_err().code(), "VER-0002");
    }
}
