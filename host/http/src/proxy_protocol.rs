//! The PROXY protocol, versions 1 and 2 (HAProxy, `proxy-protocol.txt`): a header in front of the first byte of the
//! client. Reads no byte behind it.

use crate::connection_context::ConnectionContext;
use crate::handler::Handler;
use crate::raw_response::raw_response;
use crate::shutdown::last_call;
use crate::write_timeout::HasWriteTimeout;
use http::StatusCode;
use ppp::{HeaderResult, v1, v2};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::info;

/// First bytes of version 2. No request of HTTP starts with them.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Maximum length of a header of version 1, with its line break.
const MAX_LINE: usize = 107;
/// Maximum length of a header of version 2 behind its length field: addresses and extensions.
const MAX_REST: usize = 4096;

/// Why a proxy sent no header.
#[derive(Debug, thiserror::Error)]
enum ProxyHeaderError {
    #[error("invalid header")]
    Invalid,
    #[error("no header within the timeout")]
    Timeout,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads the header of a trusted proxy and sets the address of the client. Other peers send no header.
///
/// Returns `None` if the header is invalid (after a response with status 400), if it does not arrive within `timeout`,
/// or if the server shuts down.
pub async fn accept_proxy_header<S, H>(
    stream: &mut S,
    context: ConnectionContext<H>,
    timeout: Duration,
    closing: watch::Receiver<bool>,
) -> Option<ConnectionContext<H>>
where
    S: HasWriteTimeout,
    H: Handler,
{
    if !context.trusted_proxies.contains(context.peer) {
        return Some(context);
    }
    let client = tokio::select! {
        client = read_client(stream, timeout) => client,
        () = last_call(closing) => return None,
    };
    match client {
        Ok(Some(client)) => Some(context.with_peer(client.to_canonical())),
        Ok(None) => Some(context),
        Err(ProxyHeaderError::Invalid) => {
            info!("connection refused: {}: no header of the PROXY protocol from a trusted proxy", context.peer);
            let status = StatusCode::BAD_REQUEST;
            let response = raw_response(context.version, status, "");
            // Does not wait for the client.
            let _ = poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_write(cx, response.as_bytes()))).await;
            context.log_without_request(status);
            None
        }
        // A health check that only opens the connection is not an error.
        Err(ProxyHeaderError::Timeout | ProxyHeaderError::Io(_)) => None,
    }
}

/// Returns the address of the client, or `None` if the proxy names none or connects for itself.
async fn read_client(
    stream: &mut (impl AsyncRead + Unpin),
    duration: Duration,
) -> Result<Option<IpAddr>, ProxyHeaderError> {
    let header = timeout(duration, read_header(stream)).await.map_err(|_| ProxyHeaderError::Timeout)??;
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => Some(addresses.source_address.into()),
            (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => Some(addresses.source_address.into()),
            _ => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(ProxyHeaderError::Invalid),
    }
}

/// Reads the bytes of a header. The shortest header is longer than [`SIGNATURE`].
async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ProxyHeaderError> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        let command_and_family = stream.read_u16().await?;
        let length = stream.read_u16().await?;
        if usize::from(length) > MAX_REST {
            return Err(ProxyHeaderError::Invalid);
        }
        let mut rest = vec![0; usize::from(length)];
        stream.read_exact(&mut rest).await?;
        header.extend_from_slice(&command_and_family.to_be_bytes());
        header.extend_from_slice(&length.to_be_bytes());
        header.append(&mut rest);
        return Ok(header);
    }
    // One byte at a time, because the first request may follow the line.
    while header.starts_with(b"PROXY ") && !header.ends_with(b"\r\n") && header.len() < MAX_LINE {
        header.push(stream.read_u8().await?);
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use crate::proxy_protocol::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn binary(kind: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[kind, family][..], &length, addresses].concat()
    }

    /// The client that a header names, and the bytes that are left to read.
    async fn read(header: &[u8]) -> (Result<Option<IpAddr>, ProxyHeaderError>, Vec<u8>) {
        let bytes = [header, b"GET /"].concat();
        let mut stream = bytes.as_slice();
        (read_client(&mut stream, TIMEOUT).await, stream.to_vec())
    }

    #[tokio::test]
    async fn each_version_names_the_client() {
        let v4 = [192, 0, 2, 1, 127, 0, 0, 1, 0, 9, 0, 80];
        let v6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 16], &[0, 9, 0, 80]].concat();
        let rows = [
            (b"PROXY TCP4 192.0.2.1 127.0.0.1 9 80\r\n".to_vec(), Some("192.0.2.1")),
            (b"PROXY TCP6 2001:db8::7 ::1 9 80\r\n".to_vec(), Some("2001:db8::7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (binary(0x21, 0x11, &v4), Some("192.0.2.1")),
            (binary(0x21, 0x21, &v6), Some("2001:db8::7")),
            (binary(0x21, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat()), Some("192.0.2.1")),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x20, 0x11, &v4), None),
        ];
        for (header, expected) in rows {
            let (client, left) = read(&header).await;
            assert_eq!(client.unwrap(), expected.map(|client| client.parse().unwrap()), "{}", header.escape_ascii());
            assert_eq!(left, b"GET /", "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn invalid_headers_are_rejected() {
        let rows = [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.256 127.0.0.1 9 80\r\n".to_vec(),
            [b"PROXY ".to_vec(), vec![b'a'; 200]].concat(),
            binary(0x31, 0x11, &[0; 12]),
            binary(0x21, 0x11, &[0; 4]),
            binary(0x21, 0x11, &vec![0; MAX_REST + 1]),
        ];
        for header in rows {
            assert!(read(&header).await.0.is_err(), "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_silent_proxy_times_out() {
        let (_other, mut stream) = tokio::io::duplex(64);
        let error = read_client(&mut stream, Duration::from_millis(1)).await.unwrap_err();
        assert!(matches!(error, ProxyHeaderError::Timeout), "{error}");
    }
}
