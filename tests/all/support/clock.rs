//! Waiting: for a condition, or for a moment that is part of the test. No other file of the tests sleeps.

use crate::support::client::TIMEOUT;
use std::thread;
use std::time::{Duration, Instant};

/// The time between two looks at a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Polls until `look` returns something. `None` after the timeout.
pub fn poll<T>(timeout: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until `look` returns something.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    poll(TIMEOUT, look).unwrap_or_else(|| panic!("not within {TIMEOUT:?}: {what}"))
}

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until_true(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Waits until a number is above zero and has not changed for 300 ms.
#[track_caller]
pub fn wait_for_stable(what: &str, mut number: impl FnMut() -> u64) -> u64 {
    const STABLE: Duration = Duration::from_millis(300);
    let (mut last, mut since) = (0, Instant::now());
    wait_for(what, || {
        let now = number();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (now > 0 && since.elapsed() > STABLE).then_some(now)
    })
}

/// Waits for a moment: the one for which the server promises something, or the one at which a client is due to act.
pub fn wait_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// Waits between two actions of a client whose rate is part of the test.
pub fn wait_between_actions(interval: Duration) {
    thread::sleep(interval);
}
