//! The HTML that glasshouse makes itself: listings and refusals. It refuses to know why a page is sent.
//!
//! The rule of this file: text from outside reaches a page through `escape` or [`encode`] and in no other way.

use crate::reply::Refusal;
use crate::target::{Target, encode};
use crate::tree::{Entry, EntryKind};

/// The listing of a directory: one mixed list, sorted by name without regard to case (S36), in the seed's form (S37 to
/// S39).
pub fn listing(target: &Target, mut entries: Vec<Entry>) -> String {
    entries.sort_by_cached_key(|entry| (entry.name.as_str().to_lowercase(), entry.name.clone()));
    let mut title = String::from("Directory listing for ");
    escape(&target.title(), &mut title);
    let mut html = begin(&title);
    html.push_str("<hr>\n<ul>\n");
    for entry in &entries {
        item(entry, &mut html);
    }
    html.push_str("</ul>\n<hr>\n");
    end(html)
}

/// One line of a listing: what it is told by the mark behind its name (S37), where it is by a relative link (S38).
fn item(entry: &Entry, html: &mut String) {
    let (slash, mark) = match entry.kind {
        EntryKind::File => ("", ""),
        EntryKind::Directory => ("/", "/"),
        EntryKind::LinkToDirectory => ("/", "@"),
        EntryKind::Link => ("", "@"),
    };
    html.push_str("<li><a href=\"");
    encode(entry.name.as_str(), html);
    html.push_str(slash);
    html.push_str("\">");
    escape(entry.name.as_str(), html);
    html.push_str(mark);
    html.push_str("</a></li>\n");
}

/// The page for a request that was refused (S70).
pub fn refusal(refusal: Refusal) -> String {
    let mut html = begin("Error response");
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    html.push_str(&format!(
        "<p>Error code: {status}</p>\n<p>Message: {message}.</p>\n<p>Error code explanation: {status} - {explanation}.</p>\n"
    ));
    end(html)
}

/// Everything up to the heading; the title is HTML already.
fn begin(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
}

fn end(mut html: String) -> String {
    html.push_str("</body>\n</html>\n");
    html
}

/// Escapes text for HTML, in content and in quoted attributes alike.
fn escape(text: &str, to: &mut String) {
    for character in text.chars() {
        match character {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#x27;"),
            _ => to.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Name;

    #[track_caller]
    fn check(name: &str, kind: EntryKind, expected: &str) {
        let Some(name) = Name::new(name) else { panic!("{name:?} is no name") };
        let mut html = String::new();
        item(&Entry::new(name, kind), &mut html);
        assert_eq!(html, format!("<li>{expected}</li>\n"));
    }

    #[test]
    fn s37_s38_a_name_is_a_relative_link_and_escaped_text() {
        check("a b", EntryKind::File, r#"<a href="a%20b">a b</a>"#);
        check("sub", EntryKind::Directory, r#"<a href="sub/">sub/</a>"#);
        check("link", EntryKind::Link, r#"<a href="link">link@</a>"#);
        check("linkdir", EntryKind::LinkToDirectory, r#"<a href="linkdir/">linkdir@</a>"#);
        check("a:b", EntryKind::File, r#"<a href="a%3Ab">a:b</a>"#);
        check("javascript:alert(1)", EntryKind::File, r#"<a href="javascript%3Aalert%281%29">javascript:alert(1)</a>"#);
        check(
            "<\">'&#?%~",
            EntryKind::File,
            r#"<a href="%3C%22%3E%27%26%23%3F%25~">&lt;&quot;&gt;&#x27;&amp;#?%~</a>"#,
        );
        check("é\n", EntryKind::File, "<a href=\"%C3%A9%0A\">é\n</a>");
    }
}
