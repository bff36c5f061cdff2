//! Texts use plain words and short lines: comments, help, messages and Markdown.

use super::{files, root};
use std::fs;
use std::path::Path;

/// Words that hide who acts, or that have a plainer form: `no one` acts, a function `returns`, a value `is invalid`.
const WORDS: &[&str] = &[
    "whoever",
    "whosever",
    "nobody",
    "nobody's",
    "somebody",
    "somebody's",
    "anybody",
    "anybody's",
    "anew",
    "told",
    "lent",
    "tells",
    "befalls",
    "refuses to",
    "is no",
];

/// Uses of these words that are plain English.
const ALLOWED: &[&str] = &["there is no", "There is no", "is no longer", "is no more than"];

/// The widest line of a comment or of Markdown, in characters. Tables and links cannot be broken.
const COLUMNS: usize = 120;

/// Files whose texts are those of others, or that list the words.
const EXCEPTIONS: &[&str] = &["tests/all/tidy/wording.rs", "LICENSE-APACHE", "LICENSE-MIT"];

#[test]
fn texts_are_in_plain_words() {
    let wrong: Vec<_> = lines().filter_map(|(place, line, _)| Some(format!("{place}: {}", unclear(&line)?))).collect();
    assert!(wrong.is_empty(), "{} lines: {wrong:#?}", wrong.len());
}

#[test]
fn texts_have_short_lines() {
    let is_wide = |line: &str, is_markdown: bool| {
        let text = line.trim_start();
        let is_text = if is_markdown { !text.starts_with('|') && text.contains(' ') } else { text.starts_with("//") };
        is_text && line.chars().count() > COLUMNS
    };
    let wide = lines().filter(|(_, line, is_markdown)| is_wide(line, *is_markdown));
    let wrong: Vec<_> = wide.map(|(place, ..)| place).collect();
    assert!(wrong.is_empty(), "{} lines are wider than {COLUMNS} columns: {wrong:#?}", wrong.len());
}

#[test]
fn an_unclear_word_is_found() {
    assert_eq!(unclear("/// Whoever asks is refused."), Some("whoever"));
    assert_eq!(unclear("    error(\"'x' is no number\")"), Some("is no"));
    assert_eq!(unclear("// There is no number, and it is no longer told."), Some("told"));
    assert_eq!(unclear("// A talent is unfolded. There is no number."), None);
}

/// The lines of sources and documents: where each is, its text, and whether it is Markdown.
fn lines() -> impl Iterator<Item = (String, String, bool)> {
    let root = root();
    let is_text = |path: &Path| path.extension().is_some_and(|extension| extension == "rs" || extension == "md");
    let ours = files().into_iter().filter_map(move |path| Some((path.strip_prefix(&root).ok()?.to_owned(), path)));
    let ours =
        ours.filter(move |(name, _)| is_text(name) && !EXCEPTIONS.iter().any(|exception| name == Path::new(exception)));
    ours.flat_map(|(name, path)| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let is_markdown = name.extension().is_some_and(|extension| extension == "md");
        let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line.to_owned()));
        let numbered: Vec<_> = numbered.collect();
        numbered.into_iter().map(move |(number, line)| (format!("{}:{number}", name.display()), line, is_markdown))
    })
}

/// The first word of a line that has a plainer form.
fn unclear(line: &str) -> Option<&'static str> {
    let mut line = line.to_owned();
    for allowed in ALLOWED {
        line = line.replace(allowed, "");
    }
    let line = line.to_lowercase();
    let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric());
    let contains = |word: &&&str| {
        line.match_indices(**word).any(|(start, found)| {
            !is_letter(line[..start].chars().next_back()) && !is_letter(line[start + found.len()..].chars().next())
        })
    };
    WORDS.iter().find(contains).copied()
}
