//! Clients that stop reading at any byte. Every wait for such a client ends, wherever its bytes are: in the response,
//! in TLS records, or in the socket.

use super::effort;
use crate::http::hostile_clients::serve_with;
use crate::support::certs;
use crate::support::client::{TIMEOUT, get, request};
use crate::support::clock;
use crate::support::proc::{descriptors, descriptors_return, listeners, unread_responses};
use crate::support::server::TestServer;
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use rustls::{ClientConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const LIMITS: [&str; 6] = ["--send-timeout", "1s", "--idle-timeout", "2s", "--header-timeout", "2s"];

/// A connection whose client has little room for what it does not read.
#[track_caller]
fn narrow(address: SocketAddr) -> TcpStream {
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket can be made");
    sockopt::set_socket_recv_buffer_size(&stream, 2048).expect("room can be taken");
    connect(&stream, &address).expect("the server accepts");
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    stream
}

/// A client of HTTP/1.1 over TLS that asks for so much of the long file, and then reads nothing.
#[track_caller]
fn stalled(server: &TestServer, bytes: u64) -> StreamOwned<ClientConnection, TcpStream> {
    let client = ClientConnection::new(certs::client(&[]), server.address().ip().into()).expect("an address is a name");
    let mut stream = StreamOwned::new(client, narrow(server.address()));
    let range = format!("bytes=0-{}", bytes - 1);
    stream.write_all(&request("GET", "/long", &[("Range", &range)])).expect("the server reads");
    stream
}

/// A response that exceeds the buffers of the kernel by less than the buffer of TLS counts as written. The flush waits
/// then, and later the end of the connection.
#[test]
fn a_client_of_tls_that_stops_at_any_byte_is_given_up() {
    const STEP: u64 = 16 << 10;
    let pair = certs::pair();
    let [cert, key] = [&pair.cert, &pair.key].map(|path| path.to_str().expect("the path is UTF-8"));
    let (_place, server) = serve_with(&[&["--tls-cert", cert, "--tls-key", key][..], &LIMITS].concat());
    let before = descriptors(&server);
    let whole = stalled(&server, 64 << 20);
    let room = clock::wait_for_stable("what the kernel holds", || unread_responses(&server));
    drop(whole);
    descriptors_return(&server, before);
    // From what fits into the kernel to what fits nowhere.
    let sizes = (0..16).map(|step| (room + step * STEP).saturating_sub(6 * STEP));
    let held: Vec<_> = (0..effort(2, 20)).flat_map(|_| sizes.clone()).map(|bytes| stalled(&server, bytes)).collect();
    // The limits pass, and some time for a machine that is busy.
    let most = before.unwrap_or(usize::MAX).saturating_add(4);
    let open = || descriptors(&server).unwrap_or_default();
    let closed = clock::poll(Duration::from_secs(10), || (open() <= most).then_some(()));
    assert!(closed.is_some(), "{} descriptors of {} clients are still open: {before:?}", open(), held.len());
    drop(held);
}

/// A client that reads slowly is waited for, longer than any of the limits: also for what TLS has taken already.
#[test]
fn a_slow_client_of_tls_gets_all_of_it() {
    const SIZE: u64 = 6 << 20;
    // Bytes in a second. The server sees progress whenever a third of what the kernel holds has been read.
    const RATE: f64 = 1_200_000.0;
    let pair = certs::pair();
    let [cert, key] = [&pair.cert, &pair.key].map(|path| path.to_str().expect("the path is UTF-8"));
    let limits = ["--send-timeout", "4s", "--idle-timeout", "2s", "--header-timeout", "2s"];
    let (_place, server) = serve_with(&[&["--tls-cert", cert, "--tls-key", key][..], &limits].concat());
    let mut client = stalled(&server, SIZE);
    let (mut got, began) = (Vec::new(), Instant::now());
    let mut block = vec![0; 64 << 10];
    let mut left = None;
    while left != Some(0) {
        let read = client.read(&mut block).expect("a client that reads is not cut");
        assert!(read > 0, "cut after {} bytes", got.len());
        got.extend_from_slice(&block[..read]);
        let head = got.windows(4).take(4096).position(|four| four == b"\r\n\r\n").map(|at| at as u64 + 4);
        left = head.map(|head| (head + SIZE).saturating_sub(got.len() as u64));
        let due = Duration::from_secs_f64(got.len() as f64 / RATE);
        clock::wait_until(began + due);
    }
    assert!(began.elapsed() > Duration::from_secs(4), "it was slow");
}

/// The same for what is written in the clear, and for the address from which clients are sent to the one with TLS.
#[test]
fn a_client_that_only_asks_is_given_up_wherever_it_connects() {
    let pair = certs::pair();
    let [cert, key] = [&pair.cert, &pair.key].map(|path| path.to_str().expect("the path is UTF-8"));
    let redirecting = ["--tls-cert", cert, "--tls-key", key, "--redirect-http", "0"];
    for arguments in [&redirecting[..], &[]] {
        let (_place, server) = serve_with(&[arguments, &LIMITS].concat());
        let own = server.address().port();
        let other = listeners(&server).into_iter().map(|(port, _)| port).find(|port| *port != own);
        assert_eq!(other.is_some(), !arguments.is_empty(), "one port, or two");
        let address = SocketAddr::new(server.address().ip(), other.unwrap_or(own));
        let before = descriptors(&server);
        let clients: Vec<_> = (0..effort(4, 40))
            .map(|_| {
                let mut client = narrow(address);
                client.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout can be set");
                let asking = request("GET", "/hello.txt", &[]).repeat(64);
                while client.write_all(&asking).is_ok() {}
                client
            })
            .collect();
        descriptors_return(&server, before);
        drop(clients);
        if arguments.is_empty() {
            assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
        }
    }
}
