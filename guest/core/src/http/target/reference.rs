//! Relative references from the path of a request (RFC 3986 4.2).
//!
//! A proxy may remove a prefix from the path. A relative `Location` stays below that prefix; one from the root of the
//! server would not.

use crate::http::target::{Name, Target, encode};

/// The most steps up in a reference. A path with more slashes gets a reference from the root of the server.
const MAX_LEVELS: usize = 32;

impl Target {
    /// Whether the client wrote the path in the canonical form, apart from percent-encoding. In another form
    /// (`//sub//`, `/sub%2F`, `/sub/x/..`), relative references in a page do not lead to the right path.
    pub fn is_canonical(&self) -> bool {
        self.slashes.is_none()
    }

    /// A target with other names, and the same prefix and query.
    pub fn at(&self, names: Vec<Name>, directory: bool) -> Target {
        Target { names, directory, slashes: None, ..self.clone() }
    }

    /// Whether the path with its prefix is `above` or below it.
    pub fn is_below(&self, above: &Target) -> bool {
        let mut names = self.prefix.iter().chain(&self.names);
        above.names.iter().all(|name| names.next() == Some(name))
    }

    /// The `Location` of this path as a directory, with the query (PY-30).
    pub fn as_directory(&self) -> String {
        self.redirect(&self.names, true)
    }

    /// The `Location` of other names, with the query.
    pub fn redirect(&self, names: &[Name], directory: bool) -> String {
        let mut location = self.reference(names, directory);
        self.append_query(&mut location);
        location
    }

    /// A relative reference to the path of `names`. It is built from names, does not begin with a slash, and a `:` in
    /// it is encoded, so it cannot lead to another origin (PY-31).
    ///
    /// From a path that is not canonical it goes up to the root first. Clients disagree about `%2E%2E` in such a path:
    /// a step too many stops at the root (RFC 3986 5.2.4), but a step too few would be wrong.
    pub fn reference(&self, names: &[Name], directory: bool) -> String {
        let (up, shared) = match self.slashes {
            None => self.steps(names, directory),
            Some(slashes @ ..=MAX_LEVELS) => (slashes.saturating_sub(1), 0),
            Some(_) => return self.locate(names, directory),
        };
        let mut reference = "../".repeat(up);
        for name in self.prefix.iter().chain(names).skip(shared) {
            encode(name.as_str(), &mut reference);
            reference.push('/');
        }
        if !directory {
            reference.pop();
        }
        if reference.is_empty() { "./".to_owned() } else { reference }
    }

    /// The number of steps up to the deepest common directory of this path and that of `names`, and its level below the
    /// root.
    fn steps(&self, names: &[Name], directory: bool) -> (usize, usize) {
        let directories = |names: &[Name], directory: bool| {
            self.prefix.len().saturating_add(names.len()).saturating_sub(usize::from(!directory))
        };
        let (here, there) = (directories(&self.names, self.directory), directories(names, directory));
        let own = self.prefix.iter().chain(&self.names).take(here);
        let other = self.prefix.iter().chain(names).take(there);
        let shared = own.zip(other).take_while(|(one, other)| one == other).count();
        (here.saturating_sub(shared), shared)
    }
}

#[cfg(test)]
mod tests {
    use crate::http::target::reference::*;

    fn names(path: &str) -> Vec<Name> {
        path.split('/').filter_map(Name::new).collect()
    }

    #[test]
    fn the_canonical_form_is_known() {
        for (raw, expected) in [
            ("/", true),
            ("", true),
            ("/sub", true),
            ("/sub/", true),
            ("/s%75b/%2e%2e%2e/x?a//b#//", true),
            ("//", false),
            ("/.", false),
            ("/%2e%2e/", false),
            ("//sub/", false),
            ("/sub//", false),
            ("/sub/.", false),
            ("/sub/%2E", false),
            ("/sub/x/..", false),
            ("/sub%2f", false),
            ("/sub%2f/", false),
            ("/a%2fb/..", false),
            ("/a%2f..%2f", false),
        ] {
            assert_eq!(Target::parse(raw).map(|target| target.is_canonical()), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn a_directory_is_named_from_where_it_is() {
        for (raw, location) in [
            ("/sub", "sub/"),
            ("/sub?a=b&c=d", "sub/?a=b&c=d"),
            ("/sub/deep", "deep/"),
            ("/s%75b/a:b", "a%3Ab/"),
            ("/100%", "100%25/"),
            ("/what%3f?x", "what%3F/?x"),
            ("/%5cevil.com", "%5Cevil.com/"),
            ("/%0d%0aX-Injected:1", "%0D%0AX-Injected%3A1/"),
            // From a path of another form, from the root on.
            ("//evil.com/x", "../../evil.com/x/"),
            ("/sub%2F?x", "sub/?x"),
            ("/sub/x/..", "../../sub/"),
            ("//sub//", "../../../sub/"),
            ("//", "../"),
            ("/.", "./"),
            ("/..%2F%5cevil%2F%3f%2F..", "%5Cevil/"),
        ] {
            assert_eq!(Target::parse(raw).map(|target| target.as_directory()), Ok(location.to_owned()), "{raw:?}");
        }
        let slashes = "/".repeat(MAX_LEVELS);
        let location = Target::parse(&format!("{slashes}sub")).map(|target| target.as_directory());
        assert_eq!(location, Ok("../".repeat(MAX_LEVELS - 1) + "sub/"));
        let location = Target::parse(&format!("{slashes}/sub")).map(|target| target.as_directory());
        assert_eq!(location.as_deref(), Ok("/sub/"));
    }

    #[test]
    fn a_reference_goes_up_to_the_common_directory() {
        for (raw, to, directory, expected) in [
            ("/pages/about.html", "pages/about", false, "about"),
            ("/pages/index.html", "pages", true, "./"),
            ("/index.html", "", true, "./"),
            ("/a/b/none", "a", true, "../"),
            ("/a/b/none/", "a", true, "../../"),
            ("/a/b/", "a", false, "../../a"),
            ("/a/b", "a/b/c", false, "b/c"),
            ("/a/b/", "c/d", true, "../../c/d/"),
        ] {
            let got = Target::parse(raw).map(|target| target.reference(&names(to), directory));
            assert_eq!(got, Ok(expected.to_owned()), "{raw} {to}");
        }
    }

    #[test]
    fn a_prefix_is_part_of_the_way() {
        let prefixed = |raw: &str| {
            let prefix = Target::parse("/a%20b/docs")?;
            Ok(Target::parse(raw)?.below(&prefix).map(|target| target.as_directory()))
        };
        for (raw, location) in [
            ("/a%20b/docs?x", "docs/?x"),
            ("/a%20b/docs/sub", "sub/"),
            ("/a%20b//docs/sub", "../../../a%20b/docs/sub/"),
        ] {
            assert_eq!(prefixed(raw), Ok::<_, crate::http::refusal::Refusal>(Some(location.to_owned())), "{raw}");
        }
    }
}
