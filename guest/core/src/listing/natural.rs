//! The natural order of names: numbers by value, letters without case (PY-36).
//!
//! It is a total order. Names that differ only in case or leading zeros (`a1`, `A01`) are ordered by length and bytes,
//! so that a listing does not depend on the order of the file system.

use crate::number::to_u32;
use std::cmp::Ordering;

/// Compares two names. The order is total.
pub fn compare(one: &str, other: &str) -> Ordering {
    // Names in a directory often share a prefix, which decides nothing. If the prefix ends within a number, the whole
    // number counts.
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let digits = one.bytes().take(same).rev().take_while(u8::is_ascii_digit).count();
    let begin = (0..=same.saturating_sub(digits)).rev().find(|begin| one.is_char_boundary(*begin)).unwrap_or(0);
    let [left, right] = [one, other].map(|name| Chunks(name.get(begin..).unwrap_or(name)));
    order(left, right).then_with(|| one.len().cmp(&other.len())).then_with(|| one.cmp(other))
}

/// Writes a key for a name. Keys, compared byte by byte, are in the order of [`compare`], also before further keys.
pub fn key(name: &str, to: &mut Vec<u8>) {
    let mut letters = [0; 4];
    for piece in Chunks(name) {
        match piece {
            Chunk::Letter(letter) => to.extend_from_slice(letter.encode_utf8(&mut letters).as_bytes()),
            Chunk::Number(digits) => {
                to.push(b'0');
                to.extend_from_slice(&length(digits));
                to.extend_from_slice(digits.as_bytes());
            }
        }
    }
    // No name contains a zero byte, so a name comes before every longer one.
    to.push(0);
    to.extend_from_slice(&length(name));
    to.extend_from_slice(name.as_bytes());
}

fn length(text: &str) -> [u8; 4] {
    to_u32(text.len()).to_be_bytes()
}

fn order(mut left: Chunks, mut right: Chunks) -> Ordering {
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) if left == right => {}
            // The end comes before everything else.
            (left, right) => return left.cmp(&right),
        }
    }
}

/// Splits a name into letters and numbers.
struct Chunks<'a>(&'a str);

/// A letter, or a number without its leading zeros.
///
/// A number compares with a letter by its first digit. No letter lies between two digits, so the order is total.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chunk<'a> {
    Letter(char),
    Number(&'a str),
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let mut letters = self.0.chars();
        let letter = letters.next()?;
        if !letter.is_ascii_digit() {
            self.0 = letters.as_str();
            return Some(Chunk::Letter(folded(letter)));
        }
        let after = self.0.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let digits = self.0.strip_suffix(after).unwrap_or_default();
        self.0 = after;
        Some(Chunk::Number(digits.trim_start_matches('0')))
    }
}

impl Ord for Chunk<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Chunk::Letter(one), Chunk::Letter(other)) => one.cmp(other),
            // Without leading zeros, the longer number is the greater one.
            (Chunk::Number(one), Chunk::Number(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
            (Chunk::Letter(letter), Chunk::Number(_)) => letter.cmp(&'0'),
            (Chunk::Number(_), Chunk::Letter(letter)) => '0'.cmp(letter),
        }
    }
}

impl PartialOrd for Chunk<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The letter in lower case. If that is several letters, the first one counts.
fn folded(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    letter.to_lowercase().next().unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use crate::listing::natural::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_in_the_order_of_a_person() {
        let sorted = [
            "",
            "!",
            "-1",
            "0",
            "00",
            "1",
            "01",
            "2",
            "2a",
            "10",
            "99999999999999999999999999",
            "100000000000000000000000000",
            "_",
            "a",
            "a b",
            "A-2",
            "a1",
            "a01",
            "a1b",
            "a2",
            "A10",
            "a10b2",
            "a10b10",
            "aa",
            "Beta",
            "beta",
            "file2.txt",
            "file10.txt",
            "v1.9.0",
            "v1.10.0",
            "Zed",
            "\u{e9}",
            "\u{c9}a",
        ];
        for (index, one) in sorted.iter().enumerate() {
            for (place, other) in sorted.iter().enumerate() {
                assert_eq!(compare(one, other), index.cmp(&place), "{one:?} {other:?}");
            }
        }
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[aA01 é-]{0,6}", "[0-9]{0,4}[bB]?[0-9]{0,4}", ".{0,4}"]
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_names_are(
            one in "[aB0-9\u{1}.é-]{0,6}", other in "[aB0-9\u{1}.é-]{0,6}", behind in "[a0]{0,1}"
        ) {
            let key = |name: &str| {
                let mut key = Vec::new();
                super::key(name, &mut key);
                if one != other {
                    key.extend(behind.bytes());
                }
                key
            };
            prop_assert_eq!(key(&one).cmp(&key(&other)), compare(&one, &other));
        }

        #[test]
        fn a_common_prefix_makes_no_difference(same in name(), one in name(), other in name()) {
            let [left, right] = [&one, &other].map(|name| format!("{same}{name}"));
            prop_assert_eq!(compare(&left, &right).is_eq(), one == other);
            let pieces = order(Chunks(&left), Chunks(&right));
            prop_assert!(pieces.is_eq() || compare(&left, &right) == pieces);
        }

        #[test]
        fn the_order_is_total(one in name(), two in name(), three in name()) {
            prop_assert_eq!(compare(&one, &two), compare(&two, &one).reverse());
            prop_assert_eq!(compare(&one, &two) == Ordering::Equal, one == two);
            if compare(&one, &two).is_le() && compare(&two, &three).is_le() {
                prop_assert!(compare(&one, &three).is_le(), "{one:?} {two:?} {three:?}");
            }
        }
    }
}
