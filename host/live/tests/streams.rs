//! Streams over real directories: saves, renames, missing and new directories, and the end of the watching.

use glasshouse_live::{LiveBody, LiveHub, MAX_STREAMS, WatchedTree};
use http::Request;
use http_body::Body as _;
use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A stream of events as a browser reads it.
struct Stream(LiveBody);

impl Stream {
    fn open(hub: &LiveHub, query: &str) -> Stream {
        Stream::try_open(hub, query).expect("a stream")
    }

    fn try_open(hub: &LiveHub, query: &str) -> Option<Stream> {
        let request = Request::get(format!("/.glasshouse/events?{query}")).body(()).expect("a request");
        let response = hub.answer(&request.into_parts().0).expect("a response");
        (response.status() == 200).then(|| Stream(response.into_body()))
    }

    /// Opens a stream and waits until the trees are watched.
    fn ready(hub: &LiveHub, root: &Path) -> Stream {
        let mut stream = Stream::open(hub, "age=0&after=0");
        let end = Instant::now() + PATIENCE;
        // A thread is watching as soon as it sees this.
        while Instant::now() < end {
            fs::write(root.join("probe"), "").expect("a file");
            if stream.next(Duration::from_millis(200)).is_some_and(|message| message.contains("/probe")) {
                stream.drain();
                return stream;
            }
        }
        panic!("the trees are not watched");
    }

    /// The next message, or `None` after a time without one.
    fn next(&mut self, limit: Duration) -> Option<String> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let (mut context, end) = (Context::from_waker(&waker), Instant::now() + limit);
        loop {
            match Pin::new(&mut self.0).poll_frame(&mut context) {
                Poll::Ready(frame) => {
                    let bytes = frame?.expect("it does not fail").into_data().expect("data");
                    return Some(String::from_utf8(bytes.to_vec()).expect("text"));
                }
                Poll::Pending => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }

    /// Takes messages until they stop for the longest time that a burst may last.
    fn drain(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next(Duration::from_millis(300))).collect()
    }

    /// Waits for the message with this change.
    #[track_caller]
    fn expect(&mut self, change: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        while let Some(message) = self.next(end.saturating_duration_since(Instant::now())) {
            if message.contains(change) {
                return message;
            }
            all.push(message);
        }
        panic!("no {change} in {all:?}");
    }
}

fn hub(trees: &[(&str, &Path)]) -> LiveHub {
    let tree = |(url_path, directory): &(&str, &Path)| WatchedTree {
        url_path: (*url_path).to_owned(),
        directory: directory.to_path_buf(),
        hidden: false,
    };
    LiveHub::start(trees.iter().map(tree).collect()).expect("a hub")
}

fn place() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn page(path: &str) -> String {
    format!("{{\"kind\":\"page\",\"path\":\"{path}\"}}")
}

#[test]
fn a_stream_begins_with_the_generation() {
    let place = place();
    let hub = hub(&[("", place.path())]);
    assert!(!hub.is_watching());
    let first = Stream::open(&hub, "").next(PATIENCE).expect("a message");
    assert!(first.starts_with("retry: 1000\nevent: hello\ndata: {\"generation\":\""), "{first}");
    assert!(hub.is_watching());
}

#[test]
fn saves_of_every_kind_are_sent() {
    let place = place();
    let root = place.path();
    fs::create_dir(root.join("sub")).expect("a directory");
    let hub = hub(&[("a b", root)]);
    let mut stream = Stream::ready(&hub, root);

    fs::write(root.join("new.html"), "1").expect("a file");
    stream.expect(&page("/a b/new.html"));
    fs::write(root.join("new.html"), "2").expect("a file");
    stream.expect(&page("/a b/new.html"));
    // As many editors do.
    fs::write(root.join("sub/x.css~"), "3").expect("a file");
    fs::rename(root.join("sub/x.css~"), root.join("sub/x.css")).expect("a rename");
    stream.expect("{\"kind\":\"css\",\"path\":\"/a b/sub/x.css\"}");
    fs::remove_file(root.join("new.html")).expect("a file");
    stream.expect(&page("/a b/new.html"));
    // A whole directory, and then a file in it.
    fs::create_dir_all(root.join("deep/er")).expect("directories");
    fs::write(root.join("deep/er/page.html"), "4").expect("a file");
    stream.expect(&page("/a b/deep/"));
    stream.drain();
    fs::write(root.join("deep/er/page.html"), "5").expect("a file");
    stream.expect(&page("/a b/deep/er/page.html"));
    fs::rename(root.join("deep"), root.join("moved")).expect("a rename");
    stream.expect(&page("/a b/moved/"));
    stream.drain();
    fs::write(root.join("moved/er/page.html"), "6").expect("a file");
    stream.expect(&page("/a b/moved/er/page.html"));
    fs::remove_dir_all(root.join("moved")).expect("directories");
    stream.expect(&page("/a b/moved/"));
}

#[test]
fn hidden_files_and_reading_are_silent() {
    let place = place();
    let root = place.path();
    let hub = hub(&[("", root)]);
    let mut stream = Stream::ready(&hub, root);
    fs::write(root.join(".swap"), "").expect("a file");
    fs::read(root.join("probe")).expect("a file");
    fs::write(root.join("last"), "").expect("a file");
    let message = stream.expect(&page("/last"));
    assert!(!message.contains("swap") && !message.contains("probe"), "{message}");
}

#[test]
fn links_lead_to_the_names_that_pages_have() {
    let place = place();
    let root = place.path().join("served");
    fs::create_dir_all(root.join("v1")).expect("directories");
    fs::write(root.join("v1/page.html"), "").expect("a file");
    std::os::unix::fs::symlink("v1", root.join("current")).expect("a link");
    std::os::unix::fs::symlink(&root, place.path().join("link")).expect("a link");
    let hub = hub(&[("", &place.path().join("link"))]);
    let mut stream = Stream::ready(&hub, &root);
    fs::write(root.join("v1/page.html"), "1").expect("a file");
    let message = stream.expect(&page("/v1/page.html"));
    // The root is a link, so its own name is another one than the target of the inner link.
    assert!(message.contains(&page("/current/page.html")), "{message}");
    fs::create_dir(root.join("v2")).expect("a directory");
    std::os::unix::fs::symlink("v2", root.join("next")).expect("a link");
    fs::rename(root.join("next"), root.join("current")).expect("a rename");
    stream.expect(&page("/current/"));
}

#[test]
fn the_only_file_may_be_replaced() {
    let place = place();
    let file = place.path().join("page.html");
    fs::write(&file, "1").expect("a file");
    let hub = hub(&[("", &file)]);
    let mut stream = Stream::open(&hub, "age=60000&after=0");
    // It was written within the age of the page, so the trees are watched once this arrives.
    stream.expect(&page("/page.html"));
    fs::write(place.path().join("other.html"), "2").expect("a file");
    fs::write(place.path().join("next"), "2").expect("a file");
    fs::rename(place.path().join("next"), &file).expect("a rename");
    let message = stream.expect(&page("/page.html"));
    assert!(!message.contains("other"), "{message}");
}

/// Waits for a moment that a test is about.
fn wait_until(moment: Instant) {
    while let Some(rest) = moment.checked_duration_since(Instant::now()) {
        thread::park_timeout(rest);
    }
}

#[test]
fn a_thousand_saves_in_a_second_are_one_message() {
    let place = place();
    let root = place.path();
    let hub = hub(&[("", root)]);
    let mut stream = Stream::ready(&hub, root);
    let start = Instant::now();
    for save in 0..1_000_u32 {
        fs::write(root.join(format!("{}.html", save % 7)), save.to_string()).expect("a file");
        wait_until(start + Duration::from_millis(save.into()));
    }
    let longest = start.elapsed();
    let messages: Vec<String> = [stream.expect("/0.html")].into_iter().chain(stream.drain()).collect();
    // On a machine that stops this thread for a while, the pause ends a burst.
    let most = if longest < Duration::from_millis(1_100) { 2 } else { 1_000 };
    assert!(messages.len() <= most, "{}: {messages:?}", messages.len());
    assert!((0..7).all(|name| messages.iter().any(|message| message.contains(&page(&format!("/{name}.html"))))));
}

#[test]
fn a_save_arrives_soon() {
    let place = place();
    let root = place.path();
    let hub = hub(&[("", root)]);
    let mut stream = Stream::ready(&hub, root);
    let mut delays: Vec<Duration> = Vec::new();
    for save in 0..20 {
        let start = Instant::now();
        fs::write(root.join("page.html"), save.to_string()).expect("a file");
        stream.expect(&page("/page.html"));
        delays.push(start.elapsed());
    }
    delays.sort();
    assert!(delays.get(10).is_some_and(|median| *median < Duration::from_millis(150)), "{delays:?}");
}

#[test]
fn a_page_gets_what_it_missed_and_nothing_twice() {
    let place = place();
    let root = place.path();
    fs::write(root.join("early.html"), "").expect("a file");
    let hub = hub(&[("", root)]);
    // Nothing was watched when the page was loaded.
    let mut first = Stream::open(&hub, "age=60000&after=0");
    first.expect(&page("/early.html"));
    fs::write(root.join("page.html"), "1").expect("a file");
    let message = first.expect(&page("/page.html"));
    let id = message.split_once("id: ").and_then(|(_, rest)| rest.split_once('\n')).expect("an id").0;
    first.drain();
    drop(first);
    fs::write(root.join("page.html"), "2").expect("a file");
    // The page that the message has reloaded.
    let mut second = Stream::open(&hub, &format!("age=5000&after={id}"));
    let message = second.expect(&page("/page.html"));
    assert!(!message.contains(id), "{message}");
    let mut last = [message]
        .into_iter()
        .chain(second.drain())
        .filter_map(|message| Some(message.split_once("id: ")?.1.split_once('\n')?.0.to_owned()));
    let last = last.next_back().expect("a message");
    // Not even if the age of a page precedes the watching.
    let mut again = Stream::open(&hub, &format!("age=60000&after={last}"));
    assert!(again.next(PATIENCE).is_some_and(|hello| hello.contains("hello")));
    assert_eq!(again.next(Duration::from_millis(200)), None);
    let mut third = Stream::open(&hub, "age=0");
    assert!(third.next(PATIENCE).is_some_and(|hello| hello.contains("hello")));
    assert_eq!(third.next(Duration::from_millis(200)), None);
}

#[test]
fn the_watching_ends_with_the_last_stream() {
    let place = place();
    let hub = hub(&[("", place.path())]);
    let mut streams: Vec<Stream> = (0..MAX_STREAMS).map(|_| Stream::open(&hub, "")).collect();
    assert!(Stream::try_open(&hub, "").is_none());
    assert_eq!(hub.streams(), MAX_STREAMS);
    streams.pop();
    streams.push(Stream::open(&hub, ""));
    drop(streams);
    assert_eq!(hub.streams(), 0);
    // A page that follows another one finds the trees watched.
    assert!(hub.is_watching());
    // It ends after five seconds.
    wait_until(Instant::now() + Duration::from_secs(6));
    assert!(!hub.is_watching(), "the trees are still watched");
    let mut stream = Stream::ready(&hub, place.path());
    fs::write(place.path().join("again"), "").expect("a file");
    stream.expect(&page("/again"));
}

#[test]
fn an_operator_reopens_the_trees() {
    let place = place();
    let hub = hub(&[("", place.path())]);
    let mut stream = Stream::ready(&hub, place.path());
    hub.reopen();
    stream.expect(&page("/"));
    fs::write(place.path().join("again"), "").expect("a file");
    stream.expect(&page("/again"));
}
