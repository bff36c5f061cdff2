//! Opens event streams, and starts the thread that watches.

use crate::body::EventStream;
use crate::places::WatchedTree;
use crate::recent::Recent;
use crate::state::{LiveShared, LiveState, OpenStream, WatchMessage};
use crate::watch;
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// The most open streams. A browser has one for each visible page.
pub const MAX_STREAMS: usize = 64;
/// Messages that wait for a client. A client that lags further behind is disconnected, and connects again.
const MAX_WAITING: usize = 64;
/// A message that was sent shortly before the age of a page may be newer than the page: the request for the stream was
/// on its way meanwhile.
const SLACK: Duration = Duration::from_millis(500);

/// The watched trees and the open streams. Clones share them.
#[derive(Clone, Debug)]
pub struct LiveHub(Arc<LiveShared>);

/// What a page has seen, as its script reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The time since the page was requested or since its last message.
    pub(crate) age: Duration,
    /// The last message that the tab got, as `GENERATION.NUMBER`. `None` if the tab cannot remember it. Without it, a
    /// message must not be sent twice, because the page would reload again and again.
    pub(crate) after: Option<String>,
}

impl LiveHub {
    /// A hub for these trees. Starts no thread and watches nothing yet.
    ///
    /// # Errors
    /// A path is empty, or relative without a working directory.
    pub fn start(trees: Vec<WatchedTree>) -> io::Result<LiveHub> {
        let trees = trees.into_iter().map(WatchedTree::absolute).collect::<io::Result<Vec<_>>>()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let state = LiveState {
            trees: trees.into(),
            streams: BTreeMap::new(),
            last_stream: 0,
            last_message: 0,
            recent: Recent::default(),
            watcher: None,
        };
        Ok(LiveHub(Arc::new(LiveShared { generation: format!("{:x}", now.as_nanos()), state: Mutex::new(state) })))
    }

    /// The number of open streams.
    pub fn streams(&self) -> usize {
        self.0.lock().streams.len()
    }

    /// Whether a thread watches the trees.
    pub fn is_watching(&self) -> bool {
        self.0.lock().watcher.is_some()
    }

    /// Reloads every page that is shown, and watches the trees again, because the server has opened them again.
    pub fn reopen(&self) {
        let state = self.0.lock();
        if let Some(watcher) = &state.watcher {
            let _ = watcher.send(WatchMessage::Reopen);
        }
    }

    /// Ends all streams, because the server stops.
    pub fn close(&self) {
        self.0.lock().streams.clear();
    }

    /// Opens a stream. The first one starts the thread that watches. `None` beyond [`MAX_STREAMS`], or if there is no
    /// thread to be had.
    pub(crate) fn subscribe(&self, seen: &Seen) -> Option<EventStream> {
        let shared = &self.0;
        let mut state = shared.lock();
        if state.streams.len() >= MAX_STREAMS {
            return None;
        }
        let watcher = match &state.watcher {
            Some(watcher) => watcher.clone(),
            None => {
                let (watcher, messages) = channel();
                let (of_thread, sender) = (Arc::clone(shared), watcher.clone());
                let thread = thread::Builder::new().name("live".to_owned());
                thread.spawn(move || watch::run(&of_thread, &sender, &messages)).ok()?;
                state.watcher.insert(watcher).clone()
            }
        };
        let (stream, messages) = mpsc::channel(MAX_WAITING);
        let _ = stream.try_send(shared.hello());
        let after = seen.after.as_deref().and_then(|after| after.strip_prefix(&shared.generation)?.strip_prefix('.'));
        let after = after.and_then(|number| number.parse().ok()).unwrap_or(0);
        let slack = if seen.after.is_some() { SLACK } else { Duration::ZERO };
        let since = SystemTime::now().checked_sub(seen.age.saturating_add(slack)).unwrap_or(SystemTime::UNIX_EPOCH);
        // The page was loaded after this message.
        let since = state.recent.time_of(after).map_or(since, |sent| sent.max(since));
        state.recent.since(since, after).for_each(|message| drop(stream.try_send(message)));
        state.last_stream = state.last_stream.saturating_add(1);
        let number = state.last_stream;
        state.streams.insert(number, stream);
        if !state.recent.is_complete_since(since) {
            let _ = watcher.send(WatchMessage::Search { stream: number, since });
        }
        drop(state);
        Some(EventStream::new(messages, OpenStream { shared: Arc::clone(shared), number }))
    }
}
