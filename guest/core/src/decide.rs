//! What to answer, given what was found (RFC 9110 13 and 15). Pure: it refuses to know where the facts came from.

use crate::config::Config;
use crate::date::Stamp;
use crate::find::Found;
use crate::kind::MediaType;
use crate::page;
use crate::reply::Reply;
use crate::request::Request;
use crate::target::Target;
use crate::tree::Facts;

/// The reply to a GET or HEAD request for `target`.
pub fn decide<F>(request: &Request, target: &Target, found: Found<F>, config: &Config) -> Reply<F> {
    match found {
        Found::Refused(refusal) => Reply::Refused(refusal),
        Found::Slashless => Reply::Redirect { location: target.location() },
        Found::Listing(entries) => {
            Reply::Page { html: page::listing(target, entries), extra: config.headers().to_vec() }
        }
        Found::File { facts, .. } if is_unmodified(request, facts) => Reply::NotModified { modified: facts.modified },
        Found::File { file, facts, name } => Reply::File {
            file,
            facts,
            media: MediaType::of_name(name.as_str()).unwrap_or_else(|| config.content_type().clone()),
            extra: config.headers().to_vec(),
        },
    }
}

/// RFC 9110 13.1.3: not changed since the client's copy, in the whole seconds that a date can tell (S58).
fn is_unmodified(request: &Request, facts: Facts) -> bool {
    let pair = facts.modified.zip(request.if_modified_since);
    pair.is_some_and(|(modified, since)| modified.seconds() <= Stamp::seconds(since))
}
