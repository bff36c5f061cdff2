//! Limits failed logins of an address: a number per minute, one at a time.

use glasshouse_quota::network;
use glasshouse_quota::sync::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;

/// Maximum number of failures in a [`WINDOW`].
pub(crate) const MAX_FAILURES: u32 = 10;
/// Time from the first failure until all are forgotten.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of addresses with failures.
const MAX_ADDRESSES: usize = 4096;

/// The failures of one address. A login locks them until it is verified.
#[derive(Default)]
pub(crate) struct Failures {
    number: u32,
    since: Option<Instant>,
}

impl Failures {
    /// Checks that the address may try to log in.
    ///
    /// # Errors
    /// The time until the next try.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Duration> {
        let end = self.since.map(|since| since + WINDOW);
        match end {
            Some(end) if now < end => match self.number {
                MAX_FAILURES.. => Err(end.saturating_duration_since(now)),
                _ => Ok(()),
            },
            _ => {
                *self = Failures::default();
                Ok(())
            }
        }
    }

    /// Counts a failure.
    pub(crate) fn add(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        self.number = self.number.saturating_add(1);
    }

    fn is_expired(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now >= since + WINDOW)
    }
}

/// The failures of all addresses.
#[derive(Default)]
pub(crate) struct RateLimits {
    addresses: Mutex<HashMap<IpAddr, Arc<AsyncMutex<Failures>>>>,
}

impl RateLimits {
    /// Returns the failures of an address, or `None` if too many other addresses are in use. The caller locks them for
    /// the time of a login.
    pub(crate) fn failures(&self, client: IpAddr, now: Instant) -> Option<Arc<AsyncMutex<Failures>>> {
        let mut addresses = lock(&self.addresses);
        let address = network(client);
        if let Some(failures) = addresses.get(&address) {
            return Some(Arc::clone(failures));
        }
        if addresses.len() >= MAX_ADDRESSES {
            // Failures in use stay: the address would get a second object.
            addresses
                .retain(|_, failures| is_used(failures) || !failures.try_lock().is_ok_and(|all| all.is_expired(now)));
        }
        if addresses.len() >= MAX_ADDRESSES {
            let unused = |(address, failures): (&IpAddr, &Arc<AsyncMutex<Failures>>)| {
                let since = failures.try_lock().ok()?.since;
                (!is_used(failures)).then_some((since, *address))
            };
            let (_, oldest) = addresses.iter().filter_map(unused).min()?;
            addresses.remove(&oldest);
        }
        Some(Arc::clone(addresses.entry(address).or_default()))
    }
}

/// Whether a login holds the failures.
fn is_used(failures: &Arc<AsyncMutex<Failures>>) -> bool {
    Arc::strong_count(failures) > 1
}

#[cfg(test)]
mod tests {
    use crate::auth::rate_limit::*;

    #[test]
    fn failures_block_until_the_window_ends() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for second in 0..u64::from(MAX_FAILURES) {
            let now = now + Duration::from_secs(second);
            assert_eq!(failures.check(now), Ok(()));
            failures.add(now);
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(failures.check(later), Err(Duration::from_secs(40)));
        assert_eq!(failures.check(now + WINDOW), Ok(()));
        failures.add(now + WINDOW);
        assert_eq!(failures.check(now + WINDOW), Ok(()));
    }

    #[test]
    fn an_address_is_an_ipv4_host_or_an_ipv6_network() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ];
        for (one, other, same) in rows {
            let (limits, now) = (RateLimits::default(), Instant::now());
            let (one, other) = (limits.failures(ip(one), now).unwrap(), limits.failures(ip(other), now).unwrap());
            assert_eq!(Arc::ptr_eq(&one, &other), same);
        }
    }

    #[test]
    fn a_full_table_drops_the_oldest_unused_address() {
        let (limits, now) = (RateLimits::default(), Instant::now());
        let ip = |number: usize| IpAddr::from((number as u32).to_be_bytes());
        let busy = limits.failures(ip(0), now).unwrap();
        for number in 1..MAX_ADDRESSES {
            let at = now + Duration::from_millis(number as u64);
            limits.failures(ip(number), at).unwrap().try_lock().unwrap().add(at);
        }
        busy.try_lock().unwrap().add(now);
        let count = |number: usize| limits.failures(ip(number), now).unwrap().try_lock().unwrap().number;
        limits.failures(ip(MAX_ADDRESSES), now).unwrap().try_lock().unwrap().add(now + Duration::from_secs(9));
        assert_eq!(limits.addresses.lock().unwrap().len(), MAX_ADDRESSES);
        assert_eq!((count(0), count(2)), (1, 1));
        assert!(!limits.addresses.lock().unwrap().contains_key(&ip(1)));
        // After the window, used and new addresses stay.
        limits.failures(ip(MAX_ADDRESSES + 1), now + 2 * WINDOW).unwrap();
        assert_eq!(limits.addresses.lock().unwrap().len(), 2);
    }

    #[test]
    fn no_address_is_added_while_all_are_in_use() {
        let (limits, now) = (RateLimits::default(), Instant::now());
        let ip = |number: usize| IpAddr::from((number as u32).to_be_bytes());
        let held: Vec<_> = (0..MAX_ADDRESSES).map(|number| limits.failures(ip(number), now).unwrap()).collect();
        assert!(limits.failures(ip(MAX_ADDRESSES), now).is_none());
        assert!(limits.failures(ip(7), now).is_some());
        drop(held);
        assert!(limits.failures(ip(MAX_ADDRESSES), now).is_some());
    }
}
