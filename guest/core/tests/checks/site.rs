//! Properties of every `glasshouse.toml`: it is rejected in one short line, or it is read and grants nothing.

use super::exchange::{TREE, owner};
use glasshouse_core::config::{options, site_file};
use glasshouse_core::http::target::Name;
use glasshouse_core::{Body, Config, Request, answer, at_once};

/// Prefixes of fields that affect the whole host, proxies or credentials.
const NOT_OF_SITE_FILES: &[&str] = &[
    "accept-ch",
    "access-control-",
    "alt-svc",
    "cdn-",
    "clear-site-data",
    "cross-origin-",
    "nel",
    "origin-",
    "report",
    "server",
    "service-worker-",
    "set-cookie",
    "strict-transport-security",
    "surrogate-",
    "timing-allow-origin",
    "www-authenticate",
    "x-accel-",
    "x-sendfile",
];

/// The bytes of a file.
pub fn site(bytes: &[u8]) {
    let (config, settings) = match site_file::parse(bytes) {
        Ok(read) => read,
        Err(error) => {
            let line = error.to_string();
            assert!(line.starts_with("glasshouse.toml, line ") && line.chars().count() < 500, "{line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
            return;
        }
    };
    assert!(settings.is_sorted_by_key(|setting| setting.line), "{settings:?}");
    let pairs = settings.iter().map(|setting| (options::variable(setting.name), setting.text.as_str()));
    let typed = Config::from_pairs(pairs).expect("the operator may set what a site file may set");
    assert_eq!(typed, config, "{settings:?}");
    widens_nothing(&config);
    for target in ["/", "/.env", "/.git/config", "/glasshouse.toml", "/page", "/nothing", "/sub/", "/list/"] {
        answers(&config, target);
    }
}

fn widens_nothing(config: &Config) {
    let plain = Config::default();
    assert_eq!((&config.hidden, &config.cors, &config.prefix), (&plain.hidden, &plain.cors, &plain.prefix));
    assert_eq!((config.compress, config.site_file, config.body), (plain.compress, plain.site_file, plain.body));
    assert_eq!((&config.file, config.live), (&plain.file, plain.live));
    assert!(config.archive_max <= plain.archive_max && config.listing_max <= plain.listing_max, "{config:?}");
    for (name, value) in config.headers.iter().chain(config.headers_for.iter().map(|(_, field)| field)) {
        let (name, value) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
        assert!(!NOT_OF_SITE_FILES.iter().any(|start| name.starts_with(start)), "{name}");
        let is_shared = ["public", "s-maxage", "must-revalidate"].iter().any(|word| value.contains(word));
        assert!(name != "cache-control" || !is_shared, "{name}: {value}");
    }
}

/// The file does not reveal hidden content.
fn answers(config: &Config, target: &str) {
    let request = Request::read("GET", Some(target), |_| Vec::new());
    let reply = at_once(answer(&request, &*TREE, config)).expect("a tree in memory does not wait");
    let (head, body) = reply.write(request.method);
    for (name, value) in &head.fields {
        let is_text = value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7F);
        assert!(is_text, "{target}: {name}: {}", value.escape_ascii());
    }
    let Body::File(file, _) = body else { return };
    let owner = owner(&file).expect("a file of the tree");
    let is_hidden = owner.split('/').any(|name| Name::new(name).is_some_and(|name| name.is_hidden()));
    assert!(!is_hidden && owner != "glasshouse.toml", "{target}: {owner}");
}
