//! Parses an htpasswd file: one `NAME:HASH` per line. Empty lines and lines that start with `#` are ignored.

use crate::auth::hash::{Hash, UnsupportedHash};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum length of a name in bytes.
const MAX_NAME: usize = 255;

/// Some editors put it in front of text in UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Users and the hashes of their passwords; at least one.
#[derive(Debug)]
pub struct Htpasswd {
    users: BTreeMap<Arc<str>, Hash>,
}

/// Why an htpasswd file is invalid. Lines are counted from one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HtpasswdError {
    /// The file has no users.
    #[error("the file contains no users")]
    Empty,
    /// The line is not `NAME:HASH`, or its name is not valid by [`is_name`].
    #[error("line {0} is not NAME:HASH")]
    Line(usize),
    /// The line has another encoding.
    #[error("line {0} is not UTF-8")]
    Encoding(usize),
    /// The line contains an invisible character.
    #[error("line {0} contains an invisible character, U+{code:04X}; remove it", code = u32::from(*.1))]
    Invisible(usize, char),
    /// An earlier line has the same user.
    #[error("line {0} repeats user '{1}'")]
    Duplicate(usize, String),
    /// The hash of the user is not supported.
    #[error("line {0} has, for user '{1}', {2}")]
    Hash(usize, String, #[source] UnsupportedHash),
}

impl Htpasswd {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// The first invalid line, or a file without users, which would reject every client.
    pub fn parse(text: &[u8]) -> Result<Htpasswd, HtpasswdError> {
        let mut users = BTreeMap::new();
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line =
                str::from_utf8(line).map_err(|_| HtpasswdError::Encoding(number))?.trim_end_matches(['\r', ' ', '\t']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(char) = line.chars().find(|char| is_invisible(*char)) {
                return Err(HtpasswdError::Invisible(number, char));
            }
            let (name, hash) = line.split_once(':').ok_or(HtpasswdError::Line(number))?;
            if !is_name(name) {
                return Err(HtpasswdError::Line(number));
            }
            let hash = Hash::parse(hash).map_err(|error| HtpasswdError::Hash(number, name.to_owned(), error))?;
            if users.insert(name.into(), hash).is_some() {
                return Err(HtpasswdError::Duplicate(number, name.to_owned()));
            }
        }
        if users.is_empty() { Err(HtpasswdError::Empty) } else { Ok(Htpasswd { users }) }
    }

    /// The names of the users.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(|name| &**name)
    }

    /// Returns the name if the password is right.
    ///
    /// It computes one hash in any case, so that the time does not reveal which names exist: for an unknown name that
    /// of the user at `decoy_index`. The index must be the same each time for the same name.
    pub(crate) fn verify(&self, name: &str, password: &[u8], decoy_index: u64) -> Option<Arc<str>> {
        let (owner, hash) = self.choose(name, decoy_index)?;
        let is_valid = hash.verify(password);
        owner.filter(|_| is_valid).cloned()
    }

    /// The hash to verify, and its user unless it is a decoy.
    fn choose(&self, name: &str, decoy_index: u64) -> Option<(Option<&Arc<str>>, &Hash)> {
        match self.users.get_key_value(name) {
            Some((name, hash)) => Some((Some(name), hash)),
            None => {
                let at = decoy_index.checked_rem(u64::try_from(self.users.len()).ok()?)?;
                Some((None, self.users.values().nth(usize::try_from(at).ok()?)?))
            }
        }
    }
}

/// Whether a name is valid: 1 to 255 bytes without colons and control characters (RFC 7617 2), `#` in front, spaces
/// around it, and invisible characters.
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('#')
        && name.trim() == name
        && !name.contains(|char: char| char == ':' || char.is_control() || is_invisible(char))
}

/// Whether a character is invisible, or a space other than U+0020. Such a character gets into a file by accident and
/// changes the name. Does not cover control characters.
fn is_invisible(char: char) -> bool {
    (char != ' ' && char.is_whitespace() && !char.is_control())
        || matches!(
            char,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use crate::auth::htpasswd::*;

    /// The hash of `secret`.
    const BCRYPT: &str = "$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6";

    fn parse(text: &str) -> Result<Htpasswd, HtpasswdError> {
        Htpasswd::parse(text.replace("HASH", BCRYPT).as_bytes())
    }

    #[test]
    fn lines_are_users() {
        let htpasswd = parse("# users\n\na:HASH\r\nb c\u{e9}:HASH\n").unwrap_or_else(|error| panic!("{error}"));
        let rows = [
            ("a", "secret", Some("a")),
            ("b c\u{e9}", "secret", Some("b c\u{e9}")),
            ("a", "Secret", None),
            ("A", "secret", None),
            ("c", "secret", None),
            ("", "secret", None),
            ("# users", "secret", None),
        ];
        for (name, password, expected) in rows {
            assert_eq!(htpasswd.verify(name, password.as_bytes(), 7).as_deref(), expected, "{name} {password}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_other_line_ends_are_ignored() {
        for text in ["\u{feff}a:HASH\n", "\u{feff}a:HASH\r\n\r\n", "\u{feff}# users\r\na:HASH \t\r\n  \n"] {
            let htpasswd = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(htpasswd.verify("a", b"secret", 0).as_deref(), Some("a"), "{text:?}");
            assert_eq!(htpasswd.verify("\u{feff}a", b"secret", 0), None);
        }
    }

    #[test]
    fn an_error_names_line_and_user() {
        let name = "x".repeat(256);
        let rows = [
            ("", "the file contains no users"),
            ("\n# a:HASH\n", "the file contains no users"),
            ("a:HASH\nb", "line 2 is not NAME:HASH"),
            (":HASH", "line 1 is not NAME:HASH"),
            ("a\tb:HASH", "line 1 is not NAME:HASH"),
            (&format!("{name}:HASH"), "line 1 is not NAME:HASH"),
            ("a:HASH\nb:HASH\na:HASH", "line 3 repeats user 'a'"),
            ("\na:hunter2", "line 2 has, for user 'a', a plain password or a hash of an unknown kind"),
            ("a:HASH\nb:$apr1$x$y", "line 2 has, for user 'b', an MD5 hash, which an attacker can guess too quickly"),
            ("a:HASH:more", "line 1 has, for user 'a', an invalid or incomplete hash"),
            (" a:HASH", "line 1 is not NAME:HASH"),
            ("a :HASH", "line 1 is not NAME:HASH"),
            ("a:HASH\n\u{feff}b:HASH", "line 2 contains an invisible character, U+FEFF; remove it"),
            ("\u{feff}\u{feff}a:HASH", "line 1 contains an invisible character, U+FEFF; remove it"),
            ("a\u{200b}:HASH", "line 1 contains an invisible character, U+200B; remove it"),
            ("a\u{a0}b:HASH", "line 1 contains an invisible character, U+00A0; remove it"),
            ("a:HASH\u{202c}", "line 1 contains an invisible character, U+202C; remove it"),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text).map(|_| ()).map_err(|error| error.to_string()), Err(expected.to_owned()), "{text}");
        }
        assert_eq!(Htpasswd::parse(b"a\xff:x").map(|_| ()), Err(HtpasswdError::Encoding(1)));
    }

    /// The decoy of an unknown name is always the same user, and every user is equally likely.
    #[test]
    fn an_unknown_name_takes_as_long_as_a_user() {
        let htpasswd = parse("a:HASH\nb:HASH\nc:HASH").unwrap_or_else(|error| panic!("{error}"));
        let hash = |name: &str, decoy_index| {
            let (owner, hash) = htpasswd.choose(name, decoy_index).expect("there is always a hash");
            (owner.is_some(), std::ptr::from_ref(hash))
        };
        let mut users: Vec<_> = ["a", "b", "c"].map(|name| hash(name, 0).1).to_vec();
        let mut drawn: Vec<_> = (0..3).map(|decoy_index| hash("stranger", decoy_index).1).collect();
        users.sort();
        drawn.sort();
        assert_eq!(users, drawn);
        assert_eq!(hash("stranger", u64::MAX), hash("stranger", u64::MAX));
        assert!(hash("a", 9).0 && !hash("stranger", 9).0);
        // The password of the decoy is not valid for another name.
        assert_eq!(htpasswd.verify("stranger", b"secret", 0), None);
    }
}
