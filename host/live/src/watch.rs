//! The thread that watches the trees while there are streams.

use crate::burst::Burst;
use crate::change::Change;
use crate::places::{Places, is_change};
use crate::state::{LiveShared, WatchMessage};
use crate::walk::{DirectoryWalk, MAX_DIRECTORIES};
use notify::{Config, Event, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

/// How long the trees are watched after the last stream has ended. A page that follows another one opens its stream
/// within this time.
const LINGER: Duration = Duration::from_secs(5);
/// The time between two messages without changes. The second one to a closed connection fails.
const BEAT: Duration = Duration::from_secs(10);
/// The time between two looks at a tree with too many directories.
const POLL: Duration = Duration::from_secs(1);

/// Ends the streams if the thread ends in any other way than it should.
struct EndGuard<'a>(Option<&'a LiveShared>);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.fail();
        }
    }
}

/// Watches until some time after the last stream has ended.
pub(crate) fn run(shared: &LiveShared, sender: &Sender<WatchMessage>, messages: &Receiver<WatchMessage>) {
    let mut guard = EndGuard(Some(shared));
    let trees = shared.lock().trees.to_vec();
    let mut places = Places { trees, links: Vec::new() };
    let mut watchers = watch(&mut places, sender);
    shared.begin();
    let mut burst = Burst::default();
    let mut leave: Option<Instant> = None;
    let mut beat = Instant::now().checked_add(BEAT);
    loop {
        let due = [burst.end(), leave, beat].into_iter().flatten().min();
        let wait = due.map_or(BEAT, |due| due.saturating_duration_since(Instant::now()));
        match messages.recv_timeout(wait) {
            Ok(WatchMessage::Event(Ok(event))) => burst.add(places.changes(&event), Instant::now()),
            Ok(WatchMessage::Event(Err(error))) => {
                tracing::warn!("live reload: {error}; looks for changes once a second instead");
                watchers = poll(&places, sender);
                burst.add([Change::of_directory("/".to_owned())], Instant::now());
            }
            Ok(WatchMessage::Search { stream, since }) => {
                let changes = search(&places, since);
                if !changes.is_empty() {
                    shared.publish(&changes, Some(stream));
                }
            }
            Ok(WatchMessage::Left) => leave = Instant::now().checked_add(LINGER),
            Ok(WatchMessage::Reopen) => {
                drop(std::mem::take(&mut watchers));
                watchers = watch(&mut places, sender);
                burst.add([Change::of_directory("/".to_owned())], Instant::now());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        if let Some(changes) = burst.take(now) {
            shared.publish(&changes, None);
        }
        if beat.is_some_and(|beat| beat <= now) {
            shared.beat();
            beat = now.checked_add(BEAT);
        }
        if leave.is_some_and(|leave| leave <= now) {
            leave = None;
            if shared.end() {
                guard.0 = None;
                return;
            }
        }
    }
}

/// Watches all trees, by the kernel if there are not too many directories.
fn watch(places: &mut Places, sender: &Sender<WatchMessage>) -> Vec<Box<dyn Watcher>> {
    let mut walk = DirectoryWalk::default();
    places.trees.iter().for_each(|tree| walk.add(&tree.directory, None));
    places.links = walk.links;
    // kqueue reports only one of several new files, and loses sight of a file that another one replaces.
    if cfg!(target_os = "macos") {
        return poll(places, sender);
    }
    if walk.directories > MAX_DIRECTORIES {
        tracing::warn!(
            "live reload: more than {MAX_DIRECTORIES} directories are served; looks for changes once a second"
        );
        return poll(places, sender);
    }
    let mut watchers: Vec<Box<dyn Watcher>> = Vec::new();
    for tree in &places.trees {
        let (path, mode) = watched(&tree.directory);
        let watcher = RecommendedWatcher::new(forward(sender), Config::default().with_follow_symlinks(false));
        match watcher.and_then(|mut watcher| watcher.watch(&path, mode).map(|()| watcher)) {
            Ok(watcher) => watchers.push(Box::new(watcher)),
            Err(error) => {
                tracing::warn!("live reload: {error}; looks for changes once a second instead");
                return poll(places, sender);
            }
        }
    }
    watchers
}

/// Looks at all trees once a second.
fn poll(places: &Places, sender: &Sender<WatchMessage>) -> Vec<Box<dyn Watcher>> {
    let mut watchers: Vec<Box<dyn Watcher>> = Vec::new();
    for tree in &places.trees {
        let (path, mode) = watched(&tree.directory);
        let config = Config::default().with_follow_symlinks(false).with_poll_interval(POLL);
        let watcher = PollWatcher::new(forward(sender), config);
        match watcher.and_then(|mut watcher| watcher.watch(&path, mode).map(|()| watcher)) {
            Ok(watcher) => watchers.push(Box::new(watcher)),
            Err(error) => tracing::warn!("live reload: {error}; pages of this tree do not reload"),
        }
    }
    watchers
}

/// The path to watch. A file that is replaced by a rename keeps its place in the directory, but not its watch.
fn watched(path: &Path) -> (PathBuf, RecursiveMode) {
    let (path, mode) = match path.parent() {
        Some(parent) if !path.is_dir() => (parent, RecursiveMode::NonRecursive),
        _ => (path, RecursiveMode::Recursive),
    };
    // The slash at the end leads through a symbolic link.
    (path.join(""), mode)
}

fn forward(sender: &Sender<WatchMessage>) -> impl FnMut(notify::Result<Event>) + Send + use<> {
    let sender = sender.clone();
    move |event| {
        if event.as_ref().map_or(true, is_change) {
            let _ = sender.send(WatchMessage::Event(event));
        }
    }
}

/// What changed since a time. In a tree with too many directories that may be anything.
fn search(places: &Places, since: SystemTime) -> Vec<Change> {
    let mut changes = Vec::new();
    for tree in &places.trees {
        let mut walk = DirectoryWalk::default();
        walk.add(&tree.directory, Some(since));
        if walk.directories > MAX_DIRECTORIES {
            changes.push(Change::of_directory(tree.url_path.clone()));
        }
        walk.changed.iter().for_each(|(path, shape)| places.add(path, *shape, &mut changes));
    }
    changes.sort();
    changes.dedup();
    changes
}
