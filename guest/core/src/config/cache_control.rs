//! The value of Cache-Control (RFC 9111 5.2.2) that an option sets.

use crate::config::invalid_value::InvalidValue;
use std::fmt;

/// How long caches may store a response (RFC 9111 5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheControl {
    /// For this number of seconds.
    Seconds(u32),
    /// Not at all.
    NoStore,
    /// For a year, for names that change with their content (RFC 8246).
    Immutable,
}

impl CacheControl {
    /// Reads a number of seconds, `no-store` or `immutable`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<CacheControl, InvalidValue> {
        match text {
            "no-store" => Ok(CacheControl::NoStore),
            "immutable" => Ok(CacheControl::Immutable),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => text
                .parse()
                .map(CacheControl::Seconds)
                .map_err(|_| InvalidValue::new(format!("'{text}' seconds are more than caches support"))),
            _ => {
                let message = format!("'{text}' is neither a number of seconds nor 'no-store' nor 'immutable'");
                Err(InvalidValue::new(message))
            }
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

#[cfg(test)]
mod tests {
    use crate::config::cache_control::*;

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
}
