//! Sends a reply as a `response` of `wasi:http/types@0.3`.

use glasshouse_adapter::{OpenFile, PreopenedTree};
use glasshouse_core::body::multipart::{Multipart, Part};
use glasshouse_core::body::{GeneratedBody, Source};
use glasshouse_core::config::BodyPath;
use glasshouse_core::{Body, Head, PublicTree, Reply, Request, Truncated};
use glasshouse_protocol::{PIECE, Piece, WHOLE_MAX};
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

/// Converts a reply to a response. A task that outlives the call writes the body.
pub fn send(
    reply: Reply<OpenFile>,
    request: &Request,
    tree: Option<&'static PublicTree<PreopenedTree>>,
    body: BodyPath,
) -> Result<Response, ErrorCode> {
    let (Head { status, mut fields }, content) = reply.write(request.method);
    let list = |fields: &[_]| Fields::from_list(fields).map_err(|_| ErrorCode::InternalError(None));
    let response = match (&content, body) {
        (Body::Nothing, _) => hand_off(list(&fields)?),
        (Body::Bytes(bytes), BodyPath::Direct) if bytes.len() <= WHOLE_MAX => {
            fields.push(entry(Piece::Text(bytes.into())));
            hand_off(list(&fields)?)
        }
        (Body::File(file, span), BodyPath::Direct) => {
            fields.push(entry(Piece::File { number: file.number, start: span.start, end: span.end }));
            hand_off(list(&fields)?)
        }
        (Body::Generated(generated), BodyPath::Direct)
            if let GeneratedBody { source: Source::Parts(file, multipart), coding: None, .. } = &**generated =>
        {
            fields.extend(pieces(file.number, multipart));
            hand_off(list(&fields)?)
        }
        _ => stream(list(&fields)?, content, tree),
    };
    // 200 is the default.
    if status != 200 {
        response.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
    }
    Ok(response)
}

/// A response that no longer needs the handler: it has no body, or the host has taken it out of the fields.
fn hand_off(fields: Fields) -> Response {
    let (end, ending) = wit_future::new(|| Ok(None));
    let response = Response::new(fields, None, ending).0;
    // Not earlier: the host has now closed the other end, so dropping this one does not wake it.
    drop(end);
    response
}

/// A multipart body, for a host that assembles it.
fn pieces(number: u64, multipart: &Multipart) -> impl Iterator<Item = (String, Vec<u8>)> {
    let of_part = move |Part { head, span }: &'_ Part| {
        [entry(Piece::Text(head.into())), entry(Piece::File { number, start: span.start, end: span.end })]
    };
    multipart.parts.iter().flat_map(of_part).chain([entry(Piece::Text((&multipart.end).into()))])
}

fn entry(piece: Piece) -> (String, Vec<u8>) {
    (PIECE.to_owned(), piece.encode())
}

/// A response whose body the handler writes. The task waits until the transmission ends, because a host may end an
/// instance without tasks, and its body with it.
fn stream(fields: Fields, content: Body<OpenFile>, tree: Option<&'static PublicTree<PreopenedTree>>) -> Response {
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
    content: Body<OpenFile>,
    tree: Option<&PublicTree<PreopenedTree>>,
    to: &mut StreamWriter<u8>,
) -> Result<(), Truncated> {
    let mut generated = match content {
        Body::Nothing => return Ok(()),
        Body::Bytes(bytes) => return write(bytes, to).await,
        Body::File(file, span) => Box::new(GeneratedBody::new(Source::Part(file, span), None)),
        Body::Generated(generated) => generated,
    };
    let tree = tree.ok_or(Truncated)?;
    while let Some(piece) = generated.next(tree).await? {
        write(piece, to).await?;
    }
    Ok(())
}

/// Writes all bytes.
async fn write(bytes: Vec<u8>, to: &mut StreamWriter<u8>) -> Result<(), Truncated> {
    if to.write_all(bytes).await.is_empty() { Ok(()) } else { Err(Truncated) }
}
