//! The recorded responses of all threads and trees, within a number of bytes.

use crate::replay::entry::{Effort, Entry, segment_bytes};
use crate::replay::policy::Policy;
use crate::replay::recording::sum;
use crate::request_head::RequestHead;
use glasshouse_quota::sync::lock;
use http::Method;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

/// Responses for one method and target, which differ in the headers that the handler read.
const MAX_VARIANTS: usize = 16;
/// Bytes of a shard. Each has its own lock, and its own order of eviction.
const SHARD: usize = 4 << 20;
const MAX_SHARDS: usize = 64;

/// What a response is stored for.
struct Key {
    /// Of the tree. A tree that is opened again has another one.
    generation: u64,
    method: Method,
    target: Box<str>,
}

/// The responses for one key, the newest last.
pub(crate) struct Variants {
    key: Arc<Key>,
    hash: u64,
    entries: Vec<Arc<Entry>>,
}

/// Recorded responses, which all threads and trees share.
pub struct ReplayStore {
    shards: Box<[Mutex<Policy<Arc<Variants>>>]>,
    /// With random keys, so that clients cannot choose hashes.
    hasher: RandomState,
    capacity: usize,
    evicted: AtomicU64,
}

impl fmt::Debug for ReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayStore").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl Key {
    fn is(&self, generation: u64, method: &Method, target: &str) -> bool {
        self.generation == generation && *self.target == *target && self.method == *method
    }
}

impl Variants {
    /// The entries that may answer a request, the newest first.
    pub(crate) fn candidates<'a>(
        &'a self,
        request: &'a impl RequestHead,
        effort: Effort,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.entries.iter().rev().filter(move |entry| entry.is_for(request, effort))
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The memory of the key and the entries. Segments that several entries share count once.
    fn bytes(&self) -> usize {
        let shared = |index: usize, entry: &Arc<Entry>| {
            self.entries.iter().take(index).any(|other| Arc::ptr_eq(other.segments(), entry.segments()))
        };
        let segments = self.entries.iter().enumerate().filter(|(index, entry)| !shared(*index, entry));
        sum([
            size_of::<Variants>(),
            size_of::<Key>(),
            self.key.target.len(),
            sum(self.entries.iter().map(|entry| entry.bytes().saturating_add(size_of::<Arc<Entry>>()))),
            sum(segments.map(|(_, entry)| segment_bytes(entry.segments()))),
        ]
        .into_iter())
    }
}

impl ReplayStore {
    /// An empty store for this many bytes.
    pub fn new(bytes: usize) -> ReplayStore {
        let shards = (bytes / SHARD).clamp(1, MAX_SHARDS).next_power_of_two();
        let shard = |_| Mutex::new(Policy::new(bytes.checked_div(shards).unwrap_or(0)));
        ReplayStore {
            shards: (0..shards).map(shard).collect(),
            hasher: RandomState::new(),
            capacity: bytes,
            evicted: AtomicU64::new(0),
        }
    }

    /// The bytes of all responses.
    pub fn bytes(&self) -> usize {
        sum(self.shards.iter().map(|shard| lock(shard).bytes()))
    }

    /// The maximum of [`ReplayStore::bytes`].
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of times that responses made room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    fn hash(&self, generation: u64, method: &Method, target: &str) -> u64 {
        self.hasher.hash_one((generation, method.as_str(), target))
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<Policy<Arc<Variants>>>> {
        // The maps in the shards use the other bits.
        let index = usize::try_from(hash >> 32).unwrap_or(0).checked_rem(self.shards.len())?;
        self.shards.get(index)
    }

    /// The responses for a method and target of a tree.
    pub(crate) fn get(&self, generation: u64, request: &impl RequestHead) -> Option<Arc<Variants>> {
        let (method, target) = (request.method(), request.target()?);
        let hash = self.hash(generation, method, target);
        let found = lock(self.shard(hash)?).get(hash).cloned()?;
        found.key.is(generation, method, target).then_some(found)
    }

    /// Stores a response.
    pub(crate) fn insert(&self, generation: u64, method: &Method, target: &str, entry: Entry) {
        let hash = self.hash(generation, method, target);
        self.change(hash, |known| {
            let known = known.filter(|known| known.key.is(generation, method, target));
            let kept = known.iter().flat_map(|known| &known.entries).filter(|other| !other.is_superseded_by(&entry));
            let mut entries: Vec<Arc<Entry>> = kept.cloned().collect();
            let surplus = entries.len().saturating_sub(MAX_VARIANTS.saturating_sub(1));
            entries.drain(..surplus);
            let key = known.map_or_else(
                || Arc::new(Key { generation, method: method.clone(), target: target.into() }),
                |known| Arc::clone(&known.key),
            );
            entries.push(Arc::new(entry));
            Some(Variants { key, hash, entries })
        });
    }

    /// Replaces an entry, if it is still there.
    pub(crate) fn replace(&self, variants: &Variants, old: &Arc<Entry>, new: Entry) {
        let new = Arc::new(new);
        self.change(variants.hash, |known| {
            let known = known.filter(|known| known.entries.iter().any(|entry| Arc::ptr_eq(entry, old)))?;
            let entries = known.entries.iter().map(|entry| if Arc::ptr_eq(entry, old) { &new } else { entry });
            Some(Variants { key: Arc::clone(&known.key), hash: known.hash, entries: entries.cloned().collect() })
        });
    }

    /// Replaces the responses of a hash by the result of `change`.
    fn change(&self, hash: u64, change: impl FnOnce(Option<&Arc<Variants>>) -> Option<Variants>) {
        let Some(shard) = self.shard(hash) else { return };
        let mut policy = lock(shard);
        let Some(changed) = change(policy.peek(hash)) else { return };
        let bytes = changed.bytes();
        let evicted = policy.put(hash, Arc::new(changed), bytes);
        drop(policy);
        // Dropped without the lock.
        self.evicted.fetch_add(u64::try_from(evicted.len()).unwrap_or(0), Relaxed);
    }

    /// Drops the responses of a tree that is not served any longer.
    pub(crate) fn forget(&self, generation: u64) {
        for shard in &self.shards {
            let removed = lock(shard).retain(|variants| variants.key.generation != generation);
            drop(removed);
        }
    }
}
