//! Rules of a site that are about some of its paths: which paths, and what then. It refuses to know where a rule was
//! written.

pub use crate::config::redirect::Redirect;
use crate::reply::Field;
use std::fmt;

/// Which paths a rule is about. A pattern without `/` is about names in any directory, one with `/` about whole paths
/// below the root. `*` and `?` stop at `/`, `**` does not; `[a-z]` and `{a,b}` are as in a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// # Errors
    /// An empty pattern.
    pub fn parse(text: &str) -> Result<Glob, String> {
        match text.trim_start_matches('/') {
            "" => Err("an empty pattern matches nothing; '**' matches every path".to_owned()),
            pattern if text.starts_with('/') || pattern.contains('/') => Ok(Glob(pattern.to_owned())),
            pattern => Ok(Glob(format!("**/{pattern}"))),
        }
    }

    /// Whether it is about every path.
    pub fn is_for_all(&self) -> bool {
        matches!(self.0.as_str(), "**" | "**/**")
    }

    /// The same, of a text that is a pattern and cannot be mistaken for one.
    ///
    /// # Errors
    /// Also a pattern that is not closed, or nested too deep.
    pub fn parse_strict(text: &str) -> Result<Glob, String> {
        fast_glob::validate(text).map_err(|error| format!("'{text}' is no pattern: {error}"))?;
        Glob::parse(text)
    }

    /// The patterns of the directories above what this one matches, the highest first; `None` where braces make that unclear.
    pub fn parents(&self) -> Option<Vec<Glob>> {
        let (mut parents, mut depth, mut in_class, mut is_escaped) = (Vec::new(), 0_u32, false, false);
        for (index, byte) in self.0.bytes().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b']' => in_class = false,
                _ if in_class => {}
                b'[' => in_class = true,
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                b'/' if depth > 0 => return None,
                b'/' => parents.extend(self.0.get(..index).map(|above| Glob(above.to_owned()))),
                _ => {}
            }
        }
        Some(parents)
    }

    /// Whether a path relative to the root, without `/` at its ends, is one of those.
    pub fn matches(&self, path: &str) -> bool {
        fast_glob::glob_match(&self.0, path)
    }
}

/// How long answers may be kept (RFC 9111 5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheControl {
    /// For so many seconds.
    Seconds(u32),
    /// Not at all.
    NoStore,
    /// For ever, for names that change with their content (RFC 8246).
    Immutable,
}

impl CacheControl {
    /// # Errors
    /// Anything but a number of seconds, `no-store` and `immutable`.
    pub fn parse(text: &str) -> Result<CacheControl, String> {
        match text {
            "no-store" => Ok(CacheControl::NoStore),
            "immutable" => Ok(CacheControl::Immutable),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => text
                .parse()
                .map(CacheControl::Seconds)
                .map_err(|_| format!("'{text}' seconds are longer than caches count")),
            _ => Err(format!("'{text}' is neither a number of seconds nor 'no-store' nor 'immutable'")),
        }
    }
}

impl fmt::Display for CacheControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheControl::Seconds(seconds) => write!(f, "max-age={seconds}"),
            CacheControl::NoStore => f.write_str("no-store"),
            CacheControl::Immutable => f.write_str("max-age=31536000, immutable"),
        }
    }
}

/// Who may read answers from scripts of another origin (Fetch 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Scripts of this origin alone.
    Closed,
    /// Scripts of any origin.
    Any,
    /// Scripts of these.
    Origins(Vec<String>),
}

impl Cors {
    /// `*`, or origins separated by commas.
    ///
    /// # Errors
    /// What is no origin: a scheme, `://`, a host, perhaps a port, and nothing behind.
    pub fn parse(text: &str) -> Result<Cors, String> {
        match text.to_ascii_lowercase().as_str() {
            "*" | "1" | "true" | "yes" | "on" => return Ok(Cors::Any),
            "" | "0" | "false" | "no" | "off" => return Ok(Cors::Closed),
            _ => {}
        }
        let origins = text.split(',').map(|origin| {
            let origin = origin.trim();
            match origin.split_once("://") {
                Some((scheme, host)) if is_host(host) && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    Ok(origin.to_ascii_lowercase())
                }
                _ => Err(format!("'{origin}' is no origin; write one as 'https://example.com'")),
            }
        });
        origins.collect::<Result<_, _>>().map(Cors::Origins)
    }

    /// The fields for a request from `origin`.
    pub fn fields(&self, origin: Option<&str>) -> Vec<Field> {
        let allowed = |value: &str| ("access-control-allow-origin".to_owned(), value.to_owned());
        let exposed = ("access-control-expose-headers".to_owned(), "*".to_owned());
        match self {
            Cors::Closed => Vec::new(),
            Cors::Any => vec![allowed("*"), exposed],
            Cors::Origins(origins) => {
                let mut fields = vec![("vary".to_owned(), "Origin".to_owned())];
                let known = origin.and_then(|origin| origins.iter().find(|known| known.eq_ignore_ascii_case(origin)));
                if let (Some(_), Some(origin)) = (known, origin) {
                    fields.extend([allowed(origin), exposed]);
                }
                fields
            }
        }
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use crate::config::rule::*;

    #[test]
    fn a_glob_is_about_names_or_paths() {
        for (pattern, path, expected) in [
            ("*.css", "a.css", true),
            ("*.css", "x/y/a.css", true),
            ("*.css", "a.css.map", false),
            ("/*.css", "a.css", true),
            ("/*.css", "x/a.css", false),
            ("assets/**", "assets/x/y.js", true),
            ("assets/*", "assets/x/y.js", false),
            ("*.{js,mjs}", "a.mjs", true),
            ("**", "anything/at.all", true),
            ("a?b", "a/b", false),
        ] {
            assert_eq!(Glob::parse(pattern).map(|glob| glob.matches(path)), Ok(expected), "{pattern} {path}");
        }
        assert!(Glob::parse("").is_err() && Glob::parse("/").is_err());
    }

    #[test]
    fn a_cache_rule_is_one_of_three() {
        for (text, written) in [
            ("3600", Some("max-age=3600")),
            ("0", Some("max-age=0")),
            ("no-store", Some("no-store")),
            ("immutable", Some("max-age=31536000, immutable")),
            ("+5", None),
            ("", None),
            ("forever", None),
            ("99999999999", None),
        ] {
            assert_eq!(CacheControl::parse(text).ok().map(|cache| cache.to_string()).as_deref(), written, "{text}");
        }
    }

    #[test]
    fn cors_names_origins() {
        assert_eq!(Cors::parse("*"), Ok(Cors::Any));
        assert_eq!(Cors::parse("no"), Ok(Cors::Closed));
        let Ok(cors) = Cors::parse("https://a.example, http://localhost:3000") else { panic!("two origins") };
        assert_eq!(cors.fields(Some("https://b.example")).len(), 1);
        assert_eq!(cors.fields(Some("http://localhost:3000")).len(), 3);
        for bad in ["a.example", "https://", "https://a/b", "https://a\r\nx", "java script://x"] {
            assert!(Cors::parse(bad).is_err(), "{bad}");
        }
    }
}
