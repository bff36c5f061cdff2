//! The versions of `wasi:http`, by the handler interface of each.

use semver::Version;
use std::fmt;

/// A version of `wasi:http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// 0.2
    P2,
    /// 0.3
    P3,
}

impl HttpVersion {
    /// The newer one first.
    pub(crate) const ALL: [HttpVersion; 2] = [HttpVersion::P3, HttpVersion::P2];

    /// Whether a name is the handler interface in a compatible version.
    pub(crate) fn is_handler(self, name: &str) -> bool {
        let (interface, minor) = match self {
            HttpVersion::P2 => ("wasi:http/incoming-handler", 2),
            HttpVersion::P3 => ("wasi:http/handler", 3),
        };
        let version = name.split_once('@').filter(|(name, _)| *name == interface).map(|(_, version)| version);
        let version = version.and_then(|version| Version::parse(version).ok());
        version.is_some_and(|version| version.major == 0 && version.minor == minor && version.pre.is_empty())
    }
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HttpVersion::P2 => "0.2",
            HttpVersion::P3 => "0.3",
        })
    }
}
