//! Resolves the reference in a `Location` (RFC 3986 5.2) by the text of the RFC, independently of the server.

/// What a reference without a scheme and a host means in an answer to a request for `target`, a path with or without a
/// query.
pub fn resolve(target: &str, reference: &str) -> String {
    let end = reference.find(['?', '#']).unwrap_or(reference.len());
    let (path, rest) = reference.split_at(end);
    let base = target.split(['?', '#']).next().unwrap_or_default();
    let merged = match (path, base.rfind('/')) {
        ("", _) => base.to_owned(),
        (path, _) if path.starts_with('/') => path.to_owned(),
        (path, last) => base[..last.map_or(0, |last| last + 1)].to_owned() + path,
    };
    without_dots(&merged) + rest
}

/// RFC 3986 5.2.4.
fn without_dots(path: &str) -> String {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if let Some(rest) = input.strip_prefix("../").or_else(|| input.strip_prefix("./")) {
            input = rest.to_owned();
        } else if input.starts_with("/./") || input == "/." {
            input.replace_range(..input.len().min(3), "/");
        } else if input.starts_with("/../") || input == "/.." {
            input.replace_range(..input.len().min(4), "/");
            output.truncate(output.rfind('/').unwrap_or(0));
        } else if input == "." || input == ".." {
            input.clear();
        } else {
            let end = input.char_indices().skip(1).find(|(_, letter)| *letter == '/').map_or(input.len(), |(at, _)| at);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    output
}

/// The examples of RFC 3986 5.4 that concern paths.
#[test]
fn references_are_resolved_as_the_rfc_has_it() {
    for (reference, expected) in [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("g?y#s", "/b/c/g?y#s"),
        ("", "/b/c/d;p"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../../g", "/g"),
        ("/../g", "/g"),
        ("g..", "/b/c/g.."),
        ("./g/.", "/b/c/g/"),
        ("g/../h", "/b/c/h"),
    ] {
        assert_eq!(resolve("/b/c/d;p?q", reference), expected, "{reference}");
    }
    assert_eq!(resolve("//sub//", "../../../sub/"), "/sub/");
}
