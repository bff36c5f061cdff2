//! Values of options: numbers, sizes, times and file modes. Each can be written again in the form that it is read in.

use glasshouse_core::config::options;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, such as `64M`. The units are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        options::size(text).map(ByteSize).map_err(String::from)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
        match units.into_iter().find(|(shift, _)| self.0 != 0 && self.0.trailing_zeros() >= *shift) {
            Some((shift, letter)) => write!(f, "{}{letter}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

impl ByteSize {
    /// Reads a size within bounds.
    pub(crate) fn within(text: &str, bounds: RangeInclusive<u64>) -> Result<ByteSize, String> {
        let size: ByteSize = text.parse()?;
        match bounds.contains(&size.0) {
            true => Ok(size),
            false => Err(format!("give a size from {} to {}", ByteSize(*bounds.start()), ByteSize(*bounds.end()))),
        }
    }
}

/// The largest number of things: more than any machine has, so it means no limit.
pub(crate) const MANY: usize = 1_000_000_000;

/// Reads a number of things, at least one.
pub(crate) fn count(text: &str, bounds: RangeInclusive<usize>) -> Result<NonZeroUsize, String> {
    let number = digits(text).and_then(|digits| digits.parse().ok()).filter(|number| bounds.contains(number));
    number
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("give a whole number from {} to {}", bounds.start(), bounds.end()))
}

/// Reads a TCP port.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    let port = digits(text).and_then(|digits| digits.parse().ok());
    port.ok_or_else(|| "give a number from 0 to 65535; 0 selects any free port".to_owned())
}

/// A number without a sign, which the standard library would accept.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// A time span, such as `500ms`, `10s` or `2m`; a plain number is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeSpan(pub Duration);

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeSpan, String> {
        let error = || format!("invalid time '{text}'; give one such as 500ms, 10s or 2m");
        let time = match text.parse() {
            Ok(seconds) if digits(text).is_some() => Duration::from_secs(seconds),
            _ => humantime::parse_duration(text).map_err(|_| error())?,
        };
        // The clock of the system may overflow beyond a century.
        (time.as_secs() <= 100 * 366 * 24 * 3600).then_some(TimeSpan(time)).ok_or_else(error)
    }
}

impl TimeSpan {
    /// Reads a time of at least `least`. With less, no request would get a response.
    pub(crate) fn at_least(text: &str, least: Duration) -> Result<TimeSpan, String> {
        let time: TimeSpan = text.parse()?;
        match time.0 >= least {
            true => Ok(time),
            false => Err(format!("too short; give {} or more, such as 500ms, 10s or 2m", TimeSpan(least))),
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// The mode of a file, in octal, such as `660`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileMode(pub u32);

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<FileMode, String> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
        mode.map(FileMode).ok_or_else(|| format!("invalid file mode '{text}'; give one in octal such as 600 or 660"))
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_can_be_written() {
        for (text, bytes, again) in
            [("0", 0, "0"), ("64M", 64 << 20, "64M"), ("1025", 1025, "1025"), ("2048", 2048, "2K")]
        {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, again));
        }
        for (text, millis, again) in
            [("10", 10_000, "10s"), ("500ms", 500, "500ms"), ("90s", 90_000, "1m 30s"), ("0", 0, "0s")]
        {
            let time: TimeSpan = text.parse().unwrap();
            assert_eq!((time.0.as_millis(), time.to_string().as_str()), (millis, again));
            assert_eq!(time.to_string().parse(), Ok(time));
        }
    }

    #[test]
    fn invalid_values_are_refused_with_the_fix() {
        for text in ["", "-1", "+1", "1X", "M", "99999999999T"] {
            assert!(text.parse::<ByteSize>().is_err_and(|error| error.contains("write a number of bytes")), "{text}");
        }
        for text in ["", "-1", "+600", "8", "1777", "rw"] {
            assert!(text.parse::<FileMode>().is_err_and(|error| error.contains("in octal such as 600")), "{text}");
        }
        for text in ["", "-1", "+1", "soon", "1parsec", "99999999999999"] {
            assert!(text.parse::<TimeSpan>().is_err_and(|error| error.contains("such as 500ms")), "{text}");
        }
    }
}
