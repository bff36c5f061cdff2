//! Renders a whole Markdown file: as a README.md, and with identifiers of headings, task lists and footnotes.

use crate::page::markdown::sanitized;
use crate::page::outline::{Outline, OutlineHeading};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Tag, TagEnd, html};
use std::collections::BTreeMap;

/// The most marks of Markdown in a text. Each may become an element, which costs a hundred times its byte.
const MARKS_MAX: usize = 128 << 10;

/// Punctuation that begins no element.
const PLAIN: &[u8] = b"\"$%',/;=?@{}";

/// A rendered document.
#[derive(Debug)]
pub struct Document {
    /// The text of the first heading.
    pub title: Option<String>,
    /// The table of contents. Empty for a document with few headings.
    pub contents: Vec<OutlineHeading>,
    /// HTML without active content. Its headings begin at the second level.
    pub body: String,
    /// The footnotes in the order of their first references.
    pub notes: Vec<Note>,
}

/// A footnote.
#[derive(Debug)]
pub struct Note {
    /// Its number.
    pub number: usize,
    /// HTML without active content.
    pub html: String,
    /// Whether the document refers to it.
    pub is_referenced: bool,
}

/// Whether a text can be rendered with little time and memory.
pub fn is_affordable(text: &str) -> bool {
    let is_mark = |byte: &u8| byte.is_ascii_control() || (byte.is_ascii_punctuation() && !PLAIN.contains(byte));
    text.bytes().filter(is_mark).take(MARKS_MAX).count() < MARKS_MAX
}

/// Renders CommonMark with the extensions of GitHub. The time is about linear in the length of the text.
pub fn render(text: &str) -> Document {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES;
    let text = without_front_matter(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut pieces = Pieces { events: sanitized(text, options), end: None, heading: None, numbers: BTreeMap::new() };
    let mut outline = Outline::default();
    let mut body = String::with_capacity(text.len().saturating_add(text.len() / 2));
    let mut heading = String::new();
    let mut open: Vec<(String, String)> = Vec::new();
    let mut notes: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let block = open.last_mut().map_or(&mut body, |(_, html)| html);
        html::push_html(if pieces.heading.is_some() { &mut heading } else { block }, &mut pieces);
        match pieces.end.take() {
            Some(PieceEnd::Heading) => pieces.heading = Some(String::new()),
            Some(PieceEnd::HeadingEnd(level)) => {
                let text = pieces.heading.take().unwrap_or_default();
                write_heading(block, &mut outline, level, &text, &std::mem::take(&mut heading));
            }
            Some(PieceEnd::Note(label)) => open.push((label, String::new())),
            Some(PieceEnd::NoteEnd) => {
                if let Some((label, html)) = open.pop() {
                    notes.entry(label).or_default().push_str(&html);
                }
            }
            None => break,
        }
    }
    let notes = in_order(notes, pieces.numbers);
    Document { title: outline.title().map(str::to_owned), contents: outline.contents(), body, notes }
}

/// The footnotes by their numbers. Those without a reference come last, so that no text is lost.
fn in_order(notes: BTreeMap<String, String>, mut numbers: BTreeMap<String, usize>) -> Vec<Note> {
    let mut next = numbers.len();
    let mut number = |label: &String| {
        next = next.saturating_add(1);
        numbers.remove(label).map_or((next, false), |number| (number, true))
    };
    let note = |(label, html)| {
        let (number, is_referenced) = number(&label);
        Note { number, html, is_referenced }
    };
    let mut notes: Vec<Note> = notes.into_iter().map(note).collect();
    notes.sort_by_key(|note| note.number);
    notes
}

/// The text after a block of settings for site generators, between lines of `---` at its start.
fn without_front_matter(text: &str) -> &str {
    let is_fence = |line: &str| line.trim_end() == "---";
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_fence(line)) else { return text };
    // The text after a thematic break is seldom a setting.
    if !lines.clone().next().is_some_and(|line| line.contains(':')) {
        return text;
    }
    let mut length = first.len();
    for line in lines {
        length = length.saturating_add(line.len());
        if is_fence(line) {
            return text.get(length..).unwrap_or_default();
        }
    }
    text
}

/// Writes a heading, one level lower at least, because the page has the first heading.
fn write_heading(to: &mut String, outline: &mut Outline, level: HeadingLevel, text: &str, html: &str) {
    let depth = outline.depth(level);
    let element = depth.saturating_add(1).min(6);
    if !to.is_empty() && !to.ends_with('\n') {
        to.push('\n');
    }
    let heading = match outline.add(depth, text) {
        // A person with a keyboard or a screen reader has the table of contents.
        Some(id) => format!(
            "<h{element} id=\"{id}\">{html} <a class=\"anchor\" href=\"#{id}\" aria-hidden=\"true\" tabindex=\"-1\">#</a></h{element}>\n"
        ),
        None => format!("<h{element}>{html}</h{element}>\n"),
    };
    to.push_str(&heading);
}

/// The events of one piece of the document, which is written to one place.
struct Pieces<I> {
    events: I,
    end: Option<PieceEnd>,
    /// The text of the open heading.
    heading: Option<String>,
    /// The numbers of footnotes by their labels.
    numbers: BTreeMap<String, usize>,
}

/// What ends a piece and begins the next one.
enum PieceEnd {
    Heading,
    HeadingEnd(HeadingLevel),
    /// The definition of a footnote, with its label.
    Note(String),
    NoteEnd,
}

impl<'a, I: Iterator<Item = Event<'a>>> Iterator for Pieces<I> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let event = self.events.next()?;
        self.end = match event {
            Event::Start(Tag::Heading { .. }) => Some(PieceEnd::Heading),
            Event::End(TagEnd::Heading(level)) => Some(PieceEnd::HeadingEnd(level)),
            Event::Start(Tag::FootnoteDefinition(ref label)) => Some(PieceEnd::Note(folded(label))),
            Event::End(TagEnd::FootnoteDefinition) => Some(PieceEnd::NoteEnd),
            _ => None,
        };
        if self.end.is_some() {
            return None;
        }
        Some(match event {
            Event::FootnoteReference(label) => self.reference(&label),
            Event::TaskListMarker(is_done) => Event::InlineHtml(task(is_done).into()),
            event => {
                self.note(&event);
                event
            }
        })
    }
}

impl<I> Pieces<I> {
    /// Adds the text of an event to that of the open heading.
    fn note(&mut self, event: &Event) {
        let Some(heading) = &mut self.heading else { return };
        match event {
            Event::Text(text) | Event::Code(text) => heading.push_str(text),
            Event::SoftBreak | Event::HardBreak => heading.push(' '),
            _ => {}
        }
    }

    /// A reference to a footnote. The footnote leads back to the first one.
    fn reference<'a>(&mut self, label: &str) -> Event<'a> {
        let next = self.numbers.len().saturating_add(1);
        let number = *self.numbers.entry(folded(label)).or_insert(next);
        // No heading has a colon in its identifier.
        let id = if number == next { format!(" id=\"fnref:{number}\"") } else { String::new() };
        let html = format!("<sup><a href=\"#fn:{number}\"{id} aria-label=\"Footnote {number}\">{number}</a></sup>");
        Event::InlineHtml(CowStr::from(html))
    }
}

/// A label as it is compared: without regard to case.
fn folded(label: &str) -> String {
    label.to_lowercase()
}

/// The mark of a task. A disabled field of a form would need a label.
fn task(is_done: bool) -> &'static str {
    match is_done {
        true => "<span class=\"task\" role=\"img\" aria-label=\"Done\">☑</span> ",
        false => "<span class=\"task\" role=\"img\" aria-label=\"Not done\">☐</span> ",
    }
}

#[cfg(test)]
mod tests;
