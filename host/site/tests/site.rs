//! Sites in a program of their own: on other runtimes, with several directories, with errors, and on a listener.

use glasshouse_site::{BoxError, Component, Peer, Site, SiteBuilder, SiteError, SiteService, serve};
use http::header::{CONTENT_LENGTH, ETAG, HOST, LOCATION};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower_service::Service as _;

/// Longer than all frames that a site generates ahead, and than the buffers of a socket.
const LONG: usize = 32 << 20;

/// `hello.txt`, `about.html`, `sub/a.txt` and a long file.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(directory.path().join(name), content).unwrap();
    fs::create_dir(directory.path().join("sub")).unwrap();
    write("hello.txt", b"Hello\n");
    write("about.html", b"<p>About");
    write("sub/a.txt", b"a");
    write("long.bin", &vec![7; LONG]);
    directory
}

fn site(path: &Path) -> SiteBuilder {
    Site::builder().directory(path).threads(NonZeroUsize::MIN)
}

async fn ask(
    service: &SiteService,
    method: Method,
    target: &str,
) -> (StatusCode, HeaderMap, Result<Vec<u8>, BoxError>) {
    let request = Request::builder().method(method).uri(target).header(HOST, "localhost").body(()).unwrap();
    let (head, body) = service.clone().call(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.map(|body| body.to_bytes().to_vec()))
}

async fn get(service: &SiteService, target: &str) -> (StatusCode, Vec<u8>) {
    let (status, _, body) = ask(service, Method::GET, target).await;
    (status, body.unwrap())
}

#[test]
fn a_service_answers_on_several_runtimes() {
    let directory = directory();
    let service = site(directory.path()).option("clean-urls", "1").build().unwrap().service();
    let requests = async || {
        for _ in 0..10 {
            assert_eq!(get(&service, "/hello.txt").await, (StatusCode::OK, b"Hello\n".to_vec()));
            assert_eq!(get(&service, "/about").await, (StatusCode::OK, b"<p>About".to_vec()));
            assert_eq!(get(&service, "/none").await.0, StatusCode::NOT_FOUND);
            let (status, long) = get(&service, "/long.bin").await;
            assert!(status == StatusCode::OK && long.len() == LONG && long.iter().all(|byte| *byte == 7));
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Builder::new_current_thread().build().unwrap().block_on(requests()));
        }
    });
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_body() {
    let directory = directory();
    let service = site(directory.path()).build().unwrap().service();
    let (status, of_get, body) = ask(&service, Method::GET, "/long.bin").await;
    assert_eq!((status, body.unwrap().len()), (StatusCode::OK, LONG));
    let (status, of_head, body) = ask(&service, Method::HEAD, "/long.bin").await;
    assert_eq!((status, body.unwrap().len()), (StatusCode::OK, 0));
    for name in [CONTENT_LENGTH, ETAG] {
        assert!(of_get.contains_key(&name) && of_get.get(&name) == of_head.get(&name), "{name}");
    }
}

#[tokio::test]
async fn mounts_and_the_prefix_select_the_directory() {
    let (root, docs) = (directory(), tempfile::tempdir().unwrap());
    fs::write(docs.path().join("guide.txt"), "guide").unwrap();
    let builder = site(root.path()).mount("/docs", docs.path()).option("prefix", "/files");
    let service = builder.build().unwrap().service();
    assert_eq!(get(&service, "/docs/guide.txt").await, (StatusCode::OK, b"guide".to_vec()));
    assert_eq!(get(&service, "/files/hello.txt").await, (StatusCode::OK, b"Hello\n".to_vec()));
    assert_eq!(get(&service, "/hello.txt").await.0, StatusCode::NOT_FOUND);
    let (status, fields, _) = ask(&service, Method::GET, "/files/sub").await;
    assert_eq!(status, StatusCode::MOVED_PERMANENTLY);
    assert!(fields.get(LOCATION).is_some_and(|location| location.to_str().unwrap().ends_with("sub/")), "{fields:?}");
}

#[tokio::test]
async fn a_single_file_is_alone() {
    let directory = directory();
    let builder = Site::builder().file(directory.path().join("hello.txt")).threads(NonZeroUsize::MIN);
    let service = builder.build().unwrap().service();
    assert_eq!(get(&service, "/hello.txt").await, (StatusCode::OK, b"Hello\n".to_vec()));
    assert_eq!(get(&service, "/about.html").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_that_is_not_read_waits_and_can_be_dropped() {
    let directory = directory();
    let service = site(directory.path()).build().unwrap().service();
    let request =
        || Request::get("/long.bin").header(HOST, "x").extension(Peer([192, 0, 2, 1].into())).body(()).unwrap();
    let waiting = service.clone().call(request()).await.unwrap();
    drop(service.clone().call(request()).await.unwrap());
    // The only thread answers others.
    assert_eq!(get(&service, "/hello.txt").await.0, StatusCode::OK);
    let mut body = waiting.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(!first.is_empty() && first.len() < LONG);
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!(first.len() + rest.len(), LONG);
}

/// A response in progress is completed without its service and its site.
#[tokio::test]
async fn a_response_survives_its_site() {
    let directory = directory();
    let site = site(directory.path()).build().unwrap();
    let mut service = site.service();
    drop(site);
    let request = Request::get("/long.bin").header(HOST, "x").body(()).unwrap();
    let response = service.call(request).await.unwrap();
    drop(service);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), LONG);
}

#[test]
fn errors_have_types() {
    let directory = directory();
    let path = directory.path();
    let error = |builder: SiteBuilder| builder.build().map(drop).unwrap_err();
    assert!(matches!(error(Site::builder()), SiteError::Empty));
    assert!(matches!(error(site(path).option("clean-urls", "perhaps")), SiteError::Option(_)));
    assert!(matches!(error(site(path).option("no-such-option", "1")), SiteError::Option(_)));
    assert!(matches!(error(site(path).option("live", "1")), SiteError::Live));
    assert!(matches!(error(Site::builder().file("/")), SiteError::FileName { .. }));
    assert!(matches!(error(site(&path.join("none"))), SiteError::Open { .. }));
    assert!(matches!(error(site(path).mount("/a", path.join("none"))), SiteError::Open { .. }));
    assert!(matches!(error(site(path).mount("", path)), SiteError::MountPath { .. }));
    assert!(matches!(error(site(path).mount("/a", path).mount("/a/", path)), SiteError::DuplicateMount { .. }));
    let no_component = site(path).handler(Component::Bytes(b"no component".to_vec()));
    assert!(matches!(error(no_component), SiteError::Handler(_)));
}

/// A server on a free port, and a client that has read the first bytes of a long response. The server stops when the
/// sender is used.
async fn serve_with_client(
    directory: &Path,
) -> (JoinHandle<std::io::Result<()>>, oneshot::Sender<()>, TcpStream, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(listener, site(directory).build().unwrap(), async {
        let _ = stopped.await;
    }));
    stream.write_all(b"GET /long.bin HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut first = vec![0; 64 << 10];
    stream.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&first[..200]));
    (serving, stop, stream, first.len())
}

/// The length of what a server sends until it aborts the connection.
async fn rest_until_abort(mut stream: TcpStream) -> usize {
    let mut rest = Vec::new();
    // The kernel may report the end as an error.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.expect("the connection ends");
    rest.len()
}

#[tokio::test]
async fn a_listener_is_served_until_the_shutdown() {
    let directory = directory();
    let (serving, stop, mut stream, first) = serve_with_client(directory.path()).await;
    let address = stream.peer_addr().unwrap();
    stop.send(()).unwrap();
    // The response in progress ends, then its connection.
    let mut rest = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(first + rest.len() > LONG);
    timeout(Duration::from_secs(20), serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

/// A client that reads nothing has ten seconds.
#[tokio::test]
async fn the_grace_period_ends() {
    let directory = directory();
    let (serving, stop, stream, first) = serve_with_client(directory.path()).await;
    let started = Instant::now();
    stop.send(()).unwrap();
    timeout(Duration::from_secs(20), serving).await.unwrap().unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(first + rest_until_abort(stream).await < LONG);
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let directory = directory();
    let (serving, _stop, stream, first) = serve_with_client(directory.path()).await;
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert!(first + rest_until_abort(stream).await < LONG);
}
