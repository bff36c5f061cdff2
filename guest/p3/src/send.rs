//! Sends a reply as a `wasi:http/types@0.3.response`. It refuses to know why it is the reply.

use glasshouse_core::config::BodyPath;
use glasshouse_core::{Config, Passage, Reply, Request, Span};
use wasip3::filesystem::types::Descriptor;
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamReader, StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

/// Bytes that are read from a file at once where they pass through here: few calls, and little memory for each of the
/// clients that an instance may be serving.
const BLOCK: usize = 128 << 10;

/// Turns a reply into a response. Its content, if it has any, is sent by a task that outlives the call.
pub fn send(reply: Reply<Descriptor>, request: &Request, config: Option<&Config>) -> Result<Response, ErrorCode> {
    let (head, passage) = reply.write(request.method);
    let fields = Fields::from_list(&head.fields).map_err(|_| ErrorCode::InternalError(None))?;
    let response = match (passage, config.map(Config::body)) {
        (Passage::Nothing, _) => respond(fields, None).0,
        (Passage::File(file, span), Some(BodyPath::Direct)) => {
            // The host takes the stream apart into file, offset and the announced length. It has nothing to say here.
            respond(fields, Some(file.read_via_stream(span.start).0)).0
        }
        (Passage::File(file, span), _) => stream(fields, async move |to| pump(file, span, to).await),
        (Passage::Bytes(bytes), _) => stream(fields, async move |mut to| drop(to.write_all(bytes).await)),
    };
    response.set_status_code(head.status).map_err(|()| ErrorCode::InternalError(None))?;
    Ok(response)
}

/// A response without trailers, and how its transmission ends.
fn respond(fields: Fields, content: Option<StreamReader<u8>>) -> (Response, impl IntoFuture) {
    // The default that is sent when the writer is dropped: no trailers, no error.
    let (_, trailers) = wit_future::new(|| Ok(None));
    Response::new(fields, content, trailers)
}

/// A response whose content `write` writes. The task waits for the transmission to end: a host may take an instance
/// without tasks for idle and end it, and the content with it.
fn stream<W, F>(fields: Fields, write: W) -> Response
where
    W: FnOnce(StreamWriter<u8>) -> F + 'static,
    F: Future<Output = ()> + 'static,
{
    let (to, content) = wit_stream::new();
    let (response, transmitted) = respond(fields, Some(content));
    spawn_local(async move {
        write(to).await;
        transmitted.await;
    });
    response
}

/// Sends the span and not a byte more, should the file have grown. If it has shrunk, the content ends early, and the
/// host, which was told its length, cuts the connection.
async fn pump(file: Descriptor, span: Span, mut to: StreamWriter<u8>) {
    let (mut from, _) = file.read_via_stream(span.start);
    let mut left = span.end.saturating_sub(span.start);
    let mut block = Vec::with_capacity(BLOCK);
    while left > 0 {
        let (_, mut read) = from.read(block).await;
        read.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if read.is_empty() {
            return;
        }
        left = left.saturating_sub(u64::try_from(read.len()).unwrap_or(u64::MAX));
        block = to.write_all(read).await;
        if !block.is_empty() {
            // The client is gone.
            return;
        }
    }
}
