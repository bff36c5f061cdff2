//! Basic authentication (RFC 7617) with the users of an htpasswd file. A password hash is slow on purpose: it is
//! verified on another thread, one per client address, and a verified password is cached for a while.
//!
//! Two things are left out on purpose:
//!
//! - Responses have no `Cache-Control: private`. A shared cache must not store the response to a request with
//!   `Authorization` unless the response allows it (RFC 9111 3.5), and `--cache` never does.
//! - A CORS preflight request (Fetch 4.8) has no credentials and is rejected like any other request without them. To
//!   allow it would change nothing: no response lets pages of other origins send credentials.

mod basic;
mod cache;
#[cfg_attr(not(feature = "auth"), path = "auth/hash_unavailable.rs")]
mod hash;
mod htpasswd;
mod rate_limit;

pub use crate::auth::basic::{CHALLENGE, Credentials, MAX_PASSWORD, is_password};
use crate::auth::cache::{CacheKey, VerifiedCache};
pub use crate::auth::hash::{Hash, HashError, UnsupportedHash};
pub use crate::auth::htpasswd::{BYTE_ORDER_MARK, Htpasswd, HtpasswdError, is_name};
use crate::auth::rate_limit::{Failures, RateLimits};
use glasshouse_quota::sync::{read, write};
use std::net::IpAddr;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use std::{fmt, thread};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

/// How long a request waits for the verification of its password to start.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of passwords that are verified concurrently. Each may need the memory of an argon2 hash.
const MAX_JOBS: usize = 8;

/// The name of an authenticated user.
pub type UserName = Arc<str>;

/// Why a request is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The request has no credentials of the Basic scheme.
    #[error("no user and password")]
    Missing,
    /// No user has these credentials.
    #[error("unknown user or wrong password")]
    Invalid,
    /// The address has failed too often, and may try again after this time.
    #[error("too many failures; next try in {} s", .0.as_secs().saturating_add(1))]
    Limited(Duration),
    /// Too many passwords wait for verification.
    #[error("too many concurrent logins")]
    Busy,
}

/// Why users cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The text is not an htpasswd file.
    #[error(transparent)]
    Parse(#[from] HtpasswdError),
    /// The kernel returns no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// The users who may send requests, with the cache and the failures of clients.
pub struct Users {
    snapshot: RwLock<Arc<Snapshot>>,
    limits: RateLimits,
    /// Permits for [`VerifyJob`]: at most half of the processors, because the others serve requests.
    permits: Arc<Semaphore>,
}

/// A file as it was read, and the credentials that were verified with it.
struct Snapshot {
    htpasswd: Htpasswd,
    verified: VerifiedCache,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

impl Users {
    /// Maximum length of a file of users in bytes, for about a hundred thousand users.
    pub const MAX_FILE: usize = 16 << 20;

    /// Loads the text of an htpasswd file.
    ///
    /// # Errors
    /// The first invalid line, or a file without users.
    pub fn parse(text: &[u8]) -> Result<Users, UsersError> {
        let snapshot = RwLock::new(Arc::new(Snapshot::parse(text)?));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let permits = Arc::new(Semaphore::new((processors / 2).clamp(1, MAX_JOBS)));
        Ok(Users { snapshot, limits: RateLimits::default(), permits })
    }

    /// Replaces the users. Every client must authenticate again; failures of addresses still count.
    ///
    /// # Errors
    /// See [`Users::parse`]. The users then stay the same.
    pub fn replace(&self, text: &[u8]) -> Result<(), UsersError> {
        let snapshot = Arc::new(Snapshot::parse(text)?);
        *write(&self.snapshot) = snapshot;
        Ok(())
    }

    /// Returns the user whose credentials were verified a short while ago.
    pub(crate) fn cached(&self, credentials: &Credentials) -> Option<UserName> {
        let snapshot = self.snapshot();
        snapshot.verified.get(snapshot.verified.key(credentials), Instant::now())
    }

    /// Verifies a password. The verification continues if the caller drops the future, so a client cannot avoid a
    /// failure by closing the connection.
    ///
    /// # Errors
    /// The credentials are invalid, or cannot be verified now.
    pub(crate) async fn verify(&self, credentials: Credentials, client: IpAddr) -> Result<UserName, AuthError> {
        let failures = self.limits.failures(client, Instant::now()).ok_or(AuthError::Busy)?;
        let deadline = tokio::time::Instant::now() + QUEUE_TIMEOUT;
        let failures = timeout_at(deadline, failures.lock_owned()).await;
        let mut failures = failures.map_err(|_| AuthError::Busy)?;
        let (snapshot, now) = (self.snapshot(), Instant::now());
        let key = snapshot.verified.key(&credentials);
        // Another request of the same page may have been verified in the meantime.
        if let Some(name) = snapshot.verified.get(key, now) {
            return Ok(name);
        }
        failures.check(now).map_err(AuthError::Limited)?;
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(AuthError::Busy) };
        let job = VerifyJob { snapshot, credentials, key, _permit: permit, failures };
        spawn_blocking(|| job.run()).await.unwrap_or(Err(AuthError::Busy))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&read(&self.snapshot))
    }
}

impl Snapshot {
    fn parse(text: &[u8]) -> Result<Snapshot, UsersError> {
        let htpasswd = Htpasswd::parse(text)?;
        Ok(Snapshot { htpasswd, verified: VerifiedCache::new().map_err(UsersError::Random)? })
    }
}

/// The verification of a password, and what it holds.
struct VerifyJob {
    snapshot: Arc<Snapshot>,
    credentials: Credentials,
    key: CacheKey,
    /// Dropped before the lock of `failures`, so that the next request of the address finds it free.
    _permit: OwnedSemaphorePermit,
    failures: OwnedMutexGuard<Failures>,
}

impl VerifyJob {
    fn run(mut self) -> Result<UserName, AuthError> {
        let Credentials { name, password } = &self.credentials;
        let verified = &self.snapshot.verified;
        match self.snapshot.htpasswd.verify(name, password, verified.decoy_index(name)) {
            Some(name) => {
                verified.insert(self.key, Arc::clone(&name), Instant::now());
                Ok(name)
            }
            None => {
                self.failures.add(Instant::now());
                Err(AuthError::Invalid)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::*;
    use tokio::runtime::Builder;

    /// The hash of `secret`.
    const BCRYPT: &str = "$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6";
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn users(text: &str) -> Users {
        Users::parse(text.replace("HASH", BCRYPT).as_bytes()).unwrap()
    }

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials { name: name.into(), password: password.into() }
    }

    fn verify(users: &Users, peer: IpAddr, name: &str, password: &str) -> Result<UserName, AuthError> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(users.verify(credentials(name, password), peer))
    }

    #[test]
    fn a_user_is_verified_and_cached() {
        let users = users("a:HASH");
        assert_eq!(users.cached(&credentials("a", "secret")), None);
        assert_eq!(verify(&users, HERE, "a", "secret"), Ok("a".into()));
        assert_eq!(users.cached(&credentials("a", "secret")).as_deref(), Some("a"));
        assert_eq!(verify(&users, HERE, "a", "wrong"), Err(AuthError::Invalid));
        assert_eq!(verify(&users, HERE, "b", "secret"), Err(AuthError::Invalid));
        assert_eq!(users.cached(&credentials("a", "wrong")), None);
    }

    #[test]
    fn an_address_with_too_many_failures_waits_and_no_other() {
        let users = users("a:HASH");
        assert!(verify(&users, HERE, "a", "secret").is_ok());
        for _ in 0..rate_limit::MAX_FAILURES {
            assert_eq!(verify(&users, HERE, "a", "wrong"), Err(AuthError::Invalid));
        }
        let limited =
            |result| matches!(result, Err(AuthError::Limited(wait)) if wait <= rate_limit::WINDOW && !wait.is_zero());
        assert!(limited(verify(&users, HERE, "a", "wrong")));
        // Cached credentials are not limited.
        assert!(verify(&users, HERE, "a", "secret").is_ok());
        users.replace(format!("a:{BCRYPT}").as_bytes()).unwrap();
        assert!(limited(verify(&users, HERE, "a", "secret")), "the cache is empty");
        assert!(verify(&users, [192, 0, 2, 1].into(), "a", "secret").is_ok());
    }

    #[test]
    fn a_failure_counts_if_the_client_has_gone() {
        let users = users("a:HASH");
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..rate_limit::MAX_FAILURES {
                let mut verification = Box::pin(users.verify(credentials("a", "wrong"), HERE));
                // Polled until the job has started, and no longer.
                std::future::poll_fn(|cx| std::task::Poll::Ready(verification.as_mut().poll(cx).is_ready())).await;
                drop(verification);
                drop(users.limits.failures(HERE, Instant::now()).unwrap().lock_owned().await);
            }
        });
        assert!(matches!(verify(&users, HERE, "a", "secret"), Err(AuthError::Limited(_))));
    }

    #[test]
    fn users_are_replaced_by_a_valid_file_only() {
        let users = users("a:HASH");
        assert!(verify(&users, HERE, "a", "secret").is_ok());
        let error = users.replace(b"b:hunter2").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("'b'") && !error.contains("hunter2"), "{error}");
        assert!(users.cached(&credentials("a", "secret")).is_some());
        users.replace(format!("b:{BCRYPT}").as_bytes()).unwrap();
        assert_eq!(users.cached(&credentials("a", "secret")), None);
        assert_eq!(verify(&users, HERE, "a", "secret"), Err(AuthError::Invalid));
        assert_eq!(verify(&users, HERE, "b", "secret"), Ok("b".into()));
    }
}
