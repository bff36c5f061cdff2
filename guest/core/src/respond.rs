//! Writes replies as status, header fields and body. No other module of the core writes a status or a field.

use crate::archive::Archive;
use crate::archive::format::ArchiveFormat;
use crate::body::generated::{GeneratedBody, Source};
use crate::body::inserted::Inserted;
use crate::body::multipart::Multipart;
use crate::error_body;
use crate::http::accept::Coding;
use crate::http::condition::Validators;
use crate::http::field::{Field, VARY};
use crate::http::range::Span;
use crate::http::refusal::Refusal;
use crate::http::request::Method;
use crate::media_type::MediaType;
use crate::number::byte_count;
use crate::output_format::OutputFormat;
use crate::page;
use crate::reply::{Body, Head, Outcome, RangedContent, Reply, Representation};
use crate::suggest::Suggestions;

/// The value of Server, with the version of the handler (PY-73).
const SERVER: &str = concat!("glasshouse/", env!("CARGO_PKG_VERSION"));
const ALLOW: &str = "GET, HEAD, OPTIONS";

impl<F> Reply<F> {
    /// Writes the reply. The answer to HEAD differs from that to GET in the body alone (RFC 9110 9.3.2).
    pub fn write(self, method: Method) -> (Head, Body<F>) {
        let (mut head, body) = self.outcome.compose(self.live);
        head.fields.extend(self.always.into_iter().map(|(name, value)| (name, value.into_bytes())));
        head.add_configured(self.configured);
        match method {
            Method::Head => (head, Body::Nothing),
            Method::Get | Method::Options | Method::Other => (head, body),
        }
    }
}

impl<F> Outcome<F> {
    fn compose(self, live: bool) -> (Head, Body<F>) {
        match self {
            Outcome::Whole { status, content, size, representation } => {
                let head = Head::content(status, &representation).length(size).ranges(status);
                (head, content.part(Span { start: 0, end: size }))
            }
            Outcome::Encoded { status, file, size, coding, representation } => {
                let span = Span { start: 0, end: size };
                (Head::content(status, &representation), generated(Source::Part(file, span), Some(coding)))
            }
            Outcome::Live { status, file, size, insertion, representation } => {
                let inserted = Inserted::new(insertion.tag.into_bytes(), insertion.at, size);
                let head = Head::content(status, &representation);
                // The length of an encoded page is not known before it is sent.
                let head = if representation.coding.is_none() { head.length(inserted.length()) } else { head };
                (head, generated(Source::Inserted(file, inserted), representation.coding))
            }
            Outcome::Part { content, span, size, representation } => {
                let head = Head::content(206, &representation).length(span.length());
                let head = head.field("content-range", &span.content_range(size)).ranges(206);
                (head, content.part(span))
            }
            Outcome::Parts { content, multipart, mut representation } => {
                representation.media_type = MediaType::raw(multipart.content_type());
                let head = Head::content(206, &representation).length(multipart.length()).ranges(206);
                (head, content.parts(multipart))
            }
            Outcome::Content { bytes, representation } => {
                (Head::page(200, &representation, live).length(byte_count(&bytes)), Body::Bytes(bytes))
            }
            Outcome::Generated { body, representation } => {
                (Head::page(200, &representation, live), Body::Generated(body))
            }
            Outcome::Archive { plan, representation } => {
                let coding = (plan.format == ArchiveFormat::TarGz).then_some(Coding::Gzip);
                let body = generated(Source::Archive(Box::new(Archive::whole(*plan))), coding);
                (Head::content(200, &representation), body)
            }
            Outcome::Options => (Head::new(204).field("allow", ALLOW), Body::Nothing),
            Outcome::Redirect { status, location } => {
                (Head::new(status).field("location", &location).length(0), Body::Nothing)
            }
            Outcome::NotModified { representation } => {
                (Head::new(304).validators(&representation.validators).vary(&representation), Body::Nothing)
            }
            Outcome::Refused { refusal, format, suggestions } => error(refusal, format, &suggestions, live),
        }
    }
}

impl<F> RangedContent<F> {
    fn part(self, span: Span) -> Body<F> {
        match self {
            _ if span.length() == 0 => Body::Nothing,
            RangedContent::File(file) => Body::File(file, span),
            RangedContent::Archive(plan) => generated(Source::Archive(Box::new(Archive::part(*plan, span))), None),
        }
    }

    fn parts(self, multipart: Multipart) -> Body<F> {
        let source = match self {
            RangedContent::File(file) => Source::Parts(file, multipart),
            RangedContent::Archive(plan) => Source::Archive(Box::new(Archive::parts(*plan, multipart))),
        };
        generated(source, None)
    }
}

fn generated<F>(source: Source<F>, coding: Option<Coding>) -> Body<F> {
    Body::Generated(Box::new(GeneratedBody::new(source, coding)))
}

fn error<F>(refusal: Refusal, format: OutputFormat, suggestions: &Suggestions, live: bool) -> (Head, Body<F>) {
    let written = error_body::write(format, refusal, suggestions, live);
    // Plain text cannot fail, so that there is an answer in any case.
    let (refusal, format, text) = match written {
        Ok(text) => (refusal, format, text),
        Err(error) => (error.into(), OutputFormat::Text, error_body::text(error.into())),
    };
    let representation = Representation {
        media_type: format.media_type(),
        coding: None,
        validators: Validators::default(),
        vary: vec!["Accept"],
    };
    let bytes = text.into_bytes();
    let head = Head::page(refusal.status(), &representation, live).length(byte_count(&bytes));
    let head = match refusal {
        Refusal::MethodNotAllowed => head.field("allow", ALLOW),
        Refusal::Unsatisfiable { size } => head.field("content-range", &format!("bytes */{size}")).ranges(416),
        _ => head,
    };
    (head, Body::Bytes(bytes))
}

impl Head {
    fn new(status: u16) -> Head {
        Head { status, fields: Vec::with_capacity(12) }.field("server", SERVER)
    }

    fn content(status: u16, representation: &Representation) -> Head {
        let head = Head::new(status).field("content-type", representation.media_type.as_str());
        let head = match representation.coding {
            Some(coding) => head.field("content-encoding", coding.token()),
            None => head,
        };
        head.validators(&representation.validators).vary(representation).field("x-content-type-options", "nosniff")
    }

    /// The head of generated content.
    fn page(status: u16, representation: &Representation, live: bool) -> Head {
        let policy = if live && representation.media_type.is_html() { page::LIVE_POLICY } else { page::POLICY };
        Head::content(status, representation)
            .field("content-security-policy", policy)
            .field("referrer-policy", "same-origin")
    }

    fn field(mut self, name: &str, value: &str) -> Head {
        self.fields.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    fn length(self, bytes: u64) -> Head {
        self.field("content-length", &bytes.to_string())
    }

    fn ranges(self, status: u16) -> Head {
        if status == 404 { self } else { self.field("accept-ranges", "bytes") }
    }

    fn validators(mut self, validators: &Validators) -> Head {
        if let Some(time) = validators.modified {
            self = self.field("last-modified", &time.to_string());
        }
        match &validators.tag {
            Some(tag) => self.field("etag", &tag.to_string()),
            None => self,
        }
    }

    fn vary(self, representation: &Representation) -> Head {
        match representation.vary.as_slice() {
            [] => self,
            names => self.field("vary", &names.join(", ")),
        }
    }

    fn add_configured(&mut self, configured: Vec<Field>) {
        let before = self.fields.len();
        for (name, value) in configured {
            if name.eq_ignore_ascii_case(VARY) {
                self.add_vary(&value);
                continue;
            }
            // Only the fields of the server count here: all of several configured fields with one name are sent.
            let is_set = self.fields.iter().take(before).any(|(field, _)| field.eq_ignore_ascii_case(&name));
            if !is_set {
                self.fields.push((name, value.into_bytes()));
            }
        }
    }

    /// Adds those names to Vary that it does not contain yet (RFC 9110 12.5.5).
    fn add_vary(&mut self, configured: &str) {
        let present = self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(VARY));
        let present: Vec<u8> = present.flat_map(|(_, value)| [value.as_slice(), b","].concat()).collect();
        let present = String::from_utf8_lossy(&present).into_owned();
        let is_new =
            |name: &&str| !name.is_empty() && !present.split(',').any(|known| known.trim().eq_ignore_ascii_case(name));
        let added: Vec<&str> = configured.split(',').map(str::trim).filter(is_new).collect();
        let added = added.join(", ");
        match self.fields.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(VARY)) {
            _ if added.is_empty() => {}
            Some((_, value)) => value.extend([b", ", added.as_bytes()].concat()),
            None => self.fields.push((VARY.to_owned(), added.into_bytes())),
        }
    }
}
