//! Chooses what a bounded store keeps: S3-FIFO (Yang et al., SOSP 2023), by bytes.
//!
//! A new value waits in a small queue. If it is used there, it moves to the main queue; else it leaves, and its hash is
//! remembered for a while. A value whose hash is remembered enters the main queue at once. So values that are requested
//! once, however many, pass through the small queue only.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// The part of the bytes for values that were not used again yet: one in this many.
const SMALL_PART: usize = 10;
/// Uses of a value that are counted. Each keeps it for one more pass through the main queue.
const MAX_USES: u8 = 3;
/// The heaviest value, as a part of all bytes: one in this many. A heavier one would replace too many others.
const HEAVIEST_PART: usize = 2;
/// Bytes of a value besides its weight: slots in the map and the queues, and a remembered hash.
pub(crate) const OVERHEAD: usize = 128;

struct Queued<V> {
    value: V,
    weight: usize,
    uses: u8,
    is_main: bool,
}

/// Passes a hash on. The keys of the maps are hashes already.
#[derive(Default)]
struct HashOfHash(u64);

impl Hasher for HashOfHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

type ByHash = BuildHasherDefault<HashOfHash>;

/// Values by hash, of limited weight.
pub(crate) struct Policy<V> {
    capacity: usize,
    nodes: HashMap<u64, Queued<V>, ByHash>,
    small: VecDeque<u64>,
    main: VecDeque<u64>,
    small_bytes: usize,
    main_bytes: usize,
    /// Hashes of values that left the small queue, the oldest first.
    left: VecDeque<u64>,
    left_set: HashSet<u64, ByHash>,
}

impl<V> Policy<V> {
    /// An empty store for values of this weight.
    pub(crate) fn new(capacity: usize) -> Policy<V> {
        Policy {
            capacity,
            nodes: HashMap::default(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            small_bytes: 0,
            main_bytes: 0,
            left: VecDeque::new(),
            left_set: HashSet::default(),
        }
    }

    /// The weight of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.small_bytes.saturating_add(self.main_bytes)
    }

    /// A value, and counts the use.
    pub(crate) fn get(&mut self, hash: u64) -> Option<&V> {
        let node = self.nodes.get_mut(&hash)?;
        node.uses = node.uses.saturating_add(1).min(MAX_USES);
        Some(&node.value)
    }

    /// A value, without counting.
    pub(crate) fn peek(&self, hash: u64) -> Option<&V> {
        self.nodes.get(&hash).map(|node| &node.value)
    }

    /// Stores a value, in place of the one with the same hash. Returns the values that had to go, without the replaced
    /// one.
    pub(crate) fn put(&mut self, hash: u64, value: V, weight: usize) -> Vec<V> {
        let weight = weight.saturating_add(OVERHEAD);
        match self.nodes.get_mut(&hash) {
            Some(node) => {
                let bytes = if node.is_main { &mut self.main_bytes } else { &mut self.small_bytes };
                *bytes = bytes.saturating_sub(node.weight).saturating_add(weight);
                (node.value, node.weight) = (value, weight);
            }
            None if weight > self.capacity / HEAVIEST_PART => return vec![value],
            None => {
                // A hash that stays in the queue of remembered ones is skipped there.
                let is_main = self.left_set.remove(&hash);
                let (queue, bytes) = match is_main {
                    true => (&mut self.main, &mut self.main_bytes),
                    false => (&mut self.small, &mut self.small_bytes),
                };
                queue.push_back(hash);
                *bytes = bytes.saturating_add(weight);
                self.nodes.insert(hash, Queued { value, weight, uses: 0, is_main });
            }
        }
        let mut evicted = Vec::new();
        while self.bytes() > self.capacity && self.evict(&mut evicted) {}
        evicted
    }

    /// Makes room: removes one value, or moves one. Returns `false` if there is none.
    fn evict(&mut self, evicted: &mut Vec<V>) -> bool {
        if self.small_bytes > self.capacity / SMALL_PART || self.main.is_empty() {
            self.evict_small(evicted)
        } else {
            self.evict_main(evicted)
        }
    }

    fn evict_small(&mut self, evicted: &mut Vec<V>) -> bool {
        let Some(hash) = self.small.pop_front() else { return false };
        let Some(node) = self.nodes.get_mut(&hash) else { return true };
        self.small_bytes = self.small_bytes.saturating_sub(node.weight);
        if node.uses > 0 {
            (node.uses, node.is_main) = (0, true);
            self.main_bytes = self.main_bytes.saturating_add(node.weight);
            self.main.push_back(hash);
        } else {
            evicted.extend(self.nodes.remove(&hash).map(|node| node.value));
            self.remember(hash);
        }
        true
    }

    fn evict_main(&mut self, evicted: &mut Vec<V>) -> bool {
        let Some(hash) = self.main.pop_front() else { return false };
        let Some(node) = self.nodes.get_mut(&hash) else { return true };
        if node.uses > 0 {
            node.uses = node.uses.saturating_sub(1);
            self.main.push_back(hash);
        } else {
            self.main_bytes = self.main_bytes.saturating_sub(node.weight);
            evicted.extend(self.nodes.remove(&hash).map(|node| node.value));
        }
        true
    }

    /// Remembers a hash, and as many others as there are values.
    fn remember(&mut self, hash: u64) {
        if self.left_set.insert(hash) {
            self.left.push_back(hash);
        }
        while self.left.len() > self.nodes.len() {
            if let Some(oldest) = self.left.pop_front() {
                self.left_set.remove(&oldest);
            }
        }
    }

    /// Removes the values that do not satisfy the condition, and returns them.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) -> Vec<V> {
        let removed: Vec<(u64, Queued<V>)> = self.nodes.extract_if(|_, node| !keep(&node.value)).collect();
        for (_, node) in &removed {
            let bytes = if node.is_main { &mut self.main_bytes } else { &mut self.small_bytes };
            *bytes = bytes.saturating_sub(node.weight);
        }
        let nodes = &self.nodes;
        self.small.retain(|hash| nodes.contains_key(hash));
        self.main.retain(|hash| nodes.contains_key(hash));
        removed.into_iter().map(|(_, node)| node.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher as _, RandomState};

    const CAPACITY: usize = 1000 * (OVERHEAD + 72);

    /// A store with hot keys below 100, each used now and then.
    fn with_hot(policy: &mut Policy<u64>, hasher: &RandomState, asked: impl Iterator<Item = u64>) -> usize {
        let mut misses = 0;
        for (step, key) in asked.enumerate() {
            for key in [key, step as u64 % 100] {
                let hash = hasher.hash_one(key);
                if policy.get(hash).is_none() {
                    misses += usize::from(key < 100);
                    policy.put(hash, key, 72);
                }
            }
            assert!(policy.bytes() <= CAPACITY);
        }
        misses
    }

    #[test]
    fn a_scan_does_not_flush_what_is_used() {
        let (mut policy, hasher) = (Policy::new(CAPACITY), RandomState::new());
        let misses = with_hot(&mut policy, &hasher, 100..1_000_100);
        assert_eq!(misses, 100, "each hot key misses only the first time");
        assert!(policy.nodes.len() <= 1000 && policy.left.len() <= 1000 && policy.small.len() <= 1000);
    }

    #[test]
    fn what_comes_back_soon_is_kept() {
        let (mut policy, hasher) = (Policy::new(CAPACITY), RandomState::new());
        with_hot(&mut policy, &hasher, 1000..3000);
        let hash = hasher.hash_one(2000_u64);
        assert!(policy.peek(hash).is_none(), "it has left");
        policy.put(hash, 2000, 72);
        with_hot(&mut policy, &hasher, 10_000..10_500);
        assert!(policy.peek(hash).is_some());
    }

    #[test]
    fn bytes_are_exact() {
        let mut policy = Policy::new(1000 + 4 * OVERHEAD);
        for (hash, weight) in [(1, 100), (2, 200), (3, 300), (2, 250)] {
            assert!(policy.put(hash, hash, weight).is_empty());
        }
        assert_eq!(policy.bytes(), 650 + 3 * OVERHEAD);
        assert_eq!(policy.retain(|value| *value != 1), [1]);
        assert_eq!((policy.bytes(), policy.small.len()), (550 + 2 * OVERHEAD, 2));
        assert_eq!(policy.put(4, 4, 600), [2], "the oldest makes room");
        assert_eq!(policy.bytes(), 900 + 2 * OVERHEAD);
        assert_eq!(policy.put(5, 5, 1000), [5], "too heavy");
        assert_eq!(policy.bytes(), 900 + 2 * OVERHEAD);
    }

    #[test]
    fn a_value_that_grows_makes_room() {
        let mut policy = Policy::new(4000);
        for hash in 0..10 {
            assert!(policy.put(hash, hash, 200).is_empty());
        }
        policy.get(9);
        let evicted = policy.put(9, 9, 3000);
        assert!(policy.peek(9).is_some() && evicted.len() >= 5 && policy.bytes() <= 4000, "{evicted:?}");
    }
}
