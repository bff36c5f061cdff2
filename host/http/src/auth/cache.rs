//! Who was let in a short while ago, so that a page with a hundred pictures does not cost a hundred hashes. It holds no password:
//! only what a keyed hash makes of it, with a key that no one outside this process has. It refuses to know what is right.

use crate::auth::basic::Credentials;
use blake2b_simd::{Hash, Params};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a password that was right is taken without another look.
const TIME: Duration = Duration::from_secs(600);
/// How many are remembered at once.
const PLACES: usize = 1024;

pub struct VerifiedCache {
    key: [u8; 32],
    users: Mutex<HashMap<[u8; 32], Verified>>,
}

struct Verified {
    name: Arc<str>,
    until: Instant,
}

/// What credentials are remembered by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CacheKey([u8; 32]);

impl VerifiedCache {
    /// # Errors
    /// The system has no random numbers to give.
    pub fn new() -> Result<VerifiedCache, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| error.to_string())?;
        Ok(VerifiedCache { key, users: Mutex::default() })
    }

    pub fn token(&self, credentials: &Credentials) -> CacheKey {
        // A name holds no colon, so no two pairs are written alike.
        let made = self.hash(b"credentials", &[credentials.name.as_bytes(), b":", &credentials.password]);
        let mut token = [0; 32];
        token.iter_mut().zip(made.as_bytes()).for_each(|(to, from)| *to = *from);
        CacheKey(token)
    }

    /// A number that a name always draws, and that nobody can foretell.
    pub fn decoy_index(&self, name: &str) -> u64 {
        let made = self.hash(b"decoy_index", &[name.as_bytes()]);
        made.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Keyed BLAKE2b (RFC 7693), with a use for each purpose.
    fn hash(&self, purpose: &[u8], parts: &[&[u8]]) -> Hash {
        let mut state = Params::new().hash_length(32).key(&self.key).personal(purpose).to_state();
        for part in parts {
            state.update(part);
        }
        state.finalize()
    }

    /// The name, if these credentials were right a short while ago. How long the look takes tells of the keyed hash alone, which
    /// nobody can aim.
    pub fn recall(&self, token: CacheKey, now: Instant) -> Option<Arc<str>> {
        self.users().get(&token.0).filter(|entry| now < entry.until).map(|entry| Arc::clone(&entry.name))
    }

    pub fn remember(&self, token: CacheKey, name: Arc<str>, now: Instant) {
        let mut users = self.users();
        if users.len() >= PLACES {
            users.retain(|_, entry| now < entry.until);
        }
        if users.len() >= PLACES {
            let oldest = users.iter().min_by_key(|(_, entry)| entry.until).map(|(token, _)| *token);
            oldest.and_then(|token| users.remove(&token));
        }
        users.insert(token.0, Verified { name, until: now + TIME });
    }

    fn users(&self) -> MutexGuard<'_, HashMap<[u8; 32], Verified>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::cache::*;

    fn token(known: &VerifiedCache, name: &str, password: &str) -> CacheKey {
        known.token(&Credentials { name: name.into(), password: password.into() })
    }

    #[test]
    fn what_was_right_is_remembered_for_a_while() {
        let (known, now) = (VerifiedCache::new().unwrap(), Instant::now());
        let right = token(&known, "a", "b");
        assert_eq!(known.recall(right, now), None);
        known.remember(right, "a".into(), now);
        assert_eq!(known.recall(right, now).as_deref(), Some("a"));
        assert_eq!(known.recall(token(&known, "a", "B"), now), None);
        assert_eq!(known.recall(token(&known, "ab", ""), now), None);
        assert_eq!(known.recall(right, now + TIME - Duration::from_nanos(1)).as_deref(), Some("a"));
        assert_eq!(known.recall(right, now + TIME), None);
    }

    #[test]
    fn no_more_than_a_number_is_remembered_and_the_oldest_goes_first() {
        let (known, now) = (VerifiedCache::new().unwrap(), Instant::now());
        let at = |second: usize| now + Duration::from_millis(second as u64);
        for second in 0..=PLACES {
            known.remember(token(&known, "a", &second.to_string()), "a".into(), at(second));
        }
        assert_eq!(known.users().len(), PLACES);
        assert_eq!(known.recall(token(&known, "a", "0"), now), None);
        assert!(known.recall(token(&known, "a", "1"), now).is_some());
        // Those that are over make room for all others.
        known.remember(token(&known, "a", "later"), "a".into(), at(PLACES) + TIME);
        assert_eq!(known.users().len(), 1);
    }

    #[test]
    fn another_process_has_another_key() {
        let (one, other) = (VerifiedCache::new().unwrap(), VerifiedCache::new().unwrap());
        assert!(token(&one, "a", "b") != token(&other, "a", "b"));
        assert_ne!(one.decoy_index("a"), other.decoy_index("a"));
        assert_eq!(one.decoy_index("a"), one.decoy_index("a"));
    }
}
