//! Dates as HTTP writes and reads them (RFC 9110 5.6.7). This module refuses to know what time it is.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// The first second that an HTTP date cannot name: 10000-01-01T00:00:00Z, in seconds since 1970.
const END: u64 = 253_402_300_800;

/// A moment that an HTTP date can name: from 1970 to the end of the year 9999.
///
/// `httpdate` panics outside of that range, and a file can carry any time; so the range is a matter of construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    seconds: u64,
    nanoseconds: u32,
}

/// A moment in UTC, by the Gregorian calendar; months and days are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    pub year: u16,
    pub month: u16,
    pub day: u16,
    pub hour: u16,
    pub minute: u16,
    pub second: u16,
}

/// Seconds.
const DAY: u64 = 86_400;

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u16) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

impl Stamp {
    /// A moment given in seconds since 1970 and nanoseconds within that second; `None` where HTTP has no date for it.
    pub fn new(seconds: i64, nanoseconds: u32) -> Option<Stamp> {
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds < END)?;
        (nanoseconds < 1_000_000_000).then_some(Stamp { seconds, nanoseconds })
    }

    /// Reads a date that a client sent (S58): the three forms of RFC 9110 5.6.7, and the two harmless variants that
    /// Python takes, a numeric zone of zero and no zone at all. Any other zone is no HTTP date: `None`.
    pub fn parse(text: &str) -> Option<Stamp> {
        let text = text.trim_matches([' ', '\t']);
        let utc = text.strip_suffix("+0000").or_else(|| text.strip_suffix("-0000")).map(str::trim_end).unwrap_or(text);
        // The fixed forms are bounded in length; anything longer is not worth a copy.
        let time = httpdate::parse_http_date(utc)
            .or_else(|error| match utc.len() {
                ..=40 => httpdate::parse_http_date(&format!("{utc} GMT")),
                _ => Err(error),
            })
            .ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        Stamp::new(i64::try_from(since.as_secs()).ok()?, 0)
    }

    /// Whole seconds since 1970, the precision of an HTTP date.
    pub fn seconds(self) -> u64 {
        self.seconds
    }

    /// The moment as calendars and clocks in UTC have it.
    pub fn utc(self) -> Utc {
        let mut days = self.seconds / DAY;
        let mut year = 1970;
        while days >= days_of(year) {
            days -= days_of(year);
            year += 1;
        }
        let february = if is_leap(year) { 29 } else { 28 };
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let second = self.seconds % DAY;
        // None of these is larger than 9999.
        let [day, hour, minute, second] = [days + 1, second / 3600, second / 60 % 60, second % 60]
            .map(|number| u16::try_from(number).unwrap_or_default());
        Utc { year, month, day, hour, minute, second }
    }

    /// Nanoseconds within the second, which an HTTP date drops.
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }
}

/// IMF-fixdate, the only form that a server may send: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(self.seconds)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_what_http_can_write() {
        for (seconds, written) in [
            (-1, None),
            (i64::MIN, None),
            (i64::MAX, None),
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (784_111_777, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (253_402_300_799, Some("Fri, 31 Dec 9999 23:59:59 GMT")),
            (253_402_300_800, None),
        ] {
            assert_eq!(Stamp::new(seconds, 0).map(|stamp| stamp.to_string()).as_deref(), written, "{seconds}");
        }
        assert_eq!(Stamp::new(0, 1_000_000_000), None);
    }

    #[test]
    fn a_stamp_has_a_place_in_the_calendar() {
        for (seconds, utc) in [
            (0, [1970, 1, 1, 0, 0, 0]),
            (784_111_777, [1994, 11, 6, 8, 49, 37]),
            (951_782_399, [2000, 2, 28, 23, 59, 59]),
            (951_782_400, [2000, 2, 29, 0, 0, 0]),
            (951_868_800, [2000, 3, 1, 0, 0, 0]),
            (4_107_542_400, [2100, 3, 1, 0, 0, 0]),
            (253_402_300_799, [9999, 12, 31, 23, 59, 59]),
        ] {
            let got = Stamp::new(seconds, 0).map(Stamp::utc);
            let got = got.map(|utc| [utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second]);
            assert_eq!(got, Some(utc), "{seconds}");
        }
    }

    #[test]
    fn s58_the_forms_that_clients_send() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37 +0000", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37", Some(784_111_777)),
            (" Sun, 06 Nov 1994 08:49:37 GMT\t", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37 +0100", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("yesterday", None),
            ("", None),
            ("Thu, 01 Jan 1969 00:00:00 GMT", None),
            ("Thu, 32 Jan 2020 00:00:00 GMT", None),
        ] {
            assert_eq!(Stamp::parse(text).map(Stamp::seconds), seconds, "{text:?}");
        }
    }
}
