//! A strict reader of the pages of glasshouse: an unknown element, attribute or value is an error, because it could
//! come from the name of a file.

use glasshouse_core::http::target::encode;
use glasshouse_core::page::{
    BASE, COPY_SCRIPT, GRID, GRID_SCRIPT, LISTING, MARKDOWN, REFUSAL, SCRIPT, SELECTION_SCRIPT,
};
use std::collections::BTreeSet;

/// The valid values of an attribute.
#[derive(Clone, Copy)]
enum Value {
    /// Text for people.
    Text,
    /// One of these.
    Of(&'static [&'static str]),
    /// Drawing instructions and numbers.
    Drawing,
    /// A reference to a page.
    Link,
    /// A reference to a picture, a film or a sound of this server.
    Media,
    /// A number, or a time.
    Data,
    /// The name of a language, given in a README.md.
    Language,
    /// An identifier that no other element of the page has.
    Id,
}

use Value::{Data, Drawing, Id, Language, Link, Media, Of, Text};

type Attributes = &'static [(&'static str, Value)];

/// Every element that a page may contain, with its attributes.
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
    ("main", &[("class", Of(&["refusal", "selects"])), ("data-status", Data)]),
    ("nav", &[("aria-label", Of(&["Breadcrumb", "Contents", "Download", "Layout"])), ("class", Of(&["contents"]))]),
    ("article", &[("class", Of(&["readme page"]))]),
    ("details", &[("open", Of(&[""]))]),
    ("summary", &[]),
    ("sup", &[]),
    ("section", &[("class", Of(&["readme", "notes"])), ("aria-label", Text), ("aria-labelledby", Of(&["near"]))]),
    ("div", &[("class", Of(&["bar", "sort"]))]),
    ("h1", &[]),
    ("h2", &[("id", Id)]),
    ("h3", &[("id", Id)]),
    ("h4", &[("id", Id)]),
    ("h5", &[("id", Id)]),
    ("h6", &[("id", Id)]),
    (
        "p",
        &[
            ("class", Of(&["sum", "note", "up", "name", "raw", "back"])),
            ("id", Of(&["status", "hint"])),
            ("role", Of(&["status"])),
        ],
    ),
    (
        "a",
        &[
            ("href", Link),
            ("title", Text),
            ("aria-current", Of(&["page", "true"])),
            ("aria-label", Text),
            ("aria-hidden", Of(&["true"])),
            ("tabindex", Of(&["-1"])),
            ("class", Of(&["anchor"])),
            ("id", Id),
        ],
    ),
    (
        "span",
        &[
            ("class", Of(&["above", "away", "link", "picture", "task"])),
            ("title", Text),
            ("aria-current", Of(&["true"])),
            ("id", Of(&["address", "chosen", "only"])),
            ("role", Of(&["img", "status"])),
            ("aria-label", Of(&["Done", "Not done"])),
        ],
    ),
    ("form", &[("role", Of(&["search"])), ("method", Of(&["get"])), ("id", Of(&["download"]))]),
    ("label", &[("class", Of(&["away"])), ("for", Of(&["search"]))]),
    (
        "input",
        &[
            ("type", Of(&["search", "hidden", "checkbox"])),
            ("form", Of(&["download"])),
            ("aria-label", Text),
            ("id", Of(&["search"])),
            ("name", Of(&["search", "sort", "order", "view", "format", "only"])),
            ("value", Text),
            ("placeholder", Text),
            ("maxlength", Data),
            ("autocomplete", Of(&["off"])),
            ("spellcheck", Of(&["false"])),
        ],
    ),
    (
        "button",
        &[("name", Of(&["download"])), ("value", Of(&["tar", "tar.gz", "zip"])), ("aria-current", Of(&["true"]))],
    ),
    ("table", &[("class", Of(&["long"]))]),
    ("thead", &[]),
    ("tbody", &[]),
    ("tr", &[]),
    (
        "th",
        &[("class", Of(&["linked"])), ("scope", Of(&["col", "row"])), ("aria-sort", Of(&["ascending", "descending"]))],
    ),
    ("td", &[("title", Text)]),
    ("time", &[("datetime", Data), ("title", Text)]),
    ("ul", &[("class", Of(&["grid", "grid long"]))]),
    ("ol", &[("start", Data)]),
    ("li", &[("class", Of(&["d1", "d2", "d3", "d4", "d5"])), ("id", Id)]),
    ("svg", &[("class", Of(&["away"])), ("aria-hidden", Of(&["true"])), ("viewBox", Drawing)]),
    ("symbol", &[("id", Of(ICONS)), ("viewBox", Drawing)]),
    ("path", &[("class", Of(&["fill"])), ("d", Drawing)]),
    ("circle", &[("cx", Drawing), ("cy", Drawing), ("r", Drawing)]),
    ("use", &[("href", Of(REFERENCES))]),
    (
        "img",
        &[("src", Media), ("alt", Text), ("title", Text), ("loading", Of(&["lazy"])), ("decoding", Of(&["async"]))],
    ),
    ("video", PLAYER),
    ("audio", PLAYER),
    ("details", &[]),
    ("summary", &[]),
    ("br", &[]),
    ("hr", &[]),
    ("em", &[]),
    ("strong", &[]),
    ("del", &[]),
    ("code", &[("class", Language)]),
    ("pre", &[]),
    ("blockquote", &[]),
];

/// Films and sound. They read nothing before a person plays them.
const PLAYER: Attributes = &[
    ("src", Media),
    ("controls", Of(&[""])),
    ("preload", Of(&["none"])),
    ("playsinline", Of(&[""])),
    ("aria-label", Text),
];

/// Texts that must occur exactly so.
const OURS: &[(&str, &str)] = &[
    ("style", BASE),
    ("style", LISTING),
    ("style", GRID),
    ("style", MARKDOWN),
    ("style", REFUSAL),
    ("script", SCRIPT),
    ("script", COPY_SCRIPT),
    ("script", GRID_SCRIPT),
    ("script", SELECTION_SCRIPT),
];
/// Elements without content.
const VOID: &[&str] = &["link", "meta", "input", "img", "br", "hr", "path", "circle", "use"];
/// Elements that every page has once.
const ONCE: &[&str] = &["html", "head", "title", "body", "main", "h1"];
const ICONS: &[&str] = &["folder", "file", "text", "image", "video", "audio", "archive"];
const REFERENCES: &[&str] = &["#folder", "#file", "#text", "#image", "#video", "#audio", "#archive"];

/// The parts of a page.
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
    /// `href` of every other link, decoded, and the query of each button.
    pub others: Vec<String>,
    /// The identifiers of headings, footnotes and references.
    pub ids: BTreeSet<String>,
    /// The values of the boxes that select entries, decoded.
    pub selectable: Vec<String>,
    /// The path in a comment with the title of listings of other servers.
    pub index: Option<String>,
    /// The query of the open form, or `None` if a person fills it in.
    asked: Option<Vec<(String, String)>>,
}

/// # Errors
/// Why a text is not HTML of glasshouse.
pub fn read(html: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let mut rest = html.strip_prefix("<!DOCTYPE html>\n").ok_or("the page has no doctype")?;
    let mut open: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    while let Some((content, tail)) = rest.split_once('<') {
        take_text(&mut page, &open, &decode(content)?);
        if let Some(comment) = tail.strip_prefix("!--") {
            let (comment, tail) = comment.split_once("-->").ok_or("a comment without end")?;
            page.index = Some(read_comment(comment)?);
            rest = tail;
            continue;
        }
        let (tag, tail) = tail.split_once('>').ok_or("a tag without end")?;
        rest = tail;
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> ends <{}>", last.unwrap_or_default()));
            }
            continue;
        }
        // The script of `live`. Tests of that option count it.
        if tag.starts_with("script src=\"/.glasshouse/live.js\" data-") && tag.ends_with("\" defer") {
            rest = rest.strip_prefix("</script>").ok_or("the script of live has content")?;
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.trim_end_matches('/');
        let attributes = if VOID.contains(&name) { attributes.trim_end_matches('/').trim_end() } else { attributes };
        let (_, known) =
            ELEMENTS.iter().find(|(known, _)| *known == name).ok_or(format!("<{name}> does not belong in a page"))?;
        let attributes = read_attributes(name, attributes, known)?;
        if let Some((_, id)) = attributes.iter().find(|(name, _)| name == "id")
            && !page.ids.insert(id.clone())
        {
            return Err(format!("two elements are {id:?}"));
        }
        match name {
            "a" => take_link(&mut page, &open, &attributes)?,
            "form" => page.asked = attributes.iter().all(|(name, _)| name != "role").then(Vec::new),
            "input" | "button" => take_control(&mut page, name, &attributes),
            _ => {}
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

/// Whether these elements contain an entry of a listing, as a row or a tile.
fn is_entry(open: &[String]) -> bool {
    let has = |name: &str| open.iter().any(|open| open == name);
    !has("section") && !has("article") && !has("nav") && (has("tbody") || has("li"))
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
    // The mark of a symbolic link is part of the shown name, but not of the link. Size and time are not.
    if is_entry(open)
        && !has("td")
        && !has("p")
        && (has("a") || has("span"))
        && let Some((_, name)) = page.links.last_mut()
    {
        name.push_str(text);
    }
}

/// A path in the title of other servers, which some programs search for.
fn read_comment(comment: &str) -> Result<String, String> {
    let path = comment.strip_prefix(" <title>Index of ").and_then(|path| path.strip_suffix("</title> "));
    match path {
        Some(path) if path.starts_with('/') && !path.contains(['<', '>']) => decode(path),
        _ => Err(format!("<!--{comment}-->")),
    }
}

/// The queries of a form without input fields, for each of its buttons.
fn take_control(page: &mut Page, element: &str, attributes: &[(String, String)]) {
    let value = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    if value("type").as_deref() == Some("checkbox") {
        return page.selectable.extend(value("value"));
    }
    let Some(asked) = &mut page.asked else { return };
    let pair = value("name").map(|name| (name, value("value").unwrap_or_default()));
    if element == "input" {
        asked.extend(pair);
        return;
    }
    let mut query = String::from("./");
    for (index, (name, value)) in asked.iter().chain(&pair).enumerate() {
        query.push_str(if index == 0 { "?" } else { "&" });
        query.push_str(name);
        query.push('=');
        encode(value, &mut query);
    }
    page.others.push(query);
}

/// Programs that follow links would follow a link with a query, at every level of a tree.
fn take_link(page: &mut Page, open: &[String], attributes: &[(String, String)]) -> Result<(), String> {
    let Some((_, href)) = attributes.iter().find(|(name, _)| name == "href") else { return Ok(()) };
    let has = |name: &str| open.iter().any(|open| open == name);
    let is_of_a_search = page.title.starts_with("Search for ");
    let is_of_a_document = has("section") || has("article") || href == "?raw";
    if href.contains('?') && !is_of_a_document && !is_of_a_search {
        return Err(format!("<a href={href:?}>"));
    }
    match is_entry(open) {
        true => page.links.push((href.clone(), String::new())),
        false => page.others.push(href.clone()),
    }
    Ok(())
}

fn read_attributes(element: &str, mut rest: &str, known: Attributes) -> Result<Vec<(String, String)>, String> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        // Links upwards, and links of a README.md to other places, are not quoted, so that programs which take each
        // quoted link for an entry ignore them.
        if let Some(bare) = rest.strip_prefix("href=").filter(|value| value.starts_with(['.', '/', '#', '?'])) {
            let (value, tail) = bare.split_once(' ').unwrap_or((bare, ""));
            if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/#%?".contains(&byte)) {
                return Err(format!("<{element} href={value}>"));
            }
            attributes.push(("href".to_owned(), value.to_owned()));
            rest = tail;
            continue;
        }
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
        Media => scheme(value).is_none() && !value.starts_with("//") && !value.contains('\\'),
        Language => value.starts_with("language-"),
        Id => !value.is_empty() && !value.contains(|letter: char| letter.is_whitespace() || letter.is_control()),
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
            _ => invisible(name).ok_or(format!("&{name}; in {text:?}"))?,
        });
        rest = tail;
    }
    decoded.push_str(rest);
    if rest.contains('>') { Err(format!("a bare > in {text:?}")) } else { Ok(decoded) }
}

/// A reference to a character that the value of a box cannot have as it is. HTML reads some references to controls as
/// other characters, so there are none.
fn invisible(reference: &str) -> Option<char> {
    let letter = char::from_u32(reference.strip_prefix('#')?.parse().ok()?)?;
    (!letter.is_ascii() && !letter.is_control()).then_some(letter)
}
