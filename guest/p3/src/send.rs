//! Sends a reply as a `wasi:http/types@0.3.response`. It refuses to know why it is the reply.

use crate::tree::PreopenedTree;
use glasshouse_core::body::multipart::{Multipart, Part};
use glasshouse_core::body::{BLOCK, GeneratedBody, Source};
use glasshouse_core::config::BodyPath;
use glasshouse_core::http::target::encode;
use glasshouse_core::{Body, Head, PublicTree, Reply, Request, Span, Truncated};
use wasip3::filesystem::types::Descriptor;
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

/// Turns a reply into a response. Its content, if it has any, is sent by a task that outlives the call.
pub fn send(
    reply: Reply<Descriptor>,
    request: &Request,
    tree: Option<&'static PublicTree<PreopenedTree>>,
    body: BodyPath,
) -> Result<Response, ErrorCode> {
    let (Head { status, mut fields }, passage) = reply.write(request.method);
    let list = |fields: &[_]| Fields::from_list(fields).map_err(|_| ErrorCode::InternalError(None));
    let response = match (&passage, body) {
        (Body::Nothing, _) => leave(list(&fields)?, None),
        (Body::File(file, span), BodyPath::Direct) => leave(list(&fields)?, Some((file, span.start))),
        (Body::Generated(made), BodyPath::Direct)
            if let GeneratedBody { source: Source::Parts(file, multipart), coding: None, .. } = &**made =>
        {
            fields.extend(pieces(multipart));
            leave(list(&fields)?, Some((file, 0)))
        }
        _ => stream(list(&fields)?, passage, tree),
    };
    // It is 200 until something else is said.
    if status != 200 {
        response.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
    }
    Ok(response)
}

/// A response that nothing here has a part in any more: the host takes the stream apart into the file and what the fields
/// say of it.
fn leave(fields: Fields, content: Option<(&Descriptor, u64)>) -> Response {
    let (end, ending) = wit_future::new(|| Ok(None));
    let response = Response::new(fields, content.map(|(file, start)| file.read_via_stream(start).0), ending).0;
    // No sooner: by now the host has closed the other end, and there is nobody left to be told that there are no trailers.
    drop(end);
    response
}

/// The field in which the host is told a piece of the content, in the order in which they follow each other.
const PIECE: &str = "glasshouse-piece";

/// Several parts of a file, for a host that puts them together: bytes made here, percent-encoded, and bytes of the file.
fn pieces(multipart: &Multipart) -> impl Iterator<Item = (String, Vec<u8>)> {
    let text = |bytes: &[u8]| {
        let mut piece = String::from("text:");
        encode(&String::from_utf8_lossy(bytes), &mut piece);
        piece
    };
    let part = move |part: &Part| [text(&part.head), format!("file:{}-{}", part.span.start, part.span.end)];
    let pieces = multipart.parts.iter().flat_map(part).chain([text(&multipart.end)]);
    pieces.map(|piece| (PIECE.to_owned(), piece.into_bytes()))
}

/// A response whose content passes through here. The task waits for the transmission to end: a host may take an
/// instance without tasks for idle and end it, and the content with it.
fn stream(fields: Fields, passage: Body<Descriptor>, tree: Option<&'static PublicTree<PreopenedTree>>) -> Response {
    let (mut to, content) = wit_stream::new();
    // Content is complete when this task says so, and in no other way: where no length was announced, nothing else would
    // tell the client.
    let (end, ending) = wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
    let (response, transmitted) = Response::new(fields, Some(content), ending);
    spawn_local(async move {
        let sent = transmit(passage, tree, &mut to).await;
        drop(to);
        // A host that has no client any more does not listen.
        drop(end.write(sent.map(|()| None).map_err(|Truncated| ErrorCode::HttpResponseIncomplete)).await);
        drop(transmitted.await);
    });
    response
}

async fn transmit(
    passage: Body<Descriptor>,
    tree: Option<&PublicTree<PreopenedTree>>,
    to: &mut StreamWriter<u8>,
) -> Result<(), Truncated> {
    match passage {
        Body::Nothing => Ok(()),
        Body::Bytes(bytes) => write(bytes, to).await.map(drop),
        Body::File(file, span) => pump(&file, span, to).await,
        Body::Generated(mut made) => {
            let tree = tree.ok_or(Truncated)?;
            while let Some(piece) = made.next(tree).await? {
                write(piece, to).await?;
            }
            Ok(())
        }
    }
}

/// Sends the span and not a byte more, should the file have grown.
async fn pump(file: &Descriptor, span: Span, to: &mut StreamWriter<u8>) -> Result<(), Truncated> {
    let (mut from, _) = file.read_via_stream(span.start);
    let mut left = span.length();
    let mut block = Vec::with_capacity(usize::try_from(BLOCK).unwrap_or_default());
    while left > 0 {
        let (_, mut read) = from.read(block).await;
        read.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if read.is_empty() {
            return Err(Truncated);
        }
        left = left.saturating_sub(u64::try_from(read.len()).unwrap_or(u64::MAX));
        block = write(read, to).await?;
    }
    Ok(())
}

/// Writes all bytes, and gives their memory back.
async fn write(bytes: Vec<u8>, to: &mut StreamWriter<u8>) -> Result<Vec<u8>, Truncated> {
    let rest = to.write_all(bytes).await;
    if rest.is_empty() { Ok(rest) } else { Err(Truncated) }
}
