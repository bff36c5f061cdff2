//! An HTTP/2 client with one connection and one request at a time. [`super::frames`] has raw frames.

use crate::support::certs;
use crate::support::client::{HttpResponse, ResponseHead, TIMEOUT};
use h2::RecvStream;
use h2::client::{self, SendRequest};
use http::{Method, Request, Uri};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// A connection, which a task drives while something is asked.
pub struct Http2Client {
    runtime: Runtime,
    sender: SendRequest<&'static [u8]>,
    /// Answers that began and are not read.
    begun: Vec<RecvStream>,
}

impl Http2Client {
    /// Connects over TLS; the server must choose HTTP/2.
    #[track_caller]
    pub fn secure(address: SocketAddr) -> Http2Client {
        let runtime = Builder::new_current_thread().enable_all().build().expect("the system has a poller");
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the announced address accepts connections");
            let connector = TlsConnector::from(Arc::clone(&certs::client(&[b"h2"])));
            let stream = connector.connect(address.ip().into(), stream).await.expect("a handshake");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
            let (sender, connection) = client::Builder::new().handshake(stream).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender
        });
        Http2Client { runtime, sender, begun: Vec::new() }
    }

    /// Asks for what is at a path, and takes no more than the head of the answer, which stays open as long as this.
    /// Returns its status.
    #[track_caller]
    pub fn begin(&mut self, path: &str) -> u16 {
        let uri = Uri::builder().scheme("https").authority("localhost").path_and_query(path).build();
        let request = Request::get(uri.expect("a path is a path")).body(()).expect("a request");
        let sender = self.sender.clone();
        let asked = async move {
            let mut sender = sender.ready().await?;
            sender.send_request(request, true)?.0.await
        };
        let answered = self.runtime.block_on(async { timeout(TIMEOUT, asked).await });
        let answer = answered.expect("it comes in time").expect("an answer begins");
        let status = answer.status().as_u16();
        self.begun.push(answer.into_body());
        status
    }

    /// # Errors
    /// A request that cannot be written in HTTP/2, and an answer that did not come whole.
    pub fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Result<HttpResponse, String> {
        let reported = |error: &dyn std::error::Error| error.to_string();
        let path =
            if target.starts_with('/') || target == "*" { target } else { return self.ask_absolute(method, target) };
        let uri = Uri::builder().scheme("https").authority("localhost").path_and_query(path).build();
        let mut request = Request::builder().method(method).uri(uri.map_err(|error| reported(&error))?);
        for (name, value) in fields {
            request = request.header(*name, value.as_bytes());
        }
        self.send(request.body(()).map_err(|error| reported(&error))?)
    }

    /// HTTP/2 has no absolute form: its parts are separate fields.
    fn ask_absolute(&mut self, method: &str, target: &str) -> Result<HttpResponse, String> {
        let request = Request::builder().method(method).uri(target).body(()).map_err(|error| error.to_string())?;
        self.send(request)
    }

    fn send(&mut self, request: Request<()>) -> Result<HttpResponse, String> {
        let is_head = request.method() == Method::HEAD;
        let sender = self.sender.clone();
        let asked = async move {
            let mut sender = sender.ready().await?;
            let (response, _) = sender.send_request(request, true)?;
            let (parts, mut content) = response.await?.into_parts();
            let mut body = Vec::new();
            while let Some(data) = content.data().await {
                let data = data?;
                content.flow_control().release_capacity(data.len())?;
                body.extend_from_slice(&data);
            }
            Ok::<_, h2::Error>((parts, body))
        };
        let answered = self.runtime.block_on(async { timeout(TIMEOUT, asked).await });
        let (parts, body) = answered.map_err(|late| late.to_string())?.map_err(|error| error.to_string())?;
        assert!(!is_head || body.is_empty(), "HEAD has no content");
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let fields = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let head = ResponseHead { version: "HTTP/2.0".into(), status: parts.status.as_u16(), fields };
        Ok(HttpResponse { head, body })
    }
}
