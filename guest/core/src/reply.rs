//! Replies, and the only writer of a status and fields. It refuses to know how a reply was decided and how it is sent.

use crate::date::Stamp;
use crate::kind::MediaType;
use crate::page;
use crate::request::Method;
use crate::tree::Facts;

/// Why a request gets no file. What the client reads is fixed here: never a path of the host, never an error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the target cannot be read.
    BadRequest,
    /// 404: nothing there that may be served (S61).
    NotFound,
    /// 404: a directory that cannot be read (S35).
    NotListable,
    /// 405: neither GET, HEAD nor OPTIONS (S62).
    MethodNotAllowed,
    /// 500: the options of the handler are wrong; its log says which.
    Misconfigured,
}

impl Refusal {
    /// The status code (RFC 9110 15).
    pub fn status(self) -> u16 {
        match self {
            Refusal::BadRequest => 400,
            Refusal::NotFound | Refusal::NotListable => 404,
            Refusal::MethodNotAllowed => 405,
            Refusal::Misconfigured => 500,
        }
    }

    /// The sentence for people (S70).
    pub fn message(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax",
            Refusal::NotFound => "File not found",
            Refusal::NotListable => "No permission to list directory",
            Refusal::MethodNotAllowed => "Method not allowed",
            Refusal::Misconfigured => "Internal server error",
        }
    }

    /// What the status means in general (S70).
    pub fn explanation(self) -> &'static str {
        match self.status() {
            400 => "Bad request syntax or unsupported method",
            404 => "Nothing matches the given URI",
            405 => "Specified method is invalid for this resource",
            _ => "Server got itself in trouble",
        }
    }
}

/// A header field that the configuration adds (S10).
pub type Field = (String, String);

/// The answer to a request, before it is written down. `F` is an open file of the tree.
#[derive(Debug)]
pub enum Reply<F> {
    /// 200: a file, from its first byte to its last.
    File { file: F, facts: Facts, media: MediaType, extra: Vec<Field> },
    /// 200: a page made for this request, such as a listing.
    Page { html: String, extra: Vec<Field> },
    /// 204: what may be asked.
    Options,
    /// 301: the same path as a directory.
    Redirect { location: String },
    /// 304: the client's copy will do.
    NotModified { modified: Option<Stamp> },
    /// Anything else.
    Refused(Refusal),
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

/// The content that follows a head.
#[derive(Debug)]
pub enum Passage<F> {
    /// None: the request was HEAD, the status has no content, or the content is empty.
    Nothing,
    /// Bytes made for this reply.
    Bytes(Vec<u8>),
    /// A part of an open file, to be sent to its last byte or not at all.
    File(F, Span),
}

/// Who answers; the version is that of the handler (S73).
const SERVER: &str = concat!("glasshouse/", env!("CARGO_PKG_VERSION"));
const ALLOW: &str = "GET, HEAD, OPTIONS";
/// Pages made here hold no script, no style and no form, so nothing that a file name smuggles in could run.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'";

impl<F> Reply<F> {
    /// Writes the reply down. HEAD differs from GET in the passage alone (RFC 9110 9.3.2).
    pub fn write(self, method: Method) -> (Head, Passage<F>) {
        let (head, passage) = self.compose();
        match method {
            Method::Head => (head, Passage::Nothing),
            _ => (head, passage),
        }
    }

    fn compose(self) -> (Head, Passage<F>) {
        match self {
            Reply::File { file, facts, media, extra } => {
                let span = Span { start: 0, end: facts.size };
                let mut head = Head::new(200).field("content-type", media.as_str()).length(facts.size);
                head = head.modified(facts.modified).field("x-content-type-options", "nosniff").extend(extra);
                (head, if facts.size == 0 { Passage::Nothing } else { Passage::File(file, span) })
            }
            Reply::Page { html, extra } => {
                let head = Head::page(200, &html).extend(extra);
                (head, Passage::Bytes(html.into_bytes()))
            }
            Reply::Options => (Head::new(204).field("allow", ALLOW), Passage::Nothing),
            Reply::Redirect { location } => (Head::new(301).field("location", &location).length(0), Passage::Nothing),
            Reply::NotModified { modified } => (Head::new(304).modified(modified), Passage::Nothing),
            Reply::Refused(refusal) => {
                let html = page::refusal(refusal);
                let head = Head::page(refusal.status(), &html);
                let head = if refusal == Refusal::MethodNotAllowed { head.field("allow", ALLOW) } else { head };
                (head, Passage::Bytes(html.into_bytes()))
            }
        }
    }
}

impl Head {
    fn new(status: u16) -> Head {
        Head { status, fields: Vec::with_capacity(8) }.field("server", SERVER)
    }

    fn page(status: u16, html: &str) -> Head {
        Head::new(status)
            .field("content-type", MediaType::HTML.as_str())
            .length(u64::try_from(html.len()).unwrap_or(u64::MAX))
            .field("content-security-policy", POLICY)
            .field("x-content-type-options", "nosniff")
    }

    fn field(mut self, name: &str, value: &str) -> Head {
        self.fields.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    fn length(self, bytes: u64) -> Head {
        self.field("content-length", &bytes.to_string())
    }

    fn modified(self, modified: Option<Stamp>) -> Head {
        match modified {
            Some(stamp) => self.field("last-modified", &stamp.to_string()),
            None => self,
        }
    }

    /// Adds the configured fields, but for those that the reply has already (S10).
    fn extend(mut self, extra: Vec<Field>) -> Head {
        let own = self.fields.len();
        for (name, value) in extra {
            let is_set = self.fields.iter().take(own).any(|(field, _)| field.eq_ignore_ascii_case(&name));
            if !is_set {
                self.fields.push((name, value.into_bytes()));
            }
        }
        self
    }
}
