//! Dates in HTTP (RFC 9110 5.6.7).

use std::fmt::{self, Write as _};
use std::time::{Duration, UNIX_EPOCH};

/// The first second that an HTTP date cannot name: 10000-01-01T00:00:00Z, in seconds since 1970.
const END: u64 = 253_402_300_800;

/// Times that tools write into every file. Two versions of a file share them, so they do not show a change.
const PLACEHOLDERS: &[u64] = &[
    0,             // ostree; images and archives made with SOURCE_DATE_EPOCH=0
    1,             // the stores of Nix and Guix
    499_162_500,   // 1985-10-26T08:15:00Z: packages of npm
    1_153_704_088, // 2006-07-24T01:21:28Z: packages of Cargo, the `tar` crate
];

/// The same in zip files, whose times have no time zone. They become times in the zone in which a file is unpacked.
const ZONELESS_PLACEHOLDERS: &[u64] = &[
    312_768_000,   // 1979-11-30: no date, as Go's archive/zip writes it
    315_532_800,   // 1980-01-01: the first date of a zip file, which replaces earlier times
    315_619_200,   // 1980-01-02: the same a day later, which is 1980 in every time zone
    318_211_200,   // 1980-02-01: Gradle and bnd
    1_262_304_000, // 2010-01-01: Bazel
];

/// Time zones are up to 14 hours ahead of UTC and up to 12 behind it, and differ by quarters of an hour.
const ZONES_AHEAD: u64 = 14 * 3600;
/// The largest difference of two time zones.
const ZONES: u64 = (14 + 12) * 3600;
const ZONES_APART: u64 = 900;

/// A time that an HTTP date can express: from 1970 to the end of the year 9999.
///
/// `httpdate` panics outside of that range, and a file can have any time, so the constructor checks the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpTime {
    seconds: u64,
    nanoseconds: u32,
}

impl HttpTime {
    /// A time in seconds since 1970 and nanoseconds within that second. `None` outside of the range.
    pub fn new(seconds: i64, nanoseconds: u32) -> Option<HttpTime> {
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds < END)?;
        (nanoseconds < 1_000_000_000).then_some(HttpTime { seconds, nanoseconds })
    }

    /// Reads a date from a client (PY-58): the three forms of RFC 9110 5.6.7, and two variants that Python accepts, a
    /// numeric zone of zero and no zone. `None` for any other text.
    pub fn parse(text: &str) -> Option<HttpTime> {
        let text = text.trim_matches([' ', '\t']);
        let utc = text.strip_suffix("+0000").or_else(|| text.strip_suffix("-0000")).map(str::trim_end).unwrap_or(text);
        // A valid date is short. A longer text is not worth a copy.
        let time = httpdate::parse_http_date(utc)
            .or_else(|error| match utc.len() {
                ..=40 => httpdate::parse_http_date(&format!("{utc} GMT")),
                _ => Err(error),
            })
            .ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        HttpTime::new(i64::try_from(since.as_secs()).ok()?, 0)
    }

    /// Whole seconds since 1970, the precision of an HTTP date.
    pub fn seconds(self) -> u64 {
        self.seconds
    }

    /// Whether a tool writes this time into every file. It cannot be a validator: changed content would seem unchanged
    /// (RFC 9110 8.8.2.1).
    pub fn is_placeholder(self) -> bool {
        let is_of_a_zone = |utc: &u64| {
            let since = self.seconds.checked_sub(utc.saturating_sub(ZONES_AHEAD));
            since.is_some_and(|since| since <= ZONES && since.is_multiple_of(ZONES_APART))
        };
        // No tool writes a fraction. Some file systems add one to the first two seconds of 1970.
        let is_whole = self.nanoseconds == 0 || self.seconds <= 1;
        is_whole && (PLACEHOLDERS.contains(&self.seconds) || ZONELESS_PLACEHOLDERS.iter().any(is_of_a_zone))
    }

    /// Nanoseconds within the second. An HTTP date omits them.
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }
}

/// A time as in RFC 3339, in UTC: `1994-11-06T08:49:37Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339([u8; 20]);

impl From<HttpTime> for Rfc3339 {
    fn from(time: HttpTime) -> Rfc3339 {
        // The calendar is that of `httpdate`. Both formats have fixed positions.
        let mut fixdate = Fixdate::default();
        let _ = write!(fixdate, "{time}");
        let [_, _, _, _, _, d1, d2, _, m1, m2, m3, _, y1, y2, y3, y4, _, time @ .., _, _, _, _] = fixdate.text;
        let [h1, h2, _, n1, n2, _, s1, s2] = time;
        let [o1, o2] = match &[m1, m2, m3] {
            b"Jan" => *b"01",
            b"Feb" => *b"02",
            b"Mar" => *b"03",
            b"Apr" => *b"04",
            b"May" => *b"05",
            b"Jun" => *b"06",
            b"Jul" => *b"07",
            b"Aug" => *b"08",
            b"Sep" => *b"09",
            b"Oct" => *b"10",
            b"Nov" => *b"11",
            _ => *b"12",
        };
        let text = [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'];
        Rfc3339(text)
    }
}

impl Rfc3339 {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The date: `1994-11-06`.
    pub fn day(&self) -> &str {
        self.as_str().get(..10).unwrap_or_default()
    }

    /// The time of the day: `08:49:37`.
    pub fn time(&self) -> &str {
        self.as_str().get(11..19).unwrap_or_default()
    }

    /// The time of the day without its seconds: `08:49`.
    pub fn minute(&self) -> &str {
        self.as_str().get(11..16).unwrap_or_default()
    }
}

/// A buffer for an IMF-fixdate.
#[derive(Default)]
struct Fixdate {
    text: [u8; 29],
    length: usize,
}

impl fmt::Write for Fixdate {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        self.text.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The IMF-fixdate, the only form that a server sends: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for HttpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH.checked_add(Duration::from_secs(self.seconds)).ok_or(fmt::Error)?).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::http::date::*;

    #[test]
    fn a_time_is_within_the_range_of_http() {
        for (seconds, written) in [
            (-1, None),
            (i64::MIN, None),
            (i64::MAX, None),
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (784_111_777, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (253_402_300_799, Some("Fri, 31 Dec 9999 23:59:59 GMT")),
            (253_402_300_800, None),
        ] {
            assert_eq!(HttpTime::new(seconds, 0).map(|time| time.to_string()).as_deref(), written, "{seconds}");
        }
        assert_eq!(HttpTime::new(0, 1_000_000_000), None);
    }

    #[test]
    fn a_time_that_every_file_has_is_meaningless() {
        for (seconds, nanoseconds, expected) in [
            (0, 0, true),
            (0, 7, true),
            (1, 0, true),
            (1, 999_999_999, true),
            (2, 0, false),
            (86_400, 0, false),
            (312_768_000, 0, true),
            (315_532_800, 0, true),
            (315_532_800, 1, false),
            (315_532_801, 0, false),
            // Unpacked in Kiritimati, in Nepal, and west of all zones.
            (315_532_800 - 14 * 3600, 0, true),
            (315_532_800 - 20_700, 0, true),
            (315_532_800 + 12 * 3600, 0, true),
            (315_619_200 + 12 * 3600 + 900, 0, false),
            (318_211_200, 0, true),
            (318_211_200 + 8 * 3600, 0, true),
            (499_162_500, 0, true),
            (499_162_500 + 3600, 0, false),
            (784_111_777, 0, false),
            (1_153_704_088, 0, true),
            (1_262_304_000, 0, true),
            (1_262_304_000 + 300, 0, false),
            (1_577_934_245, 0, false),
            (253_402_300_799, 0, false),
        ] {
            let time = HttpTime::new(seconds, nanoseconds);
            assert_eq!(time.map(HttpTime::is_placeholder), Some(expected), "{seconds} {nanoseconds}");
        }
    }

    #[test]
    fn the_form_of_data_is_that_of_rfc_3339() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_577_934_245, "2020-01-02T03:04:05Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let read = HttpTime::new(seconds, 5).map(Rfc3339::from);
            assert_eq!(read.as_ref().map(Rfc3339::as_str), Some(written));
            let parts = read.as_ref().map(|read| format!("{}T{}Z {}", read.day(), read.time(), read.minute()));
            assert_eq!(parts, written.get(11..16).map(|minute| format!("{written} {minute}")));
        }
        // The first day of each month of 1995.
        for (month, day) in (1..13).zip([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]) {
            let read = HttpTime::new(788_918_400 + day * 86_400, 0).map(Rfc3339::from);
            assert_eq!(read.as_ref().map(Rfc3339::day), Some(format!("1995-{month:02}-01").as_str()));
        }
    }

    #[test]
    fn the_forms_that_clients_send() {
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
            assert_eq!(HttpTime::parse(text).map(HttpTime::seconds), seconds, "{text:?}");
        }
    }
}
