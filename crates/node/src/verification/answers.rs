//! Forms that several routes share.

use alloy_primitives::Address;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use verification::VerificationError;

/// JSON with a status.
pub(super) fn answer(status: StatusCode, value: Value) -> Response {
    (status, axum::Json(value)).into_response()
}

/// An error as Sourcify's API has it, with our own stable code and no more.
pub(super) fn error_value(error: &VerificationError, id: &str) -> Value {
    json!({
        "customCode": error.custom_code(),
        "message": error.report(),
        "errorId": id,
        "code": error.code(),
    })
}

/// The same as an answer.
pub(super) fn refused(error: &VerificationError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(status, error_value(error, "00000000-0000-0000-0000-000000000000"));
    if matches!(error, VerificationError::Busy(_)) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// An address as callers write it: `0x` and 40 digits, in any case.
pub(super) fn address(text: &str) -> Result<Address, VerificationError> {
    let wrong = || VerificationError::Request("the address is not 0x and 40 digits".into());
    match text.len() == 42 && text.starts_with("0x") {
        true => text.parse().map_err(|_| wrong()),
        false => Err(wrong()),
    }
}

/// Milliseconds since the Unix epoch as ISO 8601 in UTC, to the second.
pub(super) fn iso_time(time_ms: u64) -> String {
    let seconds = time_ms / 1_000;
    let (mut days, clock) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1_970;
    while days >= 365 + u64::from(is_leap(year)) && year < 9_999 {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(iso_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso_time(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(iso_time(1_798_761_599_999), "2026-12-31T23:59:59Z");
        assert_eq!(iso_time(1_798_761_600_000), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn addresses_have_one_form() {
        assert!(address(&format!("{:#x}", Address::repeat_byte(0xab))).is_ok());
        assert!(address(&Address::repeat_byte(0xab).to_checksum(None)).is_ok());
        for bad in
            ["", "0x", "../../etc/passwd", "abababababababababababababababababababab", "0xzz"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
