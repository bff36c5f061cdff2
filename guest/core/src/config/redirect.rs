//! Paths that have moved (RFC 9110 15.4), and the search for rules that would send clients round without end.

use crate::http::target::{Target, decode, encode_path, graphic};

/// A path that has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The rule as it was written.
    text: String,
    from: RedirectSource,
    /// Path from the root or URL, ready to be sent; a `*` at its end is replaced by the rest.
    to: String,
    status: u16,
}

/// Which paths a rule is about: decoded and with `/` at the start, as [`Target::title`] has them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RedirectSource {
    /// This one.
    Path(String),
    /// All that begin with this; written with a `*` at the end.
    Start(String),
}

impl Redirect {
    /// `FROM TO [STATUS]`. Both are read as a URL has them: `%20` is a space, and `%C3%BC` the same as `ü`.
    ///
    /// # Errors
    /// A place that is no path, a destination that is neither path nor URL, a status that does not move anything.
    pub fn parse(text: &str) -> Result<Redirect, String> {
        let mut words = text.split_ascii_whitespace();
        let (Some(from), Some(to), status, None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(format!("'{text}' is not FROM TO [STATUS]; write a space in a path as %20"));
        };
        let from = RedirectSource::parse(from)?;
        let is_path = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
        if !(is_path || is_url(to)) || to.chars().any(char::is_control) {
            return Err(format!("'{to}' is neither a path nor a URL; write a space in a path as %20"));
        }
        let status = match status.unwrap_or("301") {
            "301" => 301,
            "302" => 302,
            "303" => 303,
            "307" => 307,
            "308" => 308,
            other => {
                return Err(format!(
                    "'{other}' is not a status that redirects; give 301, 302, 303, 307 or 308, and write a space in a path as %20"
                ));
            }
        };
        Ok(Redirect { text: text.to_owned(), from, to: graphic(to), status })
    }

    /// Rules in their order, of which the first that matches counts.
    ///
    /// # Errors
    /// A rule by which a client that follows it never arrives, for its destination is redirected in turn without end.
    pub fn checked(rules: Vec<Redirect>) -> Result<Vec<Redirect>, String> {
        for rule in &rules {
            if let Some((way, directory)) = rule.from.samples().iter().find_map(|path| circle(&rules, path)) {
                return Err(told(&way, directory.as_deref()));
            }
        }
        Ok(rules)
    }

    /// Where a decoded path with `/` at its start has moved, with the status to say so; `rest` writes what `*` stands
    /// for in the form of a URL.
    pub fn of(&self, path: &str, rest: impl FnOnce(&str) -> String) -> Option<(u16, String)> {
        let matched = match &self.from {
            RedirectSource::Start(start) => path.strip_prefix(start.as_str())?,
            RedirectSource::Path(from) if path == from => "",
            RedirectSource::Path(_) => return None,
        };
        let to = match self.to.strip_suffix('*') {
            // A client chooses the rest: behind a slash, one more would make it the name of a host (S31).
            Some(start) if start.ends_with('/') => start.to_owned() + rest(matched).trim_start_matches('/'),
            Some(start) => start.to_owned() + &rest(matched),
            None => self.to.clone(),
        };
        Some((self.status, to))
    }
}

impl RedirectSource {
    fn parse(text: &str) -> Result<RedirectSource, String> {
        if !text.starts_with('/') {
            return Err(format!("'{text}' is no path; begin it with '/'"));
        }
        if text.contains(['?', '#']) {
            let way_out = "write %3F for a '?' and %23 for a '#' in the path";
            return Err(format!("'{text}' has a query or a fragment, and redirects are about paths alone; {way_out}"));
        }
        let no_path = || format!("'{text}' is no path that a file could have");
        let from = match text.strip_suffix('*') {
            Some(start) => RedirectSource::Start(beginning(start).ok_or_else(no_path)?),
            None => RedirectSource::Path(normal(text).ok_or_else(no_path)?),
        };
        Ok(from)
    }

    /// Paths that it is about: with and without something for `*` to stand for.
    fn samples(&self) -> Vec<String> {
        match self {
            RedirectSource::Path(path) => vec![path.clone()],
            // No rule that a person writes is about this name in particular.
            RedirectSource::Start(start) => {
                [format!("{start}\u{1}"), start.clone()].into_iter().filter(|path| is_normal(path)).collect()
            }
        }
    }
}

/// A path in the form in which paths are compared; `None` where it is none.
fn normal(text: &str) -> Option<String> {
    Target::parse(text).ok().map(|target| target.title())
}

fn is_normal(path: &str) -> bool {
    normal(&encode_path(path)).as_deref() == Some(path)
}

/// The same for the beginning of a path, which may end within a name.
fn beginning(text: &str) -> Option<String> {
    let start = String::from_utf8(decode(text)).ok()?;
    let (above, name) = start.rsplit_once('/')?;
    Some(normal(&encode_path(&format!("{above}/")))? + name)
}

/// Steps, and bytes of a path, after which a way that has not come to an end has none.
const MOST_STEPS: usize = 1_000;
const LONGEST: usize = 8 << 10;

/// The rules that a client follows from `path` on, if they never end: it comes back to where it was, or the path only grows.
/// The second value is the path that closes the loop if it is a directory: the server redirects `/docs` to `/docs/` then.
fn circle<'a>(rules: &'a [Redirect], path: &str) -> Option<(Vec<&'a Redirect>, Option<String>)> {
    let (mut way, mut paths) = (Vec::new(), vec![path.to_owned()]);
    loop {
        let here = paths.last()?;
        let next = rules.iter().find_map(|rule| Some((rule, rule.of(here, encode_path)?.1)));
        let Some((rule, to)) = next else {
            return paths.contains(&format!("{here}/")).then(|| (way, Some(here.clone())));
        };
        way.push(rule);
        // Another server may be this one under another name, which nobody can tell here.
        let there = Some(to).filter(|to| to.starts_with('/')).and_then(|to| normal(&to))?;
        if paths.contains(&there) || paths.len() > MOST_STEPS || there.len() > LONGEST {
            return Some((way, None));
        }
        paths.push(there);
    }
}

fn told(way: &[&Redirect], directory: Option<&str>) -> String {
    let mut texts: Vec<String> = Vec::new();
    for rule in way {
        let text = format!("'{}'", rule.text);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let others = texts.get(1..).unwrap_or_default().join(" and ");
    let by_way = if others.is_empty() { others } else { format!(", by way of {others}") };
    let first = texts.first().map(String::as_str).unwrap_or_default();
    match directory {
        Some(path) => format!(
            "{first} sends clients round without end{by_way} if '{path}' is a directory: the server redirects that to \
             '{path}/'; name a file, such as '{path}.html'"
        ),
        None => format!("{first} sends clients round without end{by_way}; name a destination that no rule is about"),
    }
}

/// A URL that says its host, so that no `*` has a part in it. A name with other than ASCII is written as `xn--`.
fn is_url(text: &str) -> bool {
    let behind = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = behind.and_then(|behind| behind.split(['/', '\\', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty() && host.is_ascii() && !host.contains('*'))
}

#[cfg(test)]
mod tests {
    use crate::config::redirect::*;

    #[track_caller]
    fn check(rule: &str, path: &str, expected: Option<(u16, &str)>) {
        let got = Redirect::parse(rule).map(|redirect| redirect.of(path, encode_path));
        assert_eq!(got, Ok(expected.map(|(status, to)| (status, to.to_owned()))), "{rule} {path}");
    }

    #[test]
    fn a_redirect_goes_where_it_says() {
        check("/old /new", "/old", Some((301, "/new")));
        check("/old /new 308", "/old/", None);
        check("/blog/* /posts/* 302", "/blog/a/b", Some((302, "/posts/a/b")));
        check("/x https://example.com/", "/x", Some((301, "https://example.com/")));
        check("/old* /*", "/old/evil.com", Some((301, "/evil.com")));
        check("/old* /new*", "/old/a", Some((301, "/new/a")));
        check("/old* https://example.com/*", "/old/a", Some((301, "https://example.com/a")));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
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
        let checked = rules.clone().and_then(Redirect::checked);
        assert_eq!(checked.is_ok(), expected, "{rules:?}: {checked:?}");
    }

    #[test]
    fn rules_without_end_are_refused() {
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
    fn a_circle_is_told_by_its_rules() {
        let told = |rules: &[&str]| {
            let rules = rules.iter().map(|rule| Redirect::parse(rule)).collect::<Result<Vec<_>, _>>()?;
            Redirect::checked(rules).map(|_| String::new())
        };
        let way_out = "name a destination that no rule is about";
        assert_eq!(told(&["/* /x/*"]), Err(format!("'/* /x/*' sends clients round without end; {way_out}")));
        assert_eq!(
            told(&["/a /b", "/b /a 302"]),
            Err(format!("'/a /b' sends clients round without end, by way of '/b /a 302'; {way_out}"))
        );
        assert_eq!(
            told(&["/docs/ /docs"]),
            Err("'/docs/ /docs' sends clients round without end if '/docs' is a directory: the server redirects that \
                 to '/docs/'; name a file, such as '/docs.html'"
                .into())
        );
    }
}
