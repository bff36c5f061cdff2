//! The types of a reply: the outcome of a request before it is written, and its head and body after that.

use crate::archive::Plan;
use crate::body::generated::GeneratedBody;
use crate::body::multipart::Multipart;
use crate::http::accept::Coding;
use crate::http::condition::Validators;
use crate::http::field::Field;
use crate::http::range::Span;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::live::Insertion;
use crate::media_type::MediaType;
use crate::output_format::OutputFormat;
use crate::suggest::Suggestions;

/// The reply to a request. `F` is an open file of the tree. [`Reply::write`] turns it into a head and a body.
#[derive(Debug)]
pub struct Reply<F> {
    pub(crate) outcome: Outcome<F>,
    /// Fields that are always sent.
    pub(crate) always: Vec<Field>,
    /// Fields that are sent unless the reply has a field with that name (PY-10).
    pub(crate) configured: Vec<Field>,
    /// Whether generated pages contain or permit the script of `live`.
    pub(crate) live: bool,
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum Outcome<F> {
    /// 200, or 404 with the page of the site: the whole content of `size` bytes.
    Whole { status: u16, content: RangedContent<F>, size: u64, representation: Representation },
    /// The same for a file that is encoded while it is sent.
    Encoded { status: u16, file: F, size: u64, coding: Coding, representation: Representation },
    /// 200, or 404 with the page of the site: a page of `size` bytes with an insertion, perhaps encoded while it is
    /// sent.
    Live { status: u16, file: F, size: u64, insertion: Insertion, representation: Representation },
    /// 206: one range of the content (RFC 9110 15.3.7.1).
    Part { content: RangedContent<F>, span: Span, size: u64, representation: Representation },
    /// 206: several ranges of the content (RFC 9110 15.3.7.2).
    Parts { content: RangedContent<F>, multipart: Multipart, representation: Representation },
    /// 200: content that is generated before the response, such as a short listing.
    Content { bytes: Vec<u8>, representation: Representation },
    /// 200: content that is generated while it is sent, such as a long listing.
    Generated { body: Box<GeneratedBody<F>>, representation: Representation },
    /// 200: an archive of a directory whose length is unknown.
    Archive { plan: Box<Plan>, representation: Representation },
    /// 204: the answer to OPTIONS.
    Options,
    /// 301, 302, 303, 307 or 308: a redirect.
    Redirect { status: u16, location: String },
    /// 304: the copy of the client is current.
    NotModified { representation: Representation },
    /// An error response.
    Refused { refusal: Refusal, format: OutputFormat, suggestions: Suggestions },
}

/// Content with a known length, so that a client may request ranges of it.
#[derive(Debug)]
pub(crate) enum RangedContent<F> {
    /// An open file.
    File(F),
    /// An archive of a directory.
    Archive(Box<Plan>),
}

/// The metadata of a representation (RFC 9110 8).
#[derive(Clone, Debug)]
pub(crate) struct Representation {
    /// The value of Content-Type.
    pub media_type: MediaType,
    /// The value of Content-Encoding.
    pub coding: Option<Coding>,
    /// The values of ETag and Last-Modified.
    pub validators: Validators,
    /// The request fields that selected the representation, for Vary.
    pub vary: Vec<&'static str>,
}

/// Status and fields, in the form that `wasi:http/types.fields.from-list` takes in both versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code (RFC 9110 15).
    pub status: u16,
    /// Names and values in the order in which they are sent.
    pub fields: Vec<(String, Vec<u8>)>,
}

#[cfg(feature = "http")]
impl TryFrom<Head> for ::http::Response<()> {
    type Error = ::http::Error;

    /// A response of the crate `http`, still without its body. It fails only for a configured field that is invalid.
    fn try_from(head: Head) -> Result<::http::Response<()>, ::http::Error> {
        let builder = ::http::Response::builder().status(head.status);
        head.fields.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value)).body(())
    }
}

/// The body that follows a head.
#[derive(Debug)]
pub enum Body<F> {
    /// No body: the method is HEAD, the status has no content, or the content is empty.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A range of an open file. A sender that cannot send its last byte must abort the connection.
    File(F, Span),
    /// A body that is generated while it is sent. Without Content-Length, only a clean end shows that it is complete.
    Generated(Box<GeneratedBody<F>>),
}

impl<F> From<Outcome<F>> for Reply<F> {
    fn from(outcome: Outcome<F>) -> Reply<F> {
        Reply { outcome, always: Vec::new(), configured: Vec::new(), live: false }
    }
}

impl<F> Reply<F> {
    /// An error response in the format that the request prefers, without suggestions.
    pub fn refused(request: &Request, refusal: Refusal) -> Reply<F> {
        let (format, suggestions) = (OutputFormat::preferred(request), Suggestions::default());
        Outcome::Refused { refusal, format, suggestions }.into()
    }

    /// Adds configured fields. They do not replace fields that the reply already has (PY-10).
    pub fn with_configured(mut self, fields: Vec<Field>) -> Reply<F> {
        self.configured.extend(fields);
        self
    }

    /// Adds the script of `live` to an error page, and permits it in the policy of every generated page.
    pub(crate) fn with_live_pages(mut self) -> Reply<F> {
        self.live = true;
        self
    }

    /// Adds fields that are always sent.
    pub fn with_always(mut self, fields: Vec<Field>) -> Reply<F> {
        self.always.extend(fields);
        self
    }
}
