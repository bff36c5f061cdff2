//! Who may ask: the users of a file, let in by the Basic scheme (RFC 7617) before the handler is asked, or an answer given again.
//! Checking a password takes long on purpose, so it is done beside the threads that serve, in turn for each address, and not again
//! for a while once it was right. It refuses to know what is asked for.
//!
//! Two things are left as they are, each for a reason:
//!
//! - Answers have no `Cache-Control: private` of their own. A shared cache must not keep an answer to a request with Authorization
//!   unless the answer says `public` or the like (RFC 9111 3.5), and `--cache` never does.
//! - A browser's question before a request to another origin (Fetch 4.8) carries no credentials and is refused as any other
//!   request without them. Nothing would come of letting it in: no answer here allows pages of other origins to send any.

mod basic;
mod cache;
mod hash;
mod htpasswd;
mod rate_limit;

pub use crate::auth::basic::{CHALLENGE, Credentials, PASSWORD, is_password};
use crate::auth::cache::{CacheKey, VerifiedCache};
pub use crate::auth::hash::Hash;
pub use crate::auth::htpasswd::{Htpasswd, MARK, is_name};
use crate::auth::rate_limit::{Failures, RateLimits};
use crate::bounded_file;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use std::{fmt, thread};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a request waits until its password is looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most passwords that are looked at at once: each may take the memory of an argon2 hash.
const PLACES: usize = 8;

/// The longest file of users in bytes: about a hundred thousand of them.
const LONGEST: usize = 16 << 20;

/// The name of a user who was let in.
pub type UserName = Arc<str>;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Not without credentials.
    Unnamed,
    /// Not with these credentials.
    Unknown,
    /// Wrong too often: not before this time is over.
    Limited(Duration),
    /// Too many passwords are being looked at.
    Busy,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Unnamed => f.write_str("no name and password were sent"),
            AuthError::Unknown => f.write_str("wrong name or password"),
            AuthError::Limited(wait) => {
                write!(f, "too many wrong passwords; the next try may be in {} s", wait.as_secs().saturating_add(1))
            }
            AuthError::Busy => f.write_str("too many passwords are being checked at this moment"),
        }
    }
}

/// The users of a file, and what is known of those who ask.
pub struct Users {
    file: PathBuf,
    roll: RwLock<Arc<Snapshot>>,
    limits: RateLimits,
    /// Room for passwords to be looked at: at most half of the processors, as the others have requests to answer.
    places: Arc<Semaphore>,
}

/// A file as it was read, and who was let in by it.
struct Snapshot {
    table: Htpasswd,
    known: VerifiedCache,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Users {
    /// Reads a file of users.
    ///
    /// # Errors
    /// In words for its owner: a file that cannot be read, and the first line of it that is not taken.
    pub fn read(file: &Path) -> Result<Users, String> {
        let roll = RwLock::new(Arc::new(Snapshot::read(file)?));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let places = Arc::new(Semaphore::new((processors / 2).clamp(1, PLACES)));
        Ok(Users { file: file.to_owned(), roll, limits: RateLimits::default(), places })
    }

    /// The file that they are from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the file anew. Whoever was let in is looked at again; failures are not forgotten.
    ///
    /// # Errors
    /// As for [`Users::read`]; the users stay those that they were.
    pub fn reload(&self) -> Result<(), String> {
        let roll = Arc::new(Snapshot::read(&self.file)?);
        *self.roll.write().unwrap_or_else(PoisonError::into_inner) = roll;
        Ok(())
    }

    /// The user whose password was right a short while ago.
    pub fn recall(&self, credentials: &Credentials) -> Option<UserName> {
        let roll = self.roll();
        roll.known.recall(roll.known.token(credentials), Instant::now())
    }

    /// Looks at a password. It goes on when nobody waits for it any more, so hanging up saves no failure.
    ///
    /// # Errors
    /// Why the one who sent it is not let in, or not now.
    pub async fn verify(&self, credentials: Credentials, peer: IpAddr) -> Result<UserName, AuthError> {
        let turn = self.limits.of(peer, Instant::now()).ok_or(AuthError::Busy)?;
        let mut turn = timeout(PATIENCE, turn.lock_owned()).await.map_err(|_| AuthError::Busy)?;
        let (roll, now) = (self.roll(), Instant::now());
        let token = roll.known.token(&credentials);
        // Others of the same page may have been first.
        if let Some(name) = roll.known.recall(token, now) {
            return Ok(name);
        }
        turn.may_try(now).map_err(AuthError::Limited)?;
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(AuthError::Busy) };
        let look = VerifyJob { roll, credentials, token, _place: place, turn };
        spawn_blocking(|| look.look()).await.unwrap_or(Err(AuthError::Busy))
    }

    fn roll(&self) -> Arc<Snapshot> {
        Arc::clone(&self.roll.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Snapshot {
    fn read(file: &Path) -> Result<Snapshot, String> {
        let name = file.display();
        let fault = |reason: &dyn fmt::Display| {
            format!("--auth: cannot use '{name}': {reason}; `glasshouse passwd '{name}' USER` sets a password")
        };
        let text = bounded_file::read(file, LONGEST).map_err(|reason| match reason.as_str() {
            "no such file" => fault(&reason),
            _ => format!("--auth: cannot read '{name}': {reason}; name a file of users that you may read"),
        })?;
        let table = Htpasswd::parse(&text).map_err(|wrong| fault(&wrong))?;
        let known = VerifiedCache::new().map_err(|error| fault(&error))?;
        Ok(Snapshot { table, known })
    }
}

/// A password that is being looked at, with all that is taken while it is.
struct VerifyJob {
    roll: Arc<Snapshot>,
    credentials: Credentials,
    token: CacheKey,
    /// Given back before the turn is, so that whoever has the turn next finds it.
    _place: OwnedSemaphorePermit,
    turn: OwnedMutexGuard<Failures>,
}

impl VerifyJob {
    fn look(mut self) -> Result<UserName, AuthError> {
        let Credentials { name, password } = &self.credentials;
        let known = &self.roll.known;
        match self.roll.table.check(name, password, known.decoy_index(name)) {
            Some(name) => {
                known.remember(self.token, Arc::clone(&name), Instant::now());
                Ok(name)
            }
            None => {
                self.turn.failed(Instant::now());
                Err(AuthError::Unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::*;
    use std::fs;
    use std::io::Write as _;
    use tokio::runtime::Builder;

    /// The hash of `secret`.
    const BCRYPT: &str = "$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6";
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.replace("HASH", BCRYPT).as_bytes()).unwrap();
        file
    }

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials { name: name.into(), password: password.into() }
    }

    fn verify(users: &Users, peer: IpAddr, name: &str, password: &str) -> Result<UserName, AuthError> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(users.verify(credentials(name, password), peer))
    }

    #[test]
    fn a_user_is_let_in_and_remembered() {
        let file = file("a:HASH");
        let users = Users::read(file.path()).unwrap();
        assert_eq!(users.recall(&credentials("a", "secret")), None);
        assert_eq!(verify(&users, HERE, "a", "secret"), Ok("a".into()));
        assert_eq!(users.recall(&credentials("a", "secret")).as_deref(), Some("a"));
        assert_eq!(verify(&users, HERE, "a", "wrong"), Err(AuthError::Unknown));
        assert_eq!(verify(&users, HERE, "b", "secret"), Err(AuthError::Unknown));
        assert_eq!(users.recall(&credentials("a", "wrong")), None);
    }

    #[test]
    fn an_address_that_was_wrong_too_often_waits_and_nobody_else() {
        let file = file("a:HASH");
        let users = Users::read(file.path()).unwrap();
        assert!(verify(&users, HERE, "a", "secret").is_ok());
        for _ in 0..rate_limit::FAILURES {
            assert_eq!(verify(&users, HERE, "a", "wrong"), Err(AuthError::Unknown));
        }
        let limited =
            |verdict| matches!(verdict, Err(AuthError::Limited(wait)) if wait <= rate_limit::WINDOW && !wait.is_zero());
        assert!(limited(verify(&users, HERE, "a", "wrong")));
        // Who was right before is not in doubt.
        assert!(verify(&users, HERE, "a", "secret").is_ok());
        users.reload().unwrap();
        assert!(limited(verify(&users, HERE, "a", "secret")), "what is not remembered is a guess");
        assert!(verify(&users, [192, 0, 2, 1].into(), "a", "secret").is_ok());
    }

    /// Whoever hangs up has tried all the same.
    #[test]
    fn a_try_counts_without_anybody_waiting() {
        let file = file("a:HASH");
        let users = Users::read(file.path()).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..rate_limit::FAILURES {
                let mut look = Box::pin(users.verify(credentials("a", "wrong"), HERE));
                // Polled until the password is handed over, and no longer.
                std::future::poll_fn(|cx| std::task::Poll::Ready(look.as_mut().poll(cx).is_ready())).await;
                drop(look);
                drop(users.limits.of(HERE, Instant::now()).unwrap().lock_owned().await);
            }
        });
        assert!(matches!(verify(&users, HERE, "a", "secret"), Err(AuthError::Limited(_))));
    }

    #[test]
    fn a_file_is_read_again_and_a_bad_one_changes_nothing() {
        let file = file("a:HASH");
        let users = Users::read(file.path()).unwrap();
        assert!(verify(&users, HERE, "a", "secret").is_ok());
        fs::write(file.path(), "b:hunter2").unwrap();
        let error = users.reload().unwrap_err();
        assert!(error.contains("line 1") && error.contains("'b'") && !error.contains("hunter2"), "{error}");
        assert!(users.recall(&credentials("a", "secret")).is_some());
        fs::write(file.path(), format!("b:{BCRYPT}")).unwrap();
        users.reload().unwrap();
        assert_eq!(users.recall(&credentials("a", "secret")), None);
        assert_eq!(verify(&users, HERE, "a", "secret"), Err(AuthError::Unknown));
        assert_eq!(verify(&users, HERE, "b", "secret"), Ok("b".into()));
        fs::remove_file(file.path()).unwrap();
        assert!(users.reload().is_err_and(|error| error.contains("no such file")));
        assert!(users.recall(&credentials("b", "secret")).is_some());
    }
}
