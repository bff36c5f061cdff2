//! Amounts as people write them: numbers, bytes with a unit behind them, time, and the mode of a file. What is read can be
//! written again, and an error says which values there are.

use glasshouse_core::config::options;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, such as `64M`: so many times 1024 as the unit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        options::size(text).map(ByteSize).map_err(String::from)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        match units.into_iter().find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, letter)) => write!(f, "{}{letter}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl ByteSize {
    /// Reads a size within bounds.
    pub fn within(text: &str, bounds: RangeInclusive<u64>) -> Result<ByteSize, String> {
        let size: ByteSize = text.parse()?;
        match bounds.contains(&size.0) {
            true => Ok(size),
            false => Err(format!("give a size from {} to {}", ByteSize(*bounds.start()), ByteSize(*bounds.end()))),
        }
    }
}

/// Reads the text of a switch, in the words that the handler takes and some more.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err(format!("invalid switch '{text}'; write true or false")),
    }
}

/// The most of anything that can be counted: more than any machine has, so that it stands for no limit.
pub const MANY: usize = 1_000_000_000;

/// Reads a number of things of which there must be some.
pub fn count(text: &str, bounds: RangeInclusive<usize>) -> Result<NonZeroUsize, String> {
    let number = digits(text).and_then(|digits| digits.parse().ok()).filter(|number| bounds.contains(number));
    number
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("give a whole number from {} to {}", bounds.start(), bounds.end()))
}

/// Reads a port of TCP.
pub fn port(text: &str) -> Result<u16, String> {
    let port = digits(text).and_then(|digits| digits.parse().ok());
    port.ok_or_else(|| "give a number from 0 to 65535; 0 takes any free port".to_owned())
}

/// A number without a sign, which the library would take.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// A length of time, such as `500ms`, `10s` or `2m`; a number alone is one of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan(pub Duration);

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeSpan, String> {
        let error = || format!("'{text}' is no time; give one such as 500ms, 10s or 2m");
        let time = match text.parse() {
            Ok(seconds) if digits(text).is_some() => Duration::from_secs(seconds),
            _ => humantime::parse_duration(text).map_err(|_| error())?,
        };
        // Beyond a century nobody waits, and clocks need not be able to tell.
        (time.as_secs() <= 100 * 366 * 24 * 3600).then_some(TimeSpan(time)).ok_or_else(error)
    }
}

impl TimeSpan {
    /// Reads a time in which something can happen. With less, nobody would be served.
    pub fn at_least(text: &str, least: Duration) -> Result<TimeSpan, String> {
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

/// Who may do what with a file, in octal, such as `660`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<FileMode, String> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
        mode.map(FileMode).ok_or_else(|| format!("'{text}' is no mode; give one in octal such as 600 or 660"))
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
    fn nonsense_is_refused_with_a_way_out() {
        for text in ["", "-1", "+1", "1X", "M", "99999999999T"] {
            assert!(text.parse::<ByteSize>().is_err_and(|error| error.contains("give a number of bytes")), "{text}");
        }
        for text in ["", "-1", "+600", "8", "1777", "rw"] {
            assert!(text.parse::<FileMode>().is_err_and(|error| error.contains("in octal such as 600")), "{text}");
        }
        for text in ["", "-1", "+1", "soon", "1parsec", "99999999999999"] {
            assert!(text.parse::<TimeSpan>().is_err_and(|error| error.contains("such as 500ms")), "{text}");
        }
    }
}
