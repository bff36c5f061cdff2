//! Properties of every response: alone, beside the response to the same request without conditions, and as the base of
//! the next request.

use super::exchange::{Exchange, Exchanged, TREE, owner, withheld};
use super::listing::listing;
use super::resolve;
use super::values::{assert_disjoint, assert_multipart};
use glasshouse_core::body::{GeneratedBody, Source};
use glasshouse_core::http::etag::ETag;
use glasshouse_core::http::target::{Name, Target};
use glasshouse_core::tree::dotfiles::Visibility;
use glasshouse_core::tree::{OpenedNode, Tree as _};
use glasshouse_core::{Body, Config, Span, at_once};

const CONDITIONS: &[&str] = &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"];
/// RFC 9110 15.4.5.
const KEPT: &[&str] = &["cache-control", "content-location", "etag", "expires", "vary"];
/// Fields about the content or the framing of a message, which may occur once.
const ONCE: &[&str] = &["content-encoding", "content-length", "content-range", "content-type", "location", "server"];

/// An exchange in the form of [`super::exchange`].
pub fn decide(bytes: &[u8]) {
    let exchange = Exchange::read(bytes);
    let config = exchange.config();
    let (get, head) = (exchange.answer("GET"), exchange.answer("HEAD"));
    // HEAD has no ranges (RFC 9110 14.2), and If-Range has no meaning without one.
    assert_eq!(head.head, exchange.without(&["range", "if-range"]).answer("GET").head, "{exchange:?}");
    assert!(matches!(head.body, Body::Nothing), "{exchange:?}");

    let asked = exchange.answer(&exchange.method);
    match exchange.method.as_str() {
        "GET" | "HEAD" => {}
        "OPTIONS" => assert_eq!(asked.head.status, 204, "{exchange:?}"),
        _ => assert_eq!(asked.head.status, 405, "{exchange:?}"),
    }
    for answer in [&get, &asked] {
        fields(&exchange, &config, answer);
    }
    content(&exchange, &get);
    status(&exchange, &asked);
    status(&exchange, &get);
    origin(&exchange, &config, &get);
    redirected(&exchange, &config, &get);
    conditions(&exchange, &get);
    follow_up(&exchange, &config);
    negotiated(&exchange, &get);
    listing(&exchange, &config, below(&exchange, &config).as_ref());
}

/// Names are tokens, in lower case unless an option sets them; values contain no control characters.
fn fields(exchange: &Exchange, config: &Config, answer: &Exchanged) {
    let configured = |name: &str| {
        let all = config.headers.iter().chain(config.headers_for.iter().map(|(_, field)| field));
        all.into_iter().any(|(known, _)| known == name)
    };
    for (name, value) in &answer.head.fields {
        let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        assert!(is_token && !name.is_empty(), "{exchange:?}: {name:?}");
        assert!(configured(name) || *name == name.to_ascii_lowercase(), "{exchange:?}: {name:?}");
        let is_text = value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7F);
        assert!(is_text, "{exchange:?}: {name}: {}", value.escape_ascii());
    }
    for name in ONCE.iter().filter(|name| !config.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))) {
        let is_exact = config.headers_for.iter().any(|(_, (known, _))| known.eq_ignore_ascii_case(name));
        assert!(is_exact || answer.values(name).len() < 2, "{exchange:?}: {:?}", answer.head);
    }
    if !answer.values("content-encoding").is_empty() {
        let vary = answer.values("vary").join(",").to_ascii_lowercase();
        assert!(vary.contains("accept-encoding"), "{exchange:?}: {:?}", answer.head);
    }
}

/// The announced length is that of the body.
fn content(exchange: &Exchange, get: &Exchanged) {
    let length = match &get.body {
        Body::Nothing => Some(0),
        Body::Bytes(bytes) => Some(bytes.len()),
        Body::File(file, span) => {
            assert_disjoint(&[*span], size(file));
            usize::try_from(span.length()).ok()
        }
        Body::Generated(body) => generated_length(exchange, get, body),
    };
    let announced = get.value("content-length");
    match get.head.status {
        204 | 304 => assert!(announced.is_none() && length == Some(0), "{exchange:?}: {get:?}"),
        _ => assert_eq!(announced, length.map(|length| length.to_string()), "{exchange:?}: {get:?}"),
    }
}

/// The length of a generated body, if it is known in advance.
fn generated_length(exchange: &Exchange, get: &Exchanged, body: &GeneratedBody<Vec<u8>>) -> Option<usize> {
    match (&body.source, body.coding) {
        (Source::Part(file, span), Some(coding)) => {
            assert_eq!(*span, Span { start: 0, end: size(file) }, "{exchange:?}");
            assert_eq!(get.value("content-encoding").as_deref(), Some(coding.token()), "{exchange:?}");
            None
        }
        (Source::Parts(file, multipart), None) => {
            let spans: Vec<Span> = multipart.parts.iter().map(|part| part.span).collect();
            assert_disjoint(&spans, size(file));
            assert!(spans.len() > 1, "{exchange:?}");
            assert_multipart(multipart, size(file));
            assert_eq!(get.value("content-type"), Some(multipart.content_type()), "{exchange:?}");
            usize::try_from(multipart.length()).ok()
        }
        (Source::Inserted(file, inserted), coding) => {
            assert_eq!((inserted.before.start, inserted.after.end), (0, size(file)), "{exchange:?}");
            assert_eq!(inserted.before.end, inserted.after.start, "{exchange:?}");
            assert!(get.value("content-type").is_some_and(|media| media.starts_with("text/html")), "{exchange:?}");
            coding.is_none().then(|| usize::try_from(inserted.length()).ok()).flatten()
        }
        (Source::Archive(_), coding) => {
            let bytes = archive(exchange, get);
            coding.is_none().then_some(bytes.len())
        }
        (source, coding) => panic!("{exchange:?}: {source:?} {coding:?}"),
    }
}

/// An archive of a folder that may be listed, without hidden content.
fn archive(exchange: &Exchange, get: &Exchanged) -> Vec<u8> {
    let config = exchange.config();
    assert!(config.listing && !config.archives.is_empty(), "{exchange:?}");
    let disposition = get.value("content-disposition").expect("a name for the file");
    assert!(disposition.starts_with("attachment; filename=\""), "{exchange:?}: {disposition:?}");
    let is_compressed = get.value("content-type").as_deref() == Some("application/gzip");
    let of_compressed = ["etag", "accept-ranges"].into_iter().filter(|_| is_compressed);
    for field in ["content-encoding", "last-modified"].into_iter().chain(of_compressed) {
        let is_configured = config.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(field));
        assert!(
            is_configured || !config.headers_for.is_empty() || get.values(field).is_empty(),
            "{exchange:?}: {get:?}"
        );
    }
    let Body::Generated(mut generated) = exchange.answer("GET").body else { panic!("{exchange:?}: another response") };
    let is_plain = generated.coding.take().is_none();
    let mut bytes = Vec::new();
    while let Some(piece) = at_once(generated.next(&*TREE)).expect("memory never waits").expect("nothing changes") {
        bytes.extend(piece);
    }
    for kept_back in withheld(&config) {
        let is_there = bytes.windows(kept_back.len()).any(|window| window == kept_back);
        assert!(!is_there, "{exchange:?}: {}", kept_back.escape_ascii());
    }
    assert!(is_plain == get.value("content-length").is_some(), "{exchange:?}: {get:?}");
    bytes
}

/// Each status has the fields that it requires (RFC 9110 15).
fn status(exchange: &Exchange, answer: &Exchanged) {
    let range = answer.value("content-range");
    let is_multipart = answer.value("content-type").is_some_and(|media| media.starts_with("multipart/byteranges;"));
    match answer.head.status {
        200 | 304 | 404 => assert!(range.is_none(), "{exchange:?}: {answer:?}"),
        204 | 405 => assert!(answer.value("allow").is_some(), "{exchange:?}: {answer:?}"),
        206 => match (&answer.body, range) {
            (Body::File(file, span), Some(range)) => {
                let expected = format!("bytes {}-{}/{}", span.start, span.end - 1, file.len());
                assert_eq!(range, expected, "{exchange:?}");
            }
            (Body::Generated(body), Some(range)) => {
                assert!(matches!(body.source, Source::Archive(_)), "{exchange:?}: {answer:?}");
                assert!(range.starts_with("bytes "), "{exchange:?}: {range}");
            }
            (Body::Generated(_), None) => assert!(is_multipart, "{exchange:?}: {answer:?}"),
            _ => panic!("{exchange:?}: {answer:?}"),
        },
        301 | 302 | 303 | 307 | 308 => assert!(answer.value("location").is_some(), "{exchange:?}: {answer:?}"),
        400 | 412 | 413 => {}
        416 => {
            let size = range.as_deref().and_then(|range| range.strip_prefix("bytes */")?.parse::<u64>().ok());
            assert!(size.is_some(), "{exchange:?}: {answer:?}");
        }
        _ => panic!("{exchange:?}: {answer:?}"),
    }
}

/// The body is a file that the target or the configuration names, and not a hidden one.
fn origin(exchange: &Exchange, config: &Config, get: &Exchanged) {
    let Some(file) = file(get) else { return };
    let is_encoded_here = matches!(&get.body, Body::Generated(body) if body.coding.is_some());
    let is_coded = get.value("content-encoding").is_some() && !is_encoded_here;
    let owner = owner(file).unwrap_or_else(|| panic!("{exchange:?}: no file of the tree: {get:?}"));
    assert_ne!(owner, "glasshouse.toml", "{exchange:?}");
    let mut named: Vec<&Name> = config.index.iter().collect();
    let (spa, not_found) = (config.spa.as_ref(), config.not_found.as_ref());
    named.extend(spa.iter().chain(not_found.iter()).flat_map(|target| target.names()));
    let is_named = named.iter().any(|name| name.is_hidden());
    assert!(config.hidden.visibility(owner) == Visibility::Shown || is_named, "{exchange:?}: {owner}");

    let mut places = Vec::new();
    match (get.head.status, below(exchange, config)) {
        (404, _) => places.extend(not_found.map(Target::path)),
        (_, Some(target)) => {
            let path = target.path();
            if target.is_directory() {
                places.extend(config.index.iter().map(|name| format!("{path}/{}", name.as_str())));
            } else {
                places.extend(config.clean_urls.then(|| format!("{path}.html")));
                places.extend((config.clean_urls && config.markdown).then(|| format!("{path}.md")));
                places.push(path);
            }
            places.extend(spa.map(Target::path));
        }
        (_, None) => {}
    }
    let suffix = match get.value("content-encoding").as_deref() {
        Some("br") if is_coded => ".br",
        Some("zstd") if is_coded => ".zst",
        Some("gzip") if is_coded => ".gz",
        _ => "",
    };
    let is_there = |place: &String| match at_once(TREE.open(&format!("{place}{suffix}"))) {
        Some(Ok(OpenedNode::File(there, _))) => there == *file,
        _ => false,
    };
    assert!(places.iter().any(is_there), "{exchange:?}: {owner} is none of {places:?}{suffix}");
}

/// The target in the tree.
fn below(exchange: &Exchange, config: &Config) -> Option<Target> {
    let target = Target::parse(&exchange.target).ok()?;
    match &config.prefix {
        Some(prefix) => target.below(prefix),
        None => Some(target),
    }
}

/// A location is of this origin or of a configured one, and a location of this origin leads somewhere.
fn redirected(exchange: &Exchange, config: &Config, get: &Exchanged) {
    let Some(location) = get.value("location").filter(|_| (301..=308).contains(&get.head.status)) else { return };
    let rules = exchange.options.get("redirect").map_or("", String::as_str);
    if let Some(authority) = authority(&location) {
        let known = rules.lines().filter_map(|rule| authority_of_rule(rule)).any(|known| known == authority);
        assert!(known, "{exchange:?}: {location:?}");
        return;
    }
    let is_own = !location.starts_with("//") && !location.starts_with("/\\");
    assert!(is_own && location.bytes().all(|byte| byte.is_ascii_graphic()), "{location:?}");
    if !config.redirects.is_empty() {
        return;
    }
    let mut here = resolve(&exchange.target, &location);
    assert!(here.starts_with('/') && !here.starts_with("//"), "{exchange:?}: {location:?}");
    let mut next = exchange.to(&here).answer("GET");
    for _ in 0..2 {
        let Some(location) = next.value("location").filter(|_| (301..=308).contains(&next.head.status)) else { return };
        here = resolve(&here, &location);
        next = exchange.to(&here).answer("GET");
    }
    assert!(!(301..=308).contains(&next.head.status), "{exchange:?} never ends: {:?}", next.head);
}

fn authority_of_rule(rule: &str) -> Option<&str> {
    authority(rule.split_whitespace().nth(1)?)
}

fn authority(location: &str) -> Option<&str> {
    let (scheme, rest) = location.split_once("://").filter(|(scheme, _)| !scheme.contains('/'))?;
    assert!(matches!(scheme, "http" | "https"), "{location:?}");
    rest.split(['/', '?', '#', '\\']).next()
}

/// Conditions and ranges change only the responses with a file, as in RFC 9110 13 and 14.
fn conditions(exchange: &Exchange, get: &Exchanged) {
    let plain = exchange.without(CONDITIONS).without(&["range"]).answer("GET");
    let has = |fields: &[&str]| fields.iter().any(|field| exchange.has(field));
    let is_allowed = match get.head.status {
        206 | 416 => plain.head.status == 200 && has(&["range"]),
        304 => plain.head.status == 200 && has(&["if-none-match", "if-modified-since"]),
        412 => plain.head.status == 200 && has(&["if-match", "if-unmodified-since"]),
        status => plain.head.status == status,
    };
    assert!(is_allowed, "{exchange:?}: {:?} for {:?}", get.head, plain.head);
    if let (Some(whole), Some(part)) = (file(&plain), file(get)) {
        assert_eq!(whole, part, "{exchange:?}");
    }
    let unconditional = exchange.without(CONDITIONS).answer("GET");
    if get.head.status == 304 && unconditional.head.status != 416 {
        for name in KEPT {
            assert_eq!(get.values(name), unconditional.values(name), "{exchange:?}: {name} of a 304");
        }
    }
}

/// A client that sends the validators of a response gets a 304.
fn follow_up(exchange: &Exchange, config: &Config) {
    let mut configured = config.headers.iter().chain(config.headers_for.iter().map(|(_, field)| field));
    if configured.any(|(name, _)| matches!(name.to_ascii_lowercase().as_str(), "etag" | "last-modified")) {
        return;
    }
    let first = exchange.without(CONDITIONS).without(&["range"]);
    let answer = first.answer("GET");
    let again = |field: &str, value: &str| first.with(field, value).answer("GET").head.status;
    if answer.head.status != 200 {
        assert!(answer.value("etag").is_none(), "{exchange:?}: {answer:?}");
        return;
    }
    if let Some(tag) = answer.value("etag") {
        let read = ETag::parse(tag.as_bytes()).expect("a tag");
        assert_eq!(read.to_string(), tag);
        let is_strong = read.matches_strong(&read);
        assert_eq!(again("if-none-match", &tag), 304, "{exchange:?}");
        assert_eq!(again("if-none-match", "\"other\""), 200, "{exchange:?}");
        assert_eq!(again("if-match", &tag), if is_strong { 200 } else { 412 }, "{exchange:?}");
        assert_eq!(again("if-match", "\"other\""), 412, "{exchange:?}");
        let part = first.with("range", "bytes=0-0").with("if-range", &tag).answer("GET");
        let is_live = config.live && answer.value("content-type").is_some_and(|media| media.starts_with("text/html"));
        let is_part = is_strong && !is_live && answer.value("content-length").is_some_and(|length| length != "0");
        assert_eq!(part.head.status == 206, is_part, "{exchange:?}: {part:?}");
    }
    if let Some(date) = answer.value("last-modified") {
        assert_eq!(again("if-modified-since", &date), 304, "{exchange:?}");
        assert_eq!(again("if-unmodified-since", &date), 200, "{exchange:?}");
        assert_eq!(again("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT") == 412, date != EPOCH, "{exchange:?}");
    }
}

/// `Vary` names what the response depends on (RFC 9110 12.5.5).
fn negotiated(exchange: &Exchange, get: &Exchanged) {
    for name in ["accept", "accept-encoding", "origin"] {
        let other = exchange.without(&[name]).answer("GET");
        let parts = |answer: &Exchanged| {
            let fields = ["content-encoding", "content-type", "etag", "access-control-allow-origin"];
            (answer.head.status, fields.map(|field| answer.values(field)))
        };
        if parts(&other) == parts(get) {
            continue;
        }
        for answer in [get, &other] {
            let vary = answer.values("vary").join(",").to_ascii_lowercase();
            let is_named = vary.split(',').any(|field| field.trim() == name);
            assert!(is_named || matches!(answer.head.status, 412 | 416), "{exchange:?}: {name}: {answer:?}");
        }
    }
}

const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

fn file(answer: &Exchanged) -> Option<&Vec<u8>> {
    match &answer.body {
        Body::File(file, _) => Some(file),
        Body::Generated(body) => match &body.source {
            Source::Part(file, _) | Source::Parts(file, _) | Source::Inserted(file, _) => Some(file),
            Source::Archive(_) | Source::Listing(_) => None,
        },
        Body::Nothing | Body::Bytes(_) => None,
    }
}

fn size(file: &[u8]) -> u64 {
    u64::try_from(file.len()).expect("a file of the tree is small")
}
