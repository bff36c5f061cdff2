//! A middleware for `wasi:http` 0.3. It adds a header to every response, and a line of text to whole HTML pages.
//!
//! If the client accepts HTML, it asks the next component for a whole response without an encoding, because it could
//! not rewrite a part of a page. It passes other requests on unchanged, so that downloads can resume.

mod bindings {
    //! The one interface that the crate `wasip3` does not import.
    wit_bindgen::generate!({
        inline: "
            package example:banner;

            world middleware {
                import wasi:http/handler@0.3.2;
            }
        ",
        path: [env!("WASIP3_WIT")],
        with: {
            "wasi:clocks/types@0.3.2": wasip3::clocks::types,
            "wasi:http/types@0.3.2": wasip3::http::types,
        },
        generate_all,
    });
}

use bindings::wasi::http::handler;
use wasip3::http::types::{ErrorCode, Fields, HeaderError, Request, Response};
use wasip3::wit_bindgen::{FutureReader, StreamReader, spawn_local};
use wasip3::{wit_future, wit_stream};

wasip3::http::service::export!(Banner);

struct Banner;

const BANNER: &[u8] = b"<p>This page passed a middleware.</p>";
/// Where the banner goes: before the end of the page.
const END: &[u8] = b"</body>";

/// The media type of a page.
const HTML: &[u8] = b"text/html";
/// Fields of a request for which the next component may send a part of a page, or an encoded one.
const PARTIAL: &[&str] = &["accept-encoding", "if-range", "range"];
/// Fields of a response that no longer hold for a page with another content.
const OF_CONTENT: &[&str] = &["accept-ranges", "content-length", "etag"];

impl wasip3::exports::http::handler::Guest for Banner {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let request = if accepts_html(&request.get_headers()) { whole(request)? } else { request };
        let response = handler::handle(request).await?;
        let fields = response.get_headers().clone();
        fields.set("x-middleware", &[b"banner".to_vec()]).map_err(internal)?;
        let status = response.get_status_code();
        let is_page = status == 200 && is_html(&fields) && !fields.has("content-encoding");
        // The next component learns that its body was read.
        let (_, read) = wit_future::new(|| Ok(()));
        let (body, trailers) = Response::consume_body(response, read);
        let response = match is_page {
            true => rewritten(fields, body, trailers)?,
            false => Response::new(fields, Some(body), trailers).0,
        };
        response.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
        Ok(response)
    }
}

/// Whether the client accepts pages by name. A client without the field accepts everything.
fn accepts_html(fields: &Fields) -> bool {
    let accepted = fields.get("accept");
    let names_html = |value: &Vec<u8>| value.to_ascii_lowercase().windows(HTML.len()).any(|window| window == HTML);
    accepted.is_empty() || accepted.iter().any(names_html)
}

/// The same request for the whole response.
fn whole(request: Request) -> Result<Request, ErrorCode> {
    let fields = request.get_headers().clone();
    for name in PARTIAL {
        fields.delete(name).map_err(internal)?;
    }
    let (method, path) = (request.get_method(), request.get_path_with_query());
    let (scheme, authority) = (request.get_scheme(), request.get_authority());
    let (_, read) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, read);
    let request = Request::new(fields, Some(body), trailers, None).0;
    let unchanged = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_method(&method).map_err(unchanged)?;
    request.set_path_with_query(path.as_deref()).map_err(unchanged)?;
    request.set_scheme(scheme.as_ref()).map_err(unchanged)?;
    request.set_authority(authority.as_deref()).map_err(unchanged)?;
    Ok(request)
}

fn is_html(fields: &Fields) -> bool {
    fields.get("content-type").first().is_some_and(|value| value.starts_with(HTML))
}

/// A page with the banner. A task writes it after the response was returned.
fn rewritten(
    fields: Fields,
    body: StreamReader<u8>,
    trailers: FutureReader<Result<Option<Fields>, ErrorCode>>,
) -> Result<Response, ErrorCode> {
    for name in OF_CONTENT {
        fields.delete(name).map_err(internal)?;
    }
    let (mut to, contents) = wit_stream::new();
    // Without a length, only the trailers tell the client that the page is complete.
    let (end, ending) = wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
    let response = Response::new(fields, Some(contents), ending).0;
    spawn_local(async move {
        let mut page = body.collect().await;
        if let Some(at) = page.windows(END.len()).rposition(|window| window == END) {
            page.splice(at..at, BANNER.iter().copied());
        }
        to.write_all(page).await;
        drop(to);
        let outcome = trailers.await;
        drop(end.write(outcome).await);
    });
    Ok(response)
}

fn internal(error: HeaderError) -> ErrorCode {
    ErrorCode::InternalError(Some(error.to_string()))
}
