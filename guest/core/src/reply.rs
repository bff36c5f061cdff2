//! Replies, and the only writer of a status and fields. It refuses to know how a reply was decided and how it is sent.

use crate::archive::{self, Archive, Plan};
use crate::body::multipart::Multipart;
use crate::body::{GeneratedBody, Source};
use crate::config::header_rules::VARY;
use crate::http::accept::Coding;
use crate::http::condition::Validators;
use crate::http::request::{Method, Request};
use crate::http::target::encode;
use crate::listing::json;
use crate::media_type::MediaType;
use crate::output_format::OutputFormat;
use crate::page;
use crate::tree::TreeError;
use serde::Serialize;

/// Why a request gets no file. What the client reads is fixed here: never a path of the host, never an error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the target cannot be read.
    BadRequest,
    /// 404: nothing there that may be served (S61).
    NotFound,
    /// 404: a directory that cannot be read (S35).
    NotListable,
    /// 404: a form in which a directory cannot be had.
    NoSuchForm,
    /// 405: neither GET, HEAD nor OPTIONS (S62).
    MethodNotAllowed,
    /// 412: another version than the client asked for.
    PreconditionFailed,
    /// 413: more than is packed into one archive.
    TooLarge,
    /// 416: no part of what was asked for lies within the file, which has so many bytes.
    Unsatisfiable { size: u64 },
    /// 500: the options of the handler are wrong; its log says which.
    Misconfigured,
    /// 500: the machine failed to tell what is there. No 503, which would promise that a delay helps (RFC 9110 15.6.4):
    /// nobody can promise that for a disk, and the handler is not told what failed.
    Fault,
}

impl From<TreeError> for Refusal {
    fn from(TreeError: TreeError) -> Refusal {
        Refusal::Fault
    }
}

impl Refusal {
    /// The status code (RFC 9110 15).
    pub fn status(self) -> u16 {
        match self {
            Refusal::BadRequest => 400,
            Refusal::NotFound | Refusal::NotListable | Refusal::NoSuchForm => 404,
            Refusal::MethodNotAllowed => 405,
            Refusal::PreconditionFailed => 412,
            Refusal::TooLarge => 413,
            Refusal::Unsatisfiable { .. } => 416,
            Refusal::Misconfigured | Refusal::Fault => 500,
        }
    }

    /// The sentence for people (S70).
    pub fn message(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax",
            Refusal::NotFound => "File not found",
            Refusal::NotListable => "No permission to list directory",
            Refusal::NoSuchForm => "Folder not to be had in this form",
            Refusal::MethodNotAllowed => "Method not allowed",
            Refusal::PreconditionFailed => "Precondition failed",
            Refusal::TooLarge => "Folder too large for an archive",
            Refusal::Unsatisfiable { .. } => "Requested range not satisfiable",
            Refusal::Misconfigured | Refusal::Fault => "Internal server error",
        }
    }

    /// What the status means in general (S70).
    pub fn explanation(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax or unsupported method",
            Refusal::NotFound | Refusal::NotListable | Refusal::NoSuchForm => "Nothing matches the given URI",
            Refusal::MethodNotAllowed => "Specified method is invalid for this resource",
            Refusal::PreconditionFailed => "Precondition in headers is false",
            Refusal::TooLarge => "There is more in it than this server packs at once",
            Refusal::Unsatisfiable { .. } => "Cannot satisfy request range",
            Refusal::Misconfigured | Refusal::Fault => "Server got itself in trouble",
        }
    }
}

/// Where else a client may go whose request was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// Names that it may have meant, the likeliest first.
    pub near: Vec<Link>,
    /// The nearest directory above that is there.
    pub up: Option<Link>,
}

/// A place and how it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    pub name: String,
    /// A relative reference.
    pub href: String,
}

/// A header field.
pub type Field = (String, String);

/// The answer to a request, before it is written down. `F` is an open file of the tree.
#[derive(Debug)]
pub struct Reply<F> {
    outcome: Outcome<F>,
    /// Sent in any case: the fields of the connection between origins.
    own: Vec<Field>,
    /// Sent unless the reply has a field of that name already (S10).
    configured: Vec<Field>,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Outcome<F> {
    /// 200, or 404 with a page of the site: a file, from its first byte to its last.
    Whole { status: u16, file: F, size: u64, label: Representation },
    /// The same, encoded on the way.
    Encoded { status: u16, file: F, size: u64, coding: Coding, label: Representation },
    /// 206: one part of a file (RFC 9110 15.3.7.1).
    Part { file: F, span: Span, size: u64, label: Representation },
    /// 206: several parts of a file (RFC 9110 15.3.7.2).
    Parts { file: F, multipart: Multipart, label: Representation },
    /// 200: content made for this request, such as a listing.
    Page { bytes: Vec<u8>, label: Representation },
    /// 200: the same, made while it is sent.
    Generated { made: Box<GeneratedBody<F>>, label: Representation },
    /// 200: an archive of a directory.
    Archive(Plan),
    /// 204: what may be asked.
    Options,
    /// 301 to 308: another place.
    Moved { status: u16, location: String },
    /// 304: the client's copy will do.
    NotModified { label: Representation },
    /// Anything else, in the form that the client prefers.
    Refused { refusal: Refusal, form: OutputFormat, ways: Suggestions },
}

/// What a head says of its content.
#[derive(Clone, Debug)]
pub struct Representation {
    pub media: MediaType,
    pub coding: Option<Coding>,
    pub validators: Validators,
    /// The fields of the request that the choice depended on.
    pub vary: Vec<&'static str>,
}

/// Status and fields, in the form in which both versions of `wasi:http/types.fields.from-list` take them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub fields: Vec<(String, Vec<u8>)>,
}

/// Bytes of a file: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    /// How many bytes these are.
    pub fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The value of Content-Range (RFC 9110 14.4), which counts up to the last byte and includes it.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end.saturating_sub(1))
    }
}

/// The content that follows a head.
#[derive(Debug)]
pub enum Body<F> {
    /// None: the request was HEAD, the status has no content, or the content is empty.
    Nothing,
    /// Bytes made for this reply.
    Bytes(Vec<u8>),
    /// A part of an open file, to be sent to its last byte or not at all.
    File(F, Span),
    /// Anything longer, made piece by piece. Without Content-Length only its end tells whether it was all.
    Generated(Box<GeneratedBody<F>>),
}

/// The field that says what becomes of the content, and by which name it is saved (RFC 6266).
pub const DISPOSITION: &str = "content-disposition";

/// Its value: the name of the file twice, in plain ASCII for clients that know no other, and as it is (RFC 8187).
pub fn disposition(how: &str, name: &str) -> String {
    let is_plain = |letter: &char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\' | '%' | '/');
    let plain: String = name.chars().map(|letter| if is_plain(&letter) { letter } else { '_' }).collect();
    let mut disposition = format!("{how}; filename=\"{plain}\"; filename*=UTF-8''");
    encode(name, &mut disposition);
    disposition
}

/// Who answers; the version is that of the handler (S73).
const SERVER: &str = concat!("glasshouse/", env!("CARGO_PKG_VERSION"));
const ALLOW: &str = "GET, HEAD, OPTIONS";

impl<F> From<Outcome<F>> for Reply<F> {
    fn from(outcome: Outcome<F>) -> Reply<F> {
        Reply { outcome, own: Vec::new(), configured: Vec::new() }
    }
}

impl<F> Reply<F> {
    /// The reply that says why not.
    pub fn refused(request: &Request, refusal: Refusal) -> Reply<F> {
        Outcome::Refused { refusal, form: OutputFormat::preferred(request), ways: Suggestions::default() }.into()
    }

    /// Adds configured fields; those that are there already stay as they are (S10).
    pub fn with(mut self, fields: Vec<Field>) -> Reply<F> {
        self.configured.extend(fields);
        self
    }

    /// Adds fields that every reply of this server has.
    pub fn with_own(mut self, fields: Vec<Field>) -> Reply<F> {
        self.own.extend(fields);
        self
    }

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
    let head = Head::content(200, &label).field(DISPOSITION, &plan.disposition());
    let head = match plan.length() {
        Some(length) => head.length(length),
        None => head,
    };
    let coding = (plan.form == archive::ArchiveFormat::TarGz).then_some(Coding::Gzip);
    (head, Body::Generated(Box::new(GeneratedBody::new(Source::Archive(Box::new(Archive::new(plan))), coding))))
}

fn refuse<F>(refusal: Refusal, form: OutputFormat, ways: &Suggestions) -> (Head, Body<F>) {
    let bytes = match form {
        OutputFormat::Page => page::refusal(refusal, ways),
        OutputFormat::Json => json::json_refusal(refusal, ways),
        OutputFormat::Text => json::text_refusal(refusal),
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
