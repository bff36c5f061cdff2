//! What to answer, given what was found (RFC 9110 13 to 15). Pure: it refuses to know where the facts came from.

use crate::body::encode::Encoder;
use crate::body::multipart::Multipart;
use crate::body::encode;
use crate::body::generated::{GeneratedBody, Source};
use crate::config::Config;
use crate::http::accept::{AcceptEncoding, Choice, Coding};
use crate::http::condition;
use crate::http::condition::{Validators, Verdict};
use crate::http::etag::ETag;
use crate::http::field::{self, CACHE_CONTROL, CONTENT_DISPOSITION, Field, disposition};
use crate::http::range::{Ranged, ranged};
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::listing::stream::ListingStream;
use crate::listing::{Listing, stream};
use crate::output_format::OutputFormat;
use crate::reply::{Outcome, Reply, Representation};
use crate::resolve::{Found, ServedFile, Variant};

/// The reply to a GET or HEAD request.
pub fn decide<F>(request: &Request, found: Found<F>, config: &Config) -> Reply<F> {
    match found {
        Found::Refused(refusal, ways) => {
            Outcome::Refused { refusal, form: OutputFormat::preferred(request), ways }.into()
        }
        Found::Moved { status, location } => Outcome::Moved { status, location }.into(),
        Found::Listing(found) => listing(request, found, config),
        Found::Archive(plan) => {
            let fields = general_fields(&plan.path, config);
            Reply::from(Outcome::Archive(plan)).with(fields)
        }
        Found::NotFound(served) => {
            // It stands for many paths and none of its own, so it has no version that a client could hold.
            let fields = exact_fields(&served.path, config);
            let label = Representation { validators: Validators::default(), ..label(&served) };
            whole(404, served, label).with(fields).with_own(routed(config))
        }
        Found::File(served) => file(request, served, config),
    }
}

/// Where a client that takes a page is sent one instead of a 404, a cache is told so (RFC 9110 12.5.5).
fn routed(config: &Config) -> Vec<Field> {
    config.spa.iter().map(|_| ("vary".to_owned(), "Accept".to_owned())).collect()
}

fn file<F>(request: &Request, served: ServedFile<F>, config: &Config) -> Reply<F> {
    let label = label(&served);
    let fields = file_fields(&served.path, config);
    let saved = save_as(&served, &fields);
    match condition::evaluate(request, &label.validators) {
        Verdict::Failed => return Reply::refused(request, Refusal::PreconditionFailed),
        Verdict::NotModified => {
            return Reply::from(Outcome::NotModified { label }).with(repeated(fields));
        }
        Verdict::Perform => {}
    }
    let size = served.facts.size;
    let extent = match request.range().as_slice() {
        // Sent twice it does not count (RFC 9110 5.3).
        [value] if can_be_parted(&served) && condition::range_applies(request, &label.validators) => {
            ranged(value, size)
        }
        _ => Ranged::Whole,
    };
    let reply = match extent {
        Ranged::Whole => whole(200, served, label),
        Ranged::Beyond => return Reply::refused(request, Refusal::Unsatisfiable { size }),
        Ranged::Part(span) => Outcome::Part { file: served.file, span, size, label }.into(),
        Ranged::Parts(spans) => {
            let seed = format!("{:?} {spans:?} {size}", label.validators);
            let multipart = Multipart::new(&spans, size, &label.media, &seed);
            Outcome::Parts { file: served.file, multipart, label }.into()
        }
    };
    reply.with_own(saved).with(fields)
}

/// By which name a file is saved whose path does not say it, unless somebody has said something of that.
fn save_as<F>(served: &ServedFile<F>, configured: &[Field]) -> Vec<Field> {
    let is_said = configured.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_DISPOSITION));
    let name = served.save_as.iter().filter(|_| !is_said);
    name.map(|name| (CONTENT_DISPOSITION.to_owned(), disposition("inline", name.as_str()))).collect()
}

/// Of the configured fields (S10), those that a 304 has in common with the 200 (RFC 9110 15.4.5).
fn repeated(fields: Vec<Field>) -> Vec<Field> {
    let is_repeated = |name: &str| {
        let names = ["cache-control", "content-location", "etag", "expires", "vary"];
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    fields.into_iter().filter(|(name, _)| is_repeated(name)).collect()
}

fn can_be_parted<F>(served: &ServedFile<F>) -> bool {
    !matches!(served.variant, Variant::Encoded(_))
}

fn whole<F>(status: u16, served: ServedFile<F>, label: Representation) -> Reply<F> {
    let (file, size) = (served.file, served.facts.size);
    match served.variant {
        Variant::Encoded(coding) => Outcome::Encoded { status, file, size, coding, label }.into(),
        Variant::Plain | Variant::Sibling(_) => Outcome::Whole { status, file, size, label }.into(),
    }
}

/// What the head says of the variant that is sent: its own validators, the media type of the original.
fn label<F>(served: &ServedFile<F>) -> Representation {
    // Two versions of a file share a time that tells nothing, so neither that nor a tag made of it identifies one
    // (RFC 9110 8.8.1).
    let modified = served.facts.modified.filter(|modified| !modified.is_placeholder());
    let tag = modified.map(|modified| ETag::of(served.facts.size, modified));
    let (tag, coding) = match served.variant {
        Variant::Plain => (tag, None),
        Variant::Sibling(coding) => (tag.map(|tag| tag.variant(coding.token())), Some(coding)),
        Variant::Encoded(coding) => (tag.map(|tag| tag.weakened(coding.token())), Some(coding)),
    };
    Representation {
        media: served.media.clone(),
        coding,
        validators: Validators { tag, modified },
        vary: served.vary.clone(),
    }
}

fn listing<F>(request: &Request, listing: Listing, config: &Config) -> Reply<F> {
    let path = listing.target.path();
    let fields = general_fields(&path, config);
    let mut vary = Vec::new();
    if listing.view.form.is_none() {
        vary.push("Accept");
    }
    let mut coding = None;
    if config.compress {
        vary.push("Accept-Encoding");
        if let Choice::Coded(chosen) = AcceptEncoding::parse(&request.values("accept-encoding")).choose(encode::CODINGS)
        {
            coding = Some(chosen);
        }
    }
    // What a long one will show is not known yet: it has no version that a client could hold.
    let whole = listing.is_short().then(|| stream::whole(&listing));
    let tag = whole.as_ref().map(|bytes| ETag::of_content(bytes, coding.map_or("", Coding::token)));
    let validators = Validators { tag, modified: None };
    let label = Representation { media: listing.form.media(), coding, validators, vary };
    match condition::evaluate(request, &label.validators) {
        Verdict::Failed => return Reply::refused(request, Refusal::PreconditionFailed),
        Verdict::NotModified => {
            return Reply::from(Outcome::NotModified { label }).with(repeated(fields));
        }
        Verdict::Perform => {}
    }
    let outcome = match whole {
        Some(bytes) => {
            let bytes = coding.and_then(|coding| Encoder::encode(coding, &bytes)).unwrap_or(bytes);
            Outcome::Page { bytes, label }
        }
        None => Outcome::Generated {
            made: Box::new(GeneratedBody::new(Source::ListingStream(Box::new(ListingStream::new(listing))), coding)),
            label,
        },
    };
    Reply::from(outcome).with(fields)
}

/// Cache-Control for a path: the last rule that is about it (RFC 9111 5.2).
fn cache(path: &str, config: &Config) -> Option<Field> {
    let rule = config.cache.iter().rev().find(|(glob, _)| glob.matches(path));
    rule.map(|(_, cache)| (CACHE_CONTROL.to_owned(), cache.to_string()))
}

/// The configured fields for whatever is at a path, but for those that are about some files. What says how long this very path may be
/// kept is more exact than a field for all.
fn general_fields(path: &str, config: &Config) -> Vec<Field> {
    let rule = cache(path, config);
    let is_replaced = |name: &str| rule.is_some() && name.eq_ignore_ascii_case(CACHE_CONTROL);
    let general = config.headers.iter().filter(|(name, _)| !is_replaced(name)).cloned().collect::<Vec<_>>();
    rule.into_iter().chain(general).collect()
}

/// The configured fields for the file at a path alone.
fn exact_fields(path: &str, config: &Config) -> Vec<Field> {
    let exact = config.headers_for.iter().filter(|(glob, _)| glob.matches(path));
    exact.map(|(_, field)| field.clone()).collect()
}

/// The configured fields for the file at a path. Those for some files come first, because they are the more exact; what they say of
/// Cache-Control holds alone.
fn file_fields(path: &str, config: &Config) -> Vec<Field> {
    let exact = exact_fields(path, config);
    let is_said = field::has(&exact, CACHE_CONTROL);
    let general = general_fields(path, config).into_iter();
    let general =
        general.filter(|(name, _)| !(is_said && name.eq_ignore_ascii_case(CACHE_CONTROL))).collect::<Vec<_>>();
    exact.into_iter().chain(general).collect()
}
