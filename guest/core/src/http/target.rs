//! The request target (RFC 9110 7.1), read once. Behind this file a path is a list of names: traversal cannot be
//! written down. It refuses to know what lies at the path.

mod reference;

use crate::http::refusal::Refusal;
use std::fmt;

/// One segment of a path: not empty, not `.` or `..`, without `/` and NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// `None` where the text is no name of an entry.
    pub fn new(text: impl Into<String> + AsRef<str>) -> Option<Name> {
        let plain = !matches!(text.as_ref(), "" | "." | "..") && !text.as_ref().contains(['/', '\0']);
        plain.then(|| Name(text.into()))
    }

    /// The name as the tree knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A dotfile, which is neither served nor listed (S28). `.well-known` (RFC 8615) exists to be asked for.
    pub fn is_hidden(&self) -> bool {
        is_dotfile(&self.0)
    }
}

/// Whether a name is one of those that are hidden unless somebody says otherwise.
pub fn is_dotfile(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

/// What a request asks for: a path below the root, whether it was written as a directory, and the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What a prefix has taken off the front; it is put back where a path is written.
    prefix: Vec<Name>,
    names: Vec<Name>,
    directory: bool,
    query: Option<String>,
    /// How many slashes the path was written with, where it was not written in the canonical form.
    slashes: Option<usize>,
}

impl Target {
    /// Reads a target in origin form (RFC 9112 3.2.1). The query is cut off, the path decoded once, empty segments and
    /// `.` are dropped, `..` takes back the segment before it and stops at the root (S20, S31). An empty path, which the
    /// absolute form may have, is that of the root (RFC 9110 4.2.3).
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] for an encoded NUL (S25), [`Refusal::NotFound`] for a target that names no path (`*`) and
    /// for a path that is not UTF-8, which no entry of the tree can have as its name (S26).
    pub fn parse(raw: &str) -> Result<Target, Refusal> {
        let raw = raw.split('#').next().unwrap_or_default();
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (raw, None),
        };
        let raw = if path.is_empty() { "/" } else { path };
        if !raw.starts_with('/') {
            return Err(Refusal::NotFound);
        }
        let path = String::from_utf8(decode(raw)).map_err(|_| Refusal::NotFound)?;
        if path.contains('\0') {
            return Err(Refusal::BadRequest);
        }
        let mut names = Vec::new();
        for segment in path.split('/') {
            match Name::new(segment) {
                Some(name) => names.push(name),
                None if segment == ".." => drop(names.pop()),
                None => {}
            }
        }
        // As RFC 3986 5.2.4 has it, a path that ends in `/`, `/.` or `/..` is that of a directory; the root always is.
        let last = path.rsplit('/').next().unwrap_or_default();
        let directory = names.is_empty() || matches!(last, "" | "." | "..");
        let mut target = Target { prefix: Vec::new(), names, directory, query, slashes: None };
        let slashes = raw.matches('/').count();
        if path != target.title() || slashes != path.matches('/').count() {
            target.slashes = Some(slashes);
        }
        Ok(target)
    }

    /// The names from the root down; empty for the root itself.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// What the path ends in, as the client sees it; the root without a prefix has no name.
    pub fn name(&self) -> Option<&Name> {
        self.names.last().or(self.prefix.last())
    }

    /// Whether the path was written as that of a directory.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// The names that a prefix has taken off the front.
    pub fn prefix(&self) -> &[Name] {
        &self.prefix
    }

    /// The query, as it was sent; empty where there is none.
    pub fn query(&self) -> &str {
        self.query.as_deref().unwrap_or_default()
    }

    /// Whether any segment is a dotfile (S28).
    pub fn is_hidden(&self) -> bool {
        self.names.iter().any(Name::is_hidden)
    }

    /// The path relative to the root with `/` between the names, as `open-at` takes it: never a `/` at either end.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for name in &self.names {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(name.as_str());
        }
        path
    }

    /// Makes it the directory that it lies in, and returns the name that it had there; `None` at the top.
    pub fn go_up(&mut self) -> Option<Name> {
        self.directory = true;
        self.query = None;
        self.names.pop()
    }

    /// Whether it is `above`, or lies below it.
    pub fn is_within(&self, above: &Target) -> bool {
        self.names.starts_with(&above.names)
    }

    /// The same path as seen from below `prefix`; `None` if it is not below.
    pub fn below(&self, prefix: &Target) -> Option<Target> {
        let names = self.names.strip_prefix(prefix.names.as_slice())?.to_vec();
        Some(Target { prefix: prefix.names.clone(), names, ..self.clone() })
    }

    /// The path for people: decoded, with a slash at the start, and one at the end of a directory's (S22, S39).
    pub fn title(&self) -> String {
        let mut title = String::from("/");
        for name in self.prefix.iter().chain(&self.names) {
            title.push_str(name.as_str());
            title.push('/');
        }
        if !self.directory && title.len() > 1 {
            title.pop();
        }
        title
    }

    /// This path as that of a directory, from the root of the server: encoded, with exactly one slash at the start.
    pub fn location(&self) -> String {
        self.locate(&self.names, true)
    }

    /// Built from names and not from what was sent, so it cannot lead to another origin (S31).
    fn locate(&self, names: &[Name], directory: bool) -> String {
        let mut location = String::from("/");
        for name in self.prefix.iter().chain(names) {
            encode(name.as_str(), &mut location);
            location.push('/');
        }
        if !directory {
            location.pop();
        }
        location
    }

    /// Puts the query behind a location that has none, with what no URL holds percent-encoded.
    pub fn keep_query(&self, location: &mut String) {
        if let (Some(query), false) = (self.query.as_deref(), location.contains('?')) {
            let fragment = location.find('#').unwrap_or(location.len());
            location.insert_str(fragment, &format!("?{}", graphic(query)));
        }
    }
}

/// The value of a parameter in a query, as forms write them (`application/x-www-form-urlencoded`); the first of that name
/// counts. Bytes that are no UTF-8 are replaced.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let text = |part: &str| String::from_utf8_lossy(&decode(&part.replace('+', " "))).into_owned();
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| text(key) == name).map(|(_, value)| text(value))
}

/// A relative path with its segments encoded, and the slashes between them kept.
pub fn encode_path(path: &str) -> String {
    let mut encoded = String::new();
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            encoded.push('/');
        }
        encode(segment, &mut encoded);
    }
    encoded
}

/// Writes `text` with every byte percent-encoded that RFC 3986 2.3 does not call unreserved (S38): so it is one
/// segment, has no scheme, and needs no further escaping in HTML or in a field.
pub fn encode(text: &str, to: &mut String) {
    // Writing to a string cannot fail.
    let _ = write_encoded(text, to);
}

/// The same, to anything that text can be written to.
///
/// # Errors
/// Those of `to`.
pub fn write_encoded(text: &str, to: &mut dyn fmt::Write) -> fmt::Result {
    let mut rest = text;
    while !rest.is_empty() {
        let is_reserved =
            |byte: u8| !matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~');
        let end = rest.bytes().position(is_reserved).unwrap_or(rest.len());
        let Some((plain, after)) = rest.split_at_checked(end) else { return Err(fmt::Error) };
        to.write_str(plain)?;
        let mut letters = after.chars();
        if let Some(letter) = letters.next() {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                write!(to, "%{byte:02X}")?;
            }
        }
        rest = letters.as_str();
    }
    Ok(())
}

/// The text with every byte percent-encoded that no URL holds; all others mean what they meant.
pub fn graphic(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '!'..='~' => written.push(letter),
            _ => encode(letter.encode_utf8(&mut [0; 4]), &mut written),
        }
    }
    written
}

/// Undoes percent-encoding, once. A `%` that begins no two hexadecimal digits stands for itself, as in the seed.
pub fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use crate::http::target::*;

    /// What is asked for: path, whether it is a directory's; or the refusal.
    #[track_caller]
    fn check(raw: &str, expected: Result<(&str, bool), Refusal>) {
        let got = Target::parse(raw).map(|target| (target.path(), target.is_directory()));
        assert_eq!(got, expected.map(|(path, directory)| (path.to_owned(), directory)), "{raw:?}");
    }

    #[test]
    fn s20_a_path_is_a_list_of_names() {
        for (raw, path, directory) in [
            ("/", "", true),
            ("", "", true),
            ("?a=b", "", true),
            ("/a", "a", false),
            ("/a/", "a", true),
            ("/a/b.txt?x=/../y", "a/b.txt", false),
            ("/a#b", "a", false),
            ("//evil.com/..", "", true),
            ("//evil.com//x", "evil.com/x", false),
            ("/a/./b//c", "a/b/c", false),
            ("/a/../b", "b", false),
            ("/a/..", "", true),
            ("/a/b/..", "a", true),
            ("/a/.", "a", true),
            ("/%2e%2e/%2E%2e/etc/passwd", "etc/passwd", false),
            ("/..%2f..%2fetc/passwd", "etc/passwd", false),
            ("/sub%2f", "sub", true),
            ("/%252e%252e/x", "%2e%2e/x", false),
            ("/.%%32%65/x", ".%2e/x", false),
            ("/a%zz%4", "a%zz%4", false),
            ("/..%5c..%5cx", "..\\..\\x", false),
            ("/...", "...", false),
            ("/a%20b%c3%a9", "a bé", false),
            ("/é", "é", false),
        ] {
            check(raw, Ok((path, directory)));
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (raw, refusal) in [
            ("*", Refusal::NotFound),
            ("a/b", Refusal::NotFound),
            ("/bad%FF.txt", Refusal::NotFound),
            ("/%c0%afetc", Refusal::NotFound),
            ("/a%00b", Refusal::BadRequest),
        ] {
            check(raw, Err(refusal));
        }
    }

    #[test]
    fn a_location_is_path_absolute_and_encoded() {
        for (raw, location) in [
            ("/sub", "/sub/"),
            ("/sub?a=b&c=d", "/sub/"),
            ("//evil.com/x", "/evil.com/x/"),
            ("/%5cevil.com", "/%5Cevil.com/"),
            ("/%0d%0aX-Injected:1", "/%0D%0AX-Injected%3A1/"),
            ("/..%2F%5cevil%2F%3f%2F..", "/%5Cevil/"),
        ] {
            assert_eq!(Target::parse(raw).map(|target| target.location()), Ok(location.to_owned()), "{raw:?}");
        }
    }

    #[test]
    fn a_path_is_within_another_by_whole_names() {
        for (raw, above, expected) in [
            ("/a/b", "/a/b", true),
            ("/a/b/", "/a/b", true),
            ("/a/%62/c?x", "/a/b", true),
            ("//a/./x/../b", "/a/b", true),
            ("/a/bc", "/a/b", false),
            ("/a", "/a/b", false),
            ("/a/b/../c", "/a/b", false),
            ("/A/b", "/a/b", false),
            ("/a%2fb", "/a/b", true),
        ] {
            let got = Target::parse(raw).and_then(|target| Ok(target.is_within(&Target::parse(above)?)));
            assert_eq!(got, Ok(expected), "{raw} {above}");
        }
    }

    #[test]
    fn a_parameter_is_the_first_of_its_name() {
        for (raw, value) in [
            ("/", None),
            ("/?q", Some("")),
            ("/?p&q=1&q=2", Some("1")),
            ("/?%71=a%20b+c%26", Some("a b c&")),
            ("/?q=a=b", Some("a=b")),
            ("/?qq=1", None),
            ("/?q=%ff", Some("\u{fffd}")),
            ("/q?Q=1#q=2", None),
        ] {
            let got = Target::parse(raw).map(|target| parameter(target.query(), "q"));
            assert_eq!(got, Ok(value.map(str::to_owned)), "{raw}");
        }
    }

    #[test]
    fn a_query_is_put_behind_the_path() {
        for (raw, location, expected) in [
            ("/a?q", "/b", "/b?q"),
            ("/a?q", "/b?r", "/b?r"),
            ("/a?q", "/b#c", "/b?q#c"),
            ("/a?", "b/", "b/?"),
            ("/a?\u{e9}=%C3%A9&b c", "b/", "b/?%C3%A9=%C3%A9&b%20c"),
        ] {
            let kept = Target::parse(raw).map(|target| {
                let mut location = location.to_owned();
                target.keep_query(&mut location);
                location
            });
            assert_eq!(kept.as_deref(), Ok(expected), "{location}");
        }
    }
}
