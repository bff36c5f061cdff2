//! What the handler was told to do: the meaning of each `GLASSHOUSE_*` variable that is the guest's. It refuses to know
//! where the variables came from, so it is the same under any host.

use crate::kind::MediaType;
use crate::reply::Field;
use crate::target::Name;
use std::fmt;

/// The variables that the handler knows, in the order of the documentation.
pub const KEYS: &[&str] =
    &["GLASSHOUSE_INDEX", "GLASSHOUSE_HIDDEN", "GLASSHOUSE_CONTENT_TYPE", "GLASSHOUSE_HEADER", "GLASSHOUSE_BODY"];

/// How the handler answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    index: Vec<Name>,
    hidden: bool,
    content_type: MediaType,
    headers: Vec<Field>,
    body: BodyPath,
}

/// How the bytes of a file leave the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPath {
    /// The handler reads and writes them, and stops at the length that it announced. Works in every host.
    Pumped,
    /// The handler gives the stream of the open file away; the host sends exactly the announced length of it. Only for
    /// a host that says it does so.
    Direct,
}

/// A variable whose value means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: String,
    reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}

impl std::error::Error for ConfigError {}

impl Default for Config {
    fn default() -> Config {
        Config {
            index: ["index.html", "index.htm"].into_iter().filter_map(Name::new).collect(),
            hidden: false,
            content_type: MediaType::OCTET_STREAM,
            headers: Vec::new(),
            body: BodyPath::Pumped,
        }
    }
}

impl Config {
    /// Reads the variables whose names begin with `GLASSHOUSE_`; all others are somebody else's. A later pair replaces
    /// an earlier one.
    ///
    /// - `GLASSHOUSE_INDEX`: names of index files, first match wins, separated by commas; empty for none (S33).
    /// - `GLASSHOUSE_HIDDEN`: whether dotfiles are served and listed (S28).
    /// - `GLASSHOUSE_CONTENT_TYPE`: the media type of files whose name tells none (S11).
    /// - `GLASSHOUSE_HEADER`: `NAME: VALUE`, one a line, sent with files and listings (S10).
    /// - `GLASSHOUSE_BODY`: `direct` where the host sends the bytes of files itself; see [`BodyPath`].
    ///
    /// # Errors
    /// An unknown name and a value without meaning, in words for the person who set it.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Config, ConfigError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut config = Config::default();
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.as_ref());
            if key.starts_with("GLASSHOUSE_") {
                config.set(key, value).map_err(|reason| ConfigError { key: key.to_owned(), reason })?;
            }
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "GLASSHOUSE_INDEX" => self.index = index(value)?,
            "GLASSHOUSE_HIDDEN" => self.hidden = switch(value)?,
            "GLASSHOUSE_CONTENT_TYPE" => {
                self.content_type = MediaType::parse(value).map_err(|error| error.to_string())?;
            }
            "GLASSHOUSE_HEADER" => self.headers = value.lines().map(header).collect::<Result<_, _>>()?,
            "GLASSHOUSE_BODY" => {
                self.body = match value {
                    "direct" => BodyPath::Direct,
                    "pumped" | "" => BodyPath::Pumped,
                    _ => return Err(format!("'{value}' is neither 'direct' nor 'pumped'")),
                }
            }
            _ => return Err(format!("no such option; there are {}", KEYS.join(", "))),
        }
        Ok(())
    }

    /// Names of index files, in the order in which they are looked for.
    pub fn index(&self) -> &[Name] {
        &self.index
    }

    /// Whether dotfiles are served and listed.
    pub fn shows_hidden(&self) -> bool {
        self.hidden
    }

    /// The media type of files whose name tells none.
    pub fn content_type(&self) -> &MediaType {
        &self.content_type
    }

    /// Fields to send with files and listings.
    pub fn headers(&self) -> &[Field] {
        &self.headers
    }

    /// How the bytes of a file leave the handler.
    pub fn body(&self) -> BodyPath {
        self.body
    }
}

fn index(value: &str) -> Result<Vec<Name>, String> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| Name::new(name).ok_or(format!("'{name}' is no file name; give one without '/'"))).collect()
}

fn switch(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("'{value}' is neither 'true' nor 'false'")),
    }
}

/// Fields that belong to the connection or to the message's framing: `wasi:http` forbids a handler to set them, and
/// they would be lies.
const NOT_A_HANDLERS: &[&str] = &[
    "connection",
    "content-length",
    "content-range",
    "date",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One `NAME: VALUE` (RFC 9110 5.1 and 5.5).
fn header(line: &str) -> Result<Field, String> {
    let (name, value) = line.split_once(':').ok_or(format!("'{line}' has no ':' between name and value"))?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("'{name}' is no field name"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80) {
        return Err(format!("the value of '{name}' has a control character in it"));
    }
    if NOT_A_HANDLERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("'{name}' is set by the server alone"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// `tchar` of RFC 9110 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fails(key: &str, value: &str, message: &str) {
        let error = Config::from_pairs([(key, value)]).map_err(|error| error.to_string());
        assert_eq!(error, Err(format!("{key}: {message}")));
    }

    #[test]
    fn each_variable_has_a_meaning() {
        let config = Config::from_pairs([
            ("PATH", "/bin"),
            ("GLASSHOUSE_INDEX", "a.html, b.html"),
            ("GLASSHOUSE_HIDDEN", "Yes"),
            ("GLASSHOUSE_CONTENT_TYPE", "text/plain"),
            ("GLASSHOUSE_HEADER", "X-One: 1\nx-two:a: b "),
            ("GLASSHOUSE_BODY", "direct"),
        ]);
        let Ok(config) = config else { panic!("{config:?}") };
        assert_eq!(config.index().iter().map(Name::as_str).collect::<Vec<_>>(), ["a.html", "b.html"]);
        assert!(config.shows_hidden());
        assert_eq!(config.content_type().as_str(), "text/plain");
        assert_eq!(config.headers(), [("X-One".into(), "1".into()), ("x-two".into(), "a: b".into())]);
        assert_eq!(config.body(), BodyPath::Direct);
    }

    #[test]
    fn nonsense_is_named() {
        fails("GLASSHOUSE_INDEX", "a/b", "'a/b' is no file name; give one without '/'");
        fails("GLASSHOUSE_HIDDEN", "perhaps", "'perhaps' is neither 'true' nor 'false'");
        fails("GLASSHOUSE_HEADER", "X-One 1", "'X-One 1' has no ':' between name and value");
        fails("GLASSHOUSE_HEADER", "X One: 1", "'X One' is no field name");
        fails("GLASSHOUSE_HEADER", "X: a\x07", "the value of 'X' has a control character in it");
        fails("GLASSHOUSE_HEADER", "Connection: close", "'Connection' is set by the server alone");
        fails("GLASSHOUSE_BODY", "magic", "'magic' is neither 'direct' nor 'pumped'");
        assert!(Config::from_pairs([("GLASSHOUSE_INDX", "x")]).is_err());
    }
}
