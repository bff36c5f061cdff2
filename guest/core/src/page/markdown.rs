//! Renders Markdown as HTML without active content: HTML in it becomes text, links lead to pages, and pictures come
//! from this server.

use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// Renders CommonMark, with the tables and strikethrough of GitHub. Headings are one level lower, because the page has
/// the first heading.
pub fn render(text: &str) -> String {
    let mut rendered = String::with_capacity(text.len().saturating_add(text.len() / 2));
    html::push_html(&mut rendered, sanitized(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH));
    rendered
}

/// The events of a text without those that could act. Headings are one level lower.
pub fn sanitized(text: &str, options: Options) -> impl Iterator<Item = Event<'_>> {
    Sanitizer { events: Parser::new_ext(text, options), open: Vec::new(), pictures: 0 }
}

/// Events without those that could act.
struct Sanitizer<I> {
    events: I,
    /// The end tag of each open link and picture, or `None` if it is removed.
    open: Vec<Option<TagEnd>>,
    /// The number of pictures among them. Their alternative text has no markup.
    pictures: usize,
}

impl<'a, I: Iterator<Item = Event<'a>>> Iterator for Sanitizer<I> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            let event = match self.events.next()? {
                Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
                Event::Start(tag) => {
                    let tag = self.start(tag);
                    tag.map(|tag| unquoted(&tag).filter(|_| self.pictures == 0).unwrap_or(Event::Start(tag)))
                }
                Event::End(tag) => self.end(tag).map(Event::End),
                event => Some(event),
            };
            if event.is_some() {
                return event;
            }
        }
    }
}

impl<I> Sanitizer<I> {
    fn start<'a>(&mut self, tag: Tag<'a>) -> Option<Tag<'a>> {
        match tag {
            Tag::HtmlBlock => Some(Tag::Paragraph),
            // Aligning columns would need inline styles, which the policy of the page forbids.
            Tag::Table(columns) => Some(Tag::Table(vec![Alignment::None; columns.len()])),
            Tag::Heading { level, .. } => {
                Some(Tag::Heading { level: below(level), id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            Tag::Link { link_type, ref dest_url, .. } => {
                // The parser has checked that it is a mail address.
                let leads_to_a_page = link_type == LinkType::Email || leads_to_a_page(dest_url);
                self.open(tag, TagEnd::Link, leads_to_a_page)
            }
            Tag::Image { ref dest_url, .. } => {
                let is_here = is_here(dest_url);
                self.open(tag, TagEnd::Image, is_here)
            }
            tag => Some(tag),
        }
    }

    fn open<'a>(&mut self, tag: Tag<'a>, end: TagEnd, is_kept: bool) -> Option<Tag<'a>> {
        self.open.push(is_kept.then_some(end));
        self.pictures = self.pictures.saturating_add(usize::from(is_kept && end == TagEnd::Image));
        is_kept.then_some(tag)
    }

    fn end(&mut self, end: TagEnd) -> Option<TagEnd> {
        match end {
            TagEnd::HtmlBlock => Some(TagEnd::Paragraph),
            TagEnd::Heading(level) => Some(TagEnd::Heading(below(level))),
            TagEnd::Link | TagEnd::Image => {
                let end = self.open.pop().flatten();
                self.pictures = self.pictures.saturating_sub(usize::from(end == Some(TagEnd::Image)));
                end
            }
            end => Some(end),
        }
    }
}

/// A link to something outside of the directory, such as `../` or `#part`, with its target not quoted. Some programs
/// take each quoted target for an entry, and would follow it again and again.
fn unquoted<'a>(tag: &Tag<'a>) -> Option<Event<'a>> {
    let Tag::Link { dest_url, title, .. } = tag else { return None };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/#%?".contains(&byte);
    let is_elsewhere = dest_url.starts_with(['.', '/', '#', '?']);
    let can_be_unquoted = is_elsewhere && title.is_empty() && dest_url.bytes().all(is_plain);
    can_be_unquoted.then(|| Event::InlineHtml(format!("<a href={dest_url}>").into()))
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

/// Whether a link is relative or has an allowed scheme. Browsers remove some characters before they read a scheme, so a
/// link with one of those is not allowed.
fn leads_to_a_page(link: &CowStr) -> bool {
    match scheme(link) {
        Ok(None) => true,
        Ok(Some(scheme)) => ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known)),
        Err(Unclear) => false,
    }
}

/// Whether a link leads to this server. The policy of the page allows no other pictures.
fn is_here(link: &CowStr) -> bool {
    let is_elsewhere = link.starts_with("//") || link.contains('\\');
    scheme(link) == Ok(None) && !is_elsewhere
}

/// Browsers may read the link differently.
#[derive(Debug, PartialEq, Eq)]
struct Unclear;

/// The scheme of a reference (RFC 3986 4.1): the text before a colon in its first segment.
fn scheme(link: &str) -> Result<Option<&str>, Unclear> {
    if link.starts_with(' ') || link.contains(|letter: char| letter.is_control()) {
        return Err(Unclear);
    }
    let segment = link.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    Ok(segment.split_once(':').map(|(scheme, _)| scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(render(text), expected, "{text:?}");
    }

    #[test]
    fn text_is_rendered() {
        check("# One\n\nTwo *three* `four`.", "<h2>One</h2>\n<p>Two <em>three</em> <code>four</code>.</p>\n");
        check("###### six\n", "<h6>six</h6>\n");
        check("~~gone~~", "<p><del>gone</del></p>\n");
        check("- one\n- two\n", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n");
        check("```sh\na < b\n```\n", "<pre><code class=\"language-sh\">a &lt; b\n</code></pre>\n");
        check(
            "| a |\n|:-:|\n| b |\n",
            "<table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>b</td></tr>\n</tbody></table>\n",
        );
    }

    #[test]
    fn html_is_text() {
        check("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n");
        check("a <img src=x onerror=alert(1)> b", "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n");
        check("<!-- a -->\n\n<?php ?>", "<p>&lt;!-- a --&gt;\n</p>\n<p>&lt;?php ?&gt;</p>\n");
        check("# a {#b .c onclick=d}", "<h2>a {#b .c onclick=d}</h2>\n");
        check("```\" onclick=x\n```", "<pre><code class=\"language-&quot;\"></code></pre>\n");
    }

    #[test]
    fn links_lead_to_pages() {
        for link in ["a", "a/b?c#d", "https://a.example/", "HTTP://a.example", "mailto:a@b", "../a&b", "./a=b"] {
            let rendered = render(&format!("[x](<{link}>)"));
            assert_eq!(rendered, format!("<p><a href=\"{}\">x</a></p>\n", link.replace('&', "&amp;")));
        }
        for link in ["../a?b#c", "/a", "#a", "//a.example", "./", ".."] {
            let rendered = render(&format!("[x *y*](<{link}>)"));
            assert_eq!(rendered, format!("<p><a href={link}>x <em>y</em></a></p>\n"));
        }
        let rendered = render("[x](../ \"title\")");
        assert_eq!(rendered, "<p><a href=\"../\" title=\"title\">x</a></p>\n");
        for link in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "&#106;avascript:alert(1)",
            "java\tscript:alert(1)",
            "java&#10;script:alert(1)",
            "&#1;javascript:alert(1)",
            "&#32;javascript:alert(1)",
            "vbscript:x",
            "data:text/html,x",
            "file:///etc/passwd",
        ] {
            check(&format!("[x](<{link}>)"), "<p>x</p>\n");
        }
        check("<javascript:alert(1)>", "<p>javascript:alert(1)</p>\n");
        check("<a@b.example>", "<p><a href=\"mailto:a@b.example\">a@b.example</a></p>\n");
        check("[![x](a.png)](javascript:y)", "<p><img src=\"a.png\" alt=\"x\" /></p>\n");
    }

    #[test]
    fn pictures_are_those_of_this_server() {
        check("![x](a/b.png \"c\")", "<p><img src=\"a/b.png\" alt=\"x\" title=\"c\" /></p>\n");
        for link in ["https://a.example/b.png", "//a.example/b.png", "/\\a.example/b.png", "data:image/png,x"] {
            check(&format!("![x](<{link}>)"), "<p>x</p>\n");
        }
        check("![a [b](../c) d](x.png) [e](../)", "<p><img src=\"x.png\" alt=\"a b d\" /> <a href=../>e</a></p>\n");
        check("![a [b](c) d](http://x)", "<p>a <a href=\"c\">b</a> d</p>\n");
    }
}
