//! Writes replies as status, header fields and body. No other module writes a status or a field.

use crate::archive::format::ArchiveFormat;
use crate::archive::{Archive, Plan};
use crate::body::generated::{GeneratedBody, Source};
use crate::error_body;
use crate::http::accept::Coding;
use crate::http::condition::Validators;
use crate::http::field::{CONTENT_DISPOSITION, Field, VARY};
use crate::http::range::Span;
use crate::http::refusal::Refusal;
use crate::http::request::Method;
use crate::media_type::MediaType;
use crate::output_format::OutputFormat;
use crate::page;
use crate::reply::{Body, Head, Outcome, Reply, Representation};
use crate::suggest::Suggestions;

/// Who answers; the version is that of the handler (S73).
const SERVER: &str = concat!("glasshouse/", env!("CARGO_PKG_VERSION"));
const ALLOW: &str = "GET, HEAD, OPTIONS";

impl<F> Reply<F> {
    /// Writes the reply down. HEAD differs from GET in the passage alone (RFC 9110 9.3.2).
    pub fn write(self, method: Method) -> (Head, Body<F>) {
        let (mut head, passage) = self.outcome.compose();
        head.fields.extend(self.own.into_iter().map(|(name, value)| (name, value.into_bytes())));
        head.extend(self.configured);
        match method {
            Method::Head => (head, Body::Nothing),
            _ => (head, passage),
        }
    }
}

impl<F> Outcome<F> {
    fn compose(self) -> (Head, Body<F>) {
        match self {
            Outcome::Whole { status, file, size, label } => {
                let head = Head::content(status, &label).length(size).ranges(status);
                (head, passage(size, || Body::File(file, Span { start: 0, end: size })))
            }
            Outcome::Encoded { status, file, size, coding, label } => {
                let span = Span { start: 0, end: size };
                let made = GeneratedBody::new(Source::Part(file, span), Some(coding));
                (Head::content(status, &label), Body::Generated(Box::new(made)))
            }
            Outcome::Part { file, span, size, label } => {
                let head =
                    Head::content(206, &label).length(span.length()).field("content-range", &span.content_range(size));
                (head.ranges(206), passage(span.length(), || Body::File(file, span)))
            }
            Outcome::Parts { file, multipart, mut label } => {
                label.media = MediaType::raw(multipart.media());
                let head = Head::content(206, &label).length(multipart.length()).ranges(206);
                (head, Body::Generated(Box::new(GeneratedBody::new(Source::Parts(file, multipart), None))))
            }
            Outcome::Page { bytes, label } => (Head::page(200, &label, bytes.len()), Body::Bytes(bytes)),
            Outcome::Generated { made, label } => (Head::own(200, &label), Body::Generated(made)),
            Outcome::Archive(plan) => pack(&plan),
            Outcome::Options => (Head::new(204).field("allow", ALLOW), Body::Nothing),
            Outcome::Moved { status, location } => {
                (Head::new(status).field("location", &location).length(0), Body::Nothing)
            }
            Outcome::NotModified { label } => {
                (Head::new(304).validators(&label.validators).vary(&label), Body::Nothing)
            }
            Outcome::Refused { refusal, form, ways } => refuse(refusal, form, &ways),
        }
    }
}

fn passage<F>(length: u64, some: impl FnOnce() -> Body<F>) -> Body<F> {
    if length == 0 { Body::Nothing } else { some() }
}

/// An archive has neither date nor ETag: what is in its files is not known before they are read, and a part of it, which
/// is what a client would want to be sure of, cannot be had.
fn pack<F>(plan: &Plan) -> (Head, Body<F>) {
    let label =
        Representation { media: plan.form.media(), coding: None, validators: Validators::default(), vary: Vec::new() };
    let head = Head::content(200, &label).field(CONTENT_DISPOSITION, &plan.disposition());
    let head = match plan.length() {
        Some(length) => head.length(length),
        None => head,
    };
    let coding = (plan.form == ArchiveFormat::TarGz).then_some(Coding::Gzip);
    (head, Body::Generated(Box::new(GeneratedBody::new(Source::Archive(Box::new(Archive::new(plan))), coding))))
}

fn refuse<F>(refusal: Refusal, form: OutputFormat, ways: &Suggestions) -> (Head, Body<F>) {
    let bytes = match form {
        OutputFormat::Page => error_body::html(refusal, ways),
        OutputFormat::Json => error_body::json(refusal, ways),
        OutputFormat::Text => error_body::text(refusal),
    };
    let bytes = bytes.into_bytes();
    let label =
        Representation { media: form.media(), coding: None, validators: Validators::default(), vary: vec!["Accept"] };
    let head = Head::page(refusal.status(), &label, bytes.len());
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

    fn content(status: u16, label: &Representation) -> Head {
        let head = Head::new(status).field("content-type", label.media.as_str());
        let head = match label.coding {
            Some(coding) => head.field("content-encoding", coding.token()),
            None => head,
        };
        head.validators(&label.validators).vary(label).field("x-content-type-options", "nosniff")
    }

    /// The head of content that is made here.
    fn own(status: u16, label: &Representation) -> Head {
        Head::content(status, label)
            .field("content-security-policy", page::POLICY)
            .field("referrer-policy", "same-origin")
    }

    /// The same, of content whose length is known.
    fn page(status: u16, label: &Representation, length: usize) -> Head {
        Head::own(status, label).length(u64::try_from(length).unwrap_or(u64::MAX))
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
        if let Some(stamp) = validators.modified {
            self = self.field("last-modified", &stamp.to_string());
        }
        match &validators.tag {
            Some(tag) => self.field("etag", &tag.to_string()),
            None => self,
        }
    }

    fn vary(self, label: &Representation) -> Head {
        if label.vary.is_empty() { self } else { self.field("vary", &label.vary.join(", ")) }
    }

    fn extend(&mut self, configured: Vec<Field>) {
        let own = self.fields.len();
        for (name, value) in configured {
            if name.eq_ignore_ascii_case(VARY) {
                self.depend_on(&value);
                continue;
            }
            // A name may be configured twice, and a more exact rule comes first; but for the same place all are sent.
            let is_set = self.fields.iter().take(own).any(|(field, _)| field.eq_ignore_ascii_case(&name));
            if !is_set {
                self.fields.push((name, value.into_bytes()));
            }
        }
    }

    /// Adds the fields of a request that are not named yet to those that the answer depends on (RFC 9110 12.5.5).
    fn depend_on(&mut self, configured: &str) {
        let named = self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(VARY));
        let named: Vec<u8> = named.flat_map(|(_, value)| [value.as_slice(), b","].concat()).collect();
        let named = String::from_utf8_lossy(&named).into_owned();
        let is_new =
            |asked: &&str| !asked.is_empty() && !named.split(',').any(|known| known.trim().eq_ignore_ascii_case(asked));
        let added: Vec<&str> = configured.split(',').map(str::trim).filter(is_new).collect();
        let added = added.join(", ");
        match self.fields.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(VARY)) {
            _ if added.is_empty() => {}
            Some((_, value)) => value.extend([b", ", added.as_bytes()].concat()),
            None => self.fields.push((VARY.to_owned(), added.into_bytes())),
        }
    }
}
