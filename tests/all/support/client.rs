//! A strict HTTP/1.1 client: it sends raw bytes, and returns the fields of a response in their order and with their
//! duplicates. A response that breaks RFC 9112 is an error.

use rustix::net::{self, AddressFamily, SocketType};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How long a server may be silent before it counts as hung.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// No server here sends a longer head; one that does is broken, and the client does not wait for its end.
const MAX_HEAD: u64 = 1 << 20;

/// A status line and the fields behind it.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    pub version: String,
    pub status: u16,
    pub fields: Vec<(String, String)>,
}

impl ResponseHead {
    /// The values of a field, in the order in which they were sent.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let same = move |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// The value of a field that was sent exactly once.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether the server announced that it closes the connection.
    pub fn closes(&self) -> bool {
        self.all("connection").any(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct HttpResponse {
    pub head: ResponseHead,
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How a body is delimited (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    Length(u64),
    Chunked,
    Close,
}

impl BodyFraming {
    /// # Errors
    /// Framing fields that contradict each other or cannot be read.
    pub fn of(method: &str, head: &ResponseHead) -> io::Result<BodyFraming> {
        let lengths: Vec<&str> = head.all("content-length").collect();
        let codings: Vec<&str> = head.all("transfer-encoding").collect();
        if method == "HEAD" || head.status < 200 || matches!(head.status, 204 | 304) {
            return Ok(BodyFraming::Length(0));
        }
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(BodyFraming::Close),
            ([], ["chunked"]) => Ok(BodyFraming::Chunked),
            ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().map(BodyFraming::Length).map_err(|_| broken(format!("Content-Length: {length}")))
            }
            _ => Err(broken(format!("Content-Length {lengths:?} and Transfer-Encoding {codings:?}"))),
        }
    }
}

/// Connects from an address of this machine's own.
#[track_caller]
pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> TcpStream {
    let connect = || -> io::Result<TcpStream> {
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        net::bind(&socket, &SocketAddr::from((source, 0)))?;
        net::connect(&socket, &address)?;
        Ok(socket.into())
    };
    with_timeouts(connect().expect("the announced address accepts connections"))
}

/// What a connection reads from and writes to.
trait Transport: Read + Write + Send {}

impl<T: Read + Write + Send> Transport for T {}

/// A connection to a server.
pub struct HttpConnection {
    stream: BufReader<Box<dyn Transport>>,
    /// The socket beneath.
    socket: TcpStream,
}

impl HttpConnection {
    /// Connects; a server that announced its address and does not accept is a failure of the test.
    #[track_caller]
    pub fn open(address: SocketAddr) -> HttpConnection {
        HttpConnection::plain(connect(address))
    }

    /// Connects from an address of this machine's own, such as 127.0.0.2.
    #[track_caller]
    pub fn open_from(source: Ipv4Addr, address: SocketAddr) -> HttpConnection {
        HttpConnection::plain(connect_from(source, address))
    }

    /// Connects, and goes on over TLS. The handshake comes with the first bytes that are sent or read.
    #[track_caller]
    pub fn secure(address: SocketAddr, config: Arc<ClientConfig>) -> HttpConnection {
        HttpConnection::secure_after(&[], address, config)
    }

    /// The same, with some bytes before the handshake, as a proxy may send.
    #[track_caller]
    pub fn secure_after(first: &[u8], address: SocketAddr, config: Arc<ClientConfig>) -> HttpConnection {
        let mut socket = connect(address);
        socket.write_all(first).expect("the server reads");
        let client = ClientConnection::new(config, address.ip().into()).expect("an address is a name");
        HttpConnection::over(StreamOwned::new(client, socket.try_clone().expect("there are descriptors")), socket)
    }

    #[track_caller]
    fn plain(socket: TcpStream) -> HttpConnection {
        HttpConnection::over(socket.try_clone().expect("there are descriptors"), socket)
    }

    fn over(wire: impl Transport + 'static, socket: TcpStream) -> HttpConnection {
        HttpConnection { stream: BufReader::with_capacity(64 << 10, Box::new(wire)), socket }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Says that nothing more will be sent, and still reads.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// How long to wait for bytes from now on.
    #[track_caller]
    pub fn wait_at_most(&self, time: Duration) {
        self.socket.set_read_timeout(Some(time)).expect("a timeout can be set");
    }

    /// Reads one head, an interim one (1xx) included; `None` where the connection was closed before its first byte.
    ///
    /// # Errors
    /// Time that ran out, a connection cut amid the head, and a head that is none.
    pub fn head(&mut self) -> io::Result<Option<ResponseHead>> {
        let Some(line) = self.line()? else { return Ok(None) };
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default().to_owned();
        let status = words.next().and_then(|status| status.parse().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(broken(format!("status line {line:?}")));
        };
        let mut head = ResponseHead { version, status, fields: Vec::new() };
        loop {
            let line = self.line()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            if line.is_empty() {
                return Ok(Some(head));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken(format!("field line {line:?}")))?;
            head.fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    /// Reads a body as it arrives, in portions of 1 MiB at most, and returns how many bytes there were.
    ///
    /// # Errors
    /// Time that ran out, and a body that ended before its announced end ([`io::ErrorKind::UnexpectedEof`]).
    pub fn body(&mut self, framing: BodyFraming, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
        match framing {
            BodyFraming::Length(length) => self.portion(length, &mut take),
            BodyFraming::Close => self.portion_or_end(u64::MAX, &mut take),
            BodyFraming::Chunked => {
                let mut total = 0;
                loop {
                    let line = self.line()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
                    let size = line.split(';').next().unwrap_or_default();
                    let size = u64::from_str_radix(size, 16).map_err(|_| broken(format!("chunk size {line:?}")))?;
                    total += self.portion(size, &mut take)?;
                    let end = self.line()?;
                    match end.as_deref() {
                        Some("") if size == 0 => return Ok(total),
                        Some("") => {}
                        end => return Err(broken(format!("{end:?} behind a chunk"))),
                    }
                }
            }
        }
    }

    /// Reads the answer to a request with this method, passing over interim ones.
    ///
    /// # Errors
    /// As [`HttpConnection::head`] and [`HttpConnection::body`]; closed without an answer is an error too.
    pub fn answer(&mut self, method: &str) -> io::Result<HttpResponse> {
        loop {
            let head = self.head()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            if head.status >= 200 {
                let mut body = Vec::new();
                self.body(BodyFraming::of(method, &head)?, |bytes| body.extend_from_slice(bytes))?;
                return Ok(HttpResponse { head, body });
            }
        }
    }

    /// Whether the server closes the connection, without another byte, in the time that
    /// [`HttpConnection::wait_at_most`] gives it. A reset is a close as well.
    pub fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => is_reset(&error),
        }
    }

    /// Everything until the connection ends.
    ///
    /// # Errors
    /// Time that ran out.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        match self.portion_or_end(u64::MAX, &mut |bytes| rest.extend_from_slice(bytes)) {
            Err(error) if !is_reset(&error) => Err(error),
            _ => Ok(rest),
        }
    }

    fn portion(&mut self, length: u64, take: &mut impl FnMut(&[u8])) -> io::Result<u64> {
        match self.portion_or_end(length, take)? {
            got if got == length => Ok(got),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn portion_or_end(&mut self, length: u64, take: &mut impl FnMut(&[u8])) -> io::Result<u64> {
        let mut block = vec![0; usize::try_from(length.min(1 << 20)).unwrap_or(1 << 20)];
        let mut got = 0;
        while got < length {
            let most = usize::try_from(length - got).unwrap_or(usize::MAX).min(block.len());
            match self.stream.read(&mut block[..most])? {
                0 => break,
                read => {
                    take(&block[..read]);
                    got += read as u64;
                }
            }
        }
        Ok(got)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_HEAD).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let text = line.strip_suffix(b"\r\n").ok_or_else(|| broken(format!("{:?}", String::from_utf8_lossy(&line))))?;
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }
}

#[track_caller]
fn connect(address: SocketAddr) -> TcpStream {
    with_timeouts(TcpStream::connect_timeout(&address, TIMEOUT).expect("the announced address accepts connections"))
}

#[track_caller]
fn with_timeouts(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    socket.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    socket.set_nodelay(true).expect("small writes can be sent at once");
    socket
}

/// The bytes of a request with `Host` and the given fields.
pub fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    (text + "\r\n").into_bytes()
}

/// One request on a connection of its own.
///
/// # Errors
/// As [`HttpConnection::answer`].
#[track_caller]
pub fn ask(address: SocketAddr, method: &str, target: &str, fields: &[(&str, &str)]) -> io::Result<HttpResponse> {
    let mut connection = HttpConnection::open(address);
    connection.send(&request(method, target, fields))?;
    connection.answer(method)
}

/// One GET that must be answered.
#[track_caller]
pub fn get(address: SocketAddr, target: &str) -> HttpResponse {
    ask(address, "GET", target, &[]).unwrap_or_else(|error| panic!("GET {target}: {error}"))
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

fn broken(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP/1.1: {what}"))
}
