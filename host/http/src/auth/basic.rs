//! Parses the credentials of the Basic scheme (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::fmt;

/// Value of `WWW-Authenticate` (RFC 7617 2 and 2.1).
pub const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="glasshouse", charset="UTF-8""#);
/// Maximum length of a password in bytes: the time of SHA-512-crypt grows with its square.
pub const MAX_PASSWORD: usize = 512;

/// A name and a password, not verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) name: String,
    pub(crate) password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Removes the credentials from the fields, so that the handler does not see them. Returns `None` if there are none
    /// of this scheme.
    pub(crate) fn take(fields: &mut HeaderMap) -> Option<Credentials> {
        let credentials = Credentials::of(fields.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes));
        fields.remove(AUTHORIZATION);
        credentials
    }

    /// The credentials in the values of `Authorization`. `None` unless there is one value, of this scheme.
    pub(crate) fn of<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Credentials> {
        let value = values.next()?;
        if values.next().is_some() { None } else { Credentials::parse(value) }
    }

    fn parse(value: &[u8]) -> Option<Credentials> {
        let (scheme, token) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let decoded = STANDARD.decode(token.trim_ascii()).ok()?;
        let at = decoded.iter().position(|byte| *byte == b':')?;
        let (name, password) = decoded.split_at_checked(at)?;
        let (_, password) = password.split_first()?;
        // The challenge demands UTF-8 for the name. The hash decides on the encoding of the password.
        let name = str::from_utf8(name).ok()?.to_owned();
        is_password(password).then(|| Credentials { name, password: password.to_owned() })
    }
}

/// Whether a password is short enough and without control characters (RFC 7617 2).
pub fn is_password(password: &[u8]) -> bool {
    password.len() <= MAX_PASSWORD && !password.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use crate::auth::basic::*;

    fn parse(value: &str) -> Option<(String, Vec<u8>)> {
        let mut fields = HeaderMap::new();
        fields.insert(AUTHORIZATION, value.parse().unwrap());
        let credentials = Credentials::take(&mut fields);
        assert!(!fields.contains_key(AUTHORIZATION), "{value}");
        credentials.map(|Credentials { name, password }| (name, password))
    }

    fn basic(text: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn credentials_are_a_name_and_a_password() {
        let rows: &[(&[u8], &str, &[u8])] = &[
            (b"Aladdin:open sesame", "Aladdin", b"open sesame"),
            (b"test:123\xc2\xa3", "test", b"123\xc2\xa3"),
            (b"a:b:c", "a", b"b:c"),
            (b":", "", b""),
            (b"a:\xff", "a", b"\xff"),
        ];
        for (text, name, password) in rows {
            assert_eq!(parse(&basic(text)), Some(((*name).to_owned(), password.to_vec())), "{text:?}");
        }
        assert_eq!(parse("bAsIc   QTpi "), Some(("A".to_owned(), b"b".to_vec())));
    }

    #[test]
    fn invalid_credentials_are_ignored() {
        let rows = ["", "Basic", "Basic ", "Basic QQ==", "Basic !", "BasicQTpi", "Bearer QTpi", "Basic QTpi QTpi"];
        for value in rows.map(str::to_owned).into_iter().chain([
            basic(b"\xff:b"),
            basic(b"a:b\x00"),
            basic(b"a:b\n"),
            basic(&[b"a:", &[b'b'; MAX_PASSWORD + 1][..]].concat()),
        ]) {
            assert_eq!(parse(&value), None, "{value}");
        }
        assert!(parse(&basic(&[b"a:", &[b'b'; MAX_PASSWORD][..]].concat())).is_some());
        let mut two = HeaderMap::new();
        two.append(AUTHORIZATION, HeaderValue::from_static("Basic QTpi"));
        two.append(AUTHORIZATION, HeaderValue::from_static("Basic QTpi"));
        assert_eq!(Credentials::take(&mut two), None);
        assert!(two.is_empty());
    }

    #[test]
    fn a_password_is_not_printed() {
        let text = format!("{:?}", Credentials { name: "a".into(), password: b"hunter2".to_vec() });
        assert_eq!(text, "Credentials { .. }");
    }
}
