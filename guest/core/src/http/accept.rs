//! What a client accepts: content codings (RFC 9110 12.5.3) and media types (12.5.1). An invalid field never makes a
//! request fail.

/// Limits of a field. Further elements are ignored; a longer field counts as empty.
const MAX_ELEMENTS: usize = 50;
const MAX_BYTES: usize = 4 * 1024;

const BLANK: [char; 2] = [' ', '\t'];

/// A content coding (RFC 9110 8.4.1).
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
    /// All codings, the one with the best compression of text first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// The name in Content-Encoding.
    pub fn token(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// The suffix of encoded files, without the dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zst",
            Coding::Gzip => "gz",
        }
    }
}

/// A choice between a file and its encoded forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The file itself.
    Identity,
    /// The file in a coding.
    Coded(Coding),
}

/// An Accept-Encoding field: the weight of each coding, and of those that are not named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptEncoding {
    brotli: Option<Weight>,
    zstd: Option<Weight>,
    gzip: Option<Weight>,
    identity: Option<Weight>,
    rest: Option<Weight>,
}

impl AcceptEncoding {
    /// Reads all lines of the field, which form one list (RFC 9110 5.3). Invalid elements and unknown codings are
    /// ignored; the first weight of a coding counts.
    ///
    /// A missing field accepts only identity, as an empty one does: RFC 9110 12.5.3 allows any coding then, but a
    /// client without the field often decodes none.
    pub fn parse(values: &[Vec<u8>]) -> AcceptEncoding {
        let mut accept = AcceptEncoding::default();
        for element in elements(&list(values)) {
            let Some((name, weight)) = weighted(element) else { continue };
            let coding = match name.to_ascii_lowercase().as_str() {
                "br" => &mut accept.brotli,
                "zstd" => &mut accept.zstd,
                // RFC 9110 8.4.1.3: the second is equivalent to the first.
                "gzip" | "x-gzip" => &mut accept.gzip,
                "identity" => &mut accept.identity,
                "*" => &mut accept.rest,
                _ => continue,
            };
            coding.get_or_insert(weight);
        }
        accept
    }

    /// Chooses the largest weight among identity and the `available` codings; among equals, the first of
    /// [`Coding::ALL`], and identity last.
    ///
    /// Identity without a weight has that of `*`, or none, so every acceptable coding precedes it. If nothing is
    /// acceptable, identity is chosen: RFC 9110 12.4.1 lets a server disregard the field instead of answering 406, and
    /// the file is more useful than an error.
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
        let weight = match coding {
            Coding::Brotli => self.brotli,
            Coding::Zstd => self.zstd,
            Coding::Gzip => self.gzip,
        };
        weight.or(self.rest).unwrap_or(Weight::NONE)
    }
}

/// Type and subtype of a media type.
pub type Type = (&'static str, &'static str);

/// Whether an Accept field, given as all its lines, accepts a media type (RFC 9110 12.5.1).
///
/// A missing field accepts everything (12.4.1), an empty one nothing.
pub fn accepts(values: &[Vec<u8>], media: Type) -> bool {
    values.is_empty() || decisive(&list(values), media).is_some_and(|(_, weight)| weight > Weight::NONE)
}

/// Whether an Accept field accepts a media type by its full name, and not only by a range such as `text/*`.
pub fn names(values: &[Vec<u8>], media: Type) -> bool {
    decisive(&list(values), media).is_some_and(|(specificity, weight)| specificity == EXACT && weight > Weight::NONE)
}

/// The value whose media type has the largest weight in an Accept field; among equals, the first. `None` if the field
/// accepts none of them.
pub fn preferred<T: Copy>(values: &[Vec<u8>], available: &[(T, Type)]) -> Option<T> {
    if values.is_empty() {
        return available.first().map(|(value, _)| *value);
    }
    let list = list(values);
    let mut best = (None, Weight::NONE);
    for (value, media) in available {
        match decisive(&list, *media) {
            Some((_, weight)) if weight > best.1 => best = (Some(*value), weight),
            _ => {}
        }
    }
    best.0
}

/// The specificity of a full name among the ranges of an Accept field.
const EXACT: u8 = 2;

/// The weight of a media type in an Accept field, and the specificity of the range that decides it: the most specific
/// one of `kind/subtype`, `kind/*` and `*/*`, and among equals the one with more weight. Parameters are ignored.
fn decisive(list: &str, (kind, subtype): Type) -> Option<(u8, Weight)> {
    // Tuples compare the specificity first.
    let weights = elements(list).filter_map(weighted).filter_map(|(range, weight)| {
        let specificity = match range.split_once('/')? {
            ("*", "*") => 0,
            (name, "*") if name.eq_ignore_ascii_case(kind) => 1,
            (name, rest) if name.eq_ignore_ascii_case(kind) && rest.eq_ignore_ascii_case(subtype) => EXACT,
            _ => return None,
        };
        Some((specificity, weight))
    });
    weights.max()
}

/// A quality value in thousandths, up to 1000 (RFC 9110 12.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u16);

impl Weight {
    /// Not acceptable.
    const NONE: Weight = Weight(0);
    /// The weight without `q`.
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

/// All lines of a field as one list, or an empty list if they are too long. Bytes that are not UTF-8 are replaced, so
/// they match no name.
fn list(values: &[Vec<u8>]) -> String {
    let length = values.iter().map(|value| value.len().saturating_add(1)).fold(0, usize::saturating_add);
    match length <= MAX_BYTES {
        true => String::from_utf8_lossy(&values.join(&b","[..])).into_owned(),
        false => String::new(),
    }
}

/// The elements of a list, without empty ones (RFC 9110 5.6.1.2).
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let elements = split(list, ',').map(|element| element.trim_matches(BLANK));
    elements.filter(|element| !element.is_empty()).take(MAX_ELEMENTS)
}

/// Name and weight of an element, or `None` if it is invalid. `q` may be anywhere among the parameters (RFC 9110
/// 12.5.1). Blanks around `=` are invalid (5.6.6): `q =0` must not be taken for another parameter.
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

/// Splits at separators outside of quoted strings (RFC 9110 5.6.4).
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
