//! Caches verified credentials, so that a page with a hundred images does not cost a hundred password hashes. It
//! contains no passwords, only a keyed hash of them. The key never leaves the process.

use crate::auth::basic::Credentials;
use blake2b_simd::{Hash, Params};
use glasshouse_quota::sync::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long credentials are cached.
const LIFETIME: Duration = Duration::from_secs(600);
/// Maximum number of cached credentials.
const CAPACITY: usize = 1024;

pub(crate) struct VerifiedCache {
    secret: [u8; 32],
    users: Mutex<HashMap<[u8; 32], Verified>>,
}

struct Verified {
    name: Arc<str>,
    until: Instant,
}

/// The keyed hash of credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey([u8; 32]);

impl VerifiedCache {
    /// An empty cache with a random secret.
    ///
    /// # Errors
    /// The kernel returns no random numbers.
    pub(crate) fn new() -> Result<VerifiedCache, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(VerifiedCache { secret, users: Mutex::default() })
    }

    pub(crate) fn key(&self, credentials: &Credentials) -> CacheKey {
        // A name contains no colon, so the input is unambiguous.
        let hash = self.hash(b"credentials", &[credentials.name.as_bytes(), b":", &credentials.password]);
        let mut key = [0; 32];
        key.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        CacheKey(key)
    }

    /// A number that is always the same for a name, and that no client can predict.
    pub(crate) fn decoy_index(&self, name: &str) -> u64 {
        let hash = self.hash(b"decoy_index", &[name.as_bytes()]);
        hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Keyed BLAKE2b (RFC 7693), different for each purpose.
    fn hash(&self, purpose: &[u8], parts: &[&[u8]]) -> Hash {
        let mut state = Params::new().hash_length(32).key(&self.secret).personal(purpose).to_state();
        for part in parts {
            state.update(part);
        }
        state.finalize()
    }

    /// Returns the name if these credentials were verified a short while ago. The time of the lookup depends only on
    /// the keyed hash, which a client cannot choose.
    pub(crate) fn get(&self, key: CacheKey, now: Instant) -> Option<Arc<str>> {
        self.users().get(&key.0).filter(|entry| now < entry.until).map(|entry| Arc::clone(&entry.name))
    }

    /// Adds verified credentials. A full cache drops the oldest.
    pub(crate) fn insert(&self, key: CacheKey, name: Arc<str>, now: Instant) {
        let mut users = self.users();
        if users.len() >= CAPACITY {
            users.retain(|_, entry| now < entry.until);
        }
        if users.len() >= CAPACITY {
            let oldest = users.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| *key);
            oldest.and_then(|key| users.remove(&key));
        }
        users.insert(key.0, Verified { name, until: now + LIFETIME });
    }

    fn users(&self) -> MutexGuard<'_, HashMap<[u8; 32], Verified>> {
        lock(&self.users)
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::cache::*;

    fn key(cache: &VerifiedCache, name: &str, password: &str) -> CacheKey {
        cache.key(&Credentials { name: name.into(), password: password.into() })
    }

    #[test]
    fn verified_credentials_are_cached_for_a_while() {
        let (cache, now) = (VerifiedCache::new().unwrap(), Instant::now());
        let right = key(&cache, "a", "b");
        assert_eq!(cache.get(right, now), None);
        cache.insert(right, "a".into(), now);
        assert_eq!(cache.get(right, now).as_deref(), Some("a"));
        assert_eq!(cache.get(key(&cache, "a", "B"), now), None);
        assert_eq!(cache.get(key(&cache, "ab", ""), now), None);
        assert_eq!(cache.get(right, now + LIFETIME - Duration::from_nanos(1)).as_deref(), Some("a"));
        assert_eq!(cache.get(right, now + LIFETIME), None);
    }

    #[test]
    fn a_full_cache_drops_the_oldest_entry() {
        let (cache, now) = (VerifiedCache::new().unwrap(), Instant::now());
        let at = |second: usize| now + Duration::from_millis(second as u64);
        for second in 0..=CAPACITY {
            cache.insert(key(&cache, "a", &second.to_string()), "a".into(), at(second));
        }
        assert_eq!(cache.users().len(), CAPACITY);
        assert_eq!(cache.get(key(&cache, "a", "0"), now), None);
        assert!(cache.get(key(&cache, "a", "1"), now).is_some());
        // Expired entries are dropped first.
        cache.insert(key(&cache, "a", "later"), "a".into(), at(CAPACITY) + LIFETIME);
        assert_eq!(cache.users().len(), 1);
    }

    #[test]
    fn each_cache_has_its_secret() {
        let (one, other) = (VerifiedCache::new().unwrap(), VerifiedCache::new().unwrap());
        assert!(key(&one, "a", "b") != key(&other, "a", "b"));
        assert_ne!(one.decoy_index("a"), other.decoy_index("a"));
        assert_eq!(one.decoy_index("a"), one.decoy_index("a"));
    }
}
