//! Sends a reply through a `wasi:http/types@0.2.response-outparam`. It refuses to know why it is the reply.

use crate::tree::PreopenedTree;
use glasshouse_adapter::complain;
use glasshouse_core::{Body, PublicTree, Reply, Request, Span, Truncated, at_once};
use wasi::filesystem::types::Descriptor;
use wasi::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

/// Bytes that are asked of a file at once; hosts give no more than this.
const BLOCK: u64 = 64 << 10;

/// Sends a reply, its content included: an instance of WASI 0.2 is busy until the client has it.
pub fn send(
    reply: Reply<Descriptor>,
    request: &Request,
    tree: Option<&PublicTree<PreopenedTree>>,
    out: ResponseOutparam,
) {
    let (head, passage) = reply.write(request.method);
    let Ok(fields) = Fields::from_list(&head.fields) else { return fail(out) };
    let response = OutgoingResponse::new(fields);
    if response.set_status_code(head.status).is_err() {
        return fail(out);
    }
    // Some hosts need the body to be taken before the response is given away.
    let Ok(body) = response.body() else { return fail(out) };
    ResponseOutparam::set(out, Ok(response));
    if transmit(&body, passage, tree).is_ok() {
        // An error here means that the length was not met; the host cuts the connection by itself.
        drop(OutgoingBody::finish(body, None));
    }
    // A body that is dropped unfinished tells the host that the content is incomplete.
}

fn fail(out: ResponseOutparam) {
    ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
}

fn transmit(
    body: &OutgoingBody,
    passage: Body<Descriptor>,
    tree: Option<&PublicTree<PreopenedTree>>,
) -> Result<(), Truncated> {
    if let Body::Nothing = passage {
        return Ok(());
    }
    let to = body.write().map_err(|()| Truncated)?;
    match passage {
        Body::Nothing => Ok(()),
        Body::Bytes(bytes) => write(&to, &bytes),
        Body::File(file, span) => pump(&file, span, &to),
        Body::Generated(mut made) => {
            let tree = tree.ok_or(Truncated)?;
            // WASI 0.2 never lets it wait.
            while let Some(piece) = at_once(made.next(tree)).ok_or(Truncated)?? {
                write(&to, &piece)?;
            }
            Ok(())
        }
    }
}

/// Hands on the span and not a byte more, should the file have grown.
fn pump(file: &Descriptor, span: Span, to: &OutputStream) -> Result<(), Truncated> {
    let from = file.read_via_stream(span.start).map_err(|_| Truncated)?;
    let mut left = span.length();
    while left > 0 {
        let block = from.blocking_read(left.min(BLOCK)).map_err(|error| {
            // The end of a file that has shrunk is no more than a pity.
            if let StreamError::LastOperationFailed(error) = error {
                complain(&format_args!("cannot read: {}", error.to_debug_string()));
            }
            Truncated
        })?;
        write(to, &block)?;
        left = left.saturating_sub(u64::try_from(block.len()).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Writes all bytes in the portions that the host permits. Portable: splicing hangs in some hosts, and the blocking
/// writes of WASI take 4 KiB.
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
