//! Loads over TLS 1.3: h2load for requests on kept connections, a client on rustls for handshakes and downloads.

use crate::client::{self, Origin, ResponseHead};
use crate::http_load::busy_note;
use crate::process::{ChildProcess, failed};
use crate::site::RunningServer;
use crate::tree::{LARGE, LARGE_LENGTH, MEDIUM, MEDIUM_LENGTH, SMALL, SMALL_LENGTH};
use crate::works::{Quantity, Sample, Trouble, Work, count};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The cipher suite of all servers; each would choose another one.
const CIPHER: &str = "TLS_AES_128_GCM_SHA256";

/// The clients that make handshakes at the same time.
const HANDSHAKE_CLIENTS: usize = 8;

/// The downloads of the large file in one round.
const DOWNLOADS: u32 = 2;

/// Measures requests over TLS for whole seconds and checks the protocol, the statuses and the lengths.
///
/// # Errors
/// If h2load or the server fails, or a response is wrong.
pub fn measure(work: Work, server: &RunningServer, h2load: &Path, seconds: u32) -> Result<Sample, Trouble> {
    let (path, length, is_http2) = match work {
        Work::TlsSmall => (SMALL, SMALL_LENGTH, false),
        Work::TlsMedium => (MEDIUM, MEDIUM_LENGTH, false),
        Work::Http2Small => (SMALL, SMALL_LENGTH, true),
        Work::Http2Medium => (MEDIUM, MEDIUM_LENGTH, true),
        _ => return Err(failed(format!("{} is not a load of h2load", work.key())).into()),
    };
    let protocol = if is_http2 { "h2" } else { "http/1.1" };
    let url = format!("https://{}{path}", server.address);
    let clients = if is_http2 { ["-c8", "-m4"] } else { ["-c32", "-m1"] };
    let mut command = Command::new(h2load);
    command.args(["-t1", &format!("-D{seconds}"), &format!("--npn-list={protocol}")]);
    command.args(clients).arg(format!("--tls13-ciphers={CIPHER}")).arg(url);
    let before = server.process.processor_seconds()?;
    let output = ChildProcess::output(&mut command, Duration::from_secs(u64::from(seconds) + 20))?;
    let cost = server.process.processor_seconds()? - before;
    let requests = checked_requests(&output.text, protocol, length)
        .map_err(|error| failed(format!("h2load: {}: {error}: {}", output.status, output.text)))?;
    let mut sample = Sample::of_requests(requests, f64::from(seconds), cost);
    sample.notes.extend(busy_note("h2load", output.processor_seconds, f64::from(seconds)));
    Ok(sample)
}

/// The number of requests in a report of h2load, if all of them have the right result.
fn checked_requests(text: &str, protocol: &str, length: u64) -> Result<u64, String> {
    let line = |label: &str| text.lines().find_map(|line| line.strip_prefix(label)).map(str::trim);
    let number = |line: Option<&str>, unit: &str| -> Option<u64> {
        let part = line?.split(',').find_map(|part| part.trim().strip_suffix(unit))?;
        part.trim().parse().ok()
    };
    let requests = number(line("requests:"), "succeeded").filter(|requests| *requests > 0);
    let requests = requests.ok_or("no request succeeded")?;
    if line("Application protocol:") != Some(protocol) || line("Cipher:") != Some(CIPHER) {
        return Err("another protocol or cipher".into());
    }
    let is_zero = |label: &str, unit: &str| number(line(label), unit) == Some(0);
    let is_clean = is_zero("requests:", " failed") && is_zero("requests:", " errored");
    if !is_clean || ![" 3xx", " 4xx", " 5xx"].iter().all(|unit| is_zero("status codes:", unit)) {
        return Err("not all responses are 200".into());
    }
    // "(NUMBER) data" is the last number in brackets. Bodies that had begun at the end count.
    let data = line("traffic:").and_then(|line| line.rsplit_once('(')?.1.split_once(") data")?.0.parse::<u64>().ok());
    let wanted = requests * length..=(requests + 64) * length;
    if !data.is_some_and(|data| wanted.contains(&data)) {
        return Err(format!("{data:?} bytes for {requests} responses of {length}"));
    }
    Ok(requests)
}

/// A client that accepts every certificate and resumes no session.
fn client_config() -> io::Result<Arc<ClientConfig>> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256);
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(io::Error::other)?;
    let verifier = Arc::new(AcceptAll(provider));
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Checks signatures, because every client does, but not whether the certificate is trusted.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

type TlsStream = rustls::StreamOwned<ClientConnection, TcpStream>;

fn connect(address: SocketAddrV4, config: &Arc<ClientConfig>) -> io::Result<TlsStream> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    Ok(TlsStream::new(connection, client::connect(address, Origin::default())?))
}

/// Reads a head and the bytes that came with it.
fn read_head(stream: &mut TlsStream) -> io::Result<(ResponseHead, Vec<u8>)> {
    let (mut received, mut block) = (Vec::new(), [0; 16 << 10]);
    loop {
        if let Some((head, length)) = ResponseHead::parse(&received) {
            let body = received.split_off(length);
            return Ok((head, body));
        }
        let count = stream.read(&mut block)?;
        if count == 0 || received.len() > client::MAX_HEAD {
            return Err(failed("the server closed the connection before its response".into()));
        }
        received.extend_from_slice(block.get(..count).unwrap_or_default());
    }
}

/// Measures requests on new connections, each with a full handshake, for whole seconds.
///
/// # Errors
/// If a response is wrong or a session is resumed.
pub fn handshakes(server: &RunningServer, seconds: u32) -> Result<Sample, Trouble> {
    let config = client_config()?;
    let before = server.process.processor_seconds()?;
    let begin = Instant::now();
    let deadline = begin + Duration::from_secs(u64::from(seconds));
    let requests = thread::scope(|scope| {
        let client = || {
            let mut requests = 0;
            while Instant::now() < deadline {
                request_with_handshake(server.address, &config)?;
                requests += 1;
            }
            io::Result::Ok(requests)
        };
        let clients: Vec<_> = (0..HANDSHAKE_CLIENTS).map(|_| scope.spawn(client)).collect();
        let results =
            clients.into_iter().map(|client| client.join().map_err(|_| failed("a client panicked".into()))?);
        results.sum::<io::Result<u64>>()
    })?;
    let elapsed = begin.elapsed().as_secs_f64();
    Ok(Sample::of_requests(requests, elapsed, server.process.processor_seconds()? - before))
}

fn request_with_handshake(address: SocketAddrV4, config: &Arc<ClientConfig>) -> io::Result<()> {
    let mut stream = connect(address, config)?;
    stream.write_all(&client::request(address, SMALL, "Connection: close\r\n"))?;
    let (head, body) = read_head(&mut stream)?;
    let left = SMALL_LENGTH.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
    let read = io::copy(&mut (&mut stream).take(left), &mut io::sink())?;
    if head.status != 200 || read != left {
        return Err(failed(format!("status {}, {} bytes too few", head.status, left - read)));
    }
    match stream.conn.handshake_kind() {
        Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) => Ok(()),
        kind => Err(failed(format!("not a full handshake: {kind:?}"))),
    }
}

/// Downloads the large file over one TLS connection.
///
/// # Errors
/// If a response is wrong or late.
pub fn download(server: &RunningServer) -> Result<Sample, Trouble> {
    let request = client::request(server.address, LARGE, "");
    let mut stream = connect(server.address, &client_config()?)?;
    let before = server.process.processor_seconds()?;
    let begin = Instant::now();
    let mut block = vec![0; client::BLOCK];
    for _ in 0..DOWNLOADS {
        stream.write_all(&request)?;
        let (head, body) = read_head(&mut stream)?;
        if (head.status, head.length()) != (200, Some(LARGE_LENGTH)) {
            return Err(failed(format!("status {}, length {:?}", head.status, head.length())).into());
        }
        let mut left = LARGE_LENGTH.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(client::BLOCK).min(client::BLOCK);
            let read = stream.read(block.get_mut(..size).unwrap_or_default())?;
            if read == 0 {
                return Err(failed(format!("{left} bytes are missing")).into());
            }
            left -= u64::try_from(read).unwrap_or(left);
        }
    }
    let (seconds, cost) = (begin.elapsed().as_secs_f64(), server.process.processor_seconds()? - before);
    let gigabytes = count(LARGE_LENGTH) * f64::from(DOWNLOADS) / 1e9;
    let values = vec![(Quantity::GigabyteRate, gigabytes / seconds), (Quantity::GigabyteCost, cost / gigabytes)];
    Ok(Sample { values, notes: Vec::new() })
}
