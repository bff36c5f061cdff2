//! What holds of the pages made by the core: whatever name or target is in them is text, and its links stay below.

use glasshouse_core::target::Target;

/// All that may follow a `<` in a page of ours.
const TAGS: &[&str] = &[
    "!DOCTYPE html>",
    "html lang=\"en\">",
    "/html>",
    "head>",
    "/head>",
    "meta charset=\"utf-8\">",
    "meta name=\"viewport\" content=\"width=device-width\">",
    "meta name=\"color-scheme\" content=\"light dark\">",
    "title>",
    "/title>",
    "body>",
    "/body>",
    "h1>",
    "/h1>",
    "hr>",
    "ul>",
    "/ul>",
    "li>",
    "/li>",
    "a href=\"",
    "/a>",
    "p>",
    "/p>",
];

/// No markup but ours.
#[track_caller]
pub fn assert_only_own_markup(page: &str) {
    for piece in page.split('<').skip(1) {
        assert!(TAGS.iter().any(|tag| piece.starts_with(tag)), "<{piece}");
    }
}

/// What the links of a listing lead to, each one step below `directory`.
#[track_caller]
pub fn linked(page: &str, directory: &Target) -> Vec<String> {
    let links = page.split("<a href=\"").skip(1).filter_map(|rest| rest.split_once("\">"));
    let names = links.map(|(link, _)| {
        // Relative to the directory, which is where the page is (RFC 3986 5.2.3).
        let location = directory.location();
        let base = location.split('?').next().unwrap_or_default();
        let target = Target::parse(&format!("{base}{link}")).expect("a link is a target");
        let (name, above) = target.names().split_last().expect("a link is below its page");
        let here = Target::parse(base).expect("a location is a target");
        assert_eq!(above, here.names(), "{link:?}");
        assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte)), "{link:?}");
        name.as_str().to_owned()
    });
    names.collect()
}
