//! Amounts as people write them: bytes with a unit behind them, time, and the mode of a file. What is read can be written
//! again. It refuses to know what the amounts are of.

use glasshouse_core::options;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, such as `64M`: so many times 1024 as the unit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        options::size(text).map(Size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        match units.into_iter().find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, letter)) => write!(f, "{}{letter}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A length of time, such as `500ms`, `10s` or `2m`; a number alone is one of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Time, String> {
        let error = || format!("'{text}' is no time; give one such as 500ms, 10s or 2m");
        let time = match text.parse() {
            Ok(seconds) if text.bytes().all(|byte| byte.is_ascii_digit()) => Duration::from_secs(seconds),
            _ => humantime::parse_duration(text).map_err(|_| error())?,
        };
        // Beyond a century nobody waits, and clocks need not be able to tell.
        (time.as_secs() <= 100 * 366 * 24 * 3600).then_some(Time(time)).ok_or_else(error)
    }
}

impl fmt::Display for Time {
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
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, again));
        }
        for (text, millis, again) in
            [("10", 10_000, "10s"), ("500ms", 500, "500ms"), ("90s", 90_000, "1m 30s"), ("0", 0, "0s")]
        {
            let time: Time = text.parse().unwrap();
            assert_eq!((time.0.as_millis(), time.to_string().as_str()), (millis, again));
            assert_eq!(time.to_string().parse(), Ok(time));
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for text in ["", "-1", "+1", "1X", "M", "99999999999T"] {
            assert!(text.parse::<Size>().is_err_and(|error| error.contains("give a number of bytes")), "{text}");
        }
        for text in ["", "-1", "+600", "8", "1777", "rw"] {
            assert!(text.parse::<FileMode>().is_err_and(|error| error.contains("in octal such as 600")), "{text}");
        }
        for text in ["", "-1", "+1", "soon", "1parsec", "99999999999999"] {
            assert!(text.parse::<Time>().is_err_and(|error| error.contains("such as 500ms")), "{text}");
        }
    }
}
