//! The log on standard error: a line for each request in the form of the seed (S81), and the program's own complaints.
//! It looks no name up (S83), and it refuses to fail: a server does not stop because nobody reads its log.

use http::StatusCode;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::net::IpAddr;

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub peer: IpAddr,
    /// Who was let in; a name that was only claimed may be a password that was typed into the wrong line.
    pub user: Option<&'a str>,
    /// The request line as received, such as `GET /x HTTP/1.1`; empty where none could be read.
    pub request: &'a str,
    pub status: u16,
    /// Bytes of the body that were sent.
    pub bytes: u64,
}

/// Writes to standard error, whole entries at a time; any number of copies on any threads.
#[derive(Clone, Debug)]
pub struct Log {
    quiet: bool,
    /// That of the machine when the log began: later, nothing outside of the served directory can be read.
    zone: TimeZone,
}

impl Log {
    /// With `quiet`, requests leave no line; complaints always do.
    pub fn new(quiet: bool) -> Log {
        Log { quiet, zone: TimeZone::system() }
    }

    /// Whether requests leave no line.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Writes the lines of one request, stamped with the local time.
    pub fn access(&self, line: &Line) {
        if !self.quiet {
            write(&render(line, &self.zone.to_datetime(Timestamp::now())));
        }
    }

    /// Writes one line, `glasshouse: TEXT`.
    pub fn error(&self, text: impl fmt::Display) {
        write(&complaint(&text.to_string()));
    }
}

/// One call for each entry: standard error is not buffered, and locked for the call, so entries never interleave.
fn write(entry: &str) {
    let _ = io::stderr().lock().write_all(entry.as_bytes());
}

/// The entry of one request; a failure has a line of its own before it (S81).
fn render(line: &Line, now: &DateTime) -> String {
    let (peer, user) = (line.peer.to_canonical(), User(line.user));
    let now = now.strftime("%d/%b/%Y %H:%M:%S");
    let mut entry = String::with_capacity(line.request.len() + 80);
    if line.status >= 400 {
        let message = StatusCode::from_u16(line.status).ok().and_then(|status| status.canonical_reason());
        let _ = writeln!(entry, "{peer} - {user} [{now}] code {}, message {}", line.status, message.unwrap_or("???"));
    }
    let _ = writeln!(entry, "{peer} - {user} [{now}] \"{}\" {} {}", Escaped(line.request), line.status, line.bytes);
    entry
}

/// What a client sent, as printable ASCII (S82). A quote is escaped too, so it cannot end the field that it stands in.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'\\' => f.write_str(r"\\")?,
                b'"' => f.write_str(r"\x22")?,
                b' '..=b'~' => f.write_char(byte.into())?,
                _ => write!(f, r"\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// A name in a field that ends with a space, `-` for nobody; a user who is called so is written otherwise.
struct User<'a>(Option<&'a str>);

impl fmt::Display for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_char('-'),
            Some("-") => f.write_str(r"\x2d"),
            Some(name) => name.split(' ').enumerate().try_for_each(|(at, part)| {
                let space = if at == 0 { "" } else { r"\x20" };
                write!(f, "{space}{}", Escaped(part))
            }),
        }
    }
}

/// Names of files stay legible here, so only what a terminal would obey is escaped.
fn complaint(text: &str) -> String {
    let mut entry = String::from("glasshouse: ");
    for char in text.chars() {
        if char.is_control() {
            let _ = write!(entry, r"\x{:02x}", u32::from(char));
        } else {
            entry.push(char);
        }
    }
    entry.push('\n');
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, peer: &str, request: &str, (status, bytes): (u16, u64), expected: &str) {
        let line = Line { peer: peer.parse().unwrap(), user: None, request, status, bytes };
        assert_eq!(render(&line, &jiff::civil::date(2026, 11, 2).at(9, 6, 58, 999_999_999)), expected, "{id}");
    }

    #[test]
    fn a_request_is_a_line_s81() {
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
        for (peer, request, end, expected) in rows {
            check("S81", peer, request, end, expected);
        }
    }

    #[test]
    fn a_failure_is_two_lines_s81() {
        let rows = [
            ("GET /x HTTP/1.1", 404, "Not Found"),
            ("BREW / HTTP/1.1", 405, "Method Not Allowed"),
            ("", 414, "URI Too Long"),
            ("GET / HTTP/1.1", 400, "Bad Request"),
            ("GET / HTTP/1.1", 499, "???"),
            ("GET / HTTP/1.1", 65535, "???"),
        ];
        for (request, status, message) in rows {
            let stamp = "192.0.2.1 - - [02/Nov/2026 09:06:58]";
            let expected = format!("{stamp} code {status}, message {message}\n{stamp} \"{request}\" {status} 3\n");
            check("S81", "192.0.2.1", request, (status, 3), &expected);
        }
    }

    #[test]
    fn nothing_in_a_request_is_obeyed_s82() {
        let rows = [
            ("\x1b[31m", r"\x1b[31m"),
            ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
            (r"\x1b", r"\\x1b"),
            ("\0\x1f\x7f", r"\x00\x1f\x7f"),
            (r#"" 200 0"#, r"\x22 200 0"),
            ("é\u{9b}", r"\xc3\xa9\xc2\x9b"),
            (" ~", " ~"),
        ];
        for (request, escaped) in rows {
            let expected = format!("::1 - - [02/Nov/2026 09:06:58] \"{escaped}\" 200 0\n");
            check("S82", "::1", request, (200, 0), &expected);
        }
    }

    #[test]
    fn a_user_is_one_word_that_nobody_is_taken_for() {
        let rows = [
            (None, "-"),
            (Some("alice"), "alice"),
            (Some("-"), r"\x2d"),
            (Some("a - - [b] \"c"), r"a\x20-\x20-\x20[b]\x20\x22c"),
            (Some("é\u{1b}\\"), r"\xc3\xa9\x1b\\"),
        ];
        for (user, expected) in rows {
            let line =
                Line { peer: IpAddr::from([127, 0, 0, 1]), user, request: "GET / HTTP/1.1", status: 404, bytes: 0 };
            let entry = render(&line, &jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0));
            let start = format!("127.0.0.1 - {expected} [01/Jan/2024 00:00:00] ");
            assert!(entry.lines().count() == 2 && entry.lines().all(|line| line.starts_with(&start)), "{entry}");
        }
    }

    #[test]
    fn months_are_english_s81() {
        let line = Line { peer: IpAddr::from([127, 0, 0, 1]), user: None, request: "", status: 200, bytes: 0 };
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        for (number, month) in (1..).zip(months) {
            let entry = render(&line, &jiff::civil::date(2024, number, 29).at(23, 0, 0, 0));
            assert!(entry.contains(&format!("[29/{month}/2024 23:00:00]")), "{entry}");
        }
    }

    #[test]
    fn a_complaint_is_one_line() {
        for (text, expected) in [("a\nb\x1b[0m", r"a\x0ab\x1b[0m"), ("'é\\'\u{9b}", r"'é\'\x9b")] {
            assert_eq!(complaint(text), format!("glasshouse: {expected}\n"));
        }
    }
}
