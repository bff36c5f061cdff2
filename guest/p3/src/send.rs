//! Sends a reply as a `response` of `wasi:http/types@0.3`.

use crate::tree::PreopenedTree;
use glasshouse_core::body::multipart::{Multipart, Part};
use glasshouse_core::body::{BLOCK, GeneratedBody, Source};
use glasshouse_core::config::BodyPath;
use glasshouse_core::{Body, Head, PublicTree, Reply, Request, Span, Truncated};
use glasshouse_protocol::{PIECE_HEADER, Piece};
use wasip3::filesystem::types::Descriptor;
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

/// Converts a reply to a response. A task that outlives the call writes the body.
pub fn send(
    reply: Reply<Descriptor>,
    request: &Request,
    tree: Option<&'static PublicTree<PreopenedTree>>,
    body: BodyPath,
) -> Result<Response, ErrorCode> {
    let (Head { status, mut fields }, content) = reply.write(request.method);
    let list = |fields: &[_]| Fields::from_list(fields).map_err(|_| ErrorCode::InternalError(None));
    let response = match (&content, body) {
        (Body::Nothing, _) => hand_off(list(&fields)?, None),
        (Body::File(file, span), BodyPath::Direct) => hand_off(list(&fields)?, Some((file, span.start))),
        (Body::Generated(generated), BodyPath::Direct)
            if let GeneratedBody { source: Source::Parts(file, multipart), coding: None, .. } = &**generated =>
        {
            fields.extend(pieces(multipart));
            hand_off(list(&fields)?, Some((file, 0)))
        }
        _ => stream(list(&fields)?, content, tree),
    };
    // 200 is the default.
    if status != 200 {
        response.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
    }
    Ok(response)
}

/// A response that no longer needs the handler: the host takes the file out of the stream.
fn hand_off(fields: Fields, content: Option<(&Descriptor, u64)>) -> Response {
    let (end, ending) = wit_future::new(|| Ok(None));
    let response = Response::new(fields, content.map(|(file, start)| file.read_via_stream(start).0), ending).0;
    // Not earlier: the host has now closed the other end, so dropping this one does not wake it.
    drop(end);
    response
}

/// A multipart body as header lines, for a host that assembles it.
fn pieces(multipart: &Multipart) -> impl Iterator<Item = (String, Vec<u8>)> {
    let of_part = |Part { head, span }: &'_ Part| {
        [Piece::Text(head.as_slice().into()).encode(), Piece::File { start: span.start, end: span.end }.encode()]
    };
    let end = Piece::Text(multipart.end.as_slice().into()).encode();
    let pieces = multipart.parts.iter().flat_map(of_part).chain([end]);
    pieces.map(|piece| (PIECE_HEADER.to_owned(), piece.into_bytes()))
}

/// A response whose body the handler writes. The task waits until the transmission ends, because a host may end an
/// instance without tasks, and its body with it.
fn stream(fields: Fields, content: Body<Descriptor>, tree: Option<&'static PublicTree<PreopenedTree>>) -> Response {
    let (mut to, reader) = wit_stream::new();
    // The default is an error, so the body is complete only if the task reports it. Without an announced length the
    // client could not detect a truncated body.
    let (end, ending) = wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
    let (response, transmitted) = Response::new(fields, Some(reader), ending);
    spawn_local(async move {
        let sent = transmit(content, tree, &mut to).await;
        drop(to);
        // Fails if the client has disconnected.
        drop(end.write(sent.map(|()| None).map_err(|Truncated| ErrorCode::HttpResponseIncomplete)).await);
        drop(transmitted.await);
    });
    response
}

async fn transmit(
    content: Body<Descriptor>,
    tree: Option<&PublicTree<PreopenedTree>>,
    to: &mut StreamWriter<u8>,
) -> Result<(), Truncated> {
    match content {
        Body::Nothing => Ok(()),
        Body::Bytes(bytes) => write(bytes, to).await.map(drop),
        Body::File(file, span) => pump(&file, span, to).await,
        Body::Generated(mut generated) => {
            let tree = tree.ok_or(Truncated)?;
            while let Some(piece) = generated.next(tree).await? {
                write(piece, to).await?;
            }
            Ok(())
        }
    }
}

/// Copies the span of a file, even if the file has grown.
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

/// Writes all bytes. Returns their memory, to use it again.
async fn write(bytes: Vec<u8>, to: &mut StreamWriter<u8>) -> Result<Vec<u8>, Truncated> {
    let rest = to.write_all(bytes).await;
    if rest.is_empty() { Ok(rest) } else { Err(Truncated) }
}
