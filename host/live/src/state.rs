//! The open event streams, for the hub, for the bodies of responses and for the thread that watches.

use crate::change::{Change, message};
use crate::places::WatchedTree;
use crate::recent::Recent;
use bytes::Bytes;
use notify::Event;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::mpsc;

/// How long the browser waits before it connects again, in milliseconds. The script does so itself.
const RETRY: u32 = 1_000;

/// A message to the thread.
#[derive(Debug)]
pub(crate) enum WatchMessage {
    /// Something happened in a tree.
    Event(notify::Result<Event>),
    /// Sends a stream what changed since a time from which on not everything was watched.
    Search { stream: u64, since: SystemTime },
    /// The last stream has ended.
    Left,
    /// Watches the trees again, because the server has opened them again.
    Reopen,
}

#[derive(Debug)]
pub(crate) struct LiveShared {
    /// Differs in each process, so that a browser notices a restart.
    pub(crate) generation: String,
    pub(crate) state: Mutex<LiveState>,
}

#[derive(Debug)]
pub(crate) struct LiveState {
    pub(crate) trees: Arc<[WatchedTree]>,
    pub(crate) streams: BTreeMap<u64, mpsc::Sender<Bytes>>,
    pub(crate) last_stream: u64,
    /// The number of the last message.
    pub(crate) last_message: u64,
    pub(crate) recent: Recent,
    /// The thread that watches, if there is one.
    pub(crate) watcher: Option<Sender<WatchMessage>>,
}

impl LiveShared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, LiveState> {
        // Each critical section leaves the state valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hello(&self) -> Bytes {
        format!("retry: {RETRY}\nevent: hello\ndata: {{\"generation\":\"{}\"}}\n\n", self.generation).into()
    }

    /// Sends changes to every stream, or to one.
    pub(crate) fn publish<'a>(&self, changes: impl IntoIterator<Item = &'a Change>, to: Option<u64>) {
        let mut state = self.lock();
        state.last_message = state.last_message.saturating_add(1);
        let number = state.last_message;
        let message = Bytes::from(message(&format!("{}.{number}", self.generation), changes));
        state.recent.push(number, SystemTime::now(), message.clone());
        state.send(&message, to);
    }

    /// Sends a message without changes to every stream, so that a lost connection is noticed.
    pub(crate) fn beat(&self) {
        self.lock().send(&Bytes::from_static(b"data: []\n\n"), None);
    }

    /// Everything is watched from now on.
    pub(crate) fn begin(&self) {
        self.lock().recent.begin(SystemTime::now());
    }

    /// Ends the watching if there is no stream. Returns whether it has ended.
    pub(crate) fn end(&self) -> bool {
        let mut state = self.lock();
        if !state.streams.is_empty() {
            return false;
        }
        state.close();
        true
    }

    /// Ends the watching and all streams, whose clients connect again.
    pub(crate) fn fail(&self) {
        self.lock().close();
    }
}

impl LiveState {
    /// A stream that is full or closed ends.
    fn send(&mut self, message: &Bytes, to: Option<u64>) {
        let is_addressed = |number: u64| to.is_none_or(|to| to == number);
        self.streams.retain(|number, stream| !is_addressed(*number) || stream.try_send(message.clone()).is_ok());
    }

    fn close(&mut self) {
        self.watcher = None;
        self.streams.clear();
        self.recent.end();
    }
}

/// A stream that is registered until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream {
    pub(crate) shared: Arc<LiveShared>,
    pub(crate) number: u64,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.streams.remove(&self.number);
        if state.streams.is_empty()
            && let Some(watcher) = &state.watcher
        {
            let _ = watcher.send(WatchMessage::Left);
        }
    }
}
