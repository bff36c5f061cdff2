//! Sends a reply as a `wasi:http/types@0.3.response`. It refuses to know why it is the reply.

use glasshouse_core::config::BodyPath;
use glasshouse_core::encode::Encoder;
use glasshouse_core::multipart::Multipart;
use glasshouse_core::{Passage, Reply, Request, Span};
use wasip3::filesystem::types::Descriptor;
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamReader, StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

/// Bytes that are read from a file at once where they pass through here: few calls, and little memory for each of the
/// clients that an instance may be serving.
const BLOCK: usize = 128 << 10;

/// The client is gone, or the file has shrunk: the content ends here, and the host, which was told its length, cuts the
/// connection.
struct Cut;

/// Turns a reply into a response. Its content, if it has any, is sent by a task that outlives the call.
pub fn send(reply: Reply<Descriptor>, request: &Request, body: BodyPath) -> Result<Response, ErrorCode> {
    let (head, passage) = reply.write(request.method);
    let fields = Fields::from_list(&head.fields).map_err(|_| ErrorCode::InternalError(None))?;
    let response = match (passage, body) {
        (Passage::Nothing, _) => respond(fields, None).0,
        (Passage::File(file, span), BodyPath::Direct) => {
            // The host takes the stream apart into file, offset and the announced length. It has nothing to say here.
            respond(fields, Some(file.read_via_stream(span.start).0)).0
        }
        (passage, _) => stream(fields, passage),
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

/// A response whose content passes through here. The task waits for the transmission to end: a host may take an
/// instance without tasks for idle and end it, and the content with it.
fn stream(fields: Fields, passage: Passage<Descriptor>) -> Response {
    let (mut to, content) = wit_stream::new();
    let (response, transmitted) = respond(fields, Some(content));
    spawn_local(async move {
        // A cut is seen by the host, which misses bytes.
        let _ = transmit(passage, &mut to).await;
        drop(to);
        transmitted.await;
    });
    response
}

async fn transmit(passage: Passage<Descriptor>, to: &mut StreamWriter<u8>) -> Result<(), Cut> {
    match passage {
        Passage::Nothing => Ok(()),
        Passage::Bytes(bytes) => write(bytes, to).await.map(drop),
        Passage::File(file, span) => pump(&file, span, None, to).await,
        Passage::Encoded(file, span, coding) => {
            let mut encoder = Encoder::new(coding).ok_or(Cut)?;
            pump(&file, span, Some(&mut encoder), to).await?;
            write(encoder.finish(), to).await.map(drop)
        }
        Passage::Parts(file, Multipart { parts, end, .. }) => {
            for part in parts {
                write(part.head, to).await?;
                pump(&file, part.span, None, to).await?;
            }
            write(end, to).await.map(drop)
        }
    }
}

/// Sends the span and not a byte more, should the file have grown.
async fn pump(
    file: &Descriptor,
    span: Span,
    mut encoder: Option<&mut Encoder>,
    to: &mut StreamWriter<u8>,
) -> Result<(), Cut> {
    let (mut from, _) = file.read_via_stream(span.start);
    let mut left = span.length();
    let mut block = Vec::with_capacity(BLOCK);
    while left > 0 {
        let (_, mut read) = from.read(block).await;
        read.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if read.is_empty() {
            return Err(Cut);
        }
        left = left.saturating_sub(u64::try_from(read.len()).unwrap_or(u64::MAX));
        block = match &mut encoder {
            None => write(read, to).await?,
            Some(encoder) => {
                write(encoder.push(&read), to).await?;
                read.clear();
                read
            }
        };
    }
    Ok(())
}

/// Writes all bytes, and gives their memory back.
async fn write(bytes: Vec<u8>, to: &mut StreamWriter<u8>) -> Result<Vec<u8>, Cut> {
    let rest = to.write_all(bytes).await;
    if rest.is_empty() { Ok(rest) } else { Err(Cut) }
}
