//! `SOURCE_DATE_EPOCH`: the time in files that equal sources must write with equal bytes.

use crate::error::StartupError;
use std::ffi::OsString;

const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The last second of the year 9999, the last year of RFC 3339.
const MAX: u64 = 253_402_300_799;

/// The time in seconds since 1970. `None` if the variable is not set.
///
/// # Errors
/// The variable is not a number of seconds.
pub(crate) fn source_date() -> Result<Option<u64>, StartupError> {
    read(std::env::var_os(VARIABLE))
}

fn read(value: Option<OsString>) -> Result<Option<u64>, StartupError> {
    let Some(value) = value else { return Ok(None) };
    let seconds = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match seconds.and_then(|text| text.parse().ok()) {
        Some(seconds @ 0..=MAX) => Ok(Some(seconds)),
        _ => Err(StartupError::Usage(format!(
            "{VARIABLE}: invalid time '{}': write seconds since 1970, at most {MAX}",
            value.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use crate::source_date::*;

    #[test]
    fn seconds_are_read() {
        assert_eq!(read(None), Ok(None));
        for (text, expected) in [("0", Some(0)), ("1577934245", Some(1_577_934_245)), ("253402300799", Some(MAX))] {
            assert_eq!(read(Some(text.into())), Ok(expected));
        }
        for text in ["", "+5", "-1", "1.5", "today", "253402300800", "99999999999999999999"] {
            assert!(read(Some(text.into())).is_err_and(|error| error.to_string().contains(text)), "{text}");
        }
    }
}
