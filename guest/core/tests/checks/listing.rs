//! Properties of a listing in every format: it names the entries that a client may request, and nothing else.

use super::exchange::{Exchange, TREE};
use super::html;
use glasshouse_core::http::target;
use glasshouse_core::http::target::Target;
use glasshouse_core::listing::query::Query;
use glasshouse_core::output_format::OutputFormat;
use glasshouse_core::tree::join;
use glasshouse_core::tree::{ListLimits, OpenedNode, Tree as _};
use glasshouse_core::{Body, Config, at_once};
use serde_json::Value;
use std::collections::BTreeSet;

/// A page has no unexpected content, and a listing in each format names the entries that a client may request.
pub fn listing(exchange: &Exchange, config: &Config, directory: Option<&Target>) {
    let plain = exchange.without(&["accept-encoding"]).answer("GET");
    let Body::Bytes(bytes) = &plain.body else { return };
    let text = str::from_utf8(bytes).expect("generated content is UTF-8");
    let media = plain.value("content-type").unwrap_or_default();
    let names = match media.split(';').next() {
        Some("text/html") => {
            let kind = if plain.head.status == 200 { "folder" } else { "error" };
            let tag = format!("<script src=\"/.glasshouse/live.js\" data-page=\"{kind}\" defer></script>\n</body>");
            // A listing has it for clients that name HTML.
            let has_script =
                config.live && (kind == "error" || OutputFormat::Html.is_named_by(&exchange.request("GET")));
            assert_eq!(text.matches(&tag).count(), usize::from(has_script), "{exchange:?}: {text}");
            let page = html::read(&text.replacen(&tag, "</body>", 1))
                .unwrap_or_else(|error| panic!("{exchange:?}: {error}\n{text}"));
            let links: Vec<String> = page.links.into_iter().map(|(href, _)| href).collect();
            let is_linked = |name: &String| {
                let decoded = |href: &String| target::decode(href.trim_end_matches('/')) == name.as_bytes();
                links.iter().any(decoded)
            };
            assert!(page.selectable.iter().all(is_linked), "{exchange:?}: {:?}", page.selectable);
            assert!(page.selectable.is_empty() || !config.archives.is_empty(), "{exchange:?}");
            links
        }
        Some("application/json") => {
            let json: Value = serde_json::from_str(text).expect("JSON can be read");
            let entries = json.get("entries").and_then(Value::as_array).into_iter().flatten();
            let href = |entry: &Value| entry.get("href").and_then(|href| href.as_str().map(str::to_owned));
            entries.map(|entry| href(entry).expect("an entry has a link")).collect()
        }
        Some("text/plain") => Vec::new(),
        _ => return,
    };
    let Some(directory) = directory.filter(|_| plain.head.status == 200) else { return };
    assert!(config.listing, "{exchange:?}");
    let query = Query::parse(directory.query());
    let all = at_once(TREE.list(&directory.path(), |_| true, ListLimits::keep(usize::MAX)))
        .expect("a tree in memory does not wait");
    let entries = all.unwrap_or_default().entries;
    let is_shown = |path: &str| {
        let is_directory = matches!(at_once(TREE.open(path)), Some(Ok(OpenedNode::Directory)));
        path != "glasshouse.toml" && config.hidden.visibility(path).shows(is_directory)
    };
    let shown = entries.iter().filter(|entry| is_shown(&join(&directory.path(), &entry.name)));
    let most = shown.clone().count().min(config.listing_max);
    match (media.as_str(), query.search) {
        (text_plain, None) if text_plain.starts_with("text/plain") => {
            assert_eq!(text.lines().count(), most, "{exchange:?}: {text}");
        }
        (text_plain, _) if text_plain.starts_with("text/plain") => {}
        (_, None) => {
            let linked: Vec<Target> = names.iter().map(|href| followed(href, directory)).collect();
            for target in &linked {
                let (name, above) = target.names().split_last().expect("a link is below its page");
                assert_eq!(above, directory.names(), "{exchange:?}: {target:?}");
                assert!(shown.clone().any(|entry| entry.name == *name), "{exchange:?}: {target:?}");
            }
            assert_eq!(linked.iter().map(Target::path).collect::<BTreeSet<_>>().len(), most, "{exchange:?}: {names:?}");
        }
        (_, Some(term)) => {
            for target in names.iter().map(|href| followed(href, directory)) {
                let below = target.names().strip_prefix(directory.names()).expect("what is found is below");
                let name = below.last().expect("a link is below its page");
                assert!(name.as_str().to_lowercase().contains(&term.to_lowercase()), "{exchange:?}: {target:?}");
                assert!(is_shown(&target.path()), "{exchange:?}: {target:?}");
            }
        }
    }
}

/// The target of a link to an entry, relative to the directory (RFC 3986 5.2.3).
#[track_caller]
fn followed(link: &str, directory: &Target) -> Target {
    let is_plain = link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte));
    assert!(is_plain && !link.starts_with('/') && !link.contains("//"), "{link:?}");
    let mut base = String::from("/");
    for name in directory.names() {
        target::encode(name.as_str(), &mut base);
        base.push('/');
    }
    Target::parse(&format!("{base}{link}")).expect("a link is a target")
}
