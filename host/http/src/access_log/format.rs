//! The formats of an entry. No client can write control characters or a second entry (PY-82).

use crate::access_log::{LogEntry, UNANSWERED};
use crate::metrics::micros;
use http::StatusCode;
use jiff::Zoned;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;
use std::net::IpAddr;
use std::str::FromStr;

/// The format of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// That of `python -m http.server` (PY-81): an error has a line in front of the line of its request.
    Python,
    /// The Common Log Format of NCSA httpd.
    Common,
    /// The Common Log Format with `Referer` and `User-Agent`.
    Combined,
    /// One JSON object per line, with every field of the entry.
    Json,
    /// No entries.
    Off,
}

/// The text is not the name of a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown log format '{0}'")]
pub struct UnknownFormat(String);

impl Format {
    /// Every format, in the order of the help text.
    pub const ALL: [Format; 5] = [Format::Python, Format::Common, Format::Combined, Format::Json, Format::Off];

    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Format::Python => "python",
            Format::Common => "common",
            Format::Combined => "combined",
            Format::Json => "json",
            Format::Off => "off",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        let format = Format::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Renders the time of an entry. All formats but JSON have a resolution of a second.
pub(crate) fn render_time(format: Format, now: &Zoned) -> String {
    let pattern = match format {
        Format::Python => "%d/%b/%Y %H:%M:%S",
        Format::Common | Format::Combined => "%d/%b/%Y:%H:%M:%S %z",
        // RFC 3339, with the offset of the local time zone.
        Format::Json => "%Y-%m-%dT%H:%M:%S%.6f%:z",
        Format::Off => return String::new(),
    };
    now.strftime(pattern).to_string()
}

/// Renders an entry with its line break. `now` is the rendered time.
pub(crate) fn render(format: Format, entry: &LogEntry, now: &str) -> String {
    let of_client =
        [entry.request.len(), entry.referer.map_or(0, <[u8]>::len), entry.user_agent.map_or(0, <[u8]>::len)];
    let mut text = String::with_capacity(of_client.into_iter().fold(120, usize::saturating_add));
    let result = match format {
        Format::Python => python(&mut text, entry, now),
        Format::Common => common(&mut text, entry, now).and_then(|()| text.write_char('\n')),
        Format::Combined => combined(&mut text, entry, now),
        Format::Json => json(&mut text, entry, now),
        Format::Off => Ok(()),
    };
    // A `String` accepts every write, and every key of the JSON object is a string.
    debug_assert!(result.is_ok(), "an entry can be rendered");
    text
}

fn python(text: &mut String, entry: &LogEntry, now: &str) -> fmt::Result {
    let LogEntry { request, status, bytes, .. } = entry;
    let (client, user) = (entry.client.to_canonical(), User(entry.user));
    if *status >= 400 {
        let message = match *status {
            UNANSWERED => Some("Not Answered"),
            status => StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()),
        };
        writeln!(text, "{client} - {user} [{now}] code {status}, message {}", message.unwrap_or("???"))?;
    }
    writeln!(text, "{client} - {user} [{now}] \"{}\" {status} {bytes}", Quoted(request.as_bytes()))
}

fn common(text: &mut String, entry: &LogEntry, now: &str) -> fmt::Result {
    let LogEntry { request, status, bytes, .. } = entry;
    let (client, user) = (entry.client.to_canonical(), User(entry.user));
    write!(text, "{client} - {user} [{now}] \"{}\" {status} ", Quoted(request.as_bytes()))?;
    // The format has a dash instead of zero bytes.
    if *bytes == 0 { text.write_char('-') } else { write!(text, "{bytes}") }
}

fn combined(text: &mut String, entry: &LogEntry, now: &str) -> fmt::Result {
    common(text, entry, now)?;
    let [referer, agent] = [entry.referer, entry.user_agent].map(|field| Quoted(field.unwrap_or(b"-")));
    writeln!(text, " \"{referer}\" \"{agent}\"")
}

/// The JSON object of an entry. Unknown values are `null`.
#[derive(Serialize)]
struct JsonEntry<'a> {
    time: &'a str,
    client: IpAddr,
    user: Option<&'a str>,
    request: Option<&'a str>,
    status: u16,
    bytes: u64,
    duration_us: Option<u64>,
    referer: Option<Cow<'a, str>>,
    user_agent: Option<Cow<'a, str>>,
    tls: Option<&'a str>,
}

fn json(text: &mut String, entry: &LogEntry, now: &str) -> fmt::Result {
    let object = JsonEntry {
        time: now,
        client: entry.client.to_canonical(),
        user: entry.user,
        request: Some(entry.request).filter(|request| !request.is_empty()),
        status: entry.status,
        bytes: entry.bytes,
        duration_us: entry.duration.map(micros),
        referer: entry.referer.map(String::from_utf8_lossy),
        user_agent: entry.user_agent.map(String::from_utf8_lossy),
        tls: entry.tls,
    };
    let mut bytes = Vec::with_capacity(text.capacity());
    object.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii)).map_err(|_| fmt::Error)?;
    writeln!(text, "{}", String::from_utf8_lossy(&bytes))
}

/// JSON in printable ASCII. RFC 8259 7 allows DEL and Unicode control characters in strings, and terminals obey some of
/// them.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for part in fragment.split_inclusive(|char: char| !matches!(char, ' '..='~')) {
            let plain = part.trim_end_matches(|char: char| !matches!(char, ' '..='~'));
            writer.write_all(plain.as_bytes())?;
            for unit in part.strip_prefix(plain).unwrap_or_default().encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

/// Bytes of a client in printable ASCII (PY-82). A quote is escaped too, so it cannot end its field.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(byte) = rest.first() {
            let plain = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
            match rest.split_at_checked(plain) {
                Some((plain, behind)) if !plain.is_empty() => {
                    f.write_str(str::from_utf8(plain).map_err(|_| fmt::Error)?)?;
                    rest = behind;
                }
                _ => {
                    escape(f, *byte)?;
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
        Ok(())
    }
}

/// A user in printable ASCII, or a dash for none. A space is escaped too, and so is the user `-`.
struct User<'a>(Option<&'a str>);

impl fmt::Display for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_char('-'),
            Some("-") => f.write_str(r"\x2d"),
            Some(name) => {
                name.bytes().try_for_each(|byte| if byte == b' ' { f.write_str(r"\x20") } else { escape(f, byte) })
            }
        }
    }
}

/// Whether a byte stands for itself.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

fn escape(f: &mut fmt::Formatter<'_>, byte: u8) -> fmt::Result {
    match byte {
        b'\\' => f.write_str(r"\\"),
        b'"' => f.write_str(r"\x22"),
        b' '..=b'~' => f.write_char(byte.into()),
        _ => write!(f, r"\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::access_log::format::*;

    use jiff::civil::DateTime;
    use jiff::tz::{TimeZone, offset};
    use std::time::Duration;

    fn at(time: DateTime) -> Zoned {
        time.to_zoned(TimeZone::fixed(offset(-3))).unwrap()
    }

    fn now() -> Zoned {
        at(jiff::civil::date(2026, 11, 2).at(9, 6, 58, 999_999_999))
    }

    fn rendered(format: Format, entry: &LogEntry, now: &Zoned) -> String {
        render(format, entry, &render_time(format, now))
    }

    #[track_caller]
    fn check(client: &str, request: &str, (status, bytes): (u16, u64), expected: &str) {
        let entry = LogEntry { request, bytes, ..LogEntry::without_request(client.parse().unwrap(), status) };
        assert_eq!(rendered(Format::Python, &entry, &now()), expected);
    }

    /// PY-81
    #[test]
    fn a_request_is_one_line() {
        let rows = [
            (
                "127.0.0.1",
                "GET /sub?a=b HTTP/1.1",
                (301, 0),
                "127.0.0.1 - - [02/Nov/2026 09:06:58] \"GET /sub?a=b HTTP/1.1\" 301 0\n",
            ),
            ("::1", "GET / HTTP/1.0", (200, 12), "::1 - - [02/Nov/2026 09:06:58] \"GET / HTTP/1.0\" 200 12\n"),
            (
                "::ffff:192.0.2.1",
                "HEAD / HTTP/1.1",
                (399, u64::MAX),
                "192.0.2.1 - - [02/Nov/2026 09:06:58] \"HEAD / HTTP/1.1\" 399 18446744073709551615\n",
            ),
        ];
        for (client, request, end, expected) in rows {
            check(client, request, end, expected);
        }
    }

    /// PY-81
    #[test]
    fn an_error_is_two_lines() {
        let rows = [
            ("GET /x HTTP/1.1", 404, "Not Found"),
            ("BREW / HTTP/1.1", 405, "Method Not Allowed"),
            ("", 414, "URI Too Long"),
            ("GET / HTTP/1.1", 400, "Bad Request"),
            ("GET / HTTP/1.1", 498, "???"),
            ("GET / HTTP/1.1", UNANSWERED, "Not Answered"),
            ("GET / HTTP/1.1", 65535, "???"),
        ];
        for (request, status, message) in rows {
            let stamp = "192.0.2.1 - - [02/Nov/2026 09:06:58]";
            let expected = format!("{stamp} code {status}, message {message}\n{stamp} \"{request}\" {status} 3\n");
            check("192.0.2.1", request, (status, 3), &expected);
        }
    }

    /// PY-82
    #[test]
    fn control_characters_of_a_request_are_escaped() {
        let rows = [
            ("\x1b[31m", r"\x1b[31m"),
            ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
            (r"\x1b", r"\\x1b"),
            ("\0\x1f\x7f", r"\x00\x1f\x7f"),
            (r#"" 200 0"#, r"\x22 200 0"),
            ("é\u{9b}", r"\xc3\xa9\xc2\x9b"),
            ("\u{202e}fdp.exe", r"\xe2\x80\xaefdp.exe"),
            (" ~", " ~"),
        ];
        for (request, escaped) in rows {
            let expected = format!("::1 - - [02/Nov/2026 09:06:58] \"{escaped}\" 200 0\n");
            check("::1", request, (200, 0), &expected);
        }
    }

    /// PY-81
    #[test]
    fn months_are_english() {
        let line = LogEntry::without_request([127, 0, 0, 1].into(), 200);
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        for (number, month) in (1..).zip(months) {
            let entry = rendered(Format::Python, &line, &at(jiff::civil::date(2024, number, 29).at(23, 0, 0, 0)));
            assert!(entry.contains(&format!("[29/{month}/2024 23:00:00]")), "{entry}");
        }
    }

    #[test]
    fn a_user_is_one_word() {
        let rows = [
            (None, "-"),
            (Some("alice"), "alice"),
            (Some("-"), r"\x2d"),
            (Some("a - - [b] \"c"), r"a\x20-\x20-\x20[b]\x20\x22c"),
            (Some("é\u{1b}\\"), r"\xc3\xa9\x1b\\"),
        ];
        for (user, expected) in rows {
            let line =
                LogEntry { user, request: "GET / HTTP/1.1", ..LogEntry::without_request([127, 0, 0, 1].into(), 404) };
            for (format, lines) in [(Format::Python, 2), (Format::Common, 1)] {
                let entry = rendered(format, &line, &now());
                let start = format!("127.0.0.1 - {expected} [02/Nov/2026");
                assert_eq!(entry.lines().filter(|line| line.starts_with(&start)).count(), lines, "{entry}");
                assert_eq!(entry.lines().count(), lines, "{entry}");
            }
        }
    }

    /// An entry with every field.
    fn full() -> LogEntry<'static> {
        LogEntry {
            user: Some("ann b"),
            request: "GET /a HTTP/1.1",
            bytes: 6,
            duration: Some(Duration::from_micros(1500)),
            referer: Some(b"http://a/\"\x1b\xff"),
            user_agent: Some("x\r\n\u{7f}\u{9b}é\u{1f600}".as_bytes()),
            tls: Some("TLSv1.3"),
            ..LogEntry::without_request([192, 0, 2, 1].into(), 200)
        }
    }

    #[test]
    fn each_format_has_its_fields() {
        let stamp = "[02/Nov/2026:09:06:58 -0300]";
        let agent = r"x\x0d\x0a\x7f\xc2\x9b\xc3\xa9\xf0\x9f\x98\x80";
        let common = format!("192.0.2.1 - ann\\x20b {stamp} \"GET /a HTTP/1.1\" 200 6");
        let unread = LogEntry::without_request([192, 0, 2, 1].into(), 408);
        let rows = [
            (
                Format::Python,
                full(),
                "192.0.2.1 - ann\\x20b [02/Nov/2026 09:06:58] \"GET /a HTTP/1.1\" 200 6\n".to_owned(),
            ),
            (Format::Common, full(), format!("{common}\n")),
            (Format::Combined, full(), format!("{common} \"http://a/\\x22\\x1b\\xff\" \"{agent}\"\n")),
            (Format::Common, unread, format!("192.0.2.1 - - {stamp} \"\" 408 -\n")),
            (Format::Combined, unread, format!("192.0.2.1 - - {stamp} \"\" 408 - \"-\" \"-\"\n")),
            (Format::Off, full(), String::new()),
        ];
        for (format, line, expected) in rows {
            assert_eq!(rendered(format, &line, &now()), expected, "{format:?}");
        }
    }

    #[test]
    fn each_format_has_a_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("Python".parse::<Format>().is_err());
    }

    #[test]
    fn json_is_one_line_of_ascii_with_every_field() {
        let entry = rendered(Format::Json, &full(), &now());
        let line = entry.strip_suffix('\n').unwrap();
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        let expected = serde_json::json!({
            "time": "2026-11-02T09:06:58.999999-03:00",
            "client": "192.0.2.1",
            "user": "ann b",
            "request": "GET /a HTTP/1.1",
            "status": 200,
            "bytes": 6,
            "duration_us": 1500,
            "referer": "http://a/\"\u{1b}\u{fffd}",
            "user_agent": "x\r\n\u{7f}\u{9b}é\u{1f600}",
            "tls": "TLSv1.3",
        });
        assert_eq!(read, expected);
        let unread = rendered(Format::Json, &LogEntry::without_request([192, 0, 2, 1].into(), 408), &now());
        let read: serde_json::Value = serde_json::from_str(&unread).unwrap();
        assert!(read["request"].is_null() && read["duration_us"].is_null() && read["status"] == 408, "{unread}");
    }
}
