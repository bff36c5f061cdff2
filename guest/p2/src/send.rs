//! Sends a reply through a `response-outparam` of `wasi:http/types@0.2`.

use glasshouse_adapter::{OpenFile, PreopenedFile, SiteTree, log_error, part};
use glasshouse_core::{Body, PublicTree, Reply, Request, Span, Truncated, at_once};
use wasi::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

/// Bytes of a read. Hosts return no more.
const BLOCK: u64 = 64 << 10;

/// Sends a reply with its body. The instance is busy until the client has received it.
pub fn send(reply: Reply<OpenFile>, request: &Request, tree: Option<&PublicTree<SiteTree>>, out: ResponseOutparam) {
    let (head, content) = reply.write(request.method);
    let Ok(fields) = Fields::from_list(&head.fields) else { return fail(out) };
    let response = OutgoingResponse::new(fields);
    if response.set_status_code(head.status).is_err() {
        return fail(out);
    }
    // Some hosts require this order.
    let Ok(body) = response.body() else { return fail(out) };
    ResponseOutparam::set(out, Ok(response));
    if transmit(&body, content, tree).is_ok() {
        // Fails if the length differs from the announced one. The host then aborts the connection.
        drop(OutgoingBody::finish(body, None));
    }
    // Dropping an unfinished body reports to the host that it is incomplete.
}

fn fail(out: ResponseOutparam) {
    ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
}

fn transmit(
    body: &OutgoingBody,
    content: Body<OpenFile>,
    tree: Option<&PublicTree<SiteTree>>,
) -> Result<(), Truncated> {
    if let Body::Nothing = content {
        return Ok(());
    }
    let to = body.write().map_err(|()| Truncated)?;
    match content {
        Body::Nothing => Ok(()),
        Body::Bytes(bytes) => write(&to, &bytes),
        Body::File(OpenFile::Preopened(file), span) => pump(&file, span, &to),
        Body::File(OpenFile::Packed(file), span) => write(&to, part(&file, span).ok_or(Truncated)?),
        Body::Generated(mut generated) => {
            let tree = tree.ok_or(Truncated)?;
            // Functions of WASI 0.2 block, so the future is complete at the first poll.
            while let Some(piece) = at_once(generated.next(tree)).ok_or(Truncated)?? {
                write(&to, &piece)?;
            }
            Ok(())
        }
    }
}

/// Copies the span of a file, even if the file has grown.
fn pump(file: &PreopenedFile, span: Span, to: &OutputStream) -> Result<(), Truncated> {
    let from = file.descriptor.read_via_stream(span.start).map_err(|_| Truncated)?;
    let mut left = span.length();
    while left > 0 {
        let block = from.blocking_read(left.min(BLOCK)).map_err(|error| {
            // `Closed` is not logged: the file has shrunk.
            if let StreamError::LastOperationFailed(error) = error {
                log_error(&format_args!("cannot read: {}", error.to_debug_string()));
            }
            Truncated
        })?;
        write(to, &block)?;
        left = left.saturating_sub(u64::try_from(block.len()).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Writes all bytes, in the amounts that the host permits. `splice` hangs in some hosts, and blocking writes are
/// limited to 4 KiB.
fn write(to: &OutputStream, mut bytes: &[u8]) -> Result<(), Truncated> {
    while !bytes.is_empty() {
        let permitted = usize::try_from(to.check_write().map_err(|_| Truncated)?).unwrap_or(usize::MAX);
        let Some((now, later)) = bytes.split_at_checked(permitted.min(bytes.len())) else { return Err(Truncated) };
        if now.is_empty() {
            to.subscribe().block();
        } else {
            to.write(now).map_err(|_| Truncated)?;
        }
        bytes = later;
    }
    to.blocking_flush().map_err(|_| Truncated)
}
