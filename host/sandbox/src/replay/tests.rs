//! Tests of the store, and of replays in the directory of this crate, which is at rest.

use crate::beneath::{DirReader, FileId, OpenOptions, Symlinks, identify, stat};
use crate::cached_response::CachedResponse;
use crate::file_body::Segment;
use crate::file_body::bytes_in_memory;
use crate::preopen::Preopen;
use crate::replay::entry::{Effort, Entry};
use crate::replay::recording::{Recording, Step};
use crate::replay::repeat::Replay;
use crate::replay::store::ReplayStore;
use crate::request_head::RequestHead;
use crate::served_path::ServedPath;
use crate::settled::{Extent, extent};
use glasshouse_quota::{Client, Lease, Resource};
use http::header::{ACCEPT, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rustix::io::Errno;
use std::fs::File;
use std::sync::Arc;

const FOLLOW: OpenOptions = OpenOptions { symlinks: Symlinks::Follow, only_directory: false };
const FILE: &str = "Cargo.toml";

struct Asked(Method, &'static str, Vec<(HeaderName, String)>);

impl RequestHead for Asked {
    fn method(&self) -> &Method {
        &self.0
    }

    fn target(&self) -> Option<&str> {
        Some(self.1)
    }

    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.2.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_bytes())
    }
}

fn asked(target: &'static str, accept: &str) -> Asked {
    Asked(Method::GET, target, vec![(ACCEPT, accept.to_owned())])
}

fn response(status: StatusCode, body: &'static [u8]) -> CachedResponse {
    let segments = [Segment::Bytes(body.into())].into();
    CachedResponse { segments, ..CachedResponse::without_file(status, HeaderMap::new()) }
}

fn entry(accept: &str, body: &'static [u8]) -> Entry {
    let mut recording = Recording::new(0);
    recording.push_field(ACCEPT, &[accept.as_bytes().to_vec()]);
    Entry::new(&Method::GET, recording, response(StatusCode::OK, body)).expect("it can be stored")
}

fn found(store: &ReplayStore, generation: u64, request: &Asked) -> Option<Arc<Entry>> {
    store.get(generation, request)?.candidates(request, Effort::Any).next().cloned()
}

#[test]
fn a_key_is_tree_method_and_target() {
    let store = ReplayStore::new(1 << 20);
    store.insert(1, &Method::GET, "/a?b", entry("x", b"1"));
    let text = |generation, method, target| {
        let request = Asked(method, target, vec![(ACCEPT, "x".to_owned())]);
        found(&store, generation, &request).map(|entry| bytes_in_memory(entry.segments()))
    };
    assert_eq!(text(1, Method::GET, "/a?b"), Some(1));
    assert_eq!(text(2, Method::GET, "/a?b"), None, "another tree");
    assert_eq!(text(1, Method::HEAD, "/a?b"), None);
    assert_eq!(text(1, Method::GET, "/a?c"), None);
    store.insert(2, &Method::GET, "/a?b", entry("x", b"22"));
    assert_eq!((text(1, Method::GET, "/a?b"), text(2, Method::GET, "/a?b")), (Some(1), Some(2)));
    store.forget(1);
    assert_eq!((text(1, Method::GET, "/a?b"), text(2, Method::GET, "/a?b")), (None, Some(2)));
    store.forget(2);
    assert_eq!(store.bytes(), 0);
}

#[test]
fn variants_differ_in_fields_and_the_oldest_leaves() {
    let store = ReplayStore::new(1 << 20);
    let mut bytes = Vec::new();
    for number in 10..40 {
        store.insert(1, &Method::GET, "/", entry(&format!("text/{number}"), b"body"));
        bytes.push(store.bytes());
    }
    assert!(bytes[..16].is_sorted_by(|one, other| one < other));
    assert!(bytes[15..].iter().all(|now| *now == bytes[15]), "{bytes:?}");
    for (number, is_kept) in [(10, false), (23, false), (24, true), (39, true)] {
        assert_eq!(found(&store, 1, &asked("/", &format!("text/{number}"))).is_some(), is_kept, "{number}");
    }
    assert!(found(&store, 1, &asked("/", "text/24, x")).is_none());
    store.insert(1, &Method::GET, "/", entry("text/30", b"BODY"));
    assert_eq!(store.bytes(), bytes[15], "it replaces the one with the same fields");
}

#[test]
fn some_responses_are_not_stored() {
    let new = |status: u16| {
        let response = response(StatusCode::from_u16(status).expect("a status"), b"");
        Entry::new(&Method::GET, Recording::new(0), response).is_some()
    };
    assert!(new(200) && new(304) && new(404) && new(416) && !new(500) && !new(503) && !new(101));
    let mut recording = Recording::new(0);
    recording.mark_unreplayable();
    assert!(Entry::new(&Method::GET, recording, response(StatusCode::OK, b"")).is_none());
    let future = HeaderMap::from_iter(
        [(http::header::LAST_MODIFIED, "Fri, 01 Jan 2038 00:00:00 GMT")]
            .map(|(name, value)| (name, HeaderValue::from_static(value))),
    );
    let response = CachedResponse { fields: future, ..response(StatusCode::OK, b"") };
    assert!(Entry::new(&Method::GET, Recording::new(0), response).is_none());
}

/// The directory of this crate, if its file system is trusted.
fn tree() -> Option<(Replay, Arc<ReplayStore>)> {
    let is_trusted = extent(File::open(FILE).expect("it exists")) == Some(Extent::Content);
    let preopen = Arc::new(Preopen::open(Some(&ServedPath::Directory(".".into()))).expect("it can be read"));
    let store = Arc::new(ReplayStore::new(1 << 20));
    is_trusted.then(|| (Replay::new(preopen, Arc::clone(&store)), store))
}

fn id(path: &str) -> FileId {
    identify(File::open(path).expect("it exists")).expect("it has metadata")
}

/// The body of a replay in memory, and whether it opened a file to send, and how many shares it took.
fn replayed(replay: &Replay, request: &Asked) -> Option<(usize, bool, usize)> {
    let client = Client::alone([192, 0, 2, 1].into());
    let mut leases = 0;
    let lease = || -> Option<Lease> {
        leases += 1;
        client.try_take(Resource::Files, 1)
    };
    let found = replay.find(request, Effort::Low, lease)?;
    Some((bytes_in_memory(found.entry.segments()), found.file.is_some(), leases))
}

fn insert_file(replay: &Replay, accept: &str, offset: u64, length: u64) {
    let mut recording = Recording::new(0);
    recording.push_field(ACCEPT, &[accept.as_bytes().to_vec()]);
    recording.push(Step::Stat("none".into(), Symlinks::Follow, Err(Errno::NOENT)));
    recording.push(Step::Stat(FILE.into(), Symlinks::Follow, Ok(id(FILE))));
    recording.push(Step::Open(FILE.into(), FOLLOW, Ok(id(FILE))));
    let segments = [Segment::File { offset, length }].into();
    let response = CachedResponse { file: Some(id(FILE)), segments, ..response(StatusCode::OK, b"") };
    replay.insert(&Method::GET, "/", recording, response);
}

#[test]
fn small_files_at_rest_are_kept() {
    let Some((replay, store)) = tree() else { return };
    insert_file(&replay, "x", 3, 5);
    assert_eq!(replayed(&replay, &asked("/", "x")), Some((0, true, 1)), "from the file");
    assert_eq!(replayed(&replay, &asked("/", "x")), Some((5, false, 0)), "from memory");
    let before = store.bytes();
    insert_file(&replay, "y", 3, 5);
    assert_eq!(replayed(&replay, &asked("/", "y")), Some((0, true, 1)));
    assert_eq!(replayed(&replay, &asked("/", "y")), Some((5, false, 0)));
    assert!(store.bytes() < 2 * before, "the second one shares the bytes");
    assert_eq!(replayed(&replay, &asked("/", "z")), None);
}

#[test]
fn long_files_stay_files() {
    let Some((replay, _)) = tree() else { return };
    insert_file(&replay, "x", 0, 100_000);
    for _ in 0..3 {
        assert_eq!(replayed(&replay, &asked("/", "x")), Some((0, true, 1)));
    }
}

#[test]
fn directories_at_rest_are_not_read_again() {
    let Some((replay, store)) = tree() else { return };
    let directory = File::open("src").expect("it exists");
    let mut recording = Recording::new(0);
    recording.push(Step::Open("src".into(), FOLLOW, Ok(id("src"))));
    let mut reader = DirReader::new(&directory).expect("it can be read");
    let entries = std::iter::from_fn(|| reader.next().map(Some)).chain([None]).collect();
    recording.push(Step::Entries(0, entries));
    let lib = stat(&directory, "lib.rs", Symlinks::Follow).expect("it exists").into();
    recording.push(Step::StatEntry(0, "lib.rs".into(), Symlinks::Follow, Ok(lib)));
    replay.insert(&Method::GET, "/", recording, response(StatusCode::OK, b"listing"));
    let before = store.bytes();
    assert_eq!(replayed(&replay, &asked("/", "x")), Some((7, false, 1)));
    assert!(store.bytes() < before, "the entries are gone");
    assert_eq!(replayed(&replay, &asked("/", "x")), Some((7, false, 1)), "it has to be open for its entries");
}

#[test]
fn what_is_only_looked_at_is_not_opened() {
    let Some((replay, _)) = tree() else { return };
    for (target, file, is_equal) in [("/a", "src/lib.rs", true), ("/b", "src", true), ("/c", "src/pool.rs", false)] {
        let mut recording = Recording::new(0);
        recording.push(Step::Open(file.into(), FOLLOW, Ok(if is_equal { id(file) } else { id(FILE) })));
        recording.push_field(RANGE, &[]);
        replay.insert(&Method::GET, target, recording, response(StatusCode::NOT_MODIFIED, b""));
        let expected = |leases| is_equal.then_some((0, false, leases));
        assert_eq!(replayed(&replay, &asked(target, "x")), expected(1), "{target}");
        assert_eq!(replayed(&replay, &asked(target, "x")), expected(0), "{target}");
    }
}

/// A handler without a directory: its responses depend on the request alone.
#[test]
fn responses_without_a_directory_are_replayed() {
    let preopen = Arc::new(Preopen::open(None).expect("nothing can be opened"));
    assert!(preopen.handle().is_none() && preopen.read_scope().is_none());
    let replay = Replay::new(preopen, Arc::new(ReplayStore::new(1 << 20)));
    let mut recording = Recording::new(0);
    recording.push_field(ACCEPT, &[b"x".to_vec()]);
    replay.insert(&Method::GET, "/", recording, response(StatusCode::OK, b"content"));
    assert_eq!(replayed(&replay, &asked("/", "x")), Some((7, false, 0)));
    assert_eq!(replayed(&replay, &asked("/", "y")), None);
    let mut recording = Recording::new(0);
    recording.push(Step::Stat(FILE.into(), Symlinks::Follow, Ok(id(FILE))));
    replay.insert(&Method::GET, "/a", recording, response(StatusCode::OK, b"content"));
    assert_eq!(replayed(&replay, &asked("/a", "x")), None, "nothing exists");
}
