//! The file of users, `NAME:HASH` a line as htpasswd writes it: read once, and closed. Empty lines and those that begin with `#`
//! say nothing. It refuses to know where the file is.

use crate::auth::hash::{Hash, UnsupportedHash};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The longest name in bytes.
const NAME: usize = 255;

/// What some editors put before text in UTF-8.
pub const MARK: &[u8] = "\u{feff}".as_bytes();

/// Users and the hashes of their passwords; at least one.
pub struct Htpasswd {
    users: BTreeMap<Arc<str>, Hash>,
}

/// Why a file of users is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum ParseError {
    Empty,
    /// A line, counted from one, that is not `NAME:HASH` with a name that [`is_name`].
    Line(usize),
    /// A line in another encoding.
    Encoding(usize),
    /// A line with a character that nobody sees.
    Invisible(usize, char),
    Twice(usize, String),
    Hash(usize, String, UnsupportedHash),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Empty => f.write_str("it names no user"),
            ParseError::Line(line) => write!(f, "line {line} is no NAME:HASH"),
            ParseError::Encoding(line) => write!(f, "line {line} is not UTF-8"),
            ParseError::Invisible(line, char) => {
                write!(
                    f,
                    "line {line} has an invisible character, U+{:04X}; write the line without it",
                    u32::from(*char)
                )
            }
            ParseError::Twice(line, name) => write!(f, "line {line} names user '{name}' a second time"),
            ParseError::Hash(line, name, refusal) => write!(f, "line {line} has for user '{name}' {refusal}"),
        }
    }
}

impl Htpasswd {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that is not understood, and a file without users: it would let nobody in.
    pub fn parse(text: &[u8]) -> Result<Htpasswd, ParseError> {
        let mut users = BTreeMap::new();
        let text = text.strip_prefix(MARK).unwrap_or(text);
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line =
                str::from_utf8(line).map_err(|_| ParseError::Encoding(number))?.trim_end_matches(['\r', ' ', '\t']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(char) = line.chars().find(|char| is_invisible(*char)) {
                return Err(ParseError::Invisible(number, char));
            }
            let (name, hash) = line.split_once(':').ok_or(ParseError::Line(number))?;
            if !is_name(name) {
                return Err(ParseError::Line(number));
            }
            let hash = Hash::parse(hash).map_err(|refusal| ParseError::Hash(number, name.to_owned(), refusal))?;
            if users.insert(name.into(), hash).is_some() {
                return Err(ParseError::Twice(number, name.to_owned()));
            }
        }
        if users.is_empty() { Err(ParseError::Empty) } else { Ok(Htpasswd { users }) }
    }

    /// Who may ask.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(|name| &**name)
    }

    /// The name, if this is its password. One hash is computed in any case: for a name that nobody has it is that of some user,
    /// chosen by `decoy_index`, so that how long it takes tells nothing. The same name must have the same decoy_index each time.
    pub fn check(&self, name: &str, password: &[u8], decoy_index: u64) -> Option<Arc<str>> {
        let (owner, hash) = self.choose(name, decoy_index)?;
        let is_right = hash.is_of(password);
        owner.filter(|_| is_right).cloned()
    }

    /// The hash that a password is compared with, and whose name it is.
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

/// Whether a user can have this name: RFC 7617 2 has no place for colons and control characters, the file none for `#` in front,
/// and whoever reads the file none for what cannot be seen.
pub fn is_name(name: &str) -> bool {
    (1..=NAME).contains(&name.len())
        && !name.starts_with('#')
        && name.trim() == name
        && !name.contains(|char: char| char == ':' || char.is_control() || is_invisible(char))
}

/// Whether a character shows as nothing, or as a space that is not the usual one: it gets into a file by accident, and the name
/// with it is another one. Control characters are looked at elsewhere.
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

    fn parse(text: &str) -> Result<Htpasswd, ParseError> {
        Htpasswd::parse(text.replace("HASH", BCRYPT).as_bytes())
    }

    #[test]
    fn lines_are_users() {
        let table = parse("# users\n\na:HASH\r\nb c\u{e9}:HASH\n").unwrap_or_else(|wrong| panic!("{wrong}"));
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
            assert_eq!(table.check(name, password.as_bytes(), 7).as_deref(), expected, "{name} {password}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_other_line_ends_are_passed_over() {
        for text in ["\u{feff}a:HASH\n", "\u{feff}a:HASH\r\n\r\n", "\u{feff}# users\r\na:HASH \t\r\n  \n"] {
            let table = parse(text).unwrap_or_else(|wrong| panic!("{text:?}: {wrong}"));
            assert_eq!(table.check("a", b"secret", 0).as_deref(), Some("a"), "{text:?}");
            assert_eq!(table.check("\u{feff}a", b"secret", 0), None);
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_user() {
        let name = "x".repeat(256);
        let rows = [
            ("", "it names no user"),
            ("\n# a:HASH\n", "it names no user"),
            ("a:HASH\nb", "line 2 is no NAME:HASH"),
            (":HASH", "line 1 is no NAME:HASH"),
            ("a\tb:HASH", "line 1 is no NAME:HASH"),
            (&format!("{name}:HASH"), "line 1 is no NAME:HASH"),
            ("a:HASH\nb:HASH\na:HASH", "line 3 names user 'a' a second time"),
            ("\na:hunter2", "line 2 has for user 'a' a password in the clear or a hash of an unknown kind"),
            ("a:HASH\nb:$apr1$x$y", "line 2 has for user 'b' an MD5 hash, which can be guessed too quickly"),
            ("a:HASH:more", "line 1 has for user 'a' a hash that is not complete"),
            (" a:HASH", "line 1 is no NAME:HASH"),
            ("a :HASH", "line 1 is no NAME:HASH"),
            ("a:HASH\n\u{feff}b:HASH", "line 2 has an invisible character, U+FEFF; write the line without it"),
            ("\u{feff}\u{feff}a:HASH", "line 1 has an invisible character, U+FEFF; write the line without it"),
            ("a\u{200b}:HASH", "line 1 has an invisible character, U+200B; write the line without it"),
            ("a\u{a0}b:HASH", "line 1 has an invisible character, U+00A0; write the line without it"),
            ("a:HASH\u{202c}", "line 1 has an invisible character, U+202C; write the line without it"),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text).map(|_| ()).map_err(|wrong| wrong.to_string()), Err(expected.to_owned()), "{text}");
        }
        assert_eq!(Htpasswd::parse(b"a\xff:x").map(|_| ()), Err(ParseError::Encoding(1)));
    }

    /// Whoever asks for a name that nobody has waits for the hash of somebody, the same each time, and of each with equal chance.
    #[test]
    fn a_stranger_costs_what_a_user_costs() {
        let table = parse("a:HASH\nb:HASH\nc:HASH").unwrap_or_else(|wrong| panic!("{wrong}"));
        let hash = |name: &str, decoy_index| {
            let (owner, hash) = table.choose(name, decoy_index).expect("there is always a hash");
            (owner.is_some(), std::ptr::from_ref(hash))
        };
        let mut users: Vec<_> = ["a", "b", "c"].map(|name| hash(name, 0).1).to_vec();
        let mut drawn: Vec<_> = (0..3).map(|decoy_index| hash("stranger", decoy_index).1).collect();
        users.sort();
        drawn.sort();
        assert_eq!(users, drawn);
        assert_eq!(hash("stranger", u64::MAX), hash("stranger", u64::MAX));
        assert!(hash("a", 9).0 && !hash("stranger", 9).0);
        // Its password lets nobody else in.
        assert_eq!(table.check("stranger", b"secret", 0), None);
    }
}
