//! Sends a reply as a `response` of `wasi:http/types@0.3`.

use glasshouse_adapter::{OpenFile, SiteTree};
use glasshouse_core::body::inserted::Inserted;
use glasshouse_core::body::multipart::Part;
use glasshouse_core::body::{GeneratedBody, Source};
use glasshouse_core::config::BodyPath;
use glasshouse_core::{Body, Head, PublicTree, Reply, Request, Truncated};
use glasshouse_protocol::{CompleteResponse, Piece, RESPONSE, WHOLE_MAX};
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

/// Converts a reply to a response. A task that outlives the call writes the body. If the host expects that, a complete
/// response is appended to the fields of the request instead.
pub fn send(
    reply: Reply<OpenFile>,
    request: &Request,
    of_request: &Fields,
    tree: Option<&'static PublicTree<SiteTree>>,
    body: BodyPath,
) -> Result<Response, ErrorCode> {
    let (Head { status, fields }, content) = reply.write(request.method);
    if body == BodyPath::Direct
        && let Some(pieces) = pieces(&content)
        && let Some(response) = CompleteResponse::encode(status, &fields, &pieces)
        && of_request.append(RESPONSE, &response).is_ok()
    {
        // The host has the response.
        return Err(ErrorCode::InternalError(None));
    }
    let fields = Fields::from_list(&fields).map_err(|_| ErrorCode::InternalError(None))?;
    let response = match content {
        Body::Nothing => without_body(fields),
        content => stream(fields, content, tree),
    };
    // 200 is the default.
    if status != 200 {
        response.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
    }
    Ok(response)
}

/// The pieces of a body, for a host that assembles it. `None` if the handler must write it.
fn pieces(content: &Body<OpenFile>) -> Option<Vec<Piece<'_>>> {
    Some(match content {
        Body::Nothing => Vec::new(),
        Body::Bytes(bytes) if bytes.len() <= WHOLE_MAX => vec![Piece::Text(bytes)],
        Body::File(file, span) => vec![file.piece(*span)?],
        Body::Generated(generated) => match &**generated {
            GeneratedBody { source: Source::Parts(file, multipart), coding: None, .. } => {
                let mut pieces = Vec::new();
                for Part { head, span } in &multipart.parts {
                    pieces.push(Piece::Text(head));
                    pieces.push(file.piece(*span)?);
                }
                pieces.push(Piece::Text(&multipart.end));
                pieces
            }
            GeneratedBody { source: Source::Inserted(file, inserted), coding: None, .. } => {
                let Inserted { before, text, after } = inserted;
                let mut pieces = vec![Piece::Text(text)];
                if before.length() > 0 {
                    pieces.insert(0, file.piece(*before)?);
                }
                if after.length() > 0 {
                    pieces.push(file.piece(*after)?);
                }
                pieces
            }
            _ => return None,
        },
        Body::Bytes(_) => return None,
    })
}

fn without_body(fields: Fields) -> Response {
    let (end, ending) = wit_future::new(|| Ok(None));
    let response = Response::new(fields, None, ending).0;
    // Not earlier: the host has now closed the other end, so dropping this one does not wake it.
    drop(end);
    response
}

/// A response whose body the handler writes. The task waits until the transmission ends, because a host may end an
/// instance without tasks, and its body with it.
fn stream(fields: Fields, content: Body<OpenFile>, tree: Option<&'static PublicTree<SiteTree>>) -> Response {
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
    tree: Option<&PublicTree<SiteTree>>,
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
