//! Whether a Content-Security-Policy forbids the script of `live` (CSP3 6.7). Finds the usual mistakes only: a page may
//! set its policy in ways that this does not see.

use crate::http::field::Field;

/// The policies among configured fields. A field may hold several, separated by commas.
pub(super) fn of_fields(fields: &[Field]) -> impl Iterator<Item = &str> {
    let policies = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-security-policy"));
    policies.flat_map(|(_, value)| value.split(','))
}

/// The policies in `<meta http-equiv="Content-Security-Policy" content="…">` at the start of a page.
pub(super) fn of_page(head: &[u8]) -> Vec<String> {
    // ASCII lower case keeps all offsets, and directives and keywords do not depend on the case.
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let tags = head.split("<meta").skip(1).filter_map(|rest| Some(rest.split_once('>')?.0));
    tags.filter(|tag| is_policy(tag)).filter_map(|tag| content(tag)).map(str::to_owned).collect()
}

fn is_policy(tag: &str) -> bool {
    let value = tag.split_once("http-equiv").and_then(|(_, rest)| rest.trim_start().strip_prefix('='));
    let value = value.map(|value| value.trim_start().trim_start_matches(['"', '\'']));
    value.and_then(|value| value.strip_prefix("content-security-policy")).is_some_and(|rest| !rest.starts_with('-'))
}

/// The value of the attribute `content`.
fn content(tag: &str) -> Option<&str> {
    let mut values = tag.split("content").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('='));
    let value = values.next()?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split_once(quote).map(|(value, _)| value)
}

/// Whether a policy forbids the script or its events. A source with a host may be this server, so it forbids nothing.
pub(super) fn forbids(policy: &str) -> bool {
    let policy = policy.to_ascii_lowercase();
    let directive = |name: &str| {
        let mut directives = policy.split(';').map(str::split_ascii_whitespace);
        directives.find_map(|mut words| (words.next() == Some(name)).then_some(words))
    };
    let forbids = |names: &[&str], is_script: bool| {
        let Some(mut sources) = names.iter().find_map(|name| directive(name)) else { return false };
        let mut all = sources.clone();
        let is_strict = is_script && all.any(|source| source == "'strict-dynamic'");
        is_strict || !sources.any(|source| source == "'self'" || !source.starts_with('\'') && source != "data:")
    };
    forbids(&["script-src-elem", "script-src", "default-src"], true) || forbids(&["connect-src", "default-src"], false)
}
