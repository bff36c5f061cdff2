//! The types of a reply: what is decided for a request, before it is written.

use crate::archive::Plan;
use crate::body::generated::GeneratedBody;
use crate::body::multipart::Multipart;
use crate::http::accept::Coding;
use crate::http::condition::Validators;
use crate::http::field::Field;
use crate::http::range::Span;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::media_type::MediaType;
use crate::output_format::OutputFormat;
use crate::suggest::Suggestions;

/// The answer to a request, before it is written down. `F` is an open file of the tree.
#[derive(Debug)]
pub struct Reply<F> {
    pub(crate) outcome: Outcome<F>,
    /// Sent in any case: the fields of the connection between origins.
    pub(crate) own: Vec<Field>,
    /// Sent unless the reply has a field of that name already (S10).
    pub(crate) configured: Vec<Field>,
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
}
