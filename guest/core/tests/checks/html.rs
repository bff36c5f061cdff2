//! A reader of the pages that glasshouse makes, strict where a browser is kind: an element, an attribute or a value that
//! is not known is an error, as it may have come out of a file's name. It refuses to know which page it reads.

use glasshouse_core::page::{BASE, LISTING, REFUSAL, SCRIPT};

/// What the value of an attribute may be.
#[derive(Clone, Copy)]
enum Value {
    /// Text for people.
    Text,
    /// One of these.
    Of(&'static [&'static str]),
    /// Drawing instructions and numbers.
    Drawing,
    /// A reference that a page may lead to.
    Link,
    /// A reference to a picture of this server.
    Picture,
    /// A number, or a moment.
    Data,
    /// The name of a language, given in a README.md.
    Language,
}

use Value::{Data, Drawing, Language, Link, Of, Picture, Text};

type Attributes = &'static [(&'static str, Value)];

/// Every element that a page may hold, with its attributes.
const ELEMENTS: &[(&str, Attributes)] = &[
    ("html", &[("lang", Of(&["en"]))]),
    ("head", &[]),
    ("link", &[("rel", Of(&["icon"])), ("href", Of(&["data:,"]))]),
    ("meta", &[("charset", Of(&["utf-8"])), ("name", Of(&["viewport", "color-scheme"])), ("content", Text)]),
    ("title", &[]),
    ("style", &[]),
    ("script", &[]),
    ("noscript", &[]),
    ("body", &[]),
    ("header", &[]),
    ("main", &[("class", Of(&["refusal"])), ("data-status", Data)]),
    ("nav", &[("aria-label", Of(&["Breadcrumb", "Download", "Layout"]))]),
    ("section", &[("class", Of(&["readme"])), ("aria-label", Text), ("aria-labelledby", Of(&["near"]))]),
    ("div", &[("class", Of(&["bar"]))]),
    ("h1", &[]),
    ("h2", &[("id", Of(&["near"]))]),
    ("h3", &[]),
    ("h4", &[]),
    ("h5", &[]),
    ("h6", &[]),
    ("p", &[("class", Of(&["sum", "note", "sort", "up", "name"])), ("id", Of(&["status"])), ("role", Of(&["status"]))]),
    ("a", &[("href", Link), ("title", Text), ("aria-current", Of(&["page", "true"]))]),
    ("span", &[("class", Of(&["above", "away", "link", "picture"])), ("title", Text), ("aria-current", Of(&["true"]))]),
    ("form", &[("role", Of(&["search"])), ("method", Of(&["get"]))]),
    ("label", &[("class", Of(&["away"])), ("for", Of(&["search"]))]),
    (
        "input",
        &[
            ("type", Of(&["search", "hidden"])),
            ("id", Of(&["search"])),
            ("name", Of(&["search", "sort", "order", "view", "format"])),
            ("value", Text),
            ("placeholder", Text),
            ("maxlength", Data),
            ("autocomplete", Of(&["off"])),
            ("spellcheck", Of(&["false"])),
        ],
    ),
    ("button", &[]),
    ("table", &[]),
    ("thead", &[]),
    ("tbody", &[]),
    ("tr", &[]),
    ("th", &[("scope", Of(&["col", "row"])), ("aria-sort", Of(&["ascending", "descending"]))]),
    ("td", &[("title", Text)]),
    ("time", &[("datetime", Data), ("title", Text)]),
    ("ul", &[("class", Of(&["grid"]))]),
    ("ol", &[("start", Data)]),
    ("li", &[]),
    ("svg", &[("class", Of(&["away"])), ("aria-hidden", Of(&["true"]))]),
    ("symbol", &[("id", Of(ICONS)), ("viewBox", Drawing)]),
    ("path", &[("class", Of(&["fill"])), ("d", Drawing)]),
    ("circle", &[("cx", Drawing), ("cy", Drawing), ("r", Drawing)]),
    ("use", &[("href", Of(REFERENCES))]),
    (
        "img",
        &[("src", Picture), ("alt", Text), ("title", Text), ("loading", Of(&["lazy"])), ("decoding", Of(&["async"]))],
    ),
    ("br", &[]),
    ("hr", &[]),
    ("em", &[]),
    ("strong", &[]),
    ("del", &[]),
    ("code", &[("class", Language)]),
    ("pre", &[]),
    ("blockquote", &[]),
];

/// What is written as it is, and may be nothing but this.
const OURS: &[(&str, &str)] = &[("style", BASE), ("style", LISTING), ("style", REFUSAL), ("script", SCRIPT)];
/// Elements without content.
const VOID: &[&str] = &["link", "meta", "input", "img", "br", "hr", "path", "circle", "use"];
/// Elements that every page has once.
const ONCE: &[&str] = &["html", "head", "title", "body", "main", "h1"];
const ICONS: &[&str] = &["home", "folder", "file", "text", "image", "video", "audio", "archive"];
const REFERENCES: &[&str] = &["#home", "#folder", "#file", "#text", "#image", "#video", "#audio", "#archive"];

/// A page, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// `href` and text of the link to each entry of a listing, decoded.
    pub links: Vec<(String, String)>,
    /// The text of the title, decoded.
    pub title: String,
    /// The text of the first heading, decoded.
    pub heading: String,
    /// All text below the header, decoded.
    pub text: String,
    /// `href` of every other link, decoded.
    pub others: Vec<String>,
}

/// # Errors
/// What is no HTML of glasshouse, in words.
pub fn read(html: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let mut rest = html.strip_prefix("<!DOCTYPE html>\n").ok_or("the page has no doctype")?;
    let mut open: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    while let Some((content, tail)) = rest.split_once('<') {
        take_text(&mut page, &open, &decode(content)?);
        let (tag, tail) = tail.split_once('>').ok_or("a tag without end")?;
        rest = tail;
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> ends <{}>", last.unwrap_or_default()));
            }
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.trim_end_matches('/');
        let (_, known) =
            ELEMENTS.iter().find(|(known, _)| *known == name).ok_or(format!("<{name}> does not belong in a page"))?;
        let attributes = read_attributes(name, attributes.trim_end_matches('/').trim_end(), known)?;
        if name == "a" {
            take_link(&mut page, &open, &attributes);
        }
        seen.push(name.to_owned());
        if matches!(name, "style" | "script") {
            let after = |ours: &&str| rest.strip_prefix(*ours)?.strip_prefix(&format!("</{name}>"));
            let ours = OURS.iter().filter(|(element, _)| *element == name).map(|(_, ours)| ours);
            rest = ours.filter_map(after).next().ok_or(format!("a <{name}> that is not ours"))?;
        } else if !VOID.contains(&name) {
            open.push(name.to_owned());
        }
    }
    if !open.is_empty() || rest.trim() != "" {
        return Err(format!("{open:?} are open at the end, before {rest:?}"));
    }
    match ONCE.iter().find(|name| seen.iter().filter(|seen| seen == *name).count() != 1) {
        Some(name) => Err(format!("not one <{name}>")),
        None => Ok(page),
    }
}

/// Whether these elements are around what is in an entry of a listing, be it a row or a tile.
fn is_entry(open: &[String]) -> bool {
    let has = |name: &str| open.iter().any(|open| open == name);
    !has("section") && (has("tbody") || has("li"))
}

fn take_text(page: &mut Page, open: &[String], text: &str) {
    let has = |name: &str| open.iter().any(|open| open == name);
    if has("title") {
        page.title.push_str(text);
    }
    if has("h1") {
        page.heading.push_str(text);
    }
    if has("main") {
        page.text.push_str(text);
    }
    if is_entry(open)
        && has("a")
        && let Some((_, name)) = page.links.last_mut()
    {
        name.push_str(text);
    }
}

fn take_link(page: &mut Page, open: &[String], attributes: &[(String, String)]) {
    let href = attributes.iter().find(|(name, _)| name == "href").map(|(_, href)| href.clone());
    match href {
        Some(href) if is_entry(open) => page.links.push((href, String::new())),
        Some(href) => page.others.push(href),
        None => {}
    }
}

fn read_attributes(element: &str, mut rest: &str, known: Attributes) -> Result<Vec<(String, String)>, String> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").ok_or(format!("attribute {rest:?} has no quoted value"))?;
        let (_, may_be) =
            known.iter().find(|(known, _)| *known == name).ok_or(format!("<{element}> has no attribute {name:?}"))?;
        let (value, tail) = value.split_once('"').ok_or(format!("the value of {name} has no end"))?;
        let value = decode(value)?;
        if !is_allowed(*may_be, &value) || attributes.iter().any(|(other, _)| other == name) {
            return Err(format!("<{element} {name}={value:?}>"));
        }
        attributes.push((name.to_owned(), value));
        rest = match tail.strip_prefix(' ') {
            Some(tail) => tail,
            None if tail.is_empty() => tail,
            None => return Err(format!("{tail:?} behind an attribute")),
        };
    }
    Ok(attributes)
}

fn is_allowed(may_be: Value, value: &str) -> bool {
    match may_be {
        Text => true,
        Of(known) => known.contains(&value),
        Drawing => value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .-".contains(&byte)),
        Data => value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-".contains(&byte)),
        Link => match scheme(value) {
            Some(scheme) => ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known)),
            None => true,
        },
        Picture => scheme(value).is_none() && !value.starts_with("//") && !value.contains('\\'),
        Language => value.starts_with("language-"),
    }
}

/// The scheme of a reference as a browser reads it: without blanks at the ends, and without tabs and line ends.
fn scheme(reference: &str) -> Option<String> {
    let reference = reference.trim_matches(|letter: char| letter <= ' ').replace(['\t', '\n', '\r'], "");
    let (scheme, _) = reference.split_once(':')?;
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (is_scheme && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())).then(|| scheme.to_owned())
}

/// Resolves the character references that glasshouse writes; any other, and a bare `&` or `>`, is an error.
fn decode(text: &str) -> Result<String, String> {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, tail) = after.split_once(';').ok_or(format!("a bare & in {text:?}"))?;
        if before.contains('>') {
            return Err(format!("a bare > in {text:?}"));
        }
        decoded.push_str(before);
        decoded.push(match name {
            "amp" | "#38" => '&',
            "lt" | "#60" => '<',
            "gt" | "#62" => '>',
            "quot" | "#34" => '"',
            "#39" | "#x27" => '\'',
            _ => return Err(format!("&{name}; in {text:?}")),
        });
        rest = tail;
    }
    decoded.push_str(rest);
    if rest.contains('>') { Err(format!("a bare > in {text:?}")) } else { Ok(decoded) }
}
