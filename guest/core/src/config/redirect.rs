//! Redirect rules (RFC 9110 15.4), and the search for rules that form a loop.

use crate::config::invalid_value::InvalidValue;
use crate::http::target::{Target, decode, encode_non_graphic, encode_path};

/// A rule that redirects paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The text of the rule.
    text: String,
    from: RedirectSource,
    /// An encoded path from the root, or a URL. A `*` at its end stands for the rest of the path.
    to: String,
    status: u16,
}

/// The paths that a rule matches, in the form of [`Target::title`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum RedirectSource {
    /// One path.
    Path(String),
    /// Every path with this prefix. The rule has a `*` after it.
    Prefix(String),
}

impl Redirect {
    /// Reads `FROM TO [STATUS]`. Both are read as in a URL: `%20` is a space, and `%C3%BC` the same as `ü`.
    ///
    /// # Errors
    /// An invalid path, a destination that is neither a path nor a URL, a status that is not a redirect.
    pub fn parse(text: &str) -> Result<Redirect, InvalidValue> {
        let invalid = |message: String| Err(InvalidValue::new(message));
        let mut words = text.split_ascii_whitespace();
        let (Some(from), Some(to), status, None) = (words.next(), words.next(), words.next(), words.next()) else {
            return invalid(format!("invalid redirect '{text}': write FROM TO [STATUS], and a space in a path as %20"));
        };
        let from = RedirectSource::parse(from)?;
        let is_path = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
        if !(is_path || is_url(to)) || to.chars().any(char::is_control) {
            return invalid(format!("'{to}' is neither a path nor a URL; write a space in a path as %20"));
        }
        let status = match status.unwrap_or("301") {
            "301" => 301,
            "302" => 302,
            "303" => 303,
            "307" => 307,
            "308" => 308,
            other => {
                let way_out = "write 301, 302, 303, 307 or 308, and a space in a path as %20";
                return invalid(format!("'{other}' is not the status of a redirect; {way_out}"));
            }
        };
        Ok(Redirect { text: text.to_owned(), from, to: encode_non_graphic(to), status })
    }

    /// Checks that a list of rules, of which the first match counts, has no loop.
    ///
    /// # Errors
    /// A rule whose destination is redirected again without end.
    pub fn without_loops(rules: Vec<Redirect>) -> Result<Vec<Redirect>, InvalidValue> {
        for rule in &rules {
            if let Some(found) = rule.from.samples().iter().find_map(|path| find_loop(&rules, path)) {
                return Err(InvalidValue::new(found.describe()));
            }
        }
        Ok(rules)
    }

    /// The status and the destination for a decoded path, if the rule matches it. `encode` turns the text for `*` into
    /// a part of a URL.
    pub fn apply(&self, path: &str, encode: impl FnOnce(&str) -> String) -> Option<(u16, String)> {
        let rest = match &self.from {
            RedirectSource::Prefix(prefix) => path.strip_prefix(prefix.as_str())?,
            RedirectSource::Path(from) if path == from => "",
            RedirectSource::Path(_) => return None,
        };
        let to = match self.to.strip_suffix('*') {
            // The client chooses the rest: a second slash would make it the name of a host (PY-31).
            Some(start) if start.ends_with('/') => start.to_owned() + encode(rest).trim_start_matches('/'),
            Some(start) => start.to_owned() + &encode(rest),
            None => self.to.clone(),
        };
        Some((self.status, to))
    }
}

impl RedirectSource {
    fn parse(text: &str) -> Result<RedirectSource, InvalidValue> {
        if !text.starts_with('/') {
            return Err(InvalidValue::new(format!("invalid path '{text}': it must begin with '/'")));
        }
        if text.contains(['?', '#']) {
            return Err(InvalidValue::new(format!(
                "'{text}' has a query or a fragment, but redirects match only paths; write '?' in a path as %3F, and \
                 '#' as %23"
            )));
        }
        let from = match text.strip_suffix('*') {
            Some(prefix) => normal_prefix(prefix).map(RedirectSource::Prefix),
            None => normal(text).map(RedirectSource::Path),
        };
        from.ok_or_else(|| InvalidValue::new(format!("invalid path '{text}': no file can have it")))
    }

    /// Paths that the rule matches: with and without a text for `*`.
    fn samples(&self) -> Vec<String> {
        match self {
            RedirectSource::Path(path) => vec![path.clone()],
            // No rule of a person matches exactly this name.
            RedirectSource::Prefix(prefix) => {
                [format!("{prefix}\u{1}"), prefix.clone()].into_iter().filter(|path| is_normal(path)).collect()
            }
        }
    }
}

/// A path in the form for comparisons, or `None` if it is invalid.
fn normal(text: &str) -> Option<String> {
    Target::parse(text).ok().map(|target| target.title())
}

fn is_normal(path: &str) -> bool {
    normal(&encode_path(path)).as_deref() == Some(path)
}

/// The same for a prefix, which may end within a name.
fn normal_prefix(text: &str) -> Option<String> {
    let start = String::from_utf8(decode(text)).ok()?;
    let (above, name) = start.rsplit_once('/')?;
    Some(normal(&encode_path(&format!("{above}/")))? + name)
}

/// The limits for a chain of redirects: its steps, and the bytes of a path. Beyond them it counts as endless.
const MAX_STEPS: usize = 1_000;
const PATH_MAX: usize = 8 << 10;

/// Rules that a client follows without end.
struct RedirectLoop<'a> {
    rules: Vec<&'a Redirect>,
    /// A path that closes the loop if it is a directory: the server redirects `/docs` to `/docs/` then.
    directory: Option<String>,
}

/// Follows the rules from a path on, and returns a loop: a path that occurs again, or paths that only grow.
fn find_loop<'a>(rules: &'a [Redirect], path: &str) -> Option<RedirectLoop<'a>> {
    let (mut used, mut paths) = (Vec::new(), vec![path.to_owned()]);
    loop {
        let here = paths.last()?;
        let next = rules.iter().find_map(|rule| Some((rule, rule.apply(here, encode_path)?.1)));
        let Some((rule, to)) = next else {
            let is_closed = paths.contains(&format!("{here}/"));
            return is_closed.then(|| RedirectLoop { rules: used, directory: Some(here.clone()) });
        };
        used.push(rule);
        // A URL with a host may lead back to this server, but that is unknown here.
        let there = Some(to).filter(|to| to.starts_with('/')).and_then(|to| normal(&to))?;
        if paths.contains(&there) || paths.len() > MAX_STEPS || there.len() > PATH_MAX {
            return Some(RedirectLoop { rules: used, directory: None });
        }
        paths.push(there);
    }
}

impl RedirectLoop<'_> {
    fn describe(&self) -> String {
        let mut texts: Vec<String> = Vec::new();
        for rule in &self.rules {
            let text = format!("'{}'", rule.text);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let others = texts.get(1..).unwrap_or_default().join(" and ");
        let with = if others.is_empty() { others } else { format!(" with {others}") };
        let first = texts.first().map(String::as_str).unwrap_or_default();
        match &self.directory {
            Some(path) => format!(
                "{first} is a redirect loop{with} if '{path}' is a directory: the server redirects that to '{path}/'; \
                 use a file as the destination, such as '{path}.html'"
            ),
            None => format!("{first} is a redirect loop{with}; use a destination that no rule matches"),
        }
    }
}

/// A URL with a host that no `*` is part of. A name with characters outside of ASCII must be written as `xn--`.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '\\', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty() && host.is_ascii() && !host.contains('*'))
}

#[cfg(test)]
mod tests {
    use crate::config::redirect::*;

    #[track_caller]
    fn check(rule: &str, path: &str, expected: Option<(u16, &str)>) {
        let got = Redirect::parse(rule).map(|redirect| redirect.apply(path, encode_path));
        assert_eq!(got, Ok(expected.map(|(status, to)| (status, to.to_owned()))), "{rule} {path}");
    }

    #[test]
    fn a_redirect_leads_to_its_destination() {
        check("/old /new", "/old", Some((301, "/new")));
        check("/old /new 308", "/old/", None);
        check("/blog/* /posts/* 302", "/blog/a/b", Some((302, "/posts/a/b")));
        check("/x https://example.com/", "/x", Some((301, "https://example.com/")));
        check("/old* /*", "/old/evil.com", Some((301, "/evil.com")));
        check("/old* /new*", "/old/a", Some((301, "/new/a")));
        check("/old* https://example.com/*", "/old/a", Some((301, "https://example.com/a")));
    }

    #[test]
    fn invalid_rules_are_refused() {
        for bad in [
            "/a",
            "a /b",
            "/a b",
            "/a //evil.com",
            "/a /\\evil.com",
            "/a /b 200",
            "/a /b 301 x",
            "/a javascript:x",
            "/a* https://a.example*",
            "/a* https://*",
            "/a* https:///*",
            "/a https://\u{fc}.example/",
            "/a /b\u{7f}",
            "/a?b /c",
            "/a#b /c",
            "/a%00 /b",
            "/a%FF /b",
            "/a%FF* /b",
        ] {
            assert!(Redirect::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_read_as_a_url_has_them() {
        check("/sp%20ace /n", "/sp ace", Some((301, "/n")));
        check("/%C3%BC /n", "/\u{fc}", Some((301, "/n")));
        check("/\u{fc} /n", "/\u{fc}", Some((301, "/n")));
        check("/100% /n", "/100%", Some((301, "/n")));
        check("/100%25 /n", "/100%", Some((301, "/n")));
        check("/a%2520b /n", "/a%20b", Some((301, "/n")));
        check("/what%3f /n", "/what?", Some((301, "/n")));
        check("/star%2A /n", "/star*", Some((301, "/n")));
        check("/star%2A /n", "/starling", None);
        check("/sp%20a* /n/*", "/sp ace", Some((301, "/n/ce")));
        check("/%C3%BC/* /\u{f6}/*", "/\u{fc}/\u{e4}", Some((301, "/%C3%B6/%C3%A4")));
        check("/a%2Fb /n", "/a/b", Some((301, "/n")));
        check("//a//b /n", "/a/b", Some((301, "/n")));
        check("/a//b* /n*", "/a/bc", Some((301, "/nc")));
        check("/a /sp%20ace?q=%20#\u{e9}", "/a", Some((301, "/sp%20ace?q=%20#%C3%A9")));
        check("/a https://example.com/\u{fc}", "/a", Some((301, "https://example.com/%C3%BC")));
    }

    #[track_caller]
    fn ends(rules: &[&str], expected: bool) {
        let rules = rules.iter().map(|rule| Redirect::parse(rule)).collect::<Result<Vec<_>, _>>();
        let checked = rules.clone().and_then(Redirect::without_loops);
        assert_eq!(checked.is_ok(), expected, "{rules:?}: {checked:?}");
    }

    #[test]
    fn loops_are_refused() {
        ends(&["/a /a"], false);
        ends(&["/a /a?x=1"], false);
        ends(&["/a /%61"], false);
        ends(&["/a /x/../a"], false);
        ends(&["/sp%20ace /sp%20ace#x"], false);
        ends(&["/\u{fc} /%C3%BC"], false);
        ends(&["/* /x/*"], false);
        ends(&["/* /"], false);
        ends(&["/* /index.html"], false);
        ends(&["/a* /ab*"], false);
        ends(&["/docs/* /docs/v2/*"], false);
        ends(&["/docs/* /docs/"], false);
        ends(&["/a /b", "/b /a"], false);
        ends(&["/x /a", "/a /b", "/b /c", "/c /a 308"], false);
        ends(&["/a/* /b/*", "/b/* /a/*"], false);
        ends(&["/a/* /b/*", "/b/x /a/x"], false);
        // Where the destination is a directory, the server redirects it back.
        ends(&["/a/ /a"], false);
        ends(&["/a/ /a?x=1"], false);
        ends(&["/a/* /a"], false);
        ends(&["/a/ /b", "/b /a"], false);
        ends(&["/b /a", "/a/ /b"], false);
        ends(&["/old /new", "/new /new/*"], true);
        ends(&["/a /a/"], true);
        ends(&["/a/ /b/", "/b/ /c/"], true);
        ends(&["/a/ /a.html"], true);
        ends(&["/a/* /a.html"], true);
        ends(&["/a /b", "/b /c", "/c /d"], true);
        ends(&["/x /old/old/old/old/old/y", "/old/* /*"], true);
        ends(&["/a https://example.com/a"], true);
        // What a later rule would do does not count.
        ends(&["/x/* https://example.com/*", "/* /x/*"], true);
        ends(&["/old* /*"], true);
        ends(&["/old/* /*", "/older /old/older"], false);
        ends(&["/blog/* /posts/*", "/posts/old /archive"], true);
        let many: Vec<String> = (0..500).map(|index| format!("/{index} /{}", index + 1)).collect();
        ends(&many.iter().map(String::as_str).collect::<Vec<_>>(), true);
    }

    #[test]
    fn a_loop_is_described_by_its_rules() {
        let message = |rules: &[&str]| {
            let rules = rules.iter().map(|rule| Redirect::parse(rule)).collect::<Result<Vec<_>, _>>();
            rules.and_then(Redirect::without_loops).map(|_| String::new()).map_err(String::from)
        };
        let way_out = "use a destination that no rule matches";
        assert_eq!(message(&["/* /x/*"]), Err(format!("'/* /x/*' is a redirect loop; {way_out}")));
        assert_eq!(
            message(&["/a /b", "/b /a 302"]),
            Err(format!("'/a /b' is a redirect loop with '/b /a 302'; {way_out}"))
        );
        assert_eq!(
            message(&["/docs/ /docs"]),
            Err("'/docs/ /docs' is a redirect loop if '/docs' is a directory: the server redirects that to '/docs/'; \
                 use a file as the destination, such as '/docs.html'"
                .to_owned())
        );
    }
}
