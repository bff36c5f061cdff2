//! TLS for clients and operators: versions, certificates, keys, and their reload.

use crate::ops::signals::reload;
use crate::support::certs::{self, Pair};
use crate::support::client::{self, HttpConnection, HttpResponse};
use crate::support::fixture::{self, MODIFIED, is_there, put};
use crate::support::frames::{FrameClient, PREFACE};
use crate::support::server::{Done, Setup, Stack, TestServer, glasshouse, run};
use crate::support::tools::{ends, runs};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a change of a file may take to be seen.
const SEEN: Duration = Duration::from_secs(20);

pub fn tree() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("www/hello.txt"), b"hello\n", MODIFIED);
    place
}

#[track_caller]
pub fn launch(stack: Stack, place: &TempDir, arguments: &[&str]) -> TestServer {
    let directory = &place.path().join("www");
    TestServer::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false })
}

/// One GET over TLS. What goes wrong before there is an answer is an error.
pub fn get(address: SocketAddr, pair: &Pair) -> std::io::Result<HttpResponse> {
    let mut connection = HttpConnection::secure(address, pair.client(&[b"http/1.1"]));
    connection.send(&client::request("GET", "/hello.txt", &[]))?;
    connection.answer("GET")
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

/// A stack, arguments, the scheme, and for each option of curl the version that is spoken.
type Agreed<'a> = (Stack, &'a [&'a str], &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn clients_agree_on_a_version_of_http() {
    if !is_there("curl", "HTTP/2") {
        return;
    }
    let place = tree();
    let cert = text(&certs::pair().cert).to_owned();
    let rows: &[Agreed] = &[
        (
            Stack::HostTls,
            &[],
            "https",
            &[("--http2", "2"), ("--http1.1", "1.1"), ("--http1.0", "1"), ("--no-alpn", "1.1"), ("--tlsv1.3", "2")],
        ),
        (Stack::HostTls, &["-p", "HTTP/1.0"], "https", &[("--http2", "1"), ("--http1.1", "1"), ("--http1.0", "1")]),
        (Stack::Host, &[], "http", &[("--http2-prior-knowledge", "2"), ("--http2", "1.1"), ("--http1.1", "1.1")]),
    ];
    for (stack, arguments, scheme, asked) in rows {
        let server = launch(*stack, &place, arguments);
        let url = format!("{scheme}://{}/hello.txt", server.address());
        for (option, version) in *asked {
            let words = ["-sS", "--cacert", &cert, option, "-w", "%{http_version} %{http_code}", &url];
            assert_eq!(runs(place.path(), "curl", &words), format!("hello\n{version} 200"), "{arguments:?} {option}");
        }
    }
}

#[test]
fn only_tls_1_2_and_1_3_are_spoken() {
    if !is_there("openssl", "TLS") {
        return;
    }
    let place = tree();
    let server = launch(Stack::HostTls, &place, &[]);
    let address = server.address().to_string();
    for (version, offered, chosen) in [
        ("-tls1_3", "h2,http/1.1", Some("ALPN protocol: h2")),
        ("-tls1_2", "http/1.1,h2", Some("ALPN protocol: h2")),
        ("-tls1_2", "http/1.1", Some("ALPN protocol: http/1.1")),
        ("-tls1_3", "http/0.9", None),
        ("-tls1_1", "h2", None),
    ] {
        let done = ends(place.path(), "openssl", &["s_client", "-connect", &address, version, "-alpn", offered]);
        let agreed = done.stdout.lines().find(|line| line.starts_with("ALPN protocol"));
        assert_eq!((agreed, done.status.success()), (chosen, chosen.is_some()), "{version} {offered}: {done:?}");
    }
    // A client that comes back does not pay for a whole handshake again.
    let session = ["s_client", "-connect", &address, "-tls1_2", "-sess_out", "session"];
    runs(place.path(), "openssl", &session);
    let again = runs(place.path(), "openssl", &["s_client", "-connect", &address, "-tls1_2", "-sess_in", "session"]);
    assert!(again.contains("\nReused, TLSv1.2"), "{again}");
}

/// PY-9
#[test]
fn keys_of_all_kinds_are_taken() {
    if !is_there("openssl", "keys") {
        return;
    }
    let place = tree();
    put(&place.path().join("password"), " \tsecret word\r\n\n".as_bytes(), MODIFIED);
    let aes = "pkcs8 -topk8 -in p256.pem -passout pass:secret\u{a0}word";
    let kinds: &[(&str, &str)] = &[
        ("rsa", "genrsa -out rsa.pem 2048"),
        ("rsa-pkcs1", "rsa -traditional -in rsa.pem -out rsa-pkcs1.pem"),
        ("p256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem"),
        ("p384-sec1", "ecparam -name secp384r1 -genkey -noout -out p384-sec1.pem"),
        ("ed25519", "genpkey -algorithm ed25519 -out ed25519.pem"),
        ("aes256", &format!("{aes} -v2 aes256 -out aes256.pem")),
        ("aes192", &format!("{aes} -v2 aes-192-cbc -v2prf hmacWithSHA512 -out aes192.pem")),
        ("aes128", &format!("{aes} -v2 aes128 -v2prf hmacWithSHA1 -iter 10000 -out aes128.pem")),
    ];
    for (kind, command) in kinds {
        let words = command.split(' ').map(|word| word.replace('\u{a0}', " "));
        runs(place.path(), "openssl", &words.collect::<Vec<_>>());
        let (key, cert, both) = (format!("{kind}.pem"), format!("{kind}.crt"), format!("{kind}.both"));
        let request = ["req", "-x509", "-key", &key, "-passin", "pass:secret word", "-out", &cert, "-days", "30"];
        let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
        let end = ["-addext", "basicConstraints=critical,CA:FALSE"];
        runs(place.path(), "openssl", &[&request[..], &names, &end].concat());
        let path = |name: &str| text(&place.path().join(name)).to_owned();
        let joined = [&cert, &key].map(|name| fs::read_to_string(path(name)).expect("openssl wrote it")).concat();
        fs::write(path(&both), joined).expect("a file can be written");
        let password = path("password");
        for arguments in [
            vec!["--tls-cert", &path(&cert), "--tls-key", &path(&key), "--tls-password-file", &password],
            vec!["--tls-cert", &path(&both), "--tls-password-file", &password],
        ] {
            let server = launch(Stack::Host, &place, &arguments);
            let url = format!("https://{}/hello.txt", server.address());
            let got = runs(place.path(), "curl", &["-sS", "--cacert", &cert, &url]);
            assert_eq!(got, "hello\n", "{kind}: {arguments:?}");
        }
    }
}

/// PY-9
#[test]
fn what_cannot_be_used_is_an_error() {
    let place = tree();
    let [one, other] = [Pair::make(), Pair::make()];
    let (cert, key, foreign) = (text(&one.cert), text(&one.key), text(&other.key));
    let rows: &[(&[&str], i32, &str)] = &[
        (&["--tls-key", key], 2, "--tls-cert <FILE>"),
        (&["--tls-password-file", key], 2, "--tls-cert <FILE>"),
        (&["--tls-self-signed", "--tls-cert", cert], 2, "'--tls-self-signed' cannot be used with '--tls-cert <FILE>'"),
        (&["--redirect-http", "0"], 2, "--redirect-http: there is no TLS address for the redirect; add --tls-cert or"),
        (&["--tls-cert", "nope"], 1, "cannot use the certificate 'nope': no such file; name a readable file with"),
        (&["--tls-cert", cert], 1, "it contains no private key; name the file of the key with --tls-key"),
        (&["--tls-cert", key], 1, "it contains no certificate; name a PEM file with --tls-cert"),
        (&["--tls-cert", cert, "--tls-key", foreign], 1, "it is not the key of the certificate"),
    ];
    for (arguments, code, expected) in rows {
        let mut command = glasshouse();
        command.args(["0", "-b", "127.0.0.1", "-d"]).arg(place.path()).args(*arguments);
        let Done { status, stderr, .. } = run(command);
        assert_eq!(status.code(), Some(*code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

/// Copies a pair over another, the certificate first, as renewals do.
pub fn replace(pair: &Pair, cert: &Path, key: &Path) {
    for (from, to) in [(&pair.cert, cert), (&pair.key, key)] {
        let beside = to.with_extension("new");
        fs::copy(from, &beside).and_then(|_| fs::rename(&beside, to)).expect("a file can be replaced");
    }
}

/// A reload after a renewal takes effect without a wait.
#[test]
fn a_reload_takes_the_pair_at_once() {
    let place = tree();
    let [first, second] = [Pair::make(), Pair::make()];
    let (cert, key) = (place.path().join("live.crt"), place.path().join("live.key"));
    replace(&first, &cert, &key);
    let server = launch(Stack::Host, &place, &["--tls-cert", text(&cert), "--tls-key", text(&key), "--require-harden"]);
    replace(&second, &cert, &key);
    reload(&server, 1);
    assert_eq!(get(server.address(), &second).expect("the next connection has it").text(), "hello\n");
    fs::remove_file(&cert).expect("a file can be removed");
    reload(&server, 2);
    assert_eq!(get(server.address(), &second).expect("it is kept").text(), "hello\n");
    let reported = server.stderr().lines().filter(|line| line.contains("the certificate in use is kept")).count();
    assert_eq!(reported, 1, "{}", server.stderr());
}

#[test]
fn renewals_under_load_fail_no_request() {
    if !is_there("h2load", "load") {
        return;
    }
    let place = tree();
    let pairs = [Pair::make(), Pair::make()];
    let (cert, key) = (place.path().join("live.crt"), place.path().join("live.key"));
    replace(&pairs[0], &cert, &key);
    let arguments = ["--tls-cert", text(&cert), "--tls-key", text(&key)];
    let server = launch(Stack::Host, &place, &arguments);
    let url = format!("https://{}/hello.txt", server.address());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            let (mut renewals, mut handshakes) = (0, 0);
            for pair in pairs.iter().rev().cycle() {
                replace(pair, &cert, &key);
                renewals += 1;
                let deadline = Instant::now() + SEEN;
                // The load is long enough for one renewal at least.
                while get(server.address(), pair).is_err() {
                    handshakes += 1;
                    assert!(Instant::now() < deadline, "{}", server.stderr());
                }
                if is_over.load(Ordering::Relaxed) {
                    return (renewals, handshakes);
                }
            }
            unreachable!("pairs are taken in turn for ever")
        });
        for protocol in ["--npn-list=h2", "--h1"] {
            let load = runs(place.path(), "h2load", &["-D", "3", "-c", "8", "-m", "8", "-t", "1", protocol, &url]);
            let counts = load.lines().find(|line| line.starts_with("requests: ")).unwrap_or_default();
            assert!(counts.ends_with(" 0 failed, 0 errored, 0 timeout"), "{load}");
            assert!(!counts.contains(" 0 succeeded"), "{load}");
        }
        is_over.store(true, Ordering::Relaxed);
        let (renewals, _) = renewing.join().expect("renewals are seen");
        assert!(renewals >= 2, "{renewals}");
    });
}

#[test]
fn a_certificate_is_generated_and_its_fingerprint_printed() {
    if !is_there("openssl", "certificates") {
        return;
    }
    let place = tree();
    let server = launch(Stack::Host, &place, &["--tls-self-signed", "-b", "localhost"]);
    let address = server.address().to_string();
    let shown = ends(place.path(), "openssl", &["s_client", "-connect", &address]).stdout;
    fs::write(place.path().join("shown.pem"), shown).expect("a file can be written");
    let reported = runs(
        place.path(),
        "openssl",
        &[
            "x509",
            "-in",
            "shown.pem",
            "-noout",
            "-fingerprint",
            "-sha256",
            "-ext",
            "subjectAltName",
            "-checkend",
            "86400",
        ],
    );
    let fingerprint = reported.lines().find_map(|line| line.split_once("ingerprint=")).map(|(_, print)| print);
    let fingerprint = fingerprint.unwrap_or_else(|| panic!("{reported}"));
    assert!(server.stdout().contains(&format!("\n  certificate SHA-256 {fingerprint}\n")), "{}", server.stdout());
    assert!(reported.contains("DNS:localhost, IP Address:127.0.0.1"), "{reported}");
    assert!(reported.contains("Certificate will not expire"), "{reported}");
    let url = format!("https://localhost:{}/hello.txt", server.address().port());
    assert_eq!(runs(place.path(), "curl", &["-4sS", "--cacert", "shown.pem", &url]), "hello\n");
}

#[test]
fn a_client_without_tls_is_redirected_to_it() {
    let place = tree();
    // The port was free a moment before. Another process may take it, but not again and again.
    let (server, port) = (0..10)
        .find_map(|_| {
            let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
            let port = free.expect("there are ports").port().to_string();
            let pair = certs::pair();
            let mut command = glasshouse();
            command.args(["0", "-b", "127.0.0.1", "--redirect-http", &port, "-d"]).arg(place.path().join("www"));
            command.arg("--tls-cert").arg(&pair.cert).arg("--tls-key").arg(&pair.key);
            TestServer::try_spawn(command).map(|server| (server, port))
        })
        .expect("a port stays free");
    let (plain, secure) =
        (SocketAddr::new(server.address().ip(), port.parse().expect("a port")), server.address().port());
    let answer = client::ask(plain, "GET", "/hello.txt?a=b", &[]).expect("an answer");
    let location = format!("https://localhost:{secure}/hello.txt?a=b");
    assert_eq!((answer.head.status, answer.head.one("location")), (308, Some(location.as_str())));
    let answer = client::ask(plain, "GET", "//evil.test/", &[]).expect("an answer");
    assert_eq!(answer.head.one("location"), Some(format!("https://localhost:{secure}//evil.test/").as_str()));
    let answer = client::ask(plain, "GET", "http://localhost?a=b", &[]).expect("an answer");
    assert_eq!(answer.head.one("location"), Some(format!("https://localhost:{secure}/?a=b").as_str()));
    let mut connection = HttpConnection::open(plain);
    connection.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n").expect("the server reads");
    assert_eq!(connection.answer("GET").expect("an answer").head.status, 400);
    // Without a host there is no location.
    let mut connection = HttpConnection::open(plain);
    connection.send(b"GET / HTTP/1.0\r\n\r\n").expect("the server reads");
    let answer = connection.answer("GET").expect("an answer");
    assert_eq!((answer.head.status, answer.head.one("location")), (400, None));
    if is_there("curl", "redirects") {
        let cert = text(&certs::pair().cert).to_owned();
        let url = format!("http://127.0.0.1:{port}/hello.txt");
        assert_eq!(runs(place.path(), "curl", &["-sSL", "--cacert", &cert, &url]), "hello\n");
    }
    let line = "\"GET /hello.txt?a=b HTTP/1.1\" 308 ";
    server.wait_for_stderr(line, |text| text.contains(line).then_some(()));
}

#[test]
fn the_wrong_port_says_so() {
    let place = tree();
    let secure = launch(Stack::HostTls, &place, &[]);
    for request in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"GET / HTTP/1.0\r\n\r\n", PREFACE] {
        let mut connection = HttpConnection::open(secure.address());
        connection.send(request).expect("the server reads");
        let answer = connection.answer("GET").expect("an answer in words");
        assert_eq!((answer.head.status, answer.head.one("connection")), (400, Some("close")));
        // RFC 9110 6.6.1.
        assert!(answer.head.one("date").is_some());
        assert_eq!(answer.text(), "This port speaks TLS: the address begins with https://\n");
        assert!(connection.is_closed());
    }
    let plain = launch(Stack::Host, &place, &[]);
    assert!(get(plain.address(), certs::pair()).is_err(), "there is no TLS");
    let lines = ["\"\" 400 "; 2];
    for (server, line) in [&secure, &plain].into_iter().zip(lines) {
        server.wait_for_stderr(line, |text| text.contains(line).then_some(()));
    }
}

#[test]
fn a_handshake_is_not_waited_for_for_long_and_leaves_no_line() {
    let place = tree();
    let server = launch(Stack::HostTls, &place, &["--header-timeout", "300ms"]);
    let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0; 40]].concat();
    for part in [&[][..], &hello[..1], &hello] {
        let begun = Instant::now();
        let mut raw = FrameClient::silent(server.address());
        raw.send(part).expect("the server reads");
        raw.end();
        assert!(begun.elapsed() >= Duration::from_millis(300), "{part:?}");
    }
    // The client does not trust this certificate, so it ends the handshake.
    assert!(get(server.address(), &Pair::make()).is_err());
    assert_eq!(get(server.address(), certs::pair()).expect("an answer").text(), "hello\n");
    let line = server.wait_for_stderr("the one request", |text| text.contains("200 6").then(|| text.to_owned()));
    assert_eq!(line.lines().count(), 1, "{line}");
}
