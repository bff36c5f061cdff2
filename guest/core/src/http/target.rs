//! The request target (RFC 9110 7.1) as a list of names. This is the only parser of paths, so a [`Target`] cannot leave
//! the tree.

mod reference;

use crate::http::refusal::Refusal;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;

/// The name of an entry: not empty, not `.` or `..`, without `/` and NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// `None` if the text is not a valid name.
    pub fn new(text: impl Into<String> + AsRef<str>) -> Option<Name> {
        let plain = !matches!(text.as_ref(), "" | "." | "..") && !text.as_ref().contains(['/', '\0']);
        plain.then(|| Name(text.into()))
    }

    /// The name in the tree.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a dotfile, which is neither served nor listed (PY-28). `.well-known` (RFC 8615) is not one.
    pub fn is_hidden(&self) -> bool {
        is_dotfile(&self.0)
    }
}

/// Whether a name is hidden by default.
pub fn is_dotfile(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

/// A request target: a path below the root, whether it was written as a directory, and the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The names of a removed prefix. Written paths contain them.
    prefix: Vec<Name>,
    names: Vec<Name>,
    directory: bool,
    query: Option<String>,
    /// The number of slashes in a path that was not written in the canonical form.
    slashes: Option<usize>,
}

impl Target {
    /// Reads a target in origin form (RFC 9112 3.2.1). The path is decoded once. Empty segments and `.` are dropped,
    /// and `..` removes the segment before it, down to the root (PY-20, PY-31). An empty path, which the absolute form
    /// may have, is the root (RFC 9110 4.2.3).
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] for an encoded NUL (PY-25), [`Refusal::NotFound`] for a target without a path (`*`) and
    /// for a path that is not UTF-8, which no entry of a tree has (PY-26).
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
        // A path that ends in `/`, `/.` or `/..` is that of a directory (RFC 3986 5.2.4), and so is the root.
        let last = path.rsplit('/').next().unwrap_or_default();
        let directory = names.is_empty() || matches!(last, "" | "." | "..");
        let mut target = Target { prefix: Vec::new(), names, directory, query, slashes: None };
        let slashes = raw.matches('/').count();
        if path != target.title() || slashes != path.matches('/').count() {
            target.slashes = Some(slashes);
        }
        Ok(target)
    }

    /// The names from the root down; empty for the root.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The last name of the path, as the client sees it. `None` for the root without a prefix.
    pub fn name(&self) -> Option<&Name> {
        self.names.last().or(self.prefix.last())
    }

    /// Whether the path was written as a directory.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// The names of the removed prefix.
    pub fn prefix(&self) -> &[Name] {
        &self.prefix
    }

    /// The query as it was sent; empty if there is none.
    pub fn query(&self) -> &str {
        self.query.as_deref().unwrap_or_default()
    }

    /// Whether any name is a dotfile (PY-28).
    pub fn is_hidden(&self) -> bool {
        self.names.iter().any(Name::is_hidden)
    }

    /// The path relative to the root, as `open-at` takes it, without `/` at either end.
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

    /// Removes the last name, and returns it. The result is a directory. `None` at the root.
    pub fn go_up(&mut self) -> Option<Name> {
        self.directory = true;
        self.query = None;
        self.names.pop()
    }

    /// Whether it is `above` or below it, without prefixes.
    pub fn is_within(&self, above: &Target) -> bool {
        self.names.starts_with(&above.names)
    }

    /// The same path with `prefix` removed, or `None` if it is not below `prefix`.
    pub fn below(&self, prefix: &Target) -> Option<Target> {
        let names = self.names.strip_prefix(prefix.names.as_slice())?.to_vec();
        Some(Target { prefix: prefix.names.clone(), names, ..self.clone() })
    }

    /// The decoded path for people, with a slash at the start, and one at the end of a directory (PY-22, PY-39).
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

    /// This path as a directory, from the root of the server: encoded, with exactly one slash at the start.
    pub fn location(&self) -> String {
        self.locate(&self.names, true)
    }

    /// Built from names and not from the text of the client, so it cannot lead to another origin (PY-31).
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

    /// Adds the query to a location that has none. Bytes that no URL contains are encoded.
    pub fn append_query(&self, location: &mut String) {
        if let (Some(query), false) = (self.query.as_deref(), location.contains('?')) {
            let fragment = location.find('#').unwrap_or(location.len());
            location.insert_str(fragment, &format!("?{}", encode_non_graphic(query)));
        }
    }
}

/// The value of a parameter in a query of a form (`application/x-www-form-urlencoded`). The first one of that name
/// counts. Bytes that are not UTF-8 are replaced.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    parameters(query, name).next()
}

/// All values of a parameter, read as [`parameter`] does.
pub fn parameters(query: &str, name: &str) -> impl Iterator<Item = String> {
    let text = |part: &str| String::from_utf8_lossy(&decode(&part.replace('+', " "))).into_owned();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(key, _)| text(key) == name).map(move |(_, value)| text(value))
}

/// A path with its segments encoded and its slashes kept.
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

/// The bytes that a path segment encodes: all but the unreserved ones (RFC 3986 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The bytes that no URL contains.
const NON_GRAPHIC: &AsciiSet = &CONTROLS.add(b' ');

/// Appends `text` as one path segment (PY-38). The result has no scheme, and needs no escaping in HTML or a field.
pub fn encode(text: &str, to: &mut String) {
    to.extend(utf8_percent_encode(text, SEGMENT));
}

/// Writes `text` as [`encode`] does.
///
/// # Errors
/// Those of `to`.
pub fn write_encoded(text: &str, to: &mut dyn fmt::Write) -> fmt::Result {
    utf8_percent_encode(text, SEGMENT).try_for_each(|part| to.write_str(part))
}

/// Percent-encodes only the bytes that no URL contains, so that the others keep their meaning.
pub fn encode_non_graphic(text: &str) -> String {
    utf8_percent_encode(text, NON_GRAPHIC).collect()
}

/// Decodes percent-encoding once. A `%` without two hexadecimal digits stays, as in Python.
pub fn decode(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use crate::http::target::*;

    /// Checks the path and whether it is a directory, or the refusal.
    #[track_caller]
    fn check(raw: &str, expected: Result<(&str, bool), Refusal>) {
        let got = Target::parse(raw).map(|target| (target.path(), target.is_directory()));
        assert_eq!(got, expected.map(|(path, directory)| (path.to_owned(), directory)), "{raw:?}");
    }

    #[test]
    fn a_path_is_a_list_of_names() {
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
    fn an_invalid_path_is_refused() {
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
                target.append_query(&mut location);
                location
            });
            assert_eq!(kept.as_deref(), Ok(expected), "{location}");
        }
    }
}
