//! Decides the reply for a resolved target: conditions, ranges, codings and configured fields (RFC 9110 13 to 15).
//! Does not read the tree.

use crate::archive::Plan;
use crate::body::encode;
use crate::body::encode::Encoder;
use crate::body::generated::{GeneratedBody, Source};
use crate::body::multipart::Multipart;
use crate::config::Config;
use crate::config::fields::{exact_fields, file_fields, general_fields};
use crate::http::accept::{AcceptEncoding, Choice, Coding};
use crate::http::condition;
use crate::http::condition::{Validators, Verdict};
use crate::http::etag::ETag;
use crate::http::field::{self, CONTENT_DISPOSITION, Field, disposition};
use crate::http::range::{Ranged, ranged};
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::listing::stream::ListingStream;
use crate::listing::{Listing, stream};
use crate::markdown_page::MarkdownPage;
use crate::output_format::OutputFormat;
use crate::reply::{Outcome, RangedContent, Reply, Representation};
use crate::resolve::{Resolved, ServedFile, Variant};
use crate::tree::Metadata;

/// Decides the reply to a GET or HEAD request.
pub(crate) fn decide<F>(request: &Request, resolved: Resolved<F>, config: &Config) -> Reply<F> {
    match resolved {
        Resolved::Refused(refusal, suggestions) => {
            Outcome::Refused { refusal, format: OutputFormat::preferred(request), suggestions }.into()
        }
        Resolved::Redirect { status, location } => Outcome::Redirect { status, location }.into(),
        Resolved::Listing(found) => {
            listing(request, found, config).unwrap_or_else(|refusal| Reply::refused(request, refusal))
        }
        Resolved::Page(found) => {
            page(request, &found, config).unwrap_or_else(|refusal| Reply::refused(request, refusal))
        }
        Resolved::Archive(plan) => {
            archive(request, plan, config).unwrap_or_else(|refusal| Reply::refused(request, refusal))
        }
        Resolved::NotFound(served) => {
            // The page is the answer for many paths, so a client must not cache it as a version of one of them.
            let fields = exact_fields(&served.path, config);
            let representation = Representation { validators: Validators::default(), ..representation(&served) };
            whole(404, served, representation).with_configured(fields).with_always(vary_of_spa(config))
        }
        Resolved::File(served) => {
            file(request, served, config).unwrap_or_else(|refusal| Reply::refused(request, refusal))
        }
    }
}

/// With `--spa` a path without a file has two answers, a page and a 404, by the Accept field (RFC 9110 12.5.5).
fn vary_of_spa(config: &Config) -> Vec<Field> {
    config.spa.iter().map(|_| ("vary".to_owned(), "Accept".to_owned())).collect()
}

fn file<F>(request: &Request, served: ServedFile<F>, config: &Config) -> Result<Reply<F>, Refusal> {
    let representation = representation(&served);
    let fields = file_fields(&served.path, config);
    let always = save_as(&served, &fields);
    if is_current(request, &representation)? {
        return Ok(not_modified(representation, fields));
    }
    let size = served.metadata.size;
    let reply = match served.variant {
        Variant::Encoded(_) => whole(200, served, representation),
        Variant::Plain | Variant::Sibling(_) if served.insertion.is_some() => whole(200, served, representation),
        Variant::Plain | Variant::Sibling(_) => {
            with_ranges(request, RangedContent::File(served.file), size, representation)?
        }
    };
    Ok(reply.with_always(always).with_configured(fields))
}

fn archive<F>(request: &Request, plan: Box<Plan>, config: &Config) -> Result<Reply<F>, Refusal> {
    let fields = general_fields(&plan.path, config);
    let always = vec![(CONTENT_DISPOSITION.to_owned(), plan.disposition())];
    let representation = Representation {
        media_type: plan.format.media_type(),
        coding: None,
        validators: Validators { tag: plan.tag().cloned(), modified: None },
        vary: Vec::new(),
    };
    if is_current(request, &representation)? {
        return Ok(not_modified(representation, fields));
    }
    let reply = match plan.length() {
        Some(size) => with_ranges(request, RangedContent::Archive(plan), size, representation)?,
        None => Outcome::Archive { plan, representation }.into(),
    };
    Ok(reply.with_always(always).with_configured(fields))
}

/// Whether the client has the current representation already.
///
/// # Errors
/// [`Refusal::PreconditionFailed`] if the client requires another representation.
fn is_current(request: &Request, representation: &Representation) -> Result<bool, Refusal> {
    match condition::evaluate(request, &representation.validators) {
        Verdict::Failed => Err(Refusal::PreconditionFailed),
        Verdict::NotModified => Ok(true),
        Verdict::Perform => Ok(false),
    }
}

fn not_modified<F>(representation: Representation, fields: Vec<Field>) -> Reply<F> {
    Reply::from(Outcome::NotModified { representation }).with_configured(fields_of_304(fields))
}

/// The whole content of `size` bytes, or the ranges of it that the request names.
///
/// # Errors
/// [`Refusal::Unsatisfiable`] if the content has none of these ranges.
fn with_ranges<F>(
    request: &Request,
    content: RangedContent<F>,
    size: u64,
    representation: Representation,
) -> Result<Reply<F>, Refusal> {
    let extent = match request.range().as_slice() {
        // Two Range fields are not valid and are ignored (RFC 9110 5.3).
        [value] if condition::range_applies(request, &representation.validators) => ranged(value, size),
        _ => Ranged::Whole,
    };
    let outcome = match extent {
        Ranged::Whole => Outcome::Whole { status: 200, content, size, representation },
        Ranged::NotSatisfiable => return Err(Refusal::Unsatisfiable { size }),
        Ranged::Part(span) => Outcome::Part { content, span, size, representation },
        Ranged::Parts(spans) => {
            let seed = format!("{:?} {spans:?} {size}", representation.validators);
            let multipart = Multipart::new(&spans, size, &representation.media_type, &seed);
            Outcome::Parts { content, multipart, representation }
        }
    };
    Ok(outcome.into())
}

/// Content-Disposition for a file whose path does not end in its name, unless the configuration sets the field.
fn save_as<F>(served: &ServedFile<F>, configured: &[Field]) -> Vec<Field> {
    let name = served.save_as.iter().filter(|_| !field::has(configured, CONTENT_DISPOSITION));
    name.map(|name| (CONTENT_DISPOSITION.to_owned(), disposition("inline", name.as_str()))).collect()
}

/// The configured fields (PY-10) that a 304 repeats from the 200 (RFC 9110 15.4.5).
fn fields_of_304(fields: Vec<Field>) -> Vec<Field> {
    let is_repeated = |name: &str| {
        let names = ["cache-control", "content-location", "etag", "expires", "vary"];
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    fields.into_iter().filter(|(name, _)| is_repeated(name)).collect()
}

fn whole<F>(status: u16, served: ServedFile<F>, representation: Representation) -> Reply<F> {
    let (file, size) = (served.file, served.metadata.size);
    if let Some(insertion) = served.insertion {
        return Outcome::Live { status, file, size, insertion, representation }.into();
    }
    match served.variant {
        Variant::Encoded(coding) => Outcome::Encoded { status, file, size, coding, representation }.into(),
        Variant::Plain | Variant::Sibling(_) => {
            Outcome::Whole { status, content: RangedContent::File(file), size, representation }.into()
        }
    }
}

/// The metadata of the variant: its own validators, and the media type of the original.
fn representation<F>(served: &ServedFile<F>) -> Representation {
    let Validators { tag, modified } = file_validators(&served.metadata);
    // A client must not take a page without the script for one with it. A date cannot distinguish them, and it is too
    // coarse for a page that is saved twice within a second.
    let (tag, modified) = match served.insertion {
        Some(_) => (tag.map(|tag| tag.variant("live")), None),
        None => (tag, modified),
    };
    let (tag, coding) = match served.variant {
        Variant::Plain => (tag, None),
        Variant::Sibling(coding) => (tag.map(|tag| tag.variant(coding.token())), Some(coding)),
        Variant::Encoded(coding) => (tag.map(|tag| tag.weakened(coding.token())), Some(coding)),
    };
    Representation {
        media_type: served.media_type.clone(),
        coding,
        validators: Validators { tag, modified },
        vary: served.vary.clone(),
    }
}

/// The validators of a file itself.
fn file_validators(metadata: &Metadata) -> Validators {
    // Two versions of a file can share a placeholder time, so it is not a validator, and a tag with it neither
    // (RFC 9110 8.8.1).
    let modified = metadata.modified.filter(|modified| !modified.is_placeholder());
    let tag = match metadata.digest {
        Some(digest) => Some(ETag::of_digest(digest)),
        None => modified.map(|modified| ETag::of(metadata.size, modified)),
    };
    Validators { tag, modified }
}

/// The page of a Markdown file. It is rendered only if the client does not have it.
fn page<F>(request: &Request, page: &MarkdownPage, config: &Config) -> Result<Reply<F>, Refusal> {
    let fields = file_fields(&page.path, config);
    let mut vary = vec!["Accept"];
    let coding = coding_of_generated(request, config, &mut vary);
    let token = coding.map_or("", Coding::token);
    // A file without validators is read in any case, so the tag can be that of the content.
    let (tag, bytes) = match file_validators(&page.metadata).tag {
        Some(tag) => {
            let tag = tag.weakened(&page.version());
            (if coding.is_some() { tag.weakened(token) } else { tag }, None)
        }
        None => {
            let bytes = page.render()?;
            (ETag::of_content(&bytes, token), Some(bytes))
        }
    };
    // The page also changes with this program, so the time of the file does not identify it.
    let validators = Validators { tag: Some(tag), modified: None };
    let representation = Representation { media_type: OutputFormat::Html.media_type(), coding, validators, vary };
    if is_current(request, &representation)? {
        return Ok(not_modified(representation, fields));
    }
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => page.render()?,
    };
    let bytes = encoded(bytes, coding)?;
    Ok(Reply::from(Outcome::Content { bytes, representation }).with_configured(fields))
}

/// The coding of generated content, with its field in `vary`.
fn coding_of_generated(request: &Request, config: &Config, vary: &mut Vec<&'static str>) -> Option<Coding> {
    if !config.compress {
        return None;
    }
    vary.push("Accept-Encoding");
    match AcceptEncoding::parse(&request.values("accept-encoding")).choose(encode::CODINGS) {
        Choice::Coded(coding) => Some(coding),
        Choice::Identity => None,
    }
}

/// Generated content in a coding.
fn encoded(bytes: Vec<u8>, coding: Option<Coding>) -> Result<Vec<u8>, Refusal> {
    match coding {
        Some(coding) => Encoder::encode(coding, &bytes).map_err(|_| Refusal::Fault),
        None => Ok(bytes),
    }
}

fn listing<F>(request: &Request, listing: Listing, config: &Config) -> Result<Reply<F>, Refusal> {
    let path = listing.target.path();
    let fields = general_fields(&path, config);
    let mut vary = Vec::new();
    if listing.query.format.is_none() {
        vary.push("Accept");
    }
    let coding = coding_of_generated(request, config, &mut vary);
    // The bytes of a long listing are not known yet, so it has no validators.
    let whole = if listing.is_short() { Some(stream::whole(&listing)?) } else { None };
    let tag = whole.as_ref().map(|bytes| ETag::of_content(bytes, coding.map_or("", Coding::token)));
    let validators = Validators { tag, modified: None };
    let representation = Representation { media_type: listing.format.media_type(), coding, validators, vary };
    if is_current(request, &representation)? {
        return Ok(not_modified(representation, fields));
    }
    let outcome = match (whole, coding) {
        (Some(bytes), coding) => Outcome::Content { bytes: encoded(bytes, coding)?, representation },
        (None, coding) => {
            let source = Source::Listing(Box::new(ListingStream::new(listing)));
            Outcome::Generated { body: Box::new(GeneratedBody::new(source, coding)), representation }
        }
    };
    Ok(Reply::from(outcome).with_configured(fields))
}
