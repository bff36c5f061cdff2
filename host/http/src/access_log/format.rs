//! The forms of an entry. None of them lets a client write what a terminal would obey, or an entry of its own (S82). It refuses
//! to know where entries go.

use crate::access_log::{Entry, UNANSWERED};
use http::StatusCode;
use jiff::Zoned;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;
use std::net::IpAddr;

/// How a request is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As the seed does (S81): a failure has a line of its own before that of its request.
    Python,
    /// The Common Log Format of NCSA httpd.
    Common,
    /// The same with the page that led here and the program that asks.
    Combined,
    /// An object of JSON in each line, with all that is known.
    Json,
    /// Not at all.
    Off,
}

/// The entry of one request, with the line break behind it.
pub fn render(form: Format, line: &Entry, now: &Zoned) -> String {
    let mut entry = String::with_capacity(line.request.len() + 200);
    // A string takes everything that is written to it, and a line of the log has no key that is no text.
    let _ = match form {
        Format::Python => python(&mut entry, line, now),
        Format::Common => common(&mut entry, line, now).and_then(|()| entry.write_char('\n')),
        Format::Combined => combined(&mut entry, line, now),
        Format::Json => json(&mut entry, line, now),
        Format::Off => Ok(()),
    };
    entry
}

fn python(entry: &mut String, line: &Entry, now: &Zoned) -> fmt::Result {
    let (peer, user, now) = (line.peer.to_canonical(), user(line), now.strftime("%d/%b/%Y %H:%M:%S"));
    if line.status >= 400 {
        let message = match line.status {
            UNANSWERED => Some("Not Answered"),
            status => StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()),
        };
        writeln!(entry, "{peer} - {user} [{now}] code {}, message {}", line.status, message.unwrap_or("???"))?;
    }
    writeln!(entry, "{peer} - {user} [{now}] \"{}\" {} {}", Quoted(line.request.as_bytes()), line.status, line.bytes)
}

fn common(entry: &mut String, line: &Entry, now: &Zoned) -> fmt::Result {
    let (peer, user, now) = (line.peer.to_canonical(), user(line), now.strftime("%d/%b/%Y:%H:%M:%S %z"));
    write!(entry, "{peer} - {user} [{now}] \"{}\" {} ", Quoted(line.request.as_bytes()), line.status)?;
    // No bytes at all are a dash there.
    if line.bytes == 0 { entry.write_char('-') } else { write!(entry, "{}", line.bytes) }
}

fn combined(entry: &mut String, line: &Entry, now: &Zoned) -> fmt::Result {
    common(entry, line, now)?;
    let [referer, agent] = [line.referer, line.user_agent].map(|field| Quoted(field.unwrap_or(b"-")));
    writeln!(entry, " \"{referer}\" \"{agent}\"")
}

/// What is not known is null.
#[derive(Serialize)]
struct Json<'a> {
    /// As in RFC 3339, with the offset of the machine.
    time: String,
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

fn json(entry: &mut String, line: &Entry, now: &Zoned) -> fmt::Result {
    let object = Json {
        time: now.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string(),
        client: line.peer.to_canonical(),
        user: line.user,
        request: Some(line.request).filter(|request| !request.is_empty()),
        status: line.status,
        bytes: line.bytes,
        duration_us: line.duration.map(|duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        referer: line.referer.map(String::from_utf8_lossy),
        user_agent: line.user_agent.map(String::from_utf8_lossy),
        tls: line.tls,
    };
    let mut bytes = Vec::with_capacity(entry.capacity());
    object.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii)).map_err(|_| fmt::Error)?;
    writeln!(entry, "{}", String::from_utf8_lossy(&bytes))
}

/// JSON of printable ASCII. The standard lets DEL and the controls of Unicode stand as they are (RFC 8259 7); a terminal obeys
/// some of them.
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

/// The name of the user, or the dash that stands for none; a user who is called so is written otherwise.
fn user<'a>(line: &Entry<'a>) -> User<'a> {
    User(line.user)
}

/// What a client sent, as printable ASCII (S82). A quote is escaped too, so it cannot end the field that it stands in.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| escape(f, *byte))
    }
}

/// The same where a space ends the field, and a dash is nobody.
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

    #[track_caller]
    fn check(id: &str, peer: &str, request: &str, (status, bytes): (u16, u64), expected: &str) {
        let line = Entry { request, bytes, ..Entry::unread(peer.parse().unwrap(), status) };
        assert_eq!(render(Format::Python, &line, &now()), expected, "{id}");
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
            ("GET / HTTP/1.1", 498, "???"),
            ("GET / HTTP/1.1", UNANSWERED, "Not Answered"),
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
            ("\u{202e}fdp.exe", r"\xe2\x80\xaefdp.exe"),
            (" ~", " ~"),
        ];
        for (request, escaped) in rows {
            let expected = format!("::1 - - [02/Nov/2026 09:06:58] \"{escaped}\" 200 0\n");
            check("S82", "::1", request, (200, 0), &expected);
        }
    }

    #[test]
    fn months_are_english_s81() {
        let line = Entry::unread([127, 0, 0, 1].into(), 200);
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        for (number, month) in (1..).zip(months) {
            let entry = render(Format::Python, &line, &at(jiff::civil::date(2024, number, 29).at(23, 0, 0, 0)));
            assert!(entry.contains(&format!("[29/{month}/2024 23:00:00]")), "{entry}");
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
            let line = Entry { user, request: "GET / HTTP/1.1", ..Entry::unread([127, 0, 0, 1].into(), 404) };
            for (form, lines) in [(Format::Python, 2), (Format::Common, 1)] {
                let entry = render(form, &line, &now());
                let start = format!("127.0.0.1 - {expected} [02/Nov/2026");
                assert_eq!(entry.lines().filter(|line| line.starts_with(&start)).count(), lines, "{entry}");
                assert_eq!(entry.lines().count(), lines, "{entry}");
            }
        }
    }

    /// All that can be known of a request.
    fn full() -> Entry<'static> {
        Entry {
            user: Some("ann b"),
            request: "GET /a HTTP/1.1",
            bytes: 6,
            duration: Some(Duration::from_micros(1500)),
            referer: Some(b"http://a/\"\x1b\xff"),
            user_agent: Some("x\r\n\u{7f}\u{9b}é\u{1f600}".as_bytes()),
            tls: Some("TLSv1.3"),
            ..Entry::unread([192, 0, 2, 1].into(), 200)
        }
    }

    #[test]
    fn each_form_has_its_fields() {
        let stamp = "[02/Nov/2026:09:06:58 -0300]";
        let agent = r"x\x0d\x0a\x7f\xc2\x9b\xc3\xa9\xf0\x9f\x98\x80";
        let common = format!("192.0.2.1 - ann\\x20b {stamp} \"GET /a HTTP/1.1\" 200 6");
        let unread = Entry::unread([192, 0, 2, 1].into(), 408);
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
        for (form, line, expected) in rows {
            assert_eq!(render(form, &line, &now()), expected, "{form:?}");
        }
    }

    #[test]
    fn json_is_one_line_of_ascii_that_says_it_all() {
        let entry = render(Format::Json, &full(), &now());
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
        let unread = render(Format::Json, &Entry::unread([192, 0, 2, 1].into(), 408), &now());
        let read: serde_json::Value = serde_json::from_str(&unread).unwrap();
        assert!(read["request"].is_null() && read["duration_us"].is_null() && read["status"] == 408, "{unread}");
    }
}
