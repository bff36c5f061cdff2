//! What a proxy says before the first byte of its client: the PROXY protocol, versions 1 and 2, as HAProxy describes it. It refuses
//! to take a byte more than that, and to judge who may say it.

use crate::connection::last_call;
use crate::raw_response::raw_response;
use crate::service::{ConnectionContext, Handler};
use crate::write_timeout::HasWriteTimeout;
use http::StatusCode;
use ppp::{HeaderResult, v1, v2};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::info;

/// The first bytes of version 2, which no version of HTTP begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, its end included.
const LINE: usize = 107;
/// The most that version 2 may have behind its length: addresses, and what proxies like to add.
const REST: usize = 4096;

/// Lets a proxy that is believed say who its client is; anybody else begins with a request. `None` where it says something else,
/// which is answered with 400, or nothing in time, or nothing before the server closes.
pub async fn introduce<S, A>(
    stream: &mut S,
    exchange: ConnectionContext<A>,
    patience: Duration,
    closing: watch::Receiver<bool>,
) -> Option<ConnectionContext<A>>
where
    S: HasWriteTimeout,
    A: Handler,
{
    if !exchange.trust.covers(exchange.peer) {
        return Some(exchange);
    }
    let told = tokio::select! {
        told = client(stream, patience) => told,
        () = last_call(closing) => return None,
    };
    match told {
        Ok(Some(client)) => Some(exchange.on_behalf_of(client.to_canonical())),
        Ok(None) => Some(exchange),
        Err(error) => {
            // Who only looks whether somebody listens says nothing, and is told nothing.
            if error.kind() == ErrorKind::InvalidData {
                let status = StatusCode::BAD_REQUEST;
                info!("{}: a trusted proxy sends no header of the PROXY protocol", exchange.peer);
                let answer = raw_response(exchange.version, status);
                // What cannot be sent at once is not.
                let _ =
                    poll_fn(|context| Poll::Ready(Pin::new(&mut *stream).poll_write(context, answer.as_bytes()))).await;
                exchange.log_unread(status);
            }
            None
        }
    }
}

/// The client that the proxy asks for; `None` where it asks for itself, or does not say.
///
/// # Errors
/// Something else was said, or nothing in time.
async fn client(stream: &mut (impl AsyncRead + Unpin), patience: Duration) -> io::Result<Option<IpAddr>> {
    let header = timeout(patience, read(stream)).await.map_err(|_| ErrorKind::TimedOut)??;
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
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(ErrorKind::InvalidData.into()),
    }
}

/// The bytes of a header, and none behind them. There are more than these in the shortest one.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        let kind = stream.read_u16().await?;
        let length = stream.read_u16().await?;
        let rest = usize::from(length);
        if rest > REST {
            return Err(ErrorKind::InvalidData.into());
        }
        header.extend_from_slice(&kind.to_be_bytes());
        header.extend_from_slice(&length.to_be_bytes());
        let begun = header.len();
        header.resize(begun + rest, 0);
        stream.read_exact(header.get_mut(begun..).unwrap_or_default()).await?;
        return Ok(header);
    }
    // One at a time: behind the line stands what is not read here.
    while header.starts_with(b"PROXY ") && !header.ends_with(b"\r\n") && header.len() < LINE {
        header.push(stream.read_u8().await?);
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use crate::proxy_protocol::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn binary(kind: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[kind, family][..], &length, addresses].concat()
    }

    /// Who is asked for, and what is left to read.
    async fn told(header: &[u8]) -> (io::Result<Option<IpAddr>>, Vec<u8>) {
        let bytes = [header, b"GET /"].concat();
        let mut stream = bytes.as_slice();
        (client(&mut stream, PATIENCE).await, stream.to_vec())
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
            let (client, left) = told(&header).await;
            assert_eq!(client.unwrap(), expected.map(|client| client.parse().unwrap()), "{}", header.escape_ascii());
            assert_eq!(left, b"GET /", "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let rows = [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.256 127.0.0.1 9 80\r\n".to_vec(),
            [b"PROXY ".to_vec(), vec![b'a'; 200]].concat(),
            binary(0x31, 0x11, &[0; 12]),
            binary(0x21, 0x11, &[0; 4]),
            binary(0x21, 0x11, &vec![0; REST + 1]),
        ];
        for header in rows {
            assert!(told(&header).await.0.is_err(), "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_silent_proxy_is_not_waited_for() {
        let (_other, mut stream) = tokio::io::duplex(64);
        let error = client(&mut stream, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
