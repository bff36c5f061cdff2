//! What a client accepts: content codings (RFC 9110 12.5.3) and media types (12.5.1). This module refuses to know what
//! a file can be sent as; it chooses among what it is given, and never has a request fail (12.4.1 leaves the choice).

/// Bounds of a field. What is behind that many elements is not read; a field of more bytes names nothing.
const MOST_ELEMENTS: usize = 50;
const MOST_BYTES: usize = 4 * 1024;

const BLANK: [char; 2] = [' ', '\t'];

/// The content codings that glasshouse can send (RFC 9110 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878, in windows of 8 MB at most (RFC 9659).
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// All codings, the one that makes text smallest first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// The name in Content-Encoding.
    pub fn token(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// What the name of an encoded file ends in, without the dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zst",
            Coding::Gzip => "gz",
        }
    }
}

/// How a file is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As it is.
    Identity,
    /// Encoded.
    Coded(Coding),
}

/// An Accept-Encoding field: what a client says of each coding, and of those that it does not name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptEncoding {
    brotli: Option<Weight>,
    zstd: Option<Weight>,
    gzip: Option<Weight>,
    identity: Option<Weight>,
    rest: Option<Weight>,
}

impl AcceptEncoding {
    /// Reads all lines of the field, which are one list (RFC 9110 5.3). Elements that cannot be read and codings that
    /// glasshouse does not have are passed over; a coding that is named twice counts as it was named first.
    ///
    /// No field means identity alone, as an empty one does: RFC 9110 12.5.3 allows any coding there, but a client that
    /// asks for none often decodes none.
    pub fn parse(values: &[Vec<u8>]) -> AcceptEncoding {
        let mut accept = AcceptEncoding::default();
        for element in elements(&list(values)) {
            let Some((name, weight)) = weighted(element) else { continue };
            let said = match name.to_ascii_lowercase().as_str() {
                "br" => &mut accept.brotli,
                "zstd" => &mut accept.zstd,
                // RFC 9110 8.4.1.3 has the second for the first.
                "gzip" | "x-gzip" => &mut accept.gzip,
                "identity" => &mut accept.identity,
                "*" => &mut accept.rest,
                _ => continue,
            };
            said.get_or_insert(weight);
        }
        accept
    }

    /// Chooses what the client weighs most among identity and the `available` codings; among equals, the first of
    /// [`Coding::ALL`], and identity last.
    ///
    /// Identity that is not named weighs what `*` does, or else nothing, so any coding that is acceptable goes before
    /// it. Refused and with nothing else to send it is chosen all the same: RFC 9110 12.4.1 lets a server disregard the
    /// field instead of answering 406, and a client can do more with the file than with an error.
    pub fn choose(&self, available: &[Coding]) -> Choice {
        let mut most = self.identity.or(self.rest).unwrap_or(Weight::NONE);
        let mut choice = Choice::Identity;
        for coding in Coding::ALL.into_iter().rev().filter(|coding| available.contains(coding)) {
            let weight = self.weight(coding);
            if weight > Weight::NONE && weight >= most {
                most = weight;
                choice = Choice::Coded(coding);
            }
        }
        choice
    }

    fn weight(&self, coding: Coding) -> Weight {
        let said = match coding {
            Coding::Brotli => self.brotli,
            Coding::Zstd => self.zstd,
            Coding::Gzip => self.gzip,
        };
        said.or(self.rest).unwrap_or(Weight::NONE)
    }
}

/// A media type: its two names.
pub type Type = (&'static str, &'static str);

/// Whether an Accept field, given in all its lines, takes a media type (RFC 9110 12.5.1).
///
/// Without the field everything is accepted (12.4.1); a field that names nothing accepts nothing.
pub fn accepts(values: &[Vec<u8>], kind: Type) -> bool {
    values.is_empty() || decisive(&list(values), kind).is_some_and(|(_, weight)| weight > Weight::NONE)
}

/// Whether an Accept field takes a media type and names it, and not merely some range that it is in.
pub fn names(values: &[Vec<u8>], kind: Type) -> bool {
    decisive(&list(values), kind).is_some_and(|(specificity, weight)| specificity == EXACT && weight > Weight::NONE)
}

/// Which of several things an Accept field weighs most by their types; among equals, the first. `None` if it takes none
/// of them.
pub fn preferred<T: Copy>(values: &[Vec<u8>], available: &[(T, Type)]) -> Option<T> {
    if values.is_empty() {
        return available.first().map(|(thing, _)| *thing);
    }
    let list = list(values);
    let mut best = (None, Weight::NONE);
    for (thing, kind) in available {
        match decisive(&list, *kind) {
            Some((_, weight)) if weight > best.1 => best = (Some(*thing), weight),
            _ => {}
        }
    }
    best.0
}

/// How specific the name of a type is among the ranges of an Accept field.
const EXACT: u8 = 2;

/// What an Accept field says of a media type, and how specifically: the most specific of `kind/subtype`, `kind/*` and
/// `*/*` decides; parameters make no difference, and of two that are equally specific the one with more weight counts.
fn decisive(list: &str, (kind, subtype): Type) -> Option<(u8, Weight)> {
    // Specificity before weight, as tuples compare.
    let said = elements(list).filter_map(weighted).filter_map(|(range, weight)| {
        let specificity = match range.split_once('/')? {
            ("*", "*") => 0,
            (name, "*") if name.eq_ignore_ascii_case(kind) => 1,
            (name, rest) if name.eq_ignore_ascii_case(kind) && rest.eq_ignore_ascii_case(subtype) => EXACT,
            _ => return None,
        };
        Some((specificity, weight))
    });
    said.max()
}

/// A quality value in thousandths, up to 1000 (RFC 9110 12.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u16);

impl Weight {
    /// Not acceptable.
    const NONE: Weight = Weight(0);
    /// What a value without `q` has.
    const FULL: Weight = Weight(1_000);

    fn parse(text: &str) -> Option<Weight> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let are_digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
        if decimals.len() > 3 || !are_digits {
            return None;
        }
        let thousandths = format!("{decimals:0<3}").parse().ok()?;
        match whole {
            "0" => Some(Weight(thousandths)),
            "1" if thousandths == 0 => Some(Weight::FULL),
            _ => None,
        }
    }
}

/// All lines of a field as one list; empty if it is too long. What is not UTF-8 is replaced, and so named by nobody.
fn list(values: &[Vec<u8>]) -> String {
    let length = values.iter().map(|value| value.len().saturating_add(1)).fold(0, usize::saturating_add);
    match length <= MOST_BYTES {
        true => String::from_utf8_lossy(&values.join(&b","[..])).into_owned(),
        false => String::new(),
    }
}

/// The elements of a list. Empty ones do not count (RFC 9110 5.6.1.2).
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let elements = split(list, ',').map(|element| element.trim_matches(BLANK));
    elements.filter(|element| !element.is_empty()).take(MOST_ELEMENTS)
}

/// What an element names and how much it weighs; `None` if that cannot be read. `q` counts wherever it stands among the
/// parameters (RFC 9110 12.5.1). Nothing allows blanks around its `=` (5.6.6): `q =0` must not pass for another name.
fn weighted(element: &str) -> Option<(&str, Weight)> {
    let mut parts = split(element, ';').map(|part| part.trim_matches(BLANK));
    let name = parts.next()?;
    let mut weight = Weight::FULL;
    for parameter in parts {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if key.eq_ignore_ascii_case("q") {
            weight = Weight::parse(value)?;
        } else if key.contains(BLANK) {
            return None;
        }
    }
    Some((name, weight))
}

/// What stands between the separators that are not inside of a quoted string (RFC 9110 5.6.4).
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        let is_outside = !is_quoted;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_outside && c == separator
    })
}

#[cfg(test)]
mod tests;
