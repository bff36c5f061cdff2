//! Tests of a service without a socket.

use crate::access_log::{Format, Log, Sink};
use crate::auth::Users;
use crate::hosts::Hosts;
use crate::limits::ClientLimits;
use crate::service::*;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

/// Answers by path, and records the requests.
#[derive(Default)]
struct PathHandler {
    requests: Mutex<Vec<Parts>>,
}

impl Handler for PathHandler {
    type Body = Full<Bytes>;

    fn call(
        &self,
        request: Parts,
        _: &Client,
    ) -> HandlerCall<Full<Bytes>, impl Future<Output = Result<Response<Full<Bytes>>, HandlerError>> + Send> {
        let path = request.uri.path().to_owned();
        self.requests.lock().unwrap().push(request);
        if path == "/cached" {
            return HandlerCall::Cached(Response::new(Full::from("cached")));
        }
        HandlerCall::Pending(async move {
            match path.as_str() {
                "/busy" => Err(HandlerError::Busy("too many".into())),
                "/limit" => Err(HandlerError::LimitExceeded("too long".into())),
                "/failed" => Err(HandlerError::Failed("trap".into())),
                "/missing" => Err(HandlerError::NotFound),
                "/no-content" | "/not-modified" => {
                    let mut response = Response::new(Full::from("none"));
                    response.headers_mut().insert(CONTENT_LENGTH, 4.into());
                    *response.status_mut() =
                        if path == "/no-content" { StatusCode::NO_CONTENT } else { StatusCode::NOT_MODIFIED };
                    Ok(response)
                }
                "/interim" => {
                    let mut response = Response::new(Full::default());
                    *response.status_mut() = StatusCode::CONTINUE;
                    Ok(response)
                }
                _ => Ok(Response::new(Full::from("pending"))),
            }
        })
    }
}

fn context() -> ConnectionContext<PathHandler> {
    let limits = ClientLimits {
        header_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(1),
        send_timeout: Duration::from_secs(1),
        max_content: 4,
        max_connections: 1,
        max_connections_per_address: 1,
    };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let log = Log::new(Format::Off, Sink::Stderr);
    ConnectionContext::new(PathHandler::default(), Version::HTTP_11, &limits, log, peer, Client::alone(peer))
}

/// A response, with its whole body.
async fn respond(
    context: &Arc<ConnectionContext<PathHandler>>,
    version: Version,
    request: http::request::Builder,
    body: &'static str,
) -> Response<Bytes> {
    let service = HttpService::new(Arc::clone(context), version);
    let request = request.version(version).body(Full::from(body)).unwrap();
    let (head, body) = service.respond(request).await.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn get(path: &str) -> http::request::Builder {
    Request::builder().uri(path).header(HOST, "localhost")
}

#[tokio::test]
async fn the_handler_is_called_once() {
    for (path, status, body) in [
        ("/cached", 200, "cached"),
        ("/pending", 200, "pending"),
        ("/missing", 404, "404 Not Found\n"),
        ("/limit", 503, "503 Service Unavailable\n"),
        ("/busy", 503, "503 Service Unavailable\n"),
        ("/failed", 500, "500 Internal Server Error\n"),
        ("/interim", 500, "500 Internal Server Error\n"),
    ] {
        let context = Arc::new(context());
        let response = respond(&context, Version::HTTP_11, get(path), "").await;
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (status, body.as_bytes()), "{path}");
        assert_eq!(response.headers().contains_key(RETRY_AFTER), path == "/busy", "{path}");
        assert!(!response.headers().contains_key(CONNECTION), "{path}");
        assert_eq!(context.handler.requests.lock().unwrap().len(), 1, "{path}");
    }
}

/// RFC 9110 6.4.1 and 8.6. Over HTTP/1 the length of the head decides, so the body has no effect.
#[tokio::test]
async fn responses_without_content_have_none() {
    for (path, length) in [("/no-content", None), ("/not-modified", Some("4"))] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let response = respond(&Arc::new(context()), version, get(path), "").await;
            let found = response.headers().get(CONTENT_LENGTH).map(|length| length.to_str().unwrap());
            assert_eq!(found, length, "{path} {version:?}");
            assert_eq!(response.body().is_empty(), version == Version::HTTP_2, "{path} {version:?}");
        }
    }
}

#[tokio::test]
async fn the_handler_is_not_called_for_a_rejected_request() {
    let context = Arc::new(context().with_hosts(Hosts::local_and([])));
    for (request, status) in [
        (get("/").header(HOST, "localhost"), 400),
        (Request::builder().uri("/"), 400),
        (Request::builder().uri("/").header(HOST, "example.com"), 421),
    ] {
        let response = respond(&context, Version::HTTP_11, request, "").await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()[CONNECTION], "close", "{status}");
    }
    assert!(context.handler.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn credentials_are_verified_and_removed() {
    const BCRYPT: &str = "$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6";
    let users = Users::parse(format!("a:{BCRYPT}").as_bytes()).unwrap();
    let context = Arc::new(context().with_users(Some(Arc::new(users))));
    // a:secret and a:wrong
    for (credentials, status) in [(None, 401), (Some("Basic YTp3cm9uZw=="), 401), (Some("Basic YTpzZWNyZXQ="), 200)] {
        let request = credentials.iter().fold(get("/pending"), |request, value| request.header(AUTHORIZATION, *value));
        let response = respond(&context, Version::HTTP_11, request, "").await;
        assert_eq!(response.status().as_u16(), status, "{credentials:?}");
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), status == 401, "{credentials:?}");
    }
    let requests = context.handler.requests.lock().unwrap();
    assert!(requests.len() == 1 && !requests[0].headers.contains_key(AUTHORIZATION), "{requests:?}");
}

#[tokio::test]
async fn a_long_request_body_ends_the_connection() {
    let context = Arc::new(context());
    for (body, is_kept) in [("1234", true), ("12345", false)] {
        let request = get("/pending").method(Method::POST).header(CONTENT_LENGTH, body.len());
        let response = respond(&context, Version::HTTP_11, request, body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(!response.headers().contains_key(CONNECTION), is_kept, "{body}");
    }
}

#[tokio::test]
async fn a_response_to_head_in_http2_has_a_length_and_no_body() {
    let context = Arc::new(context());
    let request = Request::builder().method(Method::HEAD).uri("https://localhost/pending");
    let response = respond(&context, Version::HTTP_2, request, "").await;
    assert_eq!((response.headers()[CONTENT_LENGTH].as_bytes(), response.body().len()), (&b"7"[..], 0));
    let requests = context.handler.requests.lock().unwrap();
    assert_eq!(
        (requests[0].uri.to_string().as_str(), requests[0].headers[HOST].as_bytes()),
        ("/pending", &b"localhost"[..])
    );
}
