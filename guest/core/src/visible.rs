//! Names for people, with invisible and deceptive characters marked. Links, JSON and downloads keep the exact names.
//!
//! `report-\u{202E}fdp.exe` would look like `report-exe.pdf` (Unicode TR 36, 2.10), and two names that look the same
//! may differ in an invisible character. Three kinds of invisible characters are part of how languages and emoji are
//! written, and stay: joiners between letters of scripts that need them (Persian, Hindi) and between emoji; variation
//! selectors after the emoji or ideograph that they change; and a single space of any width between two visible
//! characters. Tags, which flags of regions consist of, are marked, because they can hide text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A name or a path with marks such as `⟨U+202E⟩` in place of invisible characters.
pub fn visible(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(8));
    for (letter, is_visible) in letters(text) {
        match is_visible {
            true => shown.push(letter),
            // Writing to a string cannot fail.
            false => drop(write!(shown, "\u{27E8}U+{:04X}\u{27E9}", u32::from(letter))),
        }
    }
    Cow::Owned(shown)
}

/// Writes a name for a terminal or a shell, with `?` in place of each invisible character, as `ls -q` does. Plain
/// spaces stay.
pub fn questioned(text: &str, to: &mut String) {
    if is_plain(text) {
        return to.push_str(text);
    }
    to.extend(letters(text).map(|(letter, is_visible)| if is_visible || letter == ' ' { letter } else { '?' }));
}

/// Whether the text has only visible ASCII, as nearly every name does.
fn is_plain(text: &str) -> bool {
    let mut before = b'/';
    for byte in text.bytes() {
        let is_visible = match byte {
            b' ' => !matches!(before, b' ' | b'/'),
            b'/' => before != b' ',
            _ => matches!(byte, b'!'..=b'~'),
        };
        if !is_visible {
            return false;
        }
        before = byte;
    }
    before != b' '
}

/// Each character, and whether it is visible at its position.
pub fn letters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    let mut rest = text.chars();
    std::iter::from_fn(move || {
        let letter = rest.next()?;
        let is_visible = is_visible(before, letter, rest.clone().next());
        before = Some(letter);
        Some((letter, is_visible))
    })
}

fn is_visible(before: Option<char>, letter: char, after: Option<char>) -> bool {
    match letter {
        '!'..='~' => true,
        _ if is_space(letter) => {
            let is_edge = |beside: Option<char>| beside.is_none_or(|beside| beside == '/' || is_space(beside));
            !is_edge(before) && !is_edge(after)
        }
        '\u{200C}' | '\u{200D}' => {
            let [before, after] = [before, after].map(|beside| beside.unwrap_or('/'));
            let are_letters = is_joined(before) && is_joined(after);
            let are_emoji = letter == '\u{200D}' && (is_emoji(before) || before == '\u{FE0F}') && is_emoji(after);
            are_letters || are_emoji
        }
        '\u{FE0E}' | '\u{FE0F}' => {
            let is_keycap = matches!(before, Some('0'..='9' | '#' | '*')) && after == Some('\u{20E3}');
            is_keycap || before.is_some_and(is_emoji)
        }
        '\u{FE00}'..='\u{FE0D}' | '\u{E0100}'..='\u{E01EF}' => before.is_some_and(is_ideograph),
        _ => !is_invisible(letter),
    }
}

/// The separators of Unicode (Zs).
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

/// Controls (Cc), line and paragraph separators, format characters (Cf) without a glyph, characters that fonts ignore
/// (`Default_Ignorable_Code_Point`), letters without a glyph, and noncharacters.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{70F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{13430}'..='\u{13440}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
        || u32::from(letter) & 0xFFFE == 0xFFFE
}

/// Letters of scripts in which a joiner or a non-joiner changes the spelling (RFC 5892, A.1 and A.2).
fn is_joined(letter: char) -> bool {
    let has_joiners = matches!(letter,
        '\u{620}'..='\u{DFF}' | '\u{F00}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1A20}'..='\u{1CFF}'
        | '\u{A840}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDCF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10A00}'..='\u{11FFF}'
        | '\u{1E900}'..='\u{1E95F}');
    has_joiners && !is_invisible(letter)
}

fn is_emoji(letter: char) -> bool {
    matches!(letter,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{27BF}'
        | '\u{2900}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

fn is_ideograph(letter: char) -> bool {
    matches!(letter,
        '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFD}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(visible(text), expected, "{text:?}");
        let mut line = String::new();
        questioned(text, &mut line);
        assert_eq!(line.chars().count(), text.chars().count(), "{text:?}");
    }

    #[test]
    fn deceptive_characters_are_marked() {
        for (text, expected) in [
            ("report-\u{202E}fdp.exe", "report-⟨U+202E⟩fdp.exe"),
            ("\u{2066}a\u{2069}", "⟨U+2066⟩a⟨U+2069⟩"),
            ("a\u{200E}\u{200F}\u{61C}", "a⟨U+200E⟩⟨U+200F⟩⟨U+061C⟩"),
            ("a\u{1B}[2J\n\u{7F}\u{9B}", "a⟨U+001B⟩[2J⟨U+000A⟩⟨U+007F⟩⟨U+009B⟩"),
            ("a\u{200B}b\u{2060}c\u{FEFF}", "a⟨U+200B⟩b⟨U+2060⟩c⟨U+FEFF⟩"),
            ("a\u{AD}b\u{34F}c\u{180E}", "a⟨U+00AD⟩b⟨U+034F⟩c⟨U+180E⟩"),
            ("\u{115F}\u{1160}\u{3164}\u{FFA0}\u{2800}", "⟨U+115F⟩⟨U+1160⟩⟨U+3164⟩⟨U+FFA0⟩⟨U+2800⟩"),
            ("a\u{2028}b\u{2029}", "a⟨U+2028⟩b⟨U+2029⟩"),
            ("a\u{E0041}\u{E007F}\u{E0001}", "a⟨U+E0041⟩⟨U+E007F⟩⟨U+E0001⟩"),
            ("a\u{FE0F}b\u{FE00}\u{E0100}", "a⟨U+FE0F⟩b⟨U+FE00⟩⟨U+E0100⟩"),
            ("a\u{200D}b\u{200C}c", "a⟨U+200D⟩b⟨U+200C⟩c"),
            ("1\u{FE0F}.txt", "1⟨U+FE0F⟩.txt"),
            ("a\u{A0}", "a⟨U+00A0⟩"),
            ("a.pdf\u{A0}\u{A0}\u{2003}.exe", "a.pdf⟨U+00A0⟩⟨U+00A0⟩⟨U+2003⟩.exe"),
            (" a", "⟨U+0020⟩a"),
            ("a ", "a⟨U+0020⟩"),
            ("a  b", "a⟨U+0020⟩⟨U+0020⟩b"),
            ("/a /b/", "/a⟨U+0020⟩/b/"),
            ("a / b", "a⟨U+0020⟩/⟨U+0020⟩b"),
            ("\u{FFFE}\u{FFF9}\u{1D173}", "⟨U+FFFE⟩⟨U+FFF9⟩⟨U+1D173⟩"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn characters_of_languages_stay() {
        for text in [
            "",
            "a",
            "/",
            "/a b/c",
            "a b.txt",
            "é ü 漢字 🌿",
            "e\u{301}",
            "Screenshot 3.04\u{202F}PM.png",
            "fichier n\u{A0}°\u{A0}5",
            "漢\u{3000}字",
            // Persian: "I want", with a non-joiner.
            "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}",
            // Hindi and Sinhala, with joiners.
            "\u{915}\u{94D}\u{200D}\u{937}",
            "\u{DC1}\u{DCA}\u{200D}\u{DBB}\u{DD3}",
            // A family, a rainbow flag, a heart, a keycap.
            "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
            "\u{1F3F3}\u{FE0F}\u{200D}\u{1F308}",
            "\u{2764}\u{FE0F}",
            "1\u{FE0F}\u{20E3}",
            // A Japanese name with the shape of its ideograph.
            "\u{845B}\u{E0100}",
            "\u{5E9}\u{5DC}\u{5D5}\u{5DD}.txt",
            "\u{602}\u{6DD}",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn plain_text_is_what_has_no_marks(text in "[ -~]{0,6}|[a /]{0,6}|\\PC{0,6}|.{0,6}") {
            let marked = letters(&text).any(|(_, is_visible)| !is_visible);
            prop_assert!(!is_plain(&text) || !marked);
            prop_assert_eq!(visible(&text) != text, marked);
            prop_assert!(visible(&text).chars().all(|letter| !letter.is_control()));
        }
    }
}
