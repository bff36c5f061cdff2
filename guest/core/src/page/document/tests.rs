//! Documents from authors and from attackers.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(render(text).body, expected, "{text:?}");
}

fn heading(element: usize, id: &str, html: &str) -> String {
    let anchor = format!("<a class=\"anchor\" href=\"#{id}\" aria-hidden=\"true\" tabindex=\"-1\">#</a>");
    format!("<h{element} id=\"{id}\">{html} {anchor}</h{element}>\n")
}

#[test]
fn headings_have_identifiers() {
    check("# One\n\nText.", &[heading(2, "one", "One"), "<p>Text.</p>\n".to_owned()].concat());
    let parts = [heading(2, "a", "a"), heading(3, "a-1", "a"), heading(3, "a-2", "a"), heading(2, "b", "b")];
    check("# a\n### a\n### a\n# b\n", &parts.concat());
    check("# a `b` [c *d*](e)", &heading(2, "a-b-c-d", "a <code>b</code> <a href=\"e\">c <em>d</em></a>"));
    check("# <b onclick=x>\"", &heading(2, "b-onclickx", "&lt;b onclick=x&gt;\""));
    check("# ![a](b.png)", &heading(2, "a", "<img src=\"b.png\" alt=\"a\" />"));
    check("#", &heading(2, "section", ""));
    check(
        "> # a\n\n- # b",
        &format!(
            "<blockquote>\n{}</blockquote>\n<ul>\n<li>\n{}</li>\n</ul>\n",
            heading(2, "a", "a"),
            heading(2, "b", "b")
        ),
    );
    assert_eq!(render("# A *b* `c`\nd").title.as_deref(), Some("A b c"));
    assert_eq!(render("Two\nlines\n---").title.as_deref(), Some("Two lines"));
    assert_eq!((render("a").title, render("#").title), (None, None));
}

#[test]
fn extensions_are_those_of_github() {
    check("~~gone~~", "<p><del>gone</del></p>\n");
    check(
        "- [x] a\n- [ ] b\n",
        "<ul>\n<li><span class=\"task\" role=\"img\" aria-label=\"Done\">☑</span> a</li>\n\
        <li><span class=\"task\" role=\"img\" aria-label=\"Not done\">☐</span> b</li>\n</ul>\n",
    );
    check(
        "| a |\n|:-:|\n| b |\n",
        "<table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>b</td></tr>\n</tbody></table>\n",
    );
    check("[x](other.md#part) ![y](a.png)", "<p><a href=\"other.md#part\">x</a> <img src=\"a.png\" alt=\"y\" /></p>\n");
}

#[test]
fn nothing_acts() {
    check("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n");
    check("[x](javascript:y) [z](data:text/html,x)", "<p>x z</p>\n");
    check("![x](https://a.example/b.png)", "<p>x</p>\n");
    check("a[^<b>\"]\n\n[^<b>\"]: <i>", &{
        let reference = "<sup><a href=\"#fn:1\" id=\"fnref:1\" aria-label=\"Footnote 1\">1</a></sup>";
        format!("<p>a{reference}</p>\n")
    });
}

#[test]
fn footnotes_are_numbered_by_their_references() {
    let document = render("[^b]: two [^A]\n\nx[^a] y[^B] z[^a]\n\n[^a]: one\n");
    let reference =
        |number: usize| format!("<a href=\"#fn:{number}\" id=\"fnref:{number}\" aria-label=\"Footnote {number}\">");
    assert!(document.body.starts_with("<p>x<sup><a href=\"#fn:1\" aria-label"), "{document:?}");
    assert!(document.body.contains(&reference(2)) && !document.body.contains("fnref:1"), "{document:?}");
    let notes: Vec<_> = document.notes.iter().map(|note| (note.number, note.html.as_str())).collect();
    let two = format!("<p>two <sup>{}1</a></sup></p>\n", reference(1));
    assert_eq!(notes, [(1, "<p>one</p>\n"), (2, two.as_str())]);
    check("a[^x]", "<p>a[^x]</p>\n");
    // No text is lost, also that of footnotes without a reference and of those with two definitions.
    let document = render("[^c]: unused [^a]\n\n[^a]: one\n\n[^a]: again\n");
    let notes: Vec<_> = document.notes.iter().map(|note| (note.is_referenced, note.html.as_str())).collect();
    let unused = format!("<p>unused <sup>{}1</a></sup></p>\n", reference(1));
    assert_eq!(notes, [(true, "<p>one</p>\n<p>again</p>\n"), (false, unused.as_str())]);
}

#[test]
fn footnotes_that_lead_to_each_other_end() {
    let document = render("a[^1]\n\n[^1]: b[^2]\n\n[^2]: c[^1] [^2]\n");
    assert_eq!(document.notes.len(), 2, "{document:?}");
    let nested = render("a[^1]\n\n> [^1]: # b\n>\n>     [^2]: c[^1]\n");
    assert_eq!(nested.notes.len(), 2, "{nested:?}");
}

#[test]
fn settings_of_generators_are_left_out() {
    for (text, rest) in [
        ("---\ntitle: a\n---\n# b\n", "# b\n"),
        ("---\r\ntitle: a\r\n---\r\nb", "b"),
        ("---\n---\nb: c\n---\n", "---\n---\nb: c\n---\n"),
        ("---\na\n---\n", "---\na\n---\n"),
        ("---\na: b\n", "---\na: b\n"),
        ("---\n\na\n\n---\n", "---\n\na\n\n---\n"),
        ("a\n---\nb: c\n---\n", "a\n---\nb: c\n---\n"),
        ("----\na\n---\n", "----\na\n---\n"),
        ("", ""),
    ] {
        assert_eq!(without_front_matter(text), rest, "{text:?}");
    }
    assert_eq!(render("\u{feff}---\na: b\n---\n# c").title.as_deref(), Some("c"));
}

#[test]
fn much_work_is_refused() {
    assert!(is_affordable("") && is_affordable(&"word ".repeat(200_000)));
    assert!(is_affordable(&"[".repeat(MARKS_MAX - 1)) && !is_affordable(&"[".repeat(MARKS_MAX)));
    assert!(!is_affordable(&"|".repeat(1 << 20)) && !is_affordable(&"\n".repeat(1 << 20)));
    assert!(is_affordable(&"a, 'b'".repeat(100_000)) && !is_affordable(&"\r".repeat(1 << 20)));
    assert!(!is_affordable(&"1. ".repeat(1 << 18)));
}

/// Inputs that once took quadratic time or much memory in a renderer of Markdown. A quadratic step would take minutes.
#[test]
fn hostile_documents_are_rendered() {
    let marks = MARKS_MAX - 1;
    let repeated = |piece: &str| {
        let marks_of_piece = piece.bytes().filter(|byte| byte.is_ascii_punctuation() || *byte == b'\n').count();
        piece.repeat(marks / marks_of_piece.max(1))
    };
    let wide = format!("|{}\n|{}\n{}", "a|".repeat(20_000), "-|".repeat(20_000), "|a\n".repeat(20_000));
    let labels: String = (0..12_000).map(|label| format!("[^{label}]")).collect();
    let definitions: String = (0..12_000).map(|label| format!("\n\n[^{label}]: a[^{}]", label + 1)).collect();
    for text in [
        repeated("["),
        repeated("[a]("),
        repeated("![["),
        repeated("*a_"),
        repeated("**a "),
        repeated(">"),
        repeated("- "),
        repeated("`a``"),
        repeated("<a"),
        repeated("<!--"),
        repeated("[^a]"),
        format!("{}\n\n[^a]: b", repeated("[^a]").split_off(100)),
        repeated("# a\n"),
        repeated("#\n"),
        repeated("&amp;"),
        repeated("~~a"),
        repeated("- [x] a\n"),
        repeated("[a]: b\n"),
        repeated("[^a]: b\n\n"),
        wide,
        [labels, definitions].concat(),
    ] {
        let document = render(&text);
        let length = document.notes.iter().map(|note| note.html.len()).sum::<usize>() + document.body.len();
        assert!(length < 12 << 20, "{length}: {:?}", text.chars().take(20).collect::<String>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn identifiers_are_unique(
        pieces in prop::collection::vec(select(&["# a", "# a-1", "## b", "[^a]", "[^b]", "\n", "\n\n", "[^a]: ", "> ", "x",
            "# fn:1", "# fnref:1", "![", "](a)"][..]), 0..40)
    ) {
        let document = render(&pieces.concat());
        let html = document.notes.iter().map(|note| note.html.as_str()).chain([document.body.as_str()]).collect::<String>();
        let mut seen = BTreeSet::new();
        for id in html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            prop_assert!(seen.insert(id.to_owned()), "{id}: {html}");
        }
        for note in document.notes.iter().filter(|note| note.is_referenced) {
            prop_assert!(seen.contains(&format!("fnref:{}", note.number)), "{html}");
        }
        let notes: BTreeSet<usize> = document.notes.iter().map(|note| note.number).collect();
        prop_assert_eq!(notes.len(), document.notes.len());
        for id in seen.iter().filter_map(|id| id.strip_prefix("fnref:")) {
            prop_assert!(id.parse().is_ok_and(|number| notes.contains(&number)), "{id}: {html}");
        }
    }
}
